//! The vendor's document and its traps.

mod documents;
mod errors;
mod probe;
mod rows;
mod settings;

use serde_json::{Value, json};

use super::Infobip;
use crate::model::{Agent, Privacy};
use crate::secret::Secret;
use crate::source::checks::{connection, limits};
use crate::source::http::Authorization;
use crate::source::loopback::{Answer, ReceivedRequest, VendorServer};
use crate::source::stream::Agents;
use crate::source::{
    FullScan, FullScanRequest, FullScanRow, Partial, Poll, PollResult, PollSettings, Polled,
    RowMemory,
};

const API_KEY: &str = "key-that-must-not-leak";

fn account(vendor: &VendorServer) -> Infobip {
    account_by(vendor, Authorization::key("App", &Secret::new(API_KEY)).unwrap())
}

fn account_by(vendor: &VendorServer, authorization: Authorization) -> Infobip {
    let poll_settings =
        PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
    Infobip::new(&vendor.url(), authorization, poll_settings, connection(limits())).unwrap()
}

async fn scan_of(account: &Infobip, memory: &RowMemory) -> Polled<Agents> {
    account.poll(FullScanRequest, memory).await
}

async fn scanned(vendor: &VendorServer) -> PollResult<FullScan<Agent>> {
    scan_of(&account(vendor), &RowMemory::default()).await.unwrap()
}

fn agents(poll_result: &PollResult<FullScan<Agent>>) -> &FullScan<Agent> {
    &poll_result.rows
}

fn agent(number: usize) -> Value {
    json!({
        "id": format!("{number:032X}"), "displayName": format!("Sample {number}"),
        "status": "ACTIVE", "role": "AGENT", "enabled": true,
        "createdAt": "2026-02-01T07:45:23.777+0000", "updatedAt": "2026-02-01T09:53:58.463+0000",
    })
}

fn envelope(rows: &[Value], total: &Value) -> Answer {
    Answer::json(&json!({
        "agents": rows,
        "pagination": {"totalItems": total, "page": 0, "limit": 999, "orderBy": "id:ASC"},
    }))
}

/// Serves a roster as the vendor's clients expect: `page` is the number of a page.
fn page_of(roster: &[Value], request: &ReceivedRequest) -> Answer {
    let number = |name| request.query(name).unwrap().parse::<usize>().unwrap();
    let (limit, page) = (number("limit"), number("page"));
    let rows: Vec<_> = roster.iter().skip(page * limit).take(limit).cloned().collect();
    envelope(&rows, &json!(roster.len()))
}

fn pages(vendor: &VendorServer) -> Vec<String> {
    vendor.requests().iter().map(|request| request.query("page").unwrap()).collect()
}

#[tokio::test]
async fn pages_of_999_are_counted_from_0_until_the_ids_reach_the_count() {
    let roster: Vec<_> = (0..2100).map(agent).collect();
    let vendor = VendorServer::answering(move |request| page_of(&roster, request)).await;
    let poll_result = scanned(&vendor).await;
    let scan = agents(&poll_result);
    assert!(scan.is_complete() && scan.was_counted(), "{:?}", scan.partial());
    assert_eq!((scan.rows().len(), poll_result.requests), (2100, 3));
    assert_eq!(pages(&vendor), ["0", "1", "2"]);
    let first = &vendor.requests()[0];
    assert_eq!(
        (first.path.as_str(), first.query("limit").as_deref()),
        ("/ccaas/1/agents", Some("999"))
    );
    assert_eq!(first.header("authorization"), Some(format!("App {API_KEY}")));
}

#[tokio::test]
async fn a_server_on_which_page_skips_rows_is_read_to_its_end_all_the_same() {
    let roster: Vec<_> = (0..25).map(agent).collect();
    let vendor = VendorServer::answering(move |request| {
        let skip: usize = request.query("page").unwrap().parse().unwrap();
        // A page has ten rows, whatever is requested.
        let rows: Vec<_> = roster.iter().skip(skip).take(10).cloned().collect();
        envelope(&rows, &json!(25))
    })
    .await;
    let poll_result = scanned(&vendor).await;
    assert!(agents(&poll_result).is_complete(), "{:?}", agents(&poll_result).partial());
    assert_eq!(agents(&poll_result).rows().len(), 25);
    assert_eq!(pages(&vendor), ["0", "1", "11", "21"]);
}

#[tokio::test]
async fn a_full_scan_whose_ids_do_not_reach_the_count_or_that_has_no_count_is_partial() {
    let cases = [
        (json!(2), None),
        (json!("2"), None),
        (json!(3), Some(Partial::CountDisagrees)),
        (json!(1), Some(Partial::CountDisagrees)),
        (json!(null), Some(Partial::CountMissing)),
        (json!(-1), Some(Partial::CountMissing)),
    ];
    for (total, partial) in cases {
        let shown = total.clone();
        let vendor = VendorServer::answering(move |request| {
            let page = request.query("page").unwrap();
            let rows = if page == "0" { vec![agent(1), agent(2)] } else { Vec::new() };
            envelope(&rows, &shown)
        })
        .await;
        assert_eq!(agents(&scanned(&vendor).await).partial(), partial, "{total}");
    }
}

#[tokio::test]
async fn rows_of_infobip_that_shift_between_pages_leave_the_count_unreached() {
    let roster: Vec<_> = (0..1500).map(agent).collect();
    let vendor = VendorServer::answering(move |request| {
        let mut shifted = roster.clone();
        if request.query("page").as_deref() == Some("1") {
            // One was added in front and the last one removed: the row at the border comes twice.
            shifted.insert(0, agent(1500));
            shifted.pop();
        }
        page_of(&shifted, request)
    })
    .await;
    assert_eq!(agents(&scanned(&vendor).await).partial(), Some(Partial::CountDisagrees));
}

#[tokio::test]
async fn one_id_on_two_different_people_makes_the_scan_partial_and_neither_is_used() {
    let document = include_str!("../../../tests/fixtures/infobip/agents.json");
    let vendor = VendorServer::answering(move |_| Answer::body(document)).await;
    let account = account(&vendor);
    let poll_result = scan_of(&account, &RowMemory::default()).await.unwrap();
    let scan = agents(&poll_result);
    assert_eq!(scan.partial(), Some(Partial::ConflictingDuplicate));
    assert_eq!((scan.rows().len(), scan.present().len(), poll_result.requests), (4, 5, 1));
    let quarantined: Vec<_> = poll_result
        .quarantined
        .iter()
        .map(|row| (row.id.as_ref().unwrap().as_str(), row.reason.label()))
        .collect();
    assert_eq!(quarantined, [("4D6D67327326FCCB027BEAA916B94504", "conflicting_duplicate"); 2]);
    // They are reported once.
    let again = scan_of(&account, &poll_result.memory).await.unwrap();
    assert_eq!((again.quarantined.len(), agents(&again).rows().len()), (0, 4));
}

#[tokio::test]
async fn the_same_row_twice_is_no_contradiction_and_the_count_decides() {
    let vendor =
        VendorServer::answering(|_| envelope(&[agent(1), agent(1), agent(2)], &json!(2))).await;
    let poll_result = scanned(&vendor).await;
    assert!(agents(&poll_result).is_complete());
    assert_eq!((agents(&poll_result).rows().len(), poll_result.quarantined.len()), (2, 0));
}

#[tokio::test]
async fn another_order_of_the_same_rows_is_no_change() {
    let roster: Vec<_> = (0..20).map(agent).collect();
    let reversed: Vec<_> = roster.iter().rev().cloned().collect();
    let vendor = VendorServer::answering_in_turn(vec![
        envelope(&roster, &json!(20)),
        envelope(&reversed, &json!(20)),
    ])
    .await;
    let account = account(&vendor);
    let first = scan_of(&account, &RowMemory::default()).await.unwrap();
    let second = scan_of(&account, &first.memory).await.unwrap();
    let unchanged = |row: &FullScanRow<_>| matches!(row, FullScanRow::Unchanged(_));
    assert!(agents(&second).rows().iter().all(unchanged) && agents(&second).is_complete());
}

#[tokio::test]
async fn a_page_of_infobip_that_fails_leaves_the_pages_before_it_and_proves_no_absence() {
    let roster: Vec<_> = (0..1500).map(agent).collect();
    for broken in [Answer::status(500), Answer::body("{\"agents\": 5}"), Answer::body("[]")] {
        let roster = roster.clone();
        let vendor =
            VendorServer::answering(move |request| match request.query("page").as_deref() {
                Some("1") => broken.clone(),
                _ => page_of(&roster, request),
            })
            .await;
        let poll_result = scanned(&vendor).await;
        assert_eq!(agents(&poll_result).rows().len(), 999);
        assert_eq!(agents(&poll_result).partial(), Some(Partial::PageUnanswered));
    }
}
