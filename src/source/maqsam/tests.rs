//! The vendor's document and its traps.

mod documents;
mod errors;
mod probe;
mod rows;
mod settings;

use serde_json::{Value, json};

use super::{MOST_PAGES, Maqsam};
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

const ACCESS_SECRET: &str = "secret-that-must-not-leak";

fn account(vendor: &VendorServer) -> Maqsam {
    let authorization = Authorization::basic("key", &Secret::new(ACCESS_SECRET)).unwrap();
    let poll_settings =
        PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
    Maqsam::new(&vendor.url(), authorization, poll_settings, connection(limits())).unwrap()
}

async fn scan_of(account: &Maqsam, memory: &RowMemory) -> Polled<Agents> {
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
        "identifier": number.to_string(), "name": format!("Sample {number}"),
        "email": format!("sample{number}@example.com"), "active": true, "groups": ["Support"],
        "outgoingEnabled": true, "incomingEnabled": true, "whatsappEnabled": false,
        "state": {"name": "Available", "timestamp": 1_772_366_100}, "created_at": 1_720_093_436,
    })
}

fn envelope(rows: &[Value]) -> Answer {
    Answer::json(&json!({"result": "success", "message": rows}))
}

fn number(request: &ReceivedRequest) -> usize {
    request.path.strip_prefix("/v1/agents/page/").unwrap().parse().unwrap()
}

/// Serves a roster as documented: a hundred rows on a page; pages 0 and 1 are the same.
fn page_of(roster: &[Value], request: &ReceivedRequest) -> Answer {
    let page = number(request).max(1);
    let rows: Vec<_> = roster.iter().skip((page - 1) * 100).take(100).cloned().collect();
    envelope(&rows)
}

fn pages(vendor: &VendorServer) -> Vec<usize> {
    vendor.requests().iter().map(number).collect()
}

#[tokio::test]
async fn pages_of_maqsam_are_counted_from_1_until_one_is_empty() {
    let roster: Vec<_> = (0..230).map(agent).collect();
    let vendor = VendorServer::answering(move |request| page_of(&roster, request)).await;
    let poll_result = scanned(&vendor).await;
    let scan = agents(&poll_result);
    assert!(scan.is_complete() && !scan.was_counted(), "{:?}", scan.partial());
    assert_eq!((scan.rows().len(), poll_result.requests), (230, 4));
    // Page 0 is page 1: it is not requested.
    assert_eq!(pages(&vendor), [1, 2, 3, 4]);
    let credentials = vendor.requests()[0].header("authorization").unwrap();
    assert!(credentials.starts_with("Basic "));
}

#[tokio::test]
async fn a_repeated_page_ends_a_full_scan() {
    let roster: Vec<_> = (0..150).map(agent).collect();
    // Beyond the end it shows the last page again.
    let vendor = VendorServer::answering(move |request| {
        let page = number(request).min(2);
        envelope(roster.chunks(100).nth(page - 1).unwrap())
    })
    .await;
    let poll_result = scanned(&vendor).await;
    assert!(agents(&poll_result).is_complete());
    assert_eq!((agents(&poll_result).rows().len(), poll_result.requests), (150, 3));
}

#[tokio::test]
async fn a_page_of_maqsam_that_is_not_full_proves_nothing() {
    let roster: Vec<_> = (0..70).map(agent).collect();
    let vendor = VendorServer::answering(move |request| {
        envelope(roster.chunks(30).nth(number(request) - 1).unwrap_or_default())
    })
    .await;
    assert_eq!(agents(&scanned(&vendor).await).rows().len(), 70);
}

#[tokio::test]
async fn rows_of_maqsam_that_shift_between_pages_make_a_full_scan_partial() {
    let roster: Vec<_> = (0..150).map(agent).collect();
    let vendor = VendorServer::answering(move |request| {
        let mut shifted = roster.clone();
        if number(request) > 1 {
            shifted.insert(0, agent(150));
        }
        page_of(&shifted, request)
    })
    .await;
    assert_eq!(agents(&scanned(&vendor).await).partial(), Some(Partial::RowsShifted));
}

#[tokio::test]
async fn pages_without_end_are_capped() {
    let vendor = VendorServer::answering(|request| envelope(&[agent(number(request))])).await;
    let poll_result = scanned(&vendor).await;
    assert_eq!(agents(&poll_result).partial(), Some(Partial::TooLong));
    assert_eq!(poll_result.requests, MOST_PAGES);
}

#[tokio::test]
async fn one_identifier_on_two_agents_of_a_page_makes_the_scan_partial_and_neither_is_used() {
    let mut other = agent(1);
    other["name"] = json!("Jonas Sample");
    let rows = [agent(1), agent(2), other];
    let vendor = VendorServer::answering(move |request| page_of(&rows, request)).await;
    let poll_result = scanned(&vendor).await;
    assert_eq!(agents(&poll_result).partial(), Some(Partial::ConflictingDuplicate));
    assert_eq!((agents(&poll_result).rows().len(), agents(&poll_result).present().len()), (1, 2));
    assert_eq!(poll_result.quarantined.len(), 2);
}

#[tokio::test]
async fn rows_of_maqsam_that_have_not_changed_by_a_byte_are_not_decoded_again() {
    let roster: Vec<_> = (0..3).map(agent).collect();
    let vendor = VendorServer::answering(move |request| page_of(&roster, request)).await;
    let account = account(&vendor);
    let first = scan_of(&account, &RowMemory::default()).await.unwrap();
    let second = scan_of(&account, &first.memory).await.unwrap();
    let unchanged = |row: &FullScanRow<_>| matches!(row, FullScanRow::Unchanged(_));
    assert!(agents(&second).rows().iter().all(unchanged));
    assert_eq!(agents(&second).present(), agents(&first).present());
}

#[tokio::test]
async fn a_page_of_maqsam_that_fails_leaves_the_pages_before_it_and_proves_no_absence() {
    let roster: Vec<_> = (0..150).map(agent).collect();
    for broken in [
        Answer::status(500),
        Answer::body(r#"{"result": "success", "message": "<array of agents>"}"#),
        Answer::body("[]"),
    ] {
        let roster = roster.clone();
        let vendor = VendorServer::answering(move |request| match number(request) {
            2 => broken.clone(),
            _ => page_of(&roster, request),
        })
        .await;
        let poll_result = scanned(&vendor).await;
        assert_eq!(agents(&poll_result).rows().len(), 100);
        assert_eq!(agents(&poll_result).partial(), Some(Partial::PageUnanswered));
    }
}
