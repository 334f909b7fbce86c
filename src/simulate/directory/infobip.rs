//! Infobip's `GET /ccaas/1/agents`: pages counted from 0, a count, ids that may be shared, and
//! times whose offset has no colon.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::DateTime;
use serde_json::{Value, json};

use super::member::{Member, ROLES};
use super::page::{SimulatedPage, SimulatedRow, json_response};
use super::state::Directory;
use crate::model::Timestamp;
use crate::simulate::fault_injector::AnswerFaults;
use crate::simulate::request::Query;
use crate::simulate::truth::AgentView;

/// Rows in a page when the request names no limit.
const DEFAULT_LIMIT: usize = 10;
/// The most rows in a page.
const MAX_LIMIT: usize = 999;
/// The most rows in a page under [`Traps::small_pages`].
///
/// [`Traps::small_pages`]: crate::simulate::settings::Traps::small_pages
const SMALL_LIMIT: usize = 12;
/// How long the rows keep an order.
const ORDER_MILLIS: i64 = 20_000;

pub(super) fn unauthorized() -> Response {
    let exception = json!({"messageId": "UNAUTHORIZED", "text": "Invalid login details"});
    let body = json!({"requestError": {"serviceException": exception}});
    json_response(StatusCode::UNAUTHORIZED, &body)
}

/// An error in one of its two forms.
pub(super) fn failure(status: StatusCode, newer: bool) -> Response {
    let body = if newer {
        let exception = json!({"messageId": "GENERAL_ERROR", "text": "Something went wrong"});
        json!({"requestError": {"serviceException": exception}})
    } else {
        json!({"statusCode": "ERROR", "message": "Something went wrong"})
    };
    json_response(status, &body)
}

pub(super) fn page(
    directory: &mut Directory,
    uri: &Uri,
    faults: AnswerFaults,
) -> Result<SimulatedPage, Box<Response>> {
    if uri.path() != "/ccaas/1/agents" {
        return Err(Box::new(failure(StatusCode::NOT_FOUND, true)));
    }
    let query = Query::of(uri);
    let number_of = |name: &str, default: usize| match query.get(name) {
        None => Some(default),
        Some(text) => text.parse().ok(),
    };
    let (Some(limit @ 1..), Some(number)) =
        (number_of("limit", DEFAULT_LIMIT), number_of("page", 0))
    else {
        let message = "Page size must not be less than one!";
        let body = json!({"statusCode": "ERROR", "message": message});
        return Err(Box::new(json_response(StatusCode::BAD_REQUEST, &body)));
    };
    let traps = directory.settings.traps;
    let most = if traps.small_pages { SMALL_LIMIT } else { MAX_LIMIT };
    let limit = limit.min(most);
    let empty = number == 0 && directory.draw_empty_answer();
    let mut members = if empty { Vec::new() } else { directory.visible() };
    let shared = directory.id_duplicate.clone().filter(|_| !empty);
    if traps.other_order {
        // An arbitrary order, which changes now and then.
        let period = directory.now.millis() / ORDER_MILLIS;
        members.sort_by_cached_key(|member| {
            let mut hasher = DefaultHasher::new();
            (period, &member.id).hash(&mut hasher);
            hasher.finish()
        });
    }
    let mut rows: Vec<_> =
        members.iter().map(|member| row_of(member, traps.other_forms, false)).collect();
    if let Some(other) = shared {
        let index = directory.below(rows.len());
        rows.insert(index, row_of(&other, traps.other_forms, true));
    }
    let total = rows.len();
    let lost = usize::from(faults.shifted && number > 0);
    let rows = rows.into_iter().skip(number * limit + lost).take(limit).collect();
    let envelope = move |rows| {
        let pagination =
            json!({"totalItems": total, "page": number, "limit": limit, "orderBy": "id:ASC"});
        json!({"agents": Value::Array(rows), "pagination": pagination})
    };
    Ok(SimulatedPage { rows, first: number == 0, envelope: Box::new(envelope) })
}

/// A time in the form of the documented example, or of RFC 3339.
fn time(time: Timestamp, rfc3339: bool) -> String {
    if rfc3339 {
        return time.to_rfc3339_millis();
    }
    let time = DateTime::from_timestamp_millis(time.millis());
    time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()).unwrap_or_default()
}

fn row_of(member: &Member, other_forms: bool, of_other_person: bool) -> SimulatedRow {
    let (value, view) = (row(member, other_forms), view(member));
    SimulatedRow { id: member.id.clone(), value, view, of_other_person }
}

fn row(member: &Member, other_forms: bool) -> Value {
    let rfc3339 = other_forms && member.number.is_multiple_of(3);
    json!({
        "id": member.id,
        "displayName": member.name,
        "status": member.state,
        "role": ROLES[member.role % ROLES.len()],
        "enabled": member.active,
        "createdAt": time(member.created, rfc3339),
        "updatedAt": time(member.updated, rfc3339),
    })
}

fn view(member: &Member) -> AgentView {
    AgentView {
        facts: BTreeMap::from([
            ("name", member.name.clone()),
            ("roles", String::from(ROLES[member.role % ROLES.len()])),
            ("created_at", member.created.millis().to_string()),
        ]),
        active: member.active,
        active_visible_since: member.active_visible.millis(),
        state_visible_since: member.state_visible.millis(),
        // The vendor does not write its start.
        state: Some((String::from(member.state), None)),
        ..AgentView::default()
    }
}
