//! For any bytes of an answer: rows are decoded or quarantined, good rows beside a bad one are
//! unchanged, no error shows a value, and detection emits nothing for a row that comes again.

use std::fmt::Write;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::super::mapping;
use super::super::rows::{DecodeRow, EntityRow, decode, entities, format, split, timestamp};
use crate::detect::{
    LevelState, StatusSource, Targets, activity_row, current_status_row, interaction_row,
    is_unchanged, queue_status_row, record_row, roster_row, service_level_row,
};
use crate::fuzz::{Outcome, PLANTED, run};
use crate::model::{Measured, Privacy, QueuePath, ServiceLevel, Timestamp};
use crate::source::checks::{assert_encodable, context};
use crate::source::rows::PageDecoder;
use crate::source::{FullScanBuilder, RowMemory};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/fixtures/ccai/", $name))
    };
}

/// Checks the rows of an answer against what every endpoint promises.
fn endpoint<T: Serialize>(bytes: &[u8], read: DecodeRow<T>, detect: fn(&T)) -> Outcome {
    let failed = |outcome: &str| Outcome { class: outcome.to_owned(), whole: outcome.to_owned() };
    let rows = match split(bytes) {
        Ok(rows) => rows,
        Err(problem) => return failed(problem),
    };
    let (mut class, mut whole) = (String::new(), String::new());
    let bad = to_raw_value(&serde_json::json!({"id": {}, "status": [PLANTED]})).unwrap();
    for row in &rows {
        let one = outcome(row, read, detect);
        // Beside a bad row it is the same row, byte for byte.
        let list = format!("[{},{},{}]", bad.get(), row.get(), bad.get());
        let beside = split(list.as_bytes()).unwrap();
        assert_eq!(beside[1].get(), row.get());
        let again = outcome(beside[1], read, |_| {});
        assert_eq!(one.whole, again.whole);
        let _ = (timestamp(row, "updated_at"), timestamp(row, "started_at"));
        if class.len() < 200 {
            class += &one.class;
        }
        whole += &one.whole;
    }
    Outcome { class, whole }
}

fn outcome<T: Serialize>(row: &RawValue, read: DecodeRow<T>, detect: fn(&T)) -> Outcome {
    let mut unknown = Vec::new();
    match decode(row, read, &mut unknown) {
        Ok(entity) => {
            detect(&entity);
            let whole = serde_json::to_string(&entity).unwrap();
            Outcome { class: format!("read {};", unknown.len()), whole }
        }
        Err(quarantined) => {
            let reason = &quarantined.reason;
            let class = format!("{} {};", reason.path, reason.kind);
            // The id is the vendor's; the rest is our own text.
            assert!(!class.contains(PLANTED), "{class}");
            assert!(!quarantined.id.iter().any(|id| id.as_str().contains(char::is_control)));
            Outcome { class, whole: format!("{quarantined:?}") }
        }
    }
}

/// A full scan shows each id once, and none that no row has.
fn scanned<T: EntityRow>(bytes: &[u8], read: DecodeRow<T>) {
    if let (Ok(list), Ok(all)) = (split(bytes), entities(bytes)) {
        assert!(all.len() >= list.len(), "a tree has its top at least");
    }
    let Ok(rows) = split(bytes) else { return };
    let (memory, mut next) = (RowMemory::default(), RowMemory::default());
    let mut scan = FullScanBuilder::default();
    let mut page = PageDecoder { memory: &memory, next: &mut next, unknown: &mut Vec::new() };
    let unreadable = page.decode(&rows, &format(read), &mut scan, &Privacy::default());
    assert!(scan.len() <= rows.len() && next.len() <= rows.len());
    let scan = scan.finish();
    assert!(scan.rows().len() + unreadable.len() <= rows.len());
    if unreadable.iter().any(|row| row.id.is_none()) {
        assert!(!scan.is_complete(), "a row without an id, and yet all are known");
    }
}

macro_rules! endpoints {
    ($( $test:ident, $target:literal, $read:expr, [$($file:literal),*], $detect:expr $(, $scanned:expr)?; )*) => {$(
        #[test]
        fn $test() {
            let corpus: &[&[u8]] = &[$( fixture!($file) ),*];
            run($target, corpus, &[], |bytes| {
                $( $scanned(bytes, $read); )?
                endpoint(bytes, $read, $detect)
            });
        }
    )*};
}

endpoints! {
    fuzzed_agents_are_read_or_quarantined, "agents", mapping::agent,
        ["agents.json", "agents_model.json"], |agent| {
            let first = roster_row(None, agent, StatusSource::Log, &context());
            assert_encodable(&first.drafts);
            assert_eq!(roster_row(Some(&first.state), agent, StatusSource::Log, &context()).drafts, []);
        }, scanned;
    fuzzed_current_statuses_are_read_or_quarantined, "agents_current_status",
        mapping::current_status, ["agents_current_status.json"], |status| {
            let first = current_status_row(None, status, &context());
            assert_encodable(&first.drafts);
            assert_eq!(current_status_row(Some(&first.state), status, &context()).drafts, []);
        };
    fuzzed_activities_are_read_or_quarantined, "agent_activity_logs", mapping::activity,
        ["agent_activity_logs.json", "agent_activity_logs_model.json"], |activity| {
            assert_encodable(&activity_row(None, activity, &context()).drafts);
            assert!((Timestamp::EARLIEST..=Timestamp::LATEST).contains(&activity.started_at));
        };
    fuzzed_calls_are_read_or_quarantined, "calls", mapping::call,
        ["calls.json", "calls_model.json"], |call| {
            let targets = Targets::new(Some(20), None);
            let first = interaction_row(None, call, &context(), &targets);
            assert_encodable(&first.drafts);
            assert!(is_unchanged(&first.state, call));
            let again = interaction_row(Some(&first.state), call, &context(), &targets);
            assert_eq!(again.drafts, []);
        };
    fuzzed_chats_are_read_or_quarantined, "chats", mapping::chat,
        ["chats.json", "chats_model.json"], |chat| {
            let targets = Targets::new(Some(20), None);
            let first = interaction_row(None, chat, &context(), &targets);
            assert_encodable(&first.drafts);
            assert!(is_unchanged(&first.state, chat));
            let again = interaction_row(Some(&first.state), chat, &context(), &targets);
            assert_eq!(again.drafts, []);
        };
    fuzzed_queues_are_read_or_quarantined, "menus", mapping::queue,
        ["menus.json", "menus_one.json", "menus_tree.json"], |queue| {
            let first = record_row(None, queue, &context());
            assert_encodable(&first.drafts);
            assert_eq!(record_row(Some(&first.state), queue, &context()).drafts, []);
        }, scanned;
    fuzzed_teams_are_read_or_quarantined, "teams", mapping::team,
        ["teams.json", "teams_tree.json"], |team| {
            let first = record_row(None, team, &context());
            assert_encodable(&first.drafts);
            assert_eq!(record_row(Some(&first.state), team, &context()).drafts, []);
        }, scanned;
    fuzzed_status_definitions_are_read_or_quarantined, "user_statuses",
        mapping::status_definition, ["user_statuses.json", "user_statuses_model.json"], |status| {
            let first = record_row(None, status, &context());
            assert_encodable(&first.drafts);
            assert_eq!(record_row(Some(&first.state), status, &context()).drafts, []);
        }, scanned;
    fuzzed_queue_statuses_are_read_or_quarantined, "menus_current_status",
        mapping::queue_status, ["menus_current_status.json"], |row| {
            let first = queue_status_row(None, row, &context());
            assert_encodable(&first.drafts);
            assert_eq!(queue_status_row(Some(&first.state), row, &context()).drafts, []);
        }, scanned;
}

#[test]
fn fuzzed_service_levels_are_decoded_or_quarantined() {
    let corpus: &[&[u8]] =
        &[fixture!("menus_sla.json"), fixture!("menus_sla_by_queue_groups.json")];
    run("menus_sla", corpus, &[], |bytes| {
        let rows = split(bytes).unwrap_or_default();
        let mut whole = String::new();
        for row in rows {
            let level = match decode(row, mapping::level, &mut Vec::new()) {
                Ok(level) => level,
                Err(quarantined) => {
                    let reason = &quarantined.reason;
                    assert!(!format!("{reason:?}").contains(PLANTED), "{reason:?}");
                    whole.push('-');
                    continue;
                }
            };
            let level = ServiceLevel {
                of: Measured::Path(QueuePath {
                    path_id: level.id,
                    lang: level.lang,
                    channel: Some(String::from("call")),
                }),
                name: level.name,
                percent: level.percent,
                minutes: 30,
            };
            let first = service_level_row(None::<&LevelState>, &level, Some(80.0), &context());
            assert_encodable(&first.drafts);
            let again = service_level_row(Some(&first.state), &level, Some(80.0), &context());
            assert_eq!(again.drafts, []);
            write!(whole, "{:?}", level.percent).unwrap();
        }
        Outcome { class: format!("{} {}", whole.len().min(20), whole.contains('-')), whole }
    });
}
