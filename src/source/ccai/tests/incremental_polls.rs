//! Incremental polls: paging by key, known rows, and rows that make an answer undecodable.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    NOON, account, account_with, activity, call, cursor, ids, log_since, page, since, timestamp,
};
use crate::source::loopback::{Answer, VendorServer};
use crate::source::stream::{AgentActivity, Calls};
use crate::source::{IncrementalProgress, RowMemory};

#[tokio::test]
async fn an_incremental_poll_pages_by_key_and_its_parameters_have_encoded_brackets() {
    let calls: Vec<_> = (0..230_u32).map(|n| call(n, i64::from(n) - 500)).collect();
    let vendor = VendorServer::answering(move |request| page(&calls, request, "updated_at")).await;
    let poll_result = account(&vendor).poll::<Calls>(since(-500)).await.unwrap();
    assert_eq!(ids(&poll_result).len(), 230);
    assert_eq!(cursor(&poll_result), Some(NOON.plus_millis(-271_000)));
    let requests = vendor.requests();
    assert!(requests[0].raw_query.contains("updated_at%5Bfrom%5D="), "{}", requests[0].raw_query);
    assert!(requests.iter().all(|request| request.query("page").as_deref() == Some("1")));
    let froms: Vec<_> =
        requests.iter().map(|request| request.query("updated_at[from]").unwrap()).collect();
    assert_eq!(froms, [timestamp(-500), timestamp(-401), timestamp(-302)]);
}

#[tokio::test]
async fn rows_of_one_second_come_in_the_order_of_their_numbers() {
    let rows: Vec<_> = [10_u32, 9, 100].iter().map(|id| activity(*id, -30)).collect();
    let vendor = VendorServer::answering(move |request| page(&rows, request, "started_at")).await;
    let poll_result = account(&vendor).poll::<AgentActivity>(log_since(-60)).await.unwrap();
    assert_eq!(ids(&poll_result), ["9", "10", "100"]);
    assert_eq!(cursor(&poll_result), Some(NOON.plus_millis(-30_000)));
}

#[tokio::test]
async fn an_incremental_poll_drops_known_rows_and_keeps_changed_ones() {
    let before: Vec<_> = (0..3).map(|n| call(n, -60)).collect();
    let mut after = before.clone();
    after[1]["rating"] = json!(5);
    let vendor = VendorServer::answering(move |request| page(&before, request, "updated_at")).await;
    let first = account(&vendor).poll::<Calls>(since(-100)).await.unwrap();
    let vendor = VendorServer::answering(move |request| page(&after, request, "updated_at")).await;
    let second = account(&vendor).poll_knowing::<Calls>(since(-100), &first.memory).await.unwrap();
    assert_eq!(ids(&second), ["1"]);
    assert_eq!(cursor(&second), Some(NOON.plus_millis(-60_000)));
    assert_eq!(second.memory.len(), 3);
}

#[tokio::test]
async fn an_incremental_poll_that_fails_in_the_middle_returns_how_far_it_came() {
    let calls: Vec<_> = (0..230_u32).map(|n| call(n, i64::from(n) - 500)).collect();
    let vendor = VendorServer::answering(move |request| {
        let late = request.query("updated_at[from]").unwrap() > timestamp(-450);
        if late { Answer::status(404) } else { page(&calls, request, "updated_at") }
    })
    .await;
    let poll_result = account(&vendor).poll::<Calls>(since(-500)).await.unwrap();
    assert_eq!(ids(&poll_result).len(), 100);
    assert_eq!(cursor(&poll_result), Some(NOON.plus_millis(-401_000)));
    assert_eq!(poll_result.rows.progress, IncrementalProgress::CutOff);
}

#[tokio::test]
async fn a_long_backlog_is_read_in_parts_each_of_which_says_whether_it_is_the_last() {
    let calls: Vec<_> = (0..2_500_u32).map(|n| call(n, i64::from(n) - 2_500)).collect();
    let vendor = VendorServer::answering(move |request| page(&calls, request, "updated_at")).await;
    let account = account(&vendor);
    let (mut from, mut read) = (-2_500, BTreeSet::new());
    for progress in
        [IncrementalProgress::Behind, IncrementalProgress::Behind, IncrementalProgress::CaughtUp]
    {
        let part = account.poll::<Calls>(since(from)).await.unwrap();
        assert_eq!(part.rows.progress, progress, "from {from}");
        read.extend(ids(&part).into_iter().map(String::from));
        from = cursor(&part).unwrap().millis_since(NOON) / 1000 - 10;
    }
    assert_eq!(read.len(), 2_500);
}

#[tokio::test]
async fn a_row_that_makes_every_answer_too_large_is_skipped_and_reported() {
    let calls: Vec<_> = (0..130_u32)
        .map(|n| {
            let mut call = call(n, i64::from(n) - 500);
            if n == 42 {
                call["fail_details"] = json!("x".repeat(40_000));
            }
            call
        })
        .collect();
    let vendor = VendorServer::answering(move |request| page(&calls, request, "updated_at")).await;
    let account = account_with(&vendor, |limits| limits.compressed = 30_000);
    // As the bridge does: each poll begins at the cursor, less the overlap.
    let (mut from, mut found, mut reported) = (-500, BTreeSet::new(), Vec::new());
    let mut memory = RowMemory::default();
    for _ in 0..10 {
        let poll_result = account.poll_knowing::<Calls>(since(from), &memory).await.unwrap();
        found.extend(ids(&poll_result).into_iter().map(String::from));
        reported.extend(poll_result.quarantined.iter().map(|row| row.reason.kind.clone()));
        from = cursor(&poll_result).unwrap().millis_since(NOON) / 1000 - 10;
        memory = poll_result.memory;
    }
    assert_eq!(from, -381, "the newest row, less the overlap");
    assert_eq!(found.len(), 129);
    assert!(!found.contains("42"));
    assert_eq!(reported, ["expected a smaller row"]);
}

#[tokio::test]
async fn no_row_is_missed_when_the_vendor_answers_everything_wrong_for_a_while() {
    let calls: Vec<_> = (0..15_u32).map(|n| call(n, i64::from(n) - 500)).collect();
    let bad_answers = std::sync::atomic::AtomicU32::new(10);
    let vendor = VendorServer::answering(move |request| {
        let left = bad_answers.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if left > 0 && left <= 10 {
            return Answer::body(String::from("[{\"id\": 1, "));
        }
        bad_answers.store(0, std::sync::atomic::Ordering::SeqCst);
        page(&calls, request, "updated_at")
    })
    .await;
    let poll_result = account(&vendor).poll::<Calls>(since(-500)).await.unwrap();
    assert_eq!(ids(&poll_result).len(), 15);
    assert_eq!(poll_result.quarantined, []);
    assert_eq!(cursor(&poll_result), Some(NOON.plus_millis(-486_000)));
}

#[tokio::test]
async fn an_answer_that_breaks_once_is_requested_again() {
    let calls = json!([call(1, -60), call(2, -50)]).to_string();
    let broken = calls[..calls.len() / 2].to_owned();
    let vendor = VendorServer::answering_in_turn(vec![
        Answer::body(broken),
        Answer::body(calls).header("Total", "2"),
    ])
    .await;
    let poll_result = account(&vendor).poll::<Calls>(since(-100)).await.unwrap();
    assert_eq!(ids(&poll_result), ["1", "2"]);
    assert_eq!(vendor.requests()[1].query("per").as_deref(), Some("100"));
}
