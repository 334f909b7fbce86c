//! The vendor's document and its traps, and a vendor on the loopback interface that behaves as
//! badly as vendors do.

mod documents;
mod fuzz;
mod incremental_polls;
mod privacy;
mod probe;
mod requests;
mod robustness;
mod transport;
mod traps;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Ccai, CcaiSettings};
use crate::model::{Activity, Agent, Call, EntityId, Privacy, Timestamp};
use crate::poll::Budget;
use crate::secret::{Secret, SecretSource};
use crate::source::checks::{NOON, budget, connection, limits, permits};
use crate::source::loopback::{Answer, ReceivedRequest, VendorServer};
use crate::source::stream::{AgentStatuses, Agents, Recent, StreamType};
use crate::source::{
    ActivityLogRequest, Connection, FullScan, FullScanRequest, FullScanRow, IncrementalRequest,
    IncrementalRows, Limits, LookupRequest, LookupRows, Partial, Poll, PollResult, PollSettings,
    Polled, RowMemory, SnapshotRequest,
};
use crate::telemetry::Metrics;

const PASSWORD: &str = "token-that-must-not-leak";

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
    let budget = budget();
    let connection = Connection { permits: permits(Arc::clone(&budget)), ..connection(limits) };
    let metrics = Arc::clone(&connection.metrics);
    let (settings, password) = (settings(vendor), Secret::new(PASSWORD));
    let poll_settings =
        PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
    Account {
        ccai: Ccai::new(&settings, &password, poll_settings, connection).unwrap(),
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

fn timestamp(seconds: i64) -> String {
    NOON.plus_millis(seconds * 1000).to_rfc3339_millis()
}

fn agent(id: u32) -> Value {
    json!({"id": id, "first_name": "Mira", "status": {"id": 0, "name": "Available"}})
}

fn call(id: u32, updated: i64) -> Value {
    json!({"id": id, "status": "finished", "call_type": "Voice Outbound",
           "updated_at": timestamp(updated)})
}

fn activity(id: u32, started: i64) -> Value {
    json!({"id": id, "agent_id": 7, "activity": "user_status_changed",
           "started_at": timestamp(started), "status": {"id": -1, "name": "Unavailable"}})
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
async fn a_full_scan_without_headers_continues_until_a_page_is_empty() {
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
    // Shown again, they are present again, and not reported again.
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
    // Neither is used, and both are reported, once.
    assert_eq!((scan.rows().len(), scan.present().len()), (1, 2));
    let labels: Vec<_> = poll_result.quarantined.iter().map(|row| row.reason.label()).collect();
    assert_eq!(labels, ["conflicting_duplicate"; 2]);
    let again = account.poll_knowing::<Agents>(FullScanRequest, &poll_result.memory).await.unwrap();
    assert_eq!((agents(&again).rows().len(), again.quarantined.len()), (1, 0));
    // A single row of the id is used.
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
