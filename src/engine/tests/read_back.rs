//! Records that are read back from the store: they hold the vendor's words alone, and detection has
//! to treat them as it treats fresh ones.

use serde_json::{Value, json};

use super::{AGENTS, Bench, CALLS, LONG_AGO, acme, at, mapped, scan};
use crate::model::{Call, EntityKind, Mode, Privacy, StreamName};
use crate::source::{IncrementalProgress, IncrementalRows, Rows, WaitingRequest};

fn call(changes: &Value) -> Call {
    let mut row = json!({
        "id": "20", "call_type": "Voice Inbound (IVR)", "status": "queued",
        "created_at": at(5).millis(), "queued_at": at(5).millis(), "updated_at": at(5).millis(),
        "support_number": "+99 555 0199", "deflection": "no_deflection",
    });
    row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    mapped(row)
}

fn calls(call: Call) -> Rows {
    Rows::Calls(IncrementalRows {
        from: LONG_AGO,
        rows: vec![call],
        cursor: Some(at(5)),
        progress: IncrementalProgress::CaughtUp,
    })
}

#[test]
fn a_wait_is_still_polled_at_its_deadline_after_a_restart() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    bench.read(6, CALLS, calls(call(&json!({}))));
    for _ in 0..2 {
        let mut request = |second| {
            let waiting = StreamName::new("waiting");
            bench.engine().request::<WaitingRequest>(&acme(), &waiting, (), at(second)).unwrap()
        };
        assert_eq!(request(25), None);
        assert_eq!(request(26), Some(WaitingRequest::Calls));
        bench.restart();
    }
}

#[test]
fn the_same_record_after_a_restart_is_no_change_and_is_not_written() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    let ended = json!({
        "status": "failed", "fail_reason": "eu_abandoned", "ends_at": at(15).millis(),
        "queue_durations": [{"id": "7", "started_at": at(5).millis(), "ended_at": at(15).millis(),
            "service_level_event": "not_in_sla", "transfer": false}],
    });
    bench.read(16, CALLS, calls(call(&ended)));
    assert_eq!(bench.names(), ["CallCreated", "CallQueued", "SlaBreached", "CallFailed"]);
    let entries = |bench: &mut Bench| bench.engine().store().newest_entry();
    let before = entries(&mut bench);
    bench.restart();
    bench.read(17, CALLS, calls(call(&ended)));
    assert_eq!(bench.names().len(), 4);
    assert_eq!(entries(&mut bench), before + 1, "the position alone is written");
    // A change is still found.
    let mut rated = call(&ended);
    rated.interaction.rating = Some(2);
    bench.read(18, CALLS, calls(rated));
    assert_eq!(bench.names()[4..], ["CallRated"]);
    assert_eq!(bench.engine().accounts[&acme()].quota.states(EntityKind::Call), 1);
}

#[test]
fn the_number_that_customers_call_is_not_removed_when_privacy_settings_change() {
    let open = Privacy { agents: Mode::Keep, customers: Mode::Keep, content: Mode::Keep };
    let mut bench = Bench::new();
    bench.restart_under(open);
    bench.read(0, AGENTS, scan(&[], false));
    let outbound = json!({"id": "21", "call_type": "Voice Outbound"});
    let read = |bench: &mut Bench, second, privacy: &Privacy| {
        for changes in [&json!({}), &outbound] {
            let mut call = call(changes);
            privacy.call(&mut call);
            bench.read(second, CALLS, calls(call));
        }
    };
    read(&mut bench, 6, &open);
    let emitted = bench.names().len();
    // The number of an inbound call is the contact centre's own: it stays, and is no change.
    bench.restart_under(Privacy::default());
    read(&mut bench, 7, &Privacy::default());
    assert_eq!(bench.names()[emitted..], [""; 0]);
    let stored = |bench: &mut Bench, id: &str| {
        let account = acme();
        let states = bench.engine().store().states::<Value>(&account, EntityKind::Call);
        let mut states = states.map(|state| state.unwrap()).filter(|(of, _)| of.as_str() == id);
        states.next().unwrap().1.value["state"]["record"]["support_number"].clone()
    };
    assert_eq!(stored(&mut bench, "20"), json!("+99 555 0199"));
    assert_eq!(stored(&mut bench, "21"), Value::Null);
}
