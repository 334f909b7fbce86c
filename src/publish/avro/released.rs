//! Released schemas, built into the program: events of an older release that lie on a topic or in
//! an outbox are still known.
//!
//! A release is a folder under `schemas/released/` with the exact texts that were registered and
//! fingerprinted. Nothing in it ever changes.

use std::sync::LazyLock;

use apache_avro::Schema;
use serde_json::Value;

use super::fingerprint::fingerprint;
use super::{Error, prepared};
use crate::event::EventType;

macro_rules! release {
    ($number:literal: $($name:ident),* $(,)?) => {
        ($number, &[$((
            EventType::$name,
            include_str!(concat!(
                "../../../schemas/released/", $number, "/floorcast.v1.", stringify!($name), ".avsc"
            )),
        )),*])
    };
}

type Release = (u32, &'static [(EventType, &'static str)]);

/// Every release, the oldest first.
const RELEASES: &[Release] = &[release![1:
    AgentAdded,
    AgentUpdated,
    AgentRemoved,
    AgentStatusChanged,
    AgentStatusRecovered,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentWrapUpStarted,
    AgentWrapUpEnded,
    AgentHoldStarted,
    AgentHoldEnded,
    AgentOfferMissed,
    AgentActivityLogged,
    CallCreated,
    CallScheduled,
    CallQueued,
    CallAssigned,
    CallConnected,
    CallTransferred,
    CallFinished,
    CallFailed,
    CallDeflected,
    CallRecovered,
    CallVoicemailReceived,
    CallVoicemailRead,
    CallWrapUpEnded,
    CallRated,
    CallUpdated,
    ChatQueued,
    ChatAssigned,
    ChatTransferred,
    ChatFinished,
    ChatCanceled,
    ChatFailed,
    ChatUnanswered,
    ChatWrapUpEnded,
    ChatRated,
    ChatUpdated,
    QueueAdded,
    QueueUpdated,
    QueueRemoved,
    QueueDepthChanged,
    ServiceLevelChanged,
    SlaBreached,
    SlaBreachWithdrawn,
    SlaRecovered,
    TeamAdded,
    TeamUpdated,
    TeamRemoved,
    StatusDefinitionAdded,
    StatusDefinitionUpdated,
    StatusDefinitionRemoved,
    RecordQuarantined,
    EventOmitted,
]];

/// A schema that the current one cannot stand for.
pub(super) struct Former {
    pub(super) event: EventType,
    pub(super) text: &'static str,
    pub(super) schema: Schema,
    pub(super) fingerprint: [u8; 8],
}

static FORMER: LazyLock<Result<Vec<Former>, String>> = LazyLock::new(|| {
    let mut all: Vec<Former> = Vec::new();
    // The newest release that has a fingerprint stands for it.
    for (event, text) in RELEASES.iter().rev().flat_map(|(_, schemas)| schemas.iter()) {
        let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", event.as_str());
        let json: Value = serde_json::from_str(text).map_err(|error| problem(&error))?;
        let fingerprint = fingerprint(&json);
        let current = prepared().map_err(|error| error.to_string())?;
        let known = current[*event as usize].fingerprint == fingerprint
            || all.iter().any(|former| former.fingerprint == fingerprint);
        if !known {
            let schema = Schema::parse(&json).map_err(|error| problem(&error))?;
            all.push(Former { event: *event, text: text.trim_end(), schema, fingerprint });
        }
    }
    Ok(all)
});

/// The released schemas that differ from the current ones.
pub(super) fn former() -> Result<&'static [Former], Error> {
    match &*FORMER {
        Ok(all) => Ok(all),
        Err(problem) => {
            let name = String::from("a release");
            Err(Error::Schema { name, problem: problem.clone() })
        }
    }
}

/// The numbers of all releases, the oldest first.
pub fn releases() -> impl Iterator<Item = u32> {
    RELEASES.iter().map(|(number, _)| *number)
}

/// The texts of a release's schemas; `None` when there is no such release.
#[must_use]
pub fn released(release: u32) -> Option<&'static [(EventType, &'static str)]> {
    RELEASES.iter().find(|(number, _)| *number == release).map(|(_, schemas)| *schemas)
}
