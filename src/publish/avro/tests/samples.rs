//! Events for the tests: one of every type, with everything set or with as little as possible.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{joined_files, self_contained};
use crate::event::{
    ActivityRecorded, AgentChange, AgentHold, AgentPoint, AgentStatusChange, AgentStatusLate,
    AgentWrapUp, Body, CallAssignment, CallConnection, CallCreation, CallDeflection, CallEnd,
    CallFailure, CallQueueing, CallRating, CallRecovery, CallSchedule, CallTransfer, CallUpdate,
    CallVoicemail, CallWrapUp, EventMeta, EventType, InteractionContext, Omission, Origin,
    SlaBreach, StatusValue,
};
use crate::model::{Activity, Agent, Call, Precision, Timestamp};

/// How much of a sample is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every option, two items in every list.
    Full,
    /// No option, nothing in any list.
    Empty,
}

/// A time in 2026.
const TIME: i64 = 1_772_366_400_000;

pub(super) fn meta(extent: Extent) -> EventMeta {
    EventMeta {
        event_id: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        account: "acme".into(),
        vendor: "ccai".into(),
        entity_id: "17".into(),
        revision: 3,
        sequence: 40,
        stream: "agents".into(),
        occurred_at: Timestamp::from_millis(TIME),
        occurred_after: (extent == Extent::Full).then(|| Timestamp::from_millis(TIME - 900)),
        precision: Precision::Bounded,
        observed_at: Timestamp::from_millis(TIME + 1500),
        origin: Origin::Live,
        late: extent == Extent::Full,
    }
}

/// A sample of an event.
pub(super) fn sample(event: EventType, extent: Extent) -> Body {
    let schema = self_contained(event.as_str()).unwrap();
    body(event, &Samples { extent, count: 0 }.value("", &schema))
}

/// Makes a value for each field of a schema, by its type. No two fields have the same value, so
/// that none can stand in for another unseen.
struct Samples {
    extent: Extent,
    count: i64,
}

impl Samples {
    fn value(&mut self, field: &str, schema: &Value) -> Value {
        match schema {
            Value::String(kind) => self.scalar(field, kind),
            Value::Array(variants) if self.extent == Extent::Full => {
                self.value(field, &variants[1])
            }
            Value::Object(attributes) => match attributes["type"].as_str().unwrap() {
                "record" => attributes["fields"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|field| {
                        let name = field["name"].as_str().unwrap();
                        (name.to_owned(), self.value(name, &field["type"]))
                    })
                    .collect::<Map<_, _>>()
                    .into(),
                "enum" => {
                    // The last symbol may be one that is never written.
                    let symbols = attributes["symbols"].as_array().unwrap();
                    symbols[usize::try_from(self.next()).unwrap() % (symbols.len() - 1)].clone()
                }
                "array" if self.extent == Extent::Full => {
                    json!([
                        self.value(field, &attributes["items"]),
                        self.value(field, &attributes["items"])
                    ])
                }
                "array" => json!([]),
                "string" => json!("01234567-89ab-cdef-0123-456789abcdef"),
                _ => json!(TIME + self.next()),
            },
            // An option of an empty sample.
            _ => Value::Null,
        }
    }

    fn scalar(&mut self, field: &str, kind: &str) -> Value {
        let count = self.next();
        match kind {
            // Letters beyond ASCII: a length counts bytes.
            "string" => json!(format!("{field} № {count}")),
            "boolean" => json!(count % 2 == 0),
            "long" => json!(if count % 2 == 0 { count } else { -count }),
            "double" => json!(f64::from(i32::try_from(count).unwrap()) + 0.5),
            record => {
                let name = record.rsplit('.').next().unwrap();
                let file = joined_files().find(|(known, _)| *known == name).unwrap().1;
                self.value(field, &serde_json::from_str(file).unwrap())
            }
        }
    }

    fn next(&mut self) -> i64 {
        self.count += 1;
        self.count
    }
}

/// A body of every event, made from a JSON sample of its schema.
fn body(event: EventType, sample: &Value) -> Body {
    fn part<T: serde::de::DeserializeOwned>(sample: &Value, name: &str) -> T {
        serde_json::from_value(sample[name].clone())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }
    let roster = || AgentChange {
        before: part::<Option<Agent>>(sample, "before"),
        after: part(sample, "after"),
        changed: part(sample, "changed"),
    };
    let point = || AgentPoint {
        activity_id: part(sample, "activity_id"),
        by_agent_id: part(sample, "by_agent_id"),
    };
    let recorded = || ActivityRecorded { activity: part::<Activity>(sample, "activity") };
    let call = || part::<InteractionContext>(sample, "call");
    let after = || part::<Box<Call>>(sample, "after");
    let voicemail =
        || CallVoicemail { call: call(), voicemail_reason: part(sample, "voicemail_reason") };
    let duration_ms = || part::<Option<i64>>(sample, "duration_ms");
    match event {
        EventType::AgentAdded => Body::AgentAdded(roster()),
        EventType::AgentUpdated => Body::AgentUpdated(roster()),
        EventType::AgentRemoved => Body::AgentRemoved(roster()),
        EventType::AgentStatusChanged => Body::AgentStatusChanged(AgentStatusChange {
            previous: part(sample, "previous"),
            current: part::<StatusValue>(sample, "current"),
            previous_duration_ms: part(sample, "previous_duration_ms"),
            activity_id: part(sample, "activity_id"),
            interaction: part(sample, "interaction"),
        }),
        EventType::AgentStatusRecovered => Body::AgentStatusRecovered(AgentStatusLate {
            status: part(sample, "status"),
            activity_id: part(sample, "activity_id"),
            interaction: part(sample, "interaction"),
        }),
        EventType::AgentLoggedIn => Body::AgentLoggedIn(point()),
        EventType::AgentLoggedOut => Body::AgentLoggedOut(point()),
        EventType::AgentWrapUpStarted => {
            Body::AgentWrapUpStarted(AgentWrapUp { duration_ms: duration_ms() })
        }
        EventType::AgentWrapUpEnded => {
            Body::AgentWrapUpEnded(AgentWrapUp { duration_ms: duration_ms() })
        }
        EventType::AgentHoldStarted => {
            Body::AgentHoldStarted(AgentHold { duration_ms: duration_ms() })
        }
        EventType::AgentHoldEnded => Body::AgentHoldEnded(AgentHold { duration_ms: duration_ms() }),
        EventType::AgentOfferMissed => Body::AgentOfferMissed(recorded()),
        EventType::AgentActivityLogged => Body::AgentActivityLogged(recorded()),
        EventType::CallCreated => Body::CallCreated(CallCreation {
            call: call(),
            call_type: part(sample, "call_type"),
            parent_id: part(sample, "parent_id"),
            support_number: part(sample, "support_number"),
        }),
        EventType::CallScheduled => Body::CallScheduled(CallSchedule {
            call: call(),
            scheduled_at: part(sample, "scheduled_at"),
        }),
        EventType::CallQueued => Body::CallQueued(CallQueueing {
            call: call(),
            row_id: part(sample, "row_id"),
            transfer_id: part(sample, "transfer_id"),
        }),
        EventType::CallAssigned => Body::CallAssigned(CallAssignment {
            call: call(),
            transfer_id: part(sample, "transfer_id"),
        }),
        EventType::CallConnected => Body::CallConnected(CallConnection {
            call: call(),
            transfer_id: part(sample, "transfer_id"),
        }),
        EventType::CallTransferred => {
            Body::CallTransferred(CallTransfer { call: call(), transfer: part(sample, "transfer") })
        }
        EventType::CallFinished => Body::CallFinished(CallEnd { call: call(), after: after() }),
        EventType::CallFailed => Body::CallFailed(CallFailure {
            call: call(),
            reason: part(sample, "reason"),
            abandoned: part(sample, "abandoned"),
            after: after(),
        }),
        EventType::CallDeflected => Body::CallDeflected(CallDeflection {
            call: call(),
            deflection: part(sample, "deflection"),
        }),
        EventType::CallRecovered => {
            Body::CallRecovered(CallRecovery { call: call(), parent_id: part(sample, "parent_id") })
        }
        EventType::CallVoicemailReceived => Body::CallVoicemailReceived(voicemail()),
        EventType::CallVoicemailRead => Body::CallVoicemailRead(voicemail()),
        EventType::CallWrapUpEnded => Body::CallWrapUpEnded(CallWrapUp {
            call: call(),
            row: part(sample, "row"),
            after: after(),
        }),
        EventType::CallRated => Body::CallRated(CallRating {
            call: call(),
            rating: part(sample, "rating"),
            previous: part(sample, "previous"),
        }),
        EventType::CallUpdated => Body::CallUpdated(CallUpdate {
            call: call(),
            before: part(sample, "before"),
            after: after(),
            changed: part(sample, "changed"),
        }),
        EventType::SlaBreached => Body::SlaBreached(SlaBreach {
            scope: part(sample, "scope"),
            basis: part(sample, "basis"),
            interaction: part(sample, "interaction"),
            queue: part(sample, "queue"),
            row_id: part(sample, "row_id"),
            target_seconds: part(sample, "target_seconds"),
            target_percent: part(sample, "target_percent"),
            value: part(sample, "value"),
        }),
        EventType::EventOmitted => Body::EventOmitted(Omission {
            event_type: part(sample, "event_type"),
            reason: part(sample, "reason"),
            size: part(sample, "size"),
        }),
    }
}
