//! Polls of several streams overlap: what was answered first is not always committed first.

use serde_json::json;

use super::{AGENTS, Bench, CALLS, LONG_AGO, at, mapped, scan};
use crate::model::{Call, StreamName};
use crate::source::{IncrementalProgress, IncrementalRows, Rows, WaitingRows};

fn call(status: &str, updated: i64, ended: Option<i64>, verdict: Option<&str>) -> Call {
    mapped(json!({
        "id": "20", "status": status, "created_at": at(5).millis(), "queued_at": at(5).millis(),
        "updated_at": at(updated).millis(),
        "queue_durations": [{
            "id": "7", "started_at": at(5).millis(), "ended_at": ended.map(|at_| at(at_).millis()),
            "service_level_event": verdict, "service_level_target_time": 3, "transfer": false,
        }],
    }))
}

#[test]
fn a_call_is_not_set_back_by_an_older_poll_that_is_committed_later() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    let incremental = |call: Call| {
        Rows::Calls(IncrementalRows {
            from: LONG_AGO,
            rows: vec![call],
            cursor: None,
            progress: IncrementalProgress::CaughtUp,
        })
    };
    bench.read(6, CALLS, incremental(call("queued", 5, None, None)));
    bench.read(12, CALLS, incremental(call("connected", 11, Some(11), Some("in_sla"))));
    let emitted = bench.names();
    // It was asked while the call still waited, and took long.
    let waiting = Rows::Waiting(WaitingRows {
        calls: Some(vec![call("queued", 5, None, None)]),
        chats: Some(vec![]),
    });
    bench.read(13, StreamName::new("waiting"), waiting);
    assert_eq!(bench.names(), emitted, "the call does not wait any more, and its wait was in time");
    bench.read(14, CALLS, incremental(call("connected", 11, Some(11), Some("in_sla"))));
    assert_eq!(bench.names(), emitted);
}

#[test]
fn a_poll_is_behind_only_where_the_next_one_leads_further() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    let read_to = |second: i64| {
        Rows::Calls(IncrementalRows {
            from: LONG_AGO,
            rows: vec![],
            cursor: Some(at(second)),
            progress: IncrementalProgress::Behind,
        })
    };
    assert_eq!(bench.read(6, CALLS, read_to(4)).progress, IncrementalProgress::Behind);
    // It read again what lies before the cursor.
    assert_eq!(bench.read(7, CALLS, read_to(3)).progress, IncrementalProgress::CutOff);
    assert_eq!(bench.read(8, CALLS, read_to(5)).progress, IncrementalProgress::Behind);
}
