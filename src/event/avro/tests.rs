mod samples;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::event::Origin;
use crate::event::body::{AgentStatusChange, SlaBasis, SlaScope, StatusValue};
use crate::fuzz::{Outcome, run};
use crate::model::{Direction, EntityId, Precision, Presence};
use samples::{Extent, meta, sample};

#[test]
fn every_event_is_written_and_read_again_full_and_empty() {
    let (encoders, decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
    for event in EventType::ALL {
        for extent in [Extent::Full, Extent::Empty] {
            let (meta, body) = (meta(extent), sample(*event, extent));
            let expected = serde_json::to_value(Event { meta: &meta, body: &body }).unwrap();
            let datum = encoders.datum(&meta, &body).unwrap();
            let message = single_object(encoders.fingerprint(*event), &datum);
            let (read, value) = decoder.decode(&message).unwrap();
            assert_eq!(read, *event);
            assert_eq!(value, expected, "{event:?} {extent:?}");
        }
    }
}

#[test]
fn fuzzed_messages_are_refused_or_read_to_their_last_byte() {
    let (encoders, decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
    let message = |event: EventType, extent| {
        let datum = encoders.datum(&meta(extent), &sample(event, extent)).unwrap();
        single_object(encoders.fingerprint(event), &datum)
    };
    let corpus: Vec<_> = EventType::ALL
        .iter()
        .flat_map(|event| [message(*event, Extent::Full), message(*event, Extent::Empty)])
        .collect();
    let corpus: Vec<_> = corpus.iter().map(Vec::as_slice).collect();
    run("messages", &corpus, &["\u{1}", "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}"], |bytes| {
        let read = decoder.decode(bytes);
        let class = match &read {
            Ok((event, _)) => {
                let longer = [bytes, &[0]].concat();
                assert!(decoder.decode(&longer).is_err(), "{event:?} goes on");
                assert!(decoder.decode(&bytes[..bytes.len() - 1]).is_err(), "{event:?} is cut");
                format!("{event:?}")
            }
            Err(error) => error.to_string().replace(|letter: char| letter.is_ascii_digit(), ""),
        };
        let whole = read.map_or_else(|error| error.to_string(), |(_, value)| value.to_string());
        Outcome { class, whole }
    });
}

#[test]
fn a_schema_has_the_fields_of_its_event_in_their_order() {
    for event in EventType::ALL {
        let schema = self_contained(event.as_str()).unwrap();
        assert_eq!(schema["name"], event.as_str());
        let (meta, body) = (meta(Extent::Full), sample(*event, Extent::Full));
        let written = serde_json::to_value(Event { meta: &meta, body: &body }).unwrap();
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
fn the_symbols_of_an_enumeration_are_its_variants_and_a_last_one_for_what_is_unknown() {
    use Direction::{Inbound, Outbound, Scheduled};
    use Presence::{Available, Away, Break, Busy, Offline, Other, WrapUp};
    let variants = [
        ("Precision", words(&[Precision::Exact, Precision::Second, Precision::Bounded]), None),
        (
            "Origin",
            words(&[Origin::Live, Origin::Baseline, Origin::Backfill, Origin::Recovered]),
            Some("UNKNOWN"),
        ),
        ("Presence", words(&[Available, Busy, WrapUp, Break, Away, Offline, Other]), None),
        ("Direction", words(&[Inbound, Outbound, Scheduled, Direction::Unknown]), None),
        ("SlaScope", words(&[SlaScope::Interaction, SlaScope::Queue, SlaScope::Unknown]), None),
        (
            "SlaBasis",
            words(&[
                SlaBasis::VendorVerdict,
                SlaBasis::Deadline,
                SlaBasis::ServiceLevel,
                SlaBasis::Unknown,
            ]),
            None,
        ),
    ];
    let mut enumerations = 0;
    for (name, file) in joined_files() {
        let schema: Value = serde_json::from_str(file).unwrap();
        if schema["type"] != "enum" {
            continue;
        }
        enumerations += 1;
        let (_, expected, more) = variants.iter().find(|(known, ..)| *known == name).unwrap();
        let mut expected = expected.clone();
        expected.extend(more.iter().map(|symbol| Value::from(*symbol)));
        assert_eq!(schema["symbols"], Value::from(expected), "{name}");
        assert_eq!(schema["default"], *schema["symbols"].as_array().unwrap().last().unwrap());
    }
    assert_eq!(enumerations, variants.len());
}

fn words<T: serde::Serialize>(variants: &[T]) -> Vec<Value> {
    variants.iter().map(|variant| serde_json::to_value(variant).unwrap()).collect()
}

/// The messages under `tests/avro/golden/`, which Java and Python read as well.
fn golden_messages() -> Vec<(EventMeta, Body)> {
    let small = Body::AgentStatusChanged(AgentStatusChange {
        previous: None,
        current: StatusValue {
            id: EntityId::new("-2"),
            name: Some("Break".into()),
            presence: Presence::Break,
        },
        previous_duration_ms: Some(1500),
        activity_id: None,
        interaction: None,
    });
    let mut messages = vec![(meta(Extent::Empty), small)];
    for (event, extent) in [
        (EventType::AgentUpdated, Extent::Full),
        (EventType::AgentRemoved, Extent::Empty),
        (EventType::AgentStatusRecovered, Extent::Full),
        (EventType::AgentOfferMissed, Extent::Full),
        (EventType::CallQueued, Extent::Full),
        (EventType::CallFinished, Extent::Full),
        (EventType::CallFailed, Extent::Empty),
        (EventType::ChatFinished, Extent::Full),
        (EventType::QueueUpdated, Extent::Full),
        (EventType::QueueDepthChanged, Extent::Empty),
        (EventType::ServiceLevelChanged, Extent::Full),
        (EventType::SlaBreached, Extent::Full),
        (EventType::TeamRemoved, Extent::Empty),
        (EventType::StatusDefinitionUpdated, Extent::Full),
        (EventType::RecordQuarantined, Extent::Full),
    ] {
        messages.push((meta(extent), sample(event, extent)));
    }
    messages
}

/// Compares a golden file with what is written now; `FLOORCAST_WRITE_GOLDEN=1` writes it instead.
fn golden(name: &str, now: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/avro/golden");
    let path = PathBuf::from(folder).join(name);
    if std::env::var_os("FLOORCAST_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == now,
        "tests/avro/golden/{name} differs from what is written now. If a schema changed on \
         purpose, set FLOORCAST_WRITE_GOLDEN=1 and review the difference."
    );
}

#[test]
fn the_bytes_of_an_event_never_change() {
    let (encoders, decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
    for (meta, body) in golden_messages() {
        let event = body.event_type();
        let datum = encoders.datum(&meta, &body).unwrap();
        let message = single_object(encoders.fingerprint(event), &datum);
        golden(&format!("{}.hex", event.as_str()), &hex(&message));
        let (_, value) = decoder.decode(&message).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap();
        golden(&format!("{}.json", event.as_str()), &format!("{text}\n"));
    }
}

#[test]
fn the_golden_messages_contain_every_shared_record() {
    fn named(schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Array(parts) => parts.iter().for_each(|part| named(part, found)),
            Value::Object(attributes) => {
                found.extend(attributes.get("name").and_then(Value::as_str).map(String::from));
                for field in
                    attributes.get("fields").and_then(Value::as_array).into_iter().flatten()
                {
                    named(&field["type"], found);
                }
                attributes.get("items").into_iter().for_each(|items| named(items, found));
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for (_, body) in golden_messages() {
        named(&self_contained(body.event_type().as_str()).unwrap(), &mut found);
    }
    for (name, _) in joined_files() {
        let event = EventType::ALL.iter().any(|event| event.as_str() == name);
        assert!(event || found.contains(name), "{name} is in no golden message");
    }
}

#[test]
fn fingerprints_never_change_within_a_release() {
    let now = EventType::ALL.iter().fold(String::new(), |mut text, event| {
        let fingerprint = u64::from_le_bytes(schema(*event).unwrap().1);
        writeln!(text, "{} {fingerprint:016x}", event.as_str()).unwrap();
        text
    });
    golden("fingerprints.txt", &now);
}

#[test]
fn messages_that_are_no_events_are_refused() {
    let decoder = Decoder::new().unwrap();
    for message in [&b""[..], b"\xC3\x01", b"{\"json\": true}", b"\xC3\x01\0\0\0\0\0\0\0\0rest"] {
        assert!(matches!(decoder.decode(message), Err(Error::Unknown(_))), "{message:?}");
    }
}

#[test]
fn a_truncated_message_or_one_with_trailing_bytes_is_refused() {
    let (encoders, decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
    for (meta, body) in golden_messages() {
        let event = body.event_type();
        let datum = encoders.datum(&meta, &body).unwrap();
        let message = single_object(encoders.fingerprint(event), &datum);
        for end in 10..message.len() {
            let cut = decoder.decode(&message[..end]);
            assert!(matches!(cut, Err(Error::Decode { .. })), "{event:?} cut at {end}");
        }
        let longer = [&message[..], b"\0"].concat();
        assert!(matches!(decoder.decode(&longer), Err(Error::Decode { .. })), "{event:?}");
    }
}

#[test]
fn a_damaged_message_does_not_allocate_what_its_lengths_claim() {
    let (encoders, decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
    let fingerprint = encoders.fingerprint(EventType::AgentLoggedIn);
    // A text of 64 MiB in the field of the account's name, after the 36 letters of the event's id.
    let mut datum = vec![72];
    datum.extend_from_slice(b"01234567-89ab-cdef-0123-456789abcdef");
    datum.extend_from_slice(&[0x80, 0x80, 0x80, 0x40]);
    let read = decoder.decode(&single_object(fingerprint, &datum));
    assert!(matches!(read, Err(Error::Decode { problem, .. }) if problem.contains("allocate")));
}

#[test]
fn an_event_that_does_not_fit_its_schema_is_reported_by_field_without_its_values() {
    let schema = Schema::parse(schema(EventType::AgentLoggedIn).unwrap().0).unwrap();
    let writer = GenericDatumWriter::builder(&schema).human_readable(true).build().unwrap();
    let meta = serde_json::json!({"event_id": "secret", "account": 5});
    let error = writer.write_ser(&mut Vec::new(), &serde_json::json!({"meta": meta})).unwrap_err();
    assert_eq!(mismatch(&error), "field meta of floorcast.v1.AgentLoggedIn has another type");
}

/// Hexadecimal, 40 bytes a line.
fn hex(bytes: &[u8]) -> String {
    bytes.chunks(40).fold(String::new(), |mut text, line| {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
        text
    })
}
