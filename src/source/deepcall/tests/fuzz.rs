//! For any bytes of an answer: rows are decoded or quarantined, no result contains a password, and
//! detection emits nothing for a row that comes again.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, any, prop, proptest};

use super::super::errors::find_error;
use super::super::rows::{FORMAT, add_rows};
use super::{Answer, Value, agent, list, poll_of};
use crate::detect::{StatusSource, roster_row};
use crate::fuzz::{Outcome, PLANTED, run};
use crate::model::{Agent, Privacy};
use crate::source::checks::{
    any_json, assert_decoded_or_quarantined, assert_encodable, context, hostile_bodies,
};
use crate::source::full_scan_in_progress::FullScanInProgress;
use crate::source::{FullScan, FullScanRow, RowMemory};

/// What an answer becomes: the full scan, and everything besides as text.
fn scanned(bytes: &[u8]) -> Result<(FullScan<Agent>, String), &'static str> {
    let memory = RowMemory::default();
    let privacy = Privacy::default();
    let mut scan = FullScanInProgress::new(FORMAT, &memory, &privacy);
    add_rows(&mut scan, bytes)?;
    let result = scan.finish();
    let besides = format!("{:?} {:?}", result.quarantined, result.unknown_values);
    Ok((result.rows, besides))
}

fn check(bytes: &[u8]) -> Outcome {
    let error = find_error(200, bytes).map(|error| error.to_string()).unwrap_or_default();
    assert!(!error.contains(PLANTED), "{error}");
    match scanned(bytes) {
        Err(problem) => Outcome { class: format!("{error} {problem}"), whole: error },
        Ok((scan, besides)) => {
            let mut ids = BTreeSet::new();
            for row in scan.rows() {
                let id = match row {
                    FullScanRow::Seen(agent) => {
                        let first = roster_row(None, agent, StatusSource::Roster, &context());
                        let state = Some(&first.state);
                        let again = roster_row(state, agent, StatusSource::Roster, &context());
                        assert_eq!(again.drafts, []);
                        assert_encodable(&first.drafts);
                        assert!(agent.status.is_none() && agent.status_updated_at.is_none());
                        &agent.id
                    }
                    FullScanRow::Deleted(id) | FullScanRow::Unchanged(id) => id,
                };
                assert!(ids.insert(id.clone()), "{id} twice");
                assert!(scan.present().contains(id));
            }
            let deleted =
                scan.rows().iter().filter(|row| matches!(row, FullScanRow::Deleted(_))).count();
            let class = format!("{error} {} {deleted} {:?}", ids.len(), scan.partial());
            Outcome { class, whole: format!("{:?} {besides}", scan.rows()) }
        }
    }
}

#[test]
fn fuzzed_answers_of_deepcall_are_read_or_refused() {
    let corpus: &[&[u8]] = &[
        include_bytes!("../../../../tests/fixtures/deepcall/list.json"),
        include_bytes!("../../../../tests/fixtures/deepcall/list_map.json"),
        include_bytes!("../../../../tests/fixtures/deepcall/list_empty.json"),
        include_bytes!("../../../../tests/fixtures/deepcall/error_1014.json"),
    ];
    let tokens = ["\"isDeleted\":1", "\"unique_id\":2", "success", "\"totalPages\":2", "1014"];
    run("deepcall", corpus, &tokens, check);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_value_in_any_field_of_deepcall_is_decoded_or_quarantined(field in 0_usize..25, new in any_json()) {
        let document = include_str!("../../../../tests/fixtures/deepcall/list.json");
        let document: Value = serde_json::from_str(document).unwrap();
        let mut row = document["response"][4].clone();
        let fields: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
        let Some(name) = fields.get(field) else { return Ok(()) };
        row[name] = new;
        let (scan, besides) = scanned(list(&[row, agent(99)]).to_string().as_bytes()).unwrap();
        // The row beside it is decoded, and no value is shown.
        let ids: Vec<_> = scan.present().iter().map(crate::model::EntityId::as_str).collect();
        assert!(ids.contains(&"99") && (ids.contains(&"6") || name == "unique_id"), "{name} {ids:?}");
        assert!(!besides.contains("SECRET"), "{besides}");
        assert!(scan.rows().len() + besides.matches("reason").count() >= 2, "{name} {besides}");
    }

    #[test]
    fn any_value_in_any_part_of_deepcalls_rows_is_decoded_or_quarantined(field in 0_usize..40, new in any_json()) {
        let document = include_str!("../../../../tests/fixtures/deepcall/list.json");
        let document: Value = serde_json::from_str(document).unwrap();
        assert_decoded_or_quarantined(document["response"][4].clone(), &FORMAT, field, &new);
    }

    #[test]
    fn any_bytes_are_an_answer_of_deepcall_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
        let mut within = b"{\"status\":\"success\",\"response\":[".to_vec();
        within.extend_from_slice(&bytes);
        within.extend_from_slice(b"]}");
        check(&within);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_of_deepcalls_is_an_error_that_shows_nothing_of_it() {
    for body in hostile_bodies() {
        let error = poll_of(Answer::body(body.clone())).await.unwrap_err();
        assert_eq!(error.reason(), "undecodable", "{}", String::from_utf8_lossy(&body));
        assert!(!format!("{error:?} {error}").contains("Ada"), "{error:?}");
    }
}

#[test]
fn a_list_of_only_bad_rows_is_reported_a_thousand_at_a_time_until_all_are() {
    let rows: Vec<_> = (0..2_500).map(|id| serde_json::json!({"unique_id": id})).collect();
    let body = list(&rows).to_string();
    let mut memory = RowMemory::default();
    for reported in [1_000, 1_000, 500, 0, 0] {
        let privacy = Privacy::default();
        let mut scan = FullScanInProgress::new(FORMAT, &memory, &privacy);
        add_rows(&mut scan, body.as_bytes()).unwrap();
        let result = scan.finish();
        assert_eq!(result.quarantined.len(), reported);
        // All of them are present.
        assert_eq!(result.rows.present().len(), 2_500);
        assert!(result.rows.is_complete());
        memory = result.memory;
    }
}
