mod overlaps;
mod read_back;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Applied, Engine, EngineAccount, Output, Start};
use crate::detect::{StatusSource, Targets};
use crate::event::avro::{Decoder, Encoders, single_object};
use crate::model::{
    AccountName, Activity, ActivityKind, Agent, Call, CurrentStatus, EntityId, Mode, Normalise,
    Privacy, QueueStatus, ServiceLevel, StreamName, Team, Timestamp, VendorWord, Vocabulary,
};
use crate::source::{
    ActivityLogRequest, Fingerprint, FullScanBuilder, FullScanRow, IncrementalProgress,
    IncrementalRows, LookupRequest, Partial, PollResult, QuarantineReason, Quarantined, RowMemory,
    Rows, VENDORS,
};
use crate::store::{Options, Store};
use crate::telemetry::Metrics;

const AGENTS: StreamName = StreamName::new("agents");
const LOG: StreamName = StreamName::new("agent_activity");
const STATUSES: StreamName = StreamName::new("agent_statuses");
const DEPTHS: StreamName = StreamName::new("queue_statuses");
const ENDS: StreamName = StreamName::new("activity_ends");
const CALLS: StreamName = StreamName::new("calls");
const OVERLAP: Duration = Duration::from_secs(10);
/// A lower bound that no row is older than.
const LONG_AGO: Timestamp = Timestamp::from_millis(0);

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_772_366_400_000 + second * 1000)
}

fn acme() -> AccountName {
    AccountName::new("acme").unwrap()
}

/// The words of the vendor whose rows these tests read.
fn vocabulary() -> &'static Vocabulary {
    VENDORS.iter().find(|vendor| vendor.name == "ccai").unwrap().vocabulary
}

/// A row as its vendor's mapping gives it: decoded, with its words normalised.
fn mapped<T: DeserializeOwned + Normalise>(row: Value) -> T {
    let mut row: T = serde_json::from_value(row).unwrap();
    row.normalise(vocabulary());
    row
}

/// An engine, and its store's directory, which is kept over restarts of the engine.
struct Bench {
    directory: tempfile::TempDir,
    engine: Option<Engine>,
    metrics: Arc<Metrics>,
    status_source: StatusSource,
}

impl Bench {
    fn new() -> Self {
        Self::of(StatusSource::Log)
    }

    fn of(status_source: StatusSource) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut bench = Self { directory, engine: None, metrics, status_source };
        bench.restart();
        bench
    }

    fn restart(&mut self) {
        self.restart_under(Privacy::default());
    }

    fn restart_under(&mut self, privacy: Privacy) {
        self.engine = None;
        let options = Options { privacy: privacy.fingerprint(), ..Options::default() };
        let (store, _) = Store::open(self.directory.path(), options).unwrap();
        let engine = Engine::new(
            store,
            Arc::new(Encoders::new().unwrap()),
            Arc::clone(&self.metrics),
            Output::Outbox,
            [EngineAccount {
                name: acme(),
                vendor: "ccai",
                vocabulary: vocabulary(),
                status_source: self.status_source,
                start: Start::Now,
                targets: Targets::new(Some(20), Some(80.0)),
            }],
        );
        self.engine = Some(engine.unwrap());
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    fn read(&mut self, second: i64, stream: StreamName, rows: Rows) -> Applied {
        self.read_with(second, stream, rows, Vec::new())
    }

    fn read_with(
        &mut self,
        second: i64,
        stream: StreamName,
        rows: Rows,
        quarantined: Vec<Quarantined>,
    ) -> Applied {
        let poll_result = Self::poll_result(second, stream, rows, quarantined);
        self.engine().apply(&acme(), poll_result).unwrap()
    }

    fn poll_result(
        second: i64,
        stream: StreamName,
        rows: Rows,
        quarantined: Vec<Quarantined>,
    ) -> PollResult {
        assert_eq!(rows.stream(), stream);
        PollResult {
            requested_at: at(second),
            answered_at: at(second),
            clock_offset_millis: Some(0),
            requests: 1,
            rows,
            quarantined,
            unknown_values: Vec::new(),
            memory: RowMemory::default(),
        }
    }

    /// Everything in the outbox: type and event.
    fn outbox(&mut self) -> Vec<(&'static str, Value)> {
        let decoder = Decoder::new().unwrap();
        let entries = self.engine().store().outbox_after(0, 1000, 1 << 30).unwrap();
        let decode = |event: crate::store::OutboxEvent| {
            let message = single_object(event.fingerprint, &event.datum);
            let (event, value) = decoder.decode(&message).unwrap();
            (event.as_str(), value)
        };
        entries.into_iter().flat_map(|entry| entry.entry.events).map(decode).collect()
    }

    fn names(&mut self) -> Vec<&'static str> {
        self.outbox().into_iter().map(|(name, _)| name).collect()
    }
}

fn scan(ids: &[&str], partial: bool) -> Rows {
    let mut scan = FullScanBuilder::default();
    for id in ids {
        let agent: Agent = serde_json::from_value(json!({"id": id, "online": true})).unwrap();
        scan.row(&EntityId::new(*id), FullScanRow::Seen(agent));
    }
    if partial {
        scan.mark(Partial::PageUnanswered);
    } else {
        scan.counted(ids.len() as u64);
    }
    Rows::Agents(scan.finish())
}

fn activity(id: &str, second: i64, ended: Option<i64>) -> Activity {
    mapped(json!({
        "id": id, "agent_id": "17", "activity": "user_status_changed",
        "started_at": at(second).millis(), "ended_at": ended.map(|ended| at(ended).millis()),
        "status": {"id": "-2", "name": "Break", "presence": "BREAK"},
    }))
}

fn ends(rows: Vec<Activity>) -> Rows {
    let cursor = rows.iter().filter_map(|row| row.ended_at).max();
    Rows::ActivityEnds(IncrementalRows {
        from: LONG_AGO,
        rows,
        cursor,
        progress: IncrementalProgress::CaughtUp,
    })
}

fn log(rows: Vec<Activity>) -> Rows {
    log_since(LONG_AGO, rows)
}

fn log_since(from: Timestamp, rows: Vec<Activity>) -> Rows {
    let cursor = rows.iter().map(|row| row.started_at).max();
    Rows::AgentActivity(IncrementalRows {
        from,
        rows,
        cursor,
        progress: IncrementalProgress::CaughtUp,
    })
}

#[test]
fn a_partial_full_scan_removes_nothing_and_two_complete_ones_do() {
    let mut bench = Bench::new();
    let all = ["1", "2", "3", "4", "5", "6"];
    bench.read(0, AGENTS, scan(&all, false));
    for second in 1..6 {
        bench.read(second, AGENTS, scan(&all[1..], true));
    }
    bench.read(6, AGENTS, scan(&all[1..], false));
    assert!(!bench.names().contains(&"AgentRemoved"));
    bench.read(7, AGENTS, scan(&all[1..], false));
    let removed: Vec<_> =
        bench.outbox().into_iter().filter(|(name, _)| *name == "AgentRemoved").collect();
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0].1["before"]["id"], "1");
    // It is emitted once.
    bench.read(8, AGENTS, scan(&all[1..], false));
    bench.read(9, AGENTS, scan(&all[1..], false));
    assert_eq!(bench.names().iter().filter(|name| **name == "AgentRemoved").count(), 1);
}

#[test]
fn a_snapshot_that_is_suddenly_empty_is_confirmed_by_the_next_one() {
    let mut bench = Bench::new();
    let statuses = |ids: &[&str]| {
        let mut scan = FullScanBuilder::default();
        for id in ids {
            let status: CurrentStatus = serde_json::from_value(json!({"agent_id": id,
                "status": {"id": "0", "presence": "AVAILABLE"}, "on_hold": true}))
            .unwrap();
            scan.row(&EntityId::new(*id), FullScanRow::Seen(status));
        }
        Rows::AgentStatuses(scan.finish())
    };
    let depths = |paths: &[&str]| {
        let mut scan = FullScanBuilder::default();
        for path in paths {
            let status: QueueStatus = serde_json::from_value(json!({
                "queue": {"path_id": path, "lang": "en", "channel": "call"},
                "in_queue_count": 2}))
            .unwrap();
            scan.row(&status.queue.id(), FullScanRow::Seen(status));
        }
        Rows::QueueStatuses(scan.finish())
    };
    let new_events = |bench: &mut Bench, emitted: &mut usize| {
        let names = bench.names().split_off(*emitted);
        *emitted += names.len();
        names.len()
    };
    let mut emitted = 0;
    let paths = ["5", "6", "7", "8"];
    bench.read(0, AGENTS, scan(&["1", "2"], false));
    bench.read(1, STATUSES, statuses(&["1", "2"]));
    bench.read(1, DEPTHS, depths(&paths));
    assert_eq!(new_events(&mut bench, &mut emitted), 2 + 2 + 4);

    // A single snapshot shows nothing.
    for second in [2, 4] {
        bench.read(second, STATUSES, statuses(&[]));
        bench.read(second, DEPTHS, depths(&[]));
        bench.read(second + 1, STATUSES, statuses(&["1", "2"]));
        bench.read(second + 1, DEPTHS, depths(&paths));
    }
    assert_eq!(new_events(&mut bench, &mut emitted), 0);

    // One agent who leaves, and a few paths that become empty, are emitted at once.
    bench.read(6, STATUSES, statuses(&["1"]));
    bench.read(6, DEPTHS, depths(&["5"]));
    assert_eq!(new_events(&mut bench, &mut emitted), 1 + 3);
    bench.read(7, DEPTHS, depths(&[]));
    assert_eq!(new_events(&mut bench, &mut emitted), 1);

    // Two empty snapshots confirm it.
    bench.read(8, STATUSES, statuses(&[]));
    assert_eq!(new_events(&mut bench, &mut emitted), 0);
    bench.read(9, STATUSES, statuses(&[]));
    assert_eq!(new_events(&mut bench, &mut emitted), 1);
}

#[test]
fn an_agent_that_the_vendor_marks_as_deleted_is_removed_at_once_also_by_a_partial_full_scan() {
    let mut bench = Bench::new();
    let all = ["1", "2", "3", "4", "5", "6"];
    bench.read(0, AGENTS, scan(&all, false));
    // Missed once, so that one more full scan without it would be enough.
    bench.read(1, AGENTS, scan(&all[1..], false));
    let deleted = |ids: &[&str]| {
        let mut scan = FullScanBuilder::<Agent>::default();
        for id in ids {
            let id = EntityId::new(*id);
            scan.row(&id, FullScanRow::Deleted(id.clone()));
        }
        scan.mark(Partial::CountDisagrees);
        Rows::Agents(scan.finish())
    };
    // One that was never shown before it was deleted is ignored.
    bench.read(2, AGENTS, deleted(&["1", "9"]));
    bench.read(3, AGENTS, deleted(&["1", "9"]));
    // When it comes back, its absences are counted from 0.
    bench.read(4, AGENTS, scan(&all, true));
    bench.read(5, AGENTS, scan(&all[1..], false));
    let emitted: Vec<_> = bench.outbox()[6..]
        .iter()
        .map(|(name, event)| format!("{name} {}", event["meta"]["entity_id"].as_str().unwrap()))
        .collect();
    assert_eq!(emitted, ["AgentRemoved 1", "AgentAdded 1"]);
}

#[test]
fn a_change_is_bounded_by_the_last_poll_that_showed_the_entity() {
    let mut bench = Bench::new();
    let five = ["1", "2", "3", "4", "5"];
    bench.read(0, AGENTS, scan(&five, false));
    // Agent 1 was on the page that was not answered, and so may have been agent 6.
    bench.read(10, AGENTS, scan(&five[1..], true));
    let mut changed = FullScanBuilder::default();
    for id in ["1", "2", "3", "4", "6"] {
        let online = id != "1" && id != "2";
        let agent = serde_json::from_value(json!({"id": id, "online": online})).unwrap();
        changed.row(&EntityId::new(id), FullScanRow::Seen(agent));
    }
    bench.read(20, AGENTS, Rows::Agents(changed.finish()));
    bench.read(30, AGENTS, scan(&["1", "2", "3", "4", "6"], false));
    let emitted: Vec<_> = bench.outbox()[5..]
        .iter()
        .map(|(name, event)| {
            let meta = &event["meta"];
            let after = (meta["occurred_after"].as_i64().unwrap() - at(0).millis()) / 1000;
            format!("{name} {} {after}", meta["entity_id"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "AgentUpdated 1 0",
        "AgentUpdated 2 10",
        "AgentAdded 6 0",
        "AgentUpdated 1 20",
        "AgentUpdated 2 20",
        // Two full scans had to lack it: it was removed some time after the last one that showed
        // it.
        "AgentRemoved 5 10",
    ];
    assert_eq!(emitted, expected);
}

#[test]
fn an_agent_left_out_by_a_partial_first_full_scan_belongs_to_the_baseline() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&["1"], true));
    bench.read(10, AGENTS, scan(&["1", "2"], true));
    bench.read(20, AGENTS, scan(&["1", "2"], false));
    bench.read(30, AGENTS, scan(&["1", "2", "3"], false));
    let emitted: Vec<_> = bench
        .outbox()
        .into_iter()
        .map(|(_, event)| {
            let meta = &event["meta"];
            let after = meta["occurred_after"].as_i64().map(|it| (it - at(0).millis()) / 1000);
            (meta["origin"].as_str().unwrap().to_owned(), after)
        })
        .collect();
    let baseline = || (String::from("BASELINE"), None);
    assert_eq!(emitted, [baseline(), baseline(), (String::from("LIVE"), Some(20))]);
}

#[test]
fn rows_that_contradict_each_other_are_quarantined_and_counted_under_their_own_label() {
    let mut bench = Bench::new();
    let row = |bytes: &[u8]| Quarantined {
        id: Some(EntityId::new("1")),
        reason: QuarantineReason::conflict(),
        fingerprint: Fingerprint::of(bytes),
        size: bytes.len(),
    };
    for second in [0, 10] {
        let rows = scan(&["2"], true);
        bench.read_with(second, AGENTS, rows, vec![row(b"one"), row(b"other")]);
    }
    let emitted = ["AgentAdded", "RecordQuarantined", "RecordQuarantined"];
    assert_eq!(bench.names(), emitted);
    let counted =
        "floorcast_quarantined_total{account=\"acme\",reason=\"conflicting_duplicate\"} 2";
    assert!(bench.metrics.render().contains(counted), "{}", bench.metrics.render());
}

#[test]
fn without_a_log_the_roster_is_the_authority_on_statuses() {
    let mut bench = Bench::of(StatusSource::Roster);
    for (second, status, since) in [(10, "Busy", 3), (20, "Busy", 3), (30, "Lunch", 25)] {
        let mut scan = FullScanBuilder::default();
        let agent: Agent = serde_json::from_value(json!({
            "id": "1", "status": {"id": status, "presence": "OTHER"},
            "status_updated_at": at(since).millis(),
        }))
        .unwrap();
        scan.row(&EntityId::new("1"), FullScanRow::Seen(agent));
        let applied = bench.read(second, AGENTS, Rows::Agents(scan.finish()));
        assert!(!applied.poll_log_now);
        bench.restart();
    }
    let emitted = bench.outbox();
    let names: Vec<_> = emitted.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["AgentAdded", "AgentStatusChanged", "AgentStatusChanged"]);
    assert_eq!(emitted[2].1["previous_duration_ms"], json!(22_000));
}

#[test]
fn a_log_row_is_emitted_once_however_often_and_in_whatever_form_it_is_shown() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    // It changed between two pages of one poll result.
    bench.read(5, LOG, log(vec![activity("1", 3, None), activity("1", 3, Some(4))]));
    bench.read(6, LOG, log(vec![activity("1", 3, Some(4))]));
    bench.restart();
    bench.read(7, LOG, log(vec![activity("1", 3, Some(4)), activity("2", 6, None)]));
    let changes = |bench: &mut Bench| {
        bench.names().iter().filter(|name| **name == "AgentStatusChanged").count()
    };
    assert_eq!(changes(&mut bench), 2);
    // Nor after a time without rows: the cursor stays, and the last row is shown again.
    bench.read(3_000, LOG, log(Vec::new()));
    bench.engine().forget(at(3_000)).unwrap();
    bench.restart();
    bench.read(3_001, LOG, log(vec![activity("2", 6, None)]));
    assert_eq!(changes(&mut bench), 2);
}

#[test]
fn the_end_of_a_log_row_is_emitted_once_by_whichever_stream_and_however_often_it_is_shown() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    bench.read(5, LOG, log(vec![activity("1", 3, None)]));
    bench.read(20, LOG, log(vec![activity("1", 3, Some(15))]));
    // One that began before the baseline ends after it; another one ended before.
    let old = || vec![activity("0", -50, Some(8)), activity("00", -90, Some(-50))];
    bench.read(21, ENDS, ends(old()));
    bench.read(22, ENDS, ends([old(), vec![activity("1", 3, Some(15))]].concat()));
    bench.restart();
    bench.read(23, ENDS, ends(vec![activity("1", 3, Some(15))]));
    // A login is a point in time, whatever its row shows.
    let login = VendorWord::new("login", ActivityKind::Login);
    let login = Activity { activity: login, ..activity("2", 20, Some(22)) };
    bench.read(24, ENDS, ends(vec![login]));
    let emitted = bench.outbox();
    let names: Vec<_> = emitted.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["AgentStatusChanged", "AgentActivityEnded", "AgentActivityEnded"]);
    let end = &emitted[1].1;
    assert_eq!(end["meta"]["occurred_at"], at(15).millis());
    assert_eq!(
        (&end["activity"]["id"], &end["meta"]["precision"]),
        (&json!("1"), &json!("SECOND"))
    );
    assert_eq!(emitted[2].1["activity"]["id"], "0");
}

#[test]
fn a_log_row_that_became_visible_late_is_emitted_when_its_end_is_read() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    let polled = |bench: &mut Bench, second, from, rows| {
        bench.read(second, LOG, log_since(at(from), rows));
    };
    polled(&mut bench, 40, 0, vec![activity("3", 39, None)]);
    polled(&mut bench, 60, 29, vec![activity("4", 58, None)]);
    // The log was polled from second 29 on: it will not show row 2 any more, and may yet show row
    // 5.
    bench.read(61, ENDS, ends(vec![activity("2", 20, Some(39)), activity("5", 30, Some(60))]));
    bench.read(62, ENDS, ends(vec![activity("2", 20, Some(39))]));
    polled(&mut bench, 63, 48, Vec::new());
    let names = bench.names();
    assert_eq!(names[2..], ["AgentStatusRecovered", "AgentActivityEnded", "AgentActivityEnded"]);
}

#[test]
fn revisions_and_sequences_have_no_gap_after_a_restart() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&["17"], false));
    bench.read(5, LOG, log(vec![activity("1", 3, None)]));
    bench.restart();
    bench.read(10, LOG, log(vec![activity("2", 8, None)]));
    let numbers: Vec<_> = bench
        .outbox()
        .into_iter()
        .map(|(_, event)| (event["meta"]["revision"].clone(), event["meta"]["sequence"].clone()))
        .collect();
    assert_eq!(numbers, (1..=3).map(|n| (json!(n), json!(n))).collect::<Vec<_>>());
}

#[test]
fn an_incremental_poll_waits_for_the_baseline_and_then_starts_at_its_cursor_less_the_overlap() {
    let mut bench = Bench::new();
    let request =
        |bench: &mut Bench| bench.engine().request(&acme(), &LOG, OVERLAP, at(50)).unwrap();
    assert_eq!(request(&mut bench), None);
    bench.read(0, AGENTS, scan(&[], false));
    assert_eq!(request(&mut bench), Some(ActivityLogRequest { from: at(0) }));
    bench.read(40, LOG, log(vec![activity("1", 35, None)]));
    assert_eq!(request(&mut bench), Some(ActivityLogRequest { from: at(25) }));
    // The cursor is the vendor's stamp, and outlives the process.
    bench.restart();
    assert_eq!(request(&mut bench), Some(ActivityLogRequest { from: at(25) }));
    // An answer without rows leaves it where it is.
    bench.read(60, LOG, log(Vec::new()));
    assert_eq!(request(&mut bench), Some(ActivityLogRequest { from: at(25) }));
}

#[test]
fn rows_from_before_the_start_are_not_emitted() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    bench.read(1, LOG, log(vec![activity("1", -5, None), activity("2", 0, None)]));
    assert_eq!(bench.names(), ["AgentStatusChanged"]);
}

#[test]
fn a_call_that_ended_is_looked_up_for_half_an_hour() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&[], false));
    let call: Call = mapped(json!({
        "id": "4711", "status": "finished", "created_at": at(1).millis(),
        "ends_at": at(20).millis(), "updated_at": at(20).millis(),
    }));
    let incremental = IncrementalRows {
        from: LONG_AGO,
        rows: vec![call],
        cursor: Some(at(20)),
        progress: IncrementalProgress::CaughtUp,
    };
    bench.read(22, CALLS, Rows::Calls(incremental));
    let recent = StreamName::new("recent");
    let mut request =
        |second| bench.engine().request::<LookupRequest>(&acme(), &recent, (), at(second)).unwrap();
    assert_eq!(request(23), None);
    assert_eq!(request(30), Some(LookupRequest::Calls(vec![EntityId::new("4711")])));
    bench.restart();
    let mut request =
        |second| bench.engine().request::<LookupRequest>(&acme(), &recent, (), at(second)).unwrap();
    assert!(request(40).is_some());
    bench.engine().forget(at(20 + 1_801)).unwrap();
    let mut request =
        |second| bench.engine().request::<LookupRequest>(&acme(), &recent, (), at(second)).unwrap();
    assert_eq!(request(20 + 1_810), None);
}

#[test]
fn a_quarantined_row_is_emitted_once_also_after_a_restart_and_again_when_it_changes() {
    let row = |bytes: &[u8]| Quarantined {
        id: Some(EntityId::new("4")),
        reason: QuarantineReason {
            path: String::from("started_at"),
            kind: String::from("expected a time"),
        },
        fingerprint: Fingerprint::of(bytes),
        size: bytes.len(),
    };
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&["1"], false));
    let emitted = bench.names().len();
    for second in [10, 20] {
        bench.read_with(second, LOG, log(Vec::new()), vec![row(b"one"), row(b"one")]);
    }
    bench.restart();
    bench.read_with(30, LOG, log(Vec::new()), vec![row(b"one")]);
    assert_eq!(bench.names()[emitted..], ["RecordQuarantined"]);
    bench.read_with(40, LOG, log(Vec::new()), vec![row(b"another")]);
    assert_eq!(bench.names()[emitted..], ["RecordQuarantined", "RecordQuarantined"]);
    let (_, event) = bench.outbox().remove(emitted);
    assert_eq!(event["record_id"], "4");
    assert_eq!((&event["path"], &event["size"]), (&json!("started_at"), &json!(3)));

    // After a week it is forgotten, and emitted again.
    bench.engine().forget(at(30) + Duration::from_hours(6 * 24)).unwrap();
    bench.read_with(50, LOG, log(Vec::new()), vec![row(b"one")]);
    assert_eq!(bench.names().len(), emitted + 2);
    bench.engine().forget(at(60) + Duration::from_hours(8 * 24)).unwrap();
    bench.read_with(60, LOG, log(Vec::new()), vec![row(b"one")]);
    assert_eq!(bench.names().len(), emitted + 3);
}

const HOURS: i64 = 3600;

#[test]
fn entities_beyond_the_quota_are_ignored_until_there_is_space_again() {
    let mut bench = Bench::new();
    bench.read(0, AGENTS, scan(&["1", "2"], false));
    bench.engine().limit(|_| 3);
    for second in 1..4 {
        bench.read(second, AGENTS, scan(&["1", "2", "3", "4"], false));
    }
    let added = |bench: &mut Bench| {
        let all = bench.outbox().into_iter().filter(|(name, _)| *name == "AgentAdded");
        let ids = all.map(|(_, event)| event["meta"]["entity_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(added(&mut bench), ["1", "2", "3"]);
    // The ignored one is not removed either, and the known ones are still compared.
    for second in 4..8 {
        bench.read(second, AGENTS, scan(&["1"], false));
    }
    assert_eq!(bench.names().iter().filter(|name| **name == "AgentRemoved").count(), 2);
    // The states are counted at a restart.
    bench.restart();
    bench.engine().limit(|_| 3);
    bench.read(8, AGENTS, scan(&["1", "5"], false));
    assert_eq!(added(&mut bench).len(), 3);
    // Agents who were removed a week ago are forgotten.
    bench.engine().forget(at(8 * 24 * HOURS)).unwrap();
    bench.read(8 * 24 * HOURS, AGENTS, scan(&["1", "5"], false));
    assert_eq!(added(&mut bench), ["1", "2", "3", "5"]);
}

#[test]
fn what_is_no_longer_shown_is_forgotten_after_a_week_only_where_space_is_needed() {
    assert_eq!(levels_emitted_again(10), [""; 0], "its revisions would start again");
    assert_eq!(levels_emitted_again(4), ["2/call"], "it was forgotten, and the other one was not");
}

/// The events of two levels that have not changed, one of which was not shown for nine days.
fn levels_emitted_again(most: usize) -> Vec<String> {
    let mut bench = Bench::new();
    let level = |group: &str| -> ServiceLevel {
        serde_json::from_value(json!({"of": {"group": {"group_id": group, "channel": "call"}},
            "percent": 90.0, "minutes": 30}))
        .unwrap()
    };
    let sla = StreamName::new("sla_by_queue_group");
    bench.read(0, sla.clone(), Rows::QueueGroupServiceLevels(vec![level("1"), level("2")]));
    for day in 1..=9 {
        bench.read(day * 24 * HOURS, sla.clone(), Rows::QueueGroupServiceLevels(vec![level("1")]));
        match most {
            4 => bench.engine().limit(|_| 4),
            _ => bench.engine().limit(|_| 10),
        }
        bench.engine().forget(at(day * 24 * HOURS + 60)).unwrap();
        bench.restart();
    }
    assert_eq!(bench.names().len(), 2);
    bench.read(9 * 24 * HOURS, sla, Rows::QueueGroupServiceLevels(vec![level("1"), level("2")]));
    let emitted = bench.outbox().split_off(2);
    emitted
        .iter()
        .map(|(_, event)| event["meta"]["entity_id"].as_str().unwrap().to_owned())
        .collect()
}

/// An agent, a call that goes on, a call that ended and a team, all with personal fields.
fn persons(bench: &mut Bench, second: i64, privacy: &Privacy, changed: bool) {
    let mut agent: Agent =
        serde_json::from_value(json!({"id": "1", "name": "Mira Sample", "online": changed}))
            .unwrap();
    privacy.agent(&mut agent);
    let mut agents = FullScanBuilder::default();
    agents.row(&EntityId::new("1"), FullScanRow::Seen(agent));
    agents.counted(1);
    bench.read(second, AGENTS, Rows::Agents(agents.finish()));

    let mut team: Team = serde_json::from_value(
        json!({"id": "9", "name": "Parcels", "assignees": [{"id": "1", "name": "Mira Sample"}]}),
    )
    .unwrap();
    privacy.team(&mut team);
    let mut teams = FullScanBuilder::default();
    teams.row(&EntityId::new("9"), FullScanRow::Seen(team));
    teams.counted(1);
    bench.read(second, StreamName::new("teams"), Rows::Teams(teams.finish()));

    let call = |id: &str, status: &str, ended: Option<i64>| {
        let mut call: Call = mapped(json!({"id": id, "status": status,
            "created_at": at(5).millis(), "updated_at": at(6).millis(),
            "ends_at": ended.map(|second| at(second).millis()),
            "call_duration": i64::from(changed),
            "agent_info": {"id": "1", "name": "Mira Sample"},
            "end_user": {"id": "77", "identifier": "+99 555 0100"}}));
        privacy.call(&mut call);
        call
    };
    let rows = vec![call("20", "connected", None), call("21", "finished", Some(6))];
    bench.read(
        second,
        CALLS,
        Rows::Calls(IncrementalRows {
            from: LONG_AGO,
            rows,
            cursor: Some(at(6)),
            progress: IncrementalProgress::CaughtUp,
        }),
    );
}

#[test]
fn when_privacy_settings_change_nothing_excluded_is_emitted_and_nothing_included_is_a_change() {
    let keep = Privacy { agents: Mode::Keep, customers: Mode::Keep, content: Mode::Keep };
    let drop = Privacy { agents: Mode::Drop, customers: Mode::Drop, content: Mode::Drop };
    for (first, then) in [(keep, drop), (drop, keep)] {
        let mut bench = Bench::new();
        bench.restart_under(first);
        persons(&mut bench, 10, &first, false);
        // Records of interactions that ended are removed after half an hour in any case.
        bench.engine().forget(at(6) + Duration::from_mins(40)).unwrap();
        let emitted = bench.names().len();

        bench.restart_under(then);
        persons(&mut bench, 20, &then, false);
        assert_eq!(bench.names()[emitted..], [] as [&str; 0], "a changed setting is no change");
        // A change of facts is emitted, under the current settings.
        persons(&mut bench, 30, &then, true);
        let events = bench.outbox().split_off(emitted);
        let names: Vec<_> = events.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["AgentUpdated", "CallUpdated", "CallUpdated"]);
        let text = format!("{events:?}");
        for planted in ["Mira Sample", "+99 555 0100"] {
            assert_eq!(text.contains(planted), then == keep, "{planted} under {then:?}");
        }
    }
}

#[test]
fn an_agent_removed_after_names_were_excluded_is_emitted_without_a_name() {
    let keep = Privacy { agents: Mode::Keep, customers: Mode::Keep, content: Mode::Keep };
    let drop = Privacy { agents: Mode::Drop, customers: Mode::Drop, content: Mode::Drop };
    let mut bench = Bench::new();
    bench.restart_under(keep);
    persons(&mut bench, 10, &keep, false);
    let emitted = bench.names().len();
    bench.restart_under(drop);
    for second in [20, 30, 40] {
        bench.read(second, AGENTS, scan(&[], false));
    }
    let events = bench.outbox().split_off(emitted);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "AgentRemoved");
    assert!(!format!("{events:?}").contains("Mira"), "{events:?}");
}
