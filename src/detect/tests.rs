//! The behaviour of detection, by cases and by properties.

mod activities;
mod calls;
mod chats;
mod levels;
mod records;
mod rosters;
mod sla_deadlines;
mod snapshots;
mod statuses;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::PollContext;
use crate::event::{Body, Draft};
use crate::model::{Normalise, Timestamp};
use crate::source::VENDORS;

/// Noon of a day, plus seconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_772_366_400_000 + seconds * 1000)
}

/// A poll that was requested at this second, `since` seconds after the previous one.
pub(super) fn context(requested: i64, since: i64) -> PollContext {
    PollContext {
        requested_at: at(requested),
        answered_at: at(requested),
        previous_requested_at: Some(at(requested - since)),
        start: at(0),
        baseline_at: at(0),
        first_full_scan: false,
    }
}

/// The first poll of the account.
pub(super) fn baseline_at() -> PollContext {
    PollContext { previous_requested_at: None, first_full_scan: true, ..context(0, 1) }
}

/// A row as its vendor's mapping gives it: decoded, with its words normalised.
pub(super) fn mapped<T: DeserializeOwned + Normalise>(row: Value) -> T {
    let vendor = VENDORS.iter().find(|vendor| vendor.name == "ccai").unwrap();
    let mut row: T = serde_json::from_value(row).unwrap();
    row.normalise(vendor.vocabulary);
    row
}

pub(super) fn names(drafts: &[Draft]) -> Vec<&'static str> {
    drafts.iter().map(|draft| draft.body.event_type().as_str()).collect()
}

/// A value with some fields replaced.
pub(super) fn with(mut base: Value, changes: &Value) -> Value {
    if let (Some(base), Some(changes)) = (base.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            base.insert(name.clone(), value.clone());
        }
    }
    base
}

pub(super) fn agent_json() -> Value {
    json!({
        "id": "17", "first_name": "Ada", "last_name": "Sample", "email": "ada@example.com",
        "status": {"id": "0", "name": "Available", "presence": "AVAILABLE"},
        "status_updated_at": at(-60).millis(), "online": true, "wrap_up": false,
        "roles": ["agent"],
        "teams": [{"id": "5", "name": "North", "agents_count": 3}],
        "channels": []
    })
}

pub(super) fn body(draft: &Draft) -> &Body {
    &draft.body
}
