use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::event::{
    ActivityRecorded, AgentChange, AgentHold, AgentPoint, AgentStatusChange, AgentStatusLate,
    AgentWrapUp, CallAssignment, CallConnection, CallCreation, CallDeflection, CallEnd,
    CallFailure, CallQueueing, CallRating, CallRecovery, CallSchedule, CallTransfer, CallUpdate,
    CallVoicemail, CallWrapUp, InteractionContext, Omission, Origin, SlaBasis, SlaBreach, SlaScope,
    StatusValue,
};
use crate::model::{Activity, Agent, Call, EntityId, Precision, Timestamp};

fn meta() -> EventMeta {
    EventMeta {
        event_id: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        account: "acme".into(),
        vendor: "ccai".into(),
        entity_id: "17".into(),
        revision: 3,
        sequence: 40,
        stream: "agents".into(),
        occurred_at: Timestamp::from_millis(1_772_366_400_000),
        occurred_after: None,
        precision: Precision::Bounded,
        observed_at: Timestamp::from_millis(1_772_366_401_500),
        origin: Origin::Live,
        late: false,
    }
}

/// A value for each field of a schema, by its type: everything set, or as little as possible.
fn sample(schema: &Value, full: bool, namespace: &Value) -> Value {
    match schema {
        Value::String(name) => match name.as_str() {
            "string" => json!("text"),
            "boolean" => json!(true),
            "long" => json!(42),
            "double" => json!(0.5),
            "null" => Value::Null,
            named => {
                let short = named.rsplit('.').next().unwrap();
                let file = joined_files().find(|(name, _)| *name == short).unwrap().1;
                sample(&serde_json::from_str(file).unwrap(), full, namespace)
            }
        },
        Value::Array(variants) => {
            if full {
                sample(&variants[1], full, namespace)
            } else {
                Value::Null
            }
        }
        Value::Object(attributes) => match attributes["type"].as_str().unwrap() {
            "record" => attributes["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|field| {
                    let name = field["name"].as_str().unwrap().to_owned();
                    (name, sample(&field["type"], full, namespace))
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
            "enum" => attributes["symbols"][0].clone(),
            "array" => {
                if full {
                    json!([sample(&attributes["items"], full, namespace)])
                } else {
                    json!([])
                }
            }
            "string" => json!("01234567-89ab-cdef-0123-456789abcdef"),
            _ => json!(1_772_366_400_000_i64),
        },
        _ => Value::Null,
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
            scope: SlaScope::Interaction,
            basis: SlaBasis::VendorVerdict,
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

#[test]
fn every_event_is_written_and_read_again_full_and_empty() {
    let (encoders, decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
    for event in EventType::ALL {
        let schema = self_contained(event.as_str()).unwrap();
        for full in [true, false] {
            let sample = sample(&schema, full, &schema["namespace"]);
            let body = body(*event, &sample);
            let expected = serde_json::to_value(Event { meta: &meta(), body: &body }).unwrap();
            let datum = encoders.datum(&meta(), &body).unwrap();
            let message = single_object(encoders.fingerprint(*event), &datum);
            let (read, value) = decoder.decode(&message).unwrap();
            assert_eq!(read, *event);
            assert_eq!(value, expected, "{event:?}");
        }
    }
}

#[test]
fn a_schema_has_the_fields_of_its_event_in_their_order() {
    for event in EventType::ALL {
        let schema = self_contained(event.as_str()).unwrap();
        let body = body(*event, &sample(&schema, true, &schema["namespace"]));
        let written = serde_json::to_value(Event { meta: &meta(), body: &body }).unwrap();
        compare(event.as_str(), &schema, &written);
    }
}

/// Every record of the written value has exactly the fields of its schema, in their order.
fn compare(place: &str, schema: &Value, written: &Value) {
    match schema {
        Value::Array(variants) => compare(place, &variants[1], written),
        Value::Object(attributes) if attributes["type"] == "record" => {
            let fields = attributes["fields"].as_array().unwrap();
            let names: Vec<_> =
                fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
            let there: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(there, names, "{place}");
            for field in fields {
                let name = field["name"].as_str().unwrap();
                compare(&format!("{place}.{name}"), &field["type"], &written[name]);
            }
        }
        Value::Object(attributes) if attributes["type"] == "array" => {
            compare(place, &attributes["items"], &written[0]);
        }
        _ => {}
    }
}

#[test]
fn the_bytes_of_an_event_never_change() {
    let encoders = Encoders::new().unwrap();
    let body = Body::AgentStatusChanged(AgentStatusChange {
        previous: None,
        current: StatusValue {
            id: EntityId::new("-2"),
            name: Some("Break".into()),
            presence: crate::model::Presence::Break,
        },
        previous_duration_ms: Some(1500),
        activity_id: None,
        interaction: None,
    });
    let datum = encoders.datum(&meta(), &body).unwrap();
    let message = single_object(encoders.fingerprint(EventType::AgentStatusChanged), &datum);
    let golden = include_str!("../../../tests/avro/golden/AgentStatusChanged.hex");
    assert_eq!(hex(&message), golden.trim());
}

#[test]
fn fingerprints_never_change_within_a_release() {
    let golden = include_str!("../../../tests/avro/golden/fingerprints.txt");
    let now: Vec<_> = EventType::ALL
        .iter()
        .map(|event| {
            let fingerprint = u64::from_le_bytes(schema(*event).unwrap().1);
            format!("{} {fingerprint:016x}", event.as_str())
        })
        .collect();
    assert_eq!(
        now.join("\n"),
        golden.trim(),
        "write the new ones when a schema changed on purpose"
    );
}

#[test]
fn foreign_messages_are_refused_by_name() {
    let decoder = Decoder::new().unwrap();
    for message in [&b""[..], b"\xC3\x01", b"{\"json\": true}", b"\xC3\x01\0\0\0\0\0\0\0\0rest"] {
        assert!(matches!(decoder.decode(message), Err(Error::Unknown(_))), "{message:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
