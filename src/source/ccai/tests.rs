//! The vendor's document and its traps, and a vendor on the loopback interface that behaves as
//! badly as vendors do.

mod documents;
mod fuzz;
mod privacy;
mod probe;
mod requests;
mod robustness;
mod traps;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Ccai, CcaiSettings};
use crate::model::{Activity, Agent, Call, EntityId, Privacy, Timestamp};
use crate::poll::Budget;
use crate::secret::{Secret, SecretSource};
use crate::source::checks::{NOON, connection, limits};
use crate::source::loopback::{Answer, ReceivedRequest, VendorServer};
use crate::source::stream::{AgentActivity, AgentStatuses, Agents, Calls, Recent, StreamType};
use crate::source::{
    ActivityLogRequest, Disposition, Error, FullScan, FullScanRequest, FullScanRow,
    IncrementalRequest, IncrementalRows, Limits, LookupRequest, LookupRows, Partial, Poll,
    PollResult, PollSettings, Polled, RowMemory, SnapshotRequest,
};
use crate::telemetry::Metrics;

const PASSWORD: &str = "token-that-nobody-may-see";

struct Account {
    ccai: Ccai,
    metrics: Arc<Metrics>,
    budget: Arc<Budget>,
}

fn account(vendor: &VendorServer) -> Account {
    account_with(vendor, |_| {})
}

fn account_with(vendor: &VendorServer, change: impl FnOnce(&mut Limits)) -> Account {
    let mut limits = limits();
    change(&mut limits);
    let connection = connection(limits);
    let (metrics, budget) = (Arc::clone(&connection.metrics), Arc::clone(&connection.budget));
    let (settings, password) = (settings(vendor), Secret::new(PASSWORD));
    let poll_result =
        PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
    Account {
        ccai: Ccai::new(&settings, &password, poll_result, connection).unwrap(),
        metrics,
        budget,
    }
}

fn settings(vendor: &VendorServer) -> CcaiSettings {
    let (key, variable) = (String::from("account.password"), String::from("PASSWORD"));
    CcaiSettings {
        base_url: vendor.url(),
        api_prefix: String::from("/manager/api/v1"),
        username: String::from("acme"),
        password: SecretSource::variable(key, variable),
    }
}

impl Account {
    async fn poll<S: StreamType>(&self, request: S::Request) -> Polled<S>
    where
        Ccai: Poll<S>,
    {
        self.poll_knowing(request, &RowMemory::default()).await
    }

    async fn poll_knowing<S: StreamType>(
        &self,
        request: S::Request,
        memory: &RowMemory,
    ) -> Polled<S>
    where
        Ccai: Poll<S>,
    {
        Poll::<S>::poll(&self.ccai, request, memory).await
    }
}

fn since(seconds: i64) -> IncrementalRequest {
    IncrementalRequest { from: NOON.plus_millis(seconds * 1000) }
}

fn log_since(seconds: i64) -> ActivityLogRequest {
    ActivityLogRequest { from: NOON.plus_millis(seconds * 1000) }
}

fn stamp(seconds: i64) -> String {
    NOON.plus_millis(seconds * 1000).to_rfc3339_millis()
}

fn agent(id: u32) -> Value {
    json!({"id": id, "first_name": "Mira", "status": {"id": 0, "name": "Available"}})
}

fn call(id: u32, updated: i64) -> Value {
    json!({"id": id, "status": "finished", "call_type": "Voice Outbound",
           "updated_at": stamp(updated)})
}

fn activity(id: u32, started: i64) -> Value {
    json!({"id": id, "agent_id": 7, "activity": "user_status_changed",
           "started_at": stamp(started), "status": {"id": -1, "name": "Unavailable"}})
}

/// Serves rows as the vendor does: filtered, sorted, clamped, with `Link` and `Total`.
fn page(rows: &[Value], request: &ReceivedRequest, column: &str) -> Answer {
    let from = request.query(&format!("{column}[from]")).unwrap_or_default();
    let mut rows: Vec<_> =
        rows.iter().filter(|row| row[column].as_str().unwrap_or_default() >= &*from).collect();
    rows.sort_by_key(|row| row[column].as_str().unwrap_or_default().to_owned());
    let per = request.query("per").map_or(100, |per| per.parse::<usize>().unwrap()).min(100);
    let number = request.query("page").map_or(1, |page| page.parse::<usize>().unwrap());
    let shown: Vec<_> = rows.iter().skip((number - 1) * per).take(per).collect();
    let next = (number - 1) * per + shown.len() < rows.len();
    let relation = if next { "next" } else { "last" };
    Answer::json(&json!(shown))
        .header("Total", &rows.len().to_string())
        .header("Link", &format!("<https://elsewhere.example/x>; rel=\"{relation}\""))
}

fn agents(poll_result: &PollResult<FullScan<Agent>>) -> &FullScan<Agent> {
    &poll_result.rows
}

/// Rows with ids.
trait Shown {
    fn ids(&self) -> Vec<&str>;
}

impl Shown for IncrementalRows<Call> {
    fn ids(&self) -> Vec<&str> {
        self.rows.iter().map(|call| call.interaction.id.as_str()).collect()
    }
}

impl Shown for IncrementalRows<Activity> {
    fn ids(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.id.as_str()).collect()
    }
}

impl Shown for LookupRows {
    fn ids(&self) -> Vec<&str> {
        match self {
            Self::Calls(calls) => {
                calls.rows.iter().map(|call| call.interaction.id.as_str()).collect()
            }
            Self::Chats(chats) => {
                chats.rows.iter().map(|chat| chat.interaction.id.as_str()).collect()
            }
        }
    }
}

fn ids<R: Shown>(poll_result: &PollResult<R>) -> Vec<&str> {
    poll_result.rows.ids()
}

fn cursor<T>(poll_result: &PollResult<IncrementalRows<T>>) -> Option<Timestamp> {
    poll_result.rows.cursor
}

#[tokio::test]
async fn a_full_scan_requests_pages_in_order_and_never_follows_the_url_in_link() {
    let roster: Vec<_> = (0..250).map(agent).collect();
    let vendor = VendorServer::answering(move |request| page(&roster, request, "created_at")).await;
    let poll_result = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap();
    let scan = agents(&poll_result);
    assert!(scan.is_complete() && scan.was_counted());
    assert_eq!((scan.rows().len(), poll_result.requests), (250, 3));
    let pages: Vec<_> =
        vendor.requests().iter().map(|request| request.query("page").unwrap()).collect();
    assert_eq!(pages, ["1", "2", "3"]);
    assert_eq!(vendor.requests()[0].path, "/manager/api/v1/agents");
}

#[tokio::test]
async fn rows_that_shift_between_pages_make_a_full_scan_partial() {
    let roster: Vec<_> = (0..150).map(agent).collect();
    let vendor = VendorServer::answering(move |request| {
        let mut shifted = roster.clone();
        if request.query("page").as_deref() == Some("2") {
            // One came and one left: the row at the border is shown twice, the last one not.
            shifted.insert(0, agent(150));
            shifted.pop();
        }
        page(&shifted, request, "created_at")
    })
    .await;
    let poll_result = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap();
    assert_eq!(agents(&poll_result).partial(), Some(Partial::CountDisagrees));
}

#[tokio::test]
async fn a_full_scan_without_headers_goes_on_until_a_page_is_empty() {
    let roster: Vec<_> = (0..70).map(agent).collect();
    let vendor = VendorServer::answering(move |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        // A server that clamps at 30: a short page proves nothing.
        Answer::json(&json!(roster.chunks(30).nth(page - 1).unwrap_or_default()))
    })
    .await;
    let poll_result = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap();
    assert_eq!((agents(&poll_result).rows().len(), poll_result.requests), (70, 4));
    assert!(agents(&poll_result).is_complete() && !agents(&poll_result).was_counted());
}

#[tokio::test]
async fn a_page_that_fails_leaves_the_pages_before_it_and_proves_no_absence() {
    let roster: Vec<_> = (0..150).map(agent).collect();
    let vendor = VendorServer::answering(move |request| match request.query("page").as_deref() {
        Some("2") => Answer::status(500),
        _ => page(&roster, request, "created_at"),
    })
    .await;
    let account = account(&vendor);
    let poll_result = account.poll::<Agents>(FullScanRequest).await.unwrap();
    assert_eq!(agents(&poll_result).rows().len(), 100);
    assert_eq!(agents(&poll_result).partial(), Some(Partial::PageUnanswered));
    assert_eq!(vendor.requests().len(), 1 + 3, "a failure is tried three times");
    assert!(account.metrics.render().contains(
        "floorcast_requests_total{account=\"acme\",outcome=\"server_error\",stream=\"agents\"} 3"
    ));
}

#[tokio::test]
async fn rows_that_have_not_changed_by_a_byte_are_not_decoded_again() {
    let roster: Vec<_> = (0..3).map(agent).collect();
    let vendor = VendorServer::answering(move |request| page(&roster, request, "created_at")).await;
    let account = account(&vendor);
    let first = account.poll::<Agents>(FullScanRequest).await.unwrap();
    let second = account.poll_knowing::<Agents>(FullScanRequest, &first.memory).await.unwrap();
    let unchanged = |row: &FullScanRow<_>| matches!(row, FullScanRow::Unchanged(_));
    assert!(agents(&second).rows().iter().all(unchanged));
    assert_eq!(agents(&second).present(), agents(&first).present());
    assert_eq!(second.memory.len(), 3);
}

#[tokio::test]
async fn an_undecodable_row_is_quarantined_counts_as_present_and_costs_no_other() {
    let vendor = VendorServer::answering(|_| {
        let rows = format!(
            r#"[{},{{"id":5,"online":[1]}},{{"id":6,"first_name":"\ud800"}},{}]"#,
            agent(1),
            agent(2)
        );
        Answer::body(rows).header("Total", "4").header("Link", "<x>; rel=\"last\"")
    })
    .await;
    let account = account(&vendor);
    let poll_result = account.poll::<Agents>(FullScanRequest).await.unwrap();
    let scan = agents(&poll_result);
    assert!(scan.is_complete(), "{:?}", scan.partial());
    assert_eq!((scan.rows().len(), scan.present().len()), (2, 4));
    let [flag, text] = &poll_result.quarantined[..] else {
        panic!("{:?}", poll_result.quarantined)
    };
    assert_eq!(flag.id, Some(EntityId::new("5")));
    assert_eq!(flag.reason.path, "online");
    assert_eq!(text.id, Some(EntityId::new("6")));
    // Shown again, they are present again, and told of no more.
    let again = account.poll_knowing::<Agents>(FullScanRequest, &poll_result.memory).await.unwrap();
    assert_eq!(agents(&again).present(), agents(&poll_result).present());
    assert_eq!(again.quarantined, []);
    let third = account.poll_knowing::<Agents>(FullScanRequest, &again.memory).await.unwrap();
    assert_eq!(third.quarantined, []);
}

#[tokio::test]
async fn one_id_on_two_different_people_of_one_page_proves_nothing() {
    let (one, other) = (agent(1), json!({"id": 1, "first_name": "Jonas"}));
    let page = |rows: Value| Answer::json(&rows).header("Total", "2");
    // Who comes first changes from answer to answer.
    let vendor = VendorServer::answering_in_turn(vec![
        page(json!([one, agent(2), other])),
        page(json!([other, agent(2), one])),
        page(json!([other, agent(2)])),
    ])
    .await;
    let account = account(&vendor);
    let poll_result = account.poll::<Agents>(FullScanRequest).await.unwrap();
    let scan = agents(&poll_result);
    assert_eq!(scan.partial(), Some(Partial::ConflictingDuplicate));
    // Neither is believed, and both are told of, once.
    assert_eq!((scan.rows().len(), scan.present().len()), (1, 2));
    let labels: Vec<_> = poll_result.quarantined.iter().map(|row| row.reason.label()).collect();
    assert_eq!(labels, ["conflicting_duplicate"; 2]);
    let again = account.poll_knowing::<Agents>(FullScanRequest, &poll_result.memory).await.unwrap();
    assert_eq!((agents(&again).rows().len(), again.quarantined.len()), (1, 0));
    // Once there is one alone, it is believed.
    let alone = account.poll_knowing::<Agents>(FullScanRequest, &again.memory).await.unwrap();
    assert!(agents(&alone).is_complete());
    assert!(
        matches!(&agents(&alone).rows()[0], FullScanRow::Seen(agent) if agent.id.as_str() == "1")
    );
}

#[tokio::test]
async fn agent_statuses_are_one_answer_and_a_further_page_makes_them_partial() {
    let status = json!([{"id": 1, "status": "Available", "status_id": 0}]);
    for (total, partial) in [("1", None), ("2", Some(Partial::CountDisagrees))] {
        let status = status.clone();
        let vendor =
            VendorServer::answering(move |_| Answer::json(&status).header("Total", total)).await;
        let poll_result = account(&vendor).poll::<AgentStatuses>(SnapshotRequest).await.unwrap();
        assert_eq!(poll_result.rows.partial(), partial);
    }
}

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
    assert_eq!(froms, [stamp(-500), stamp(-401), stamp(-302)]);
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
        let late = request.query("updated_at[from]").unwrap() > stamp(-450);
        if late { Answer::status(404) } else { page(&calls, request, "updated_at") }
    })
    .await;
    let poll_result = account(&vendor).poll::<Calls>(since(-500)).await.unwrap();
    assert_eq!(ids(&poll_result).len(), 100);
    assert_eq!(cursor(&poll_result), Some(NOON.plus_millis(-401_000)));
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
    // As the bridge does: each reading begins at the cursor, less the overlap.
    let (mut from, mut found, mut told) = (-500, BTreeSet::new(), Vec::new());
    let mut memory = RowMemory::default();
    for _ in 0..10 {
        let poll_result = account.poll_knowing::<Calls>(since(from), &memory).await.unwrap();
        found.extend(ids(&poll_result).into_iter().map(String::from));
        told.extend(poll_result.quarantined.iter().map(|row| row.reason.kind.clone()));
        from = cursor(&poll_result).unwrap().millis_since(NOON) / 1000 - 10;
        memory = poll_result.memory;
    }
    assert_eq!(from, -381, "the newest row, less the overlap");
    assert_eq!(found.len(), 129);
    assert!(!found.contains("42"));
    assert_eq!(told, ["expected a smaller row"]);
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

#[tokio::test]
async fn recent_calls_are_requested_by_id_and_others_are_dropped() {
    let vendor = VendorServer::answering(|_| {
        Answer::json(&json!([call(3, -60), call(8, -60), call(4, -60)])).header("Total", "3")
    })
    .await;
    let request = LookupRequest::Calls(vec![EntityId::new("3"), EntityId::new("4")]);
    let poll_result = account(&vendor).poll::<Recent>(request).await.unwrap();
    assert_eq!(ids(&poll_result), ["3", "4"]);
    assert!(vendor.requests()[0].raw_query.starts_with("id%5B%5D=3&id%5B%5D=4&"));
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error_and_is_never_shown() {
    for body in ["<html>Ada Sample</html>", "null", "", "{\"error\":\"Ada Sample\"}", "[1,"] {
        let vendor = VendorServer::answering(move |_| Answer::body(body)).await;
        let account = account(&vendor);
        let error = account.poll::<Agents>(FullScanRequest).await.unwrap_err();
        assert_eq!(error.reason(), "undecodable", "{body}");
        let outcome = if body.starts_with(['[', '{']) { "answered" } else { "undecodable" };
        assert!(account.metrics.render().contains(&format!("outcome=\"{outcome}\"")), "{body}");
        assert_eq!(error.disposition(), Disposition::Skip);
        assert!(!format!("{error} {error:?}").contains("Ada"), "{error:?}");
        assert_eq!(vendor.requests().len(), 1, "the same question would get the same answer");
    }
}

#[tokio::test]
async fn refused_credentials_stop_the_account_after_one_request() {
    for status in [401, 403] {
        let vendor = VendorServer::answering(move |_| Answer::status(status)).await;
        let error = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Stop);
        assert!(error.to_string().contains("check the account's credentials"), "{error}");
        assert!(!format!("{error} {error:?}").contains(PASSWORD));
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_other_host_sees_no_credentials() {
    let other = VendorServer::answering(|_| Answer::body("[]")).await;
    let there = other.url().to_string();
    let vendor =
        VendorServer::answering(move |_| Answer::status(302).header("Location", &there)).await;
    let error = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert_eq!((error.reason(), error.disposition()), ("redirected", Disposition::Skip));
    assert!(error.to_string().contains("base_url"), "{error}");
    assert!(other.requests().is_empty());
    assert_eq!(vendor.requests()[0].header("authorization").unwrap(), basic());
}

fn basic() -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("acme:{PASSWORD}"));
    format!("Basic {pair}")
}

#[tokio::test]
async fn a_refusal_for_too_many_requests_pauses_the_account_and_is_retried() {
    for wish in ["1", "Sun, 01 Mar 2026 12:00:01 GMT", "-1", "978307200", "soon", ""] {
        let vendor = VendorServer::answering_in_turn(vec![
            Answer::status(429).header("Retry-After", wish),
            Answer::body("[]"),
        ])
        .await;
        let account = account(&vendor);
        let poll_result = account.poll::<AgentStatuses>(SnapshotRequest).await.unwrap();
        assert_eq!(poll_result.requests, 2, "{wish}");
        let state = account.budget.state();
        assert!(state.working_rate < 9_000.0, "{wish}: {state:?}");
        assert!(
            account.metrics.render().contains("floorcast_rate_limited_total{account=\"acme\"} 1")
        );
    }
}

#[tokio::test]
async fn gzip_is_decompressed_and_a_bomb_stops_at_the_cap() {
    let roster = json!([agent(1)]).to_string();
    let vendor = VendorServer::answering(move |request| {
        assert_eq!(request.header("accept-encoding").as_deref(), Some("gzip"));
        Answer::gzip(roster.as_bytes()).header("Total", "1")
    })
    .await;
    let poll_result = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap();
    assert_eq!(agents(&poll_result).rows().len(), 1);
    let bomb = Answer::gzip(&vec![b' '; 4 << 20]);
    let vendor = VendorServer::answering(move |_| bomb.clone()).await;
    let account = account_with(&vendor, |limits| limits.decompressed = 1 << 20);
    let error = account.poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "decompressed", .. }), "{error}");
}

#[tokio::test]
async fn an_encoding_that_was_not_requested_is_an_error() {
    let vendor =
        VendorServer::answering(|_| Answer::body("[]").header("Content-Encoding", "br")).await;
    let error = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert_eq!(error.reason(), "undecodable");
}

#[tokio::test]
async fn an_endless_answer_stops_at_the_cap() {
    let vendor =
        VendorServer::answering(|_| Answer::body("[".to_owned() + &" ".repeat(300_000))).await;
    let account = account_with(&vendor, |limits| limits.compressed = 100_000);
    let error = account.poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "over the wire", .. }), "{error}");
}

#[tokio::test]
async fn a_slow_endless_body_ends_at_the_time_limit() {
    let vendor = VendorServer::dripping().await;
    let account = account_with(&vendor, |limits| limits.body = Duration::from_millis(50));
    let error = account.poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: "body", .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_at_the_time_limit() {
    let vendor = VendorServer::silent().await;
    let account = account_with(&vendor, |limits| limits.head = Duration::from_millis(50));
    let error = account.poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: "head of the answer", .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_answer() {
    let vendor =
        VendorServer::cutting("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"id\":1}").await;
    let error = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap_err();
    assert_eq!((error.reason(), error.disposition()), ("disconnected", Disposition::Retry));
}

#[tokio::test]
async fn a_gateways_own_path_stays_before_the_prefix() {
    let vendor = VendorServer::answering(|_| Answer::body("[]")).await;
    let mut settings = settings(&vendor);
    settings.base_url.set_path("/ccai/");
    settings.api_prefix = String::from("/apps/api/v1/");
    let poll_result =
        PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
    let connection = account(&vendor).ccai.client.connection().clone();
    let ccai = Ccai::new(&settings, &Secret::new(PASSWORD), poll_result, connection);
    let memory = RowMemory::default();
    Poll::<AgentStatuses>::poll(&ccai.unwrap(), SnapshotRequest, &memory).await.unwrap();
    assert_eq!(vendor.requests()[0].path, "/ccai/apps/api/v1/agents/current_status");
}

#[tokio::test]
async fn how_far_the_vendors_clock_is_ahead_is_in_the_result() {
    let vendor = VendorServer::answering(|_| {
        Answer::body("[]").header("Date", "Sun, 01 Mar 2026 12:00:30 GMT")
    })
    .await;
    let poll_result = account(&vendor).poll::<AgentStatuses>(SnapshotRequest).await.unwrap();
    assert_eq!(poll_result.clock_offset_millis, Some(30_500));
}

#[test]
fn credentials_are_not_in_the_debug_text_of_a_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let vendor = runtime.block_on(VendorServer::answering(|_| Answer::body("[]")));
    let text = format!("{:?}", account(&vendor).ccai);
    assert!(!text.contains(PASSWORD) && !text.contains(&basic()[6..]), "{text}");
}
