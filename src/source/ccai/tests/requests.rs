//! Requests that only this vendor needs.

use serde_json::json;

use super::{NOON, PASSWORD, account, activity, call, page, since, timestamp};
use crate::model::Measured;
use crate::source::ccai::Ccai;
use crate::source::loopback::{Answer, VendorServer};
use crate::source::stream::{
    ActivityEnds, QueueGroupServiceLevels, ServiceLevels, StreamType, Waiting,
};
use crate::source::{ErrorDisposition, Poll, SnapshotRequest, WaitingRequest, WaitingRows};

#[tokio::test]
async fn waiting_interactions_are_requested_by_status_because_no_incremental_poll_shows_them() {
    let cases = [
        (WaitingRequest::Calls, &["/calls call_status%5B%5D=queued&page=1&per=100"][..]),
        (WaitingRequest::Chats, &["/chats chat_status%5B%5D=queued&page=1&per=100"]),
        (
            WaitingRequest::CallsAndChats,
            &[
                "/calls call_status%5B%5D=queued&page=1&per=100",
                "/chats chat_status%5B%5D=queued&page=1&per=100",
            ],
        ),
    ];
    for (request, expected) in cases {
        let vendor = VendorServer::answering(|request| {
            let row = call(if request.path.ends_with("calls") { 3 } else { 4 }, -60);
            Answer::json(&json!([row])).header("Total", "1")
        })
        .await;
        let poll_result = account(&vendor).poll::<Waiting>(request).await.unwrap();
        let received: Vec<_> = vendor
            .requests()
            .iter()
            .map(|request| {
                format!("{} {}", request.path.replace("/manager/api/v1", ""), request.raw_query)
            })
            .collect();
        assert_eq!(received, expected);
        let WaitingRows { calls, chats } = &poll_result.rows;
        assert_eq!(calls.as_ref().map(Vec::len), request.calls().then_some(1));
        assert_eq!(chats.as_ref().map(Vec::len), request.chats().then_some(1));
    }
}

#[tokio::test]
async fn the_log_is_also_polled_by_end_because_ends_are_filled_in_later() {
    let mut rows: Vec<_> = (0..3).map(|id| activity(id, -500)).collect();
    rows[0]["ended_at"] = json!(timestamp(-90));
    rows[1]["ended_at"] = json!(timestamp(-30));
    rows[2]["ended_at"] = json!(null);
    let vendor = VendorServer::answering(move |request| page(&rows, request, "ended_at")).await;
    let poll_result = account(&vendor).poll::<ActivityEnds>(since(-60)).await.unwrap();
    let rows = &poll_result.rows;
    let ids: Vec<_> = rows.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((ids, rows.cursor), (vec!["1"], Some(NOON.plus_millis(-30_000))));
    let request = &vendor.requests()[0];
    assert_eq!(request.path, "/manager/api/v1/agent_activity_logs");
    assert_eq!(request.query("ended_at[from]"), Some(timestamp(-60)));
    assert_eq!(request.query("sort_column").as_deref(), Some("ended_at"));
}

async fn service_levels_come_from<S>(path: &str)
where
    S: StreamType<Request = SnapshotRequest>,
    Ccai: Poll<S>,
{
    let vendor = VendorServer::answering(|_| Answer::body("[]")).await;
    account(&vendor).poll::<S>(SnapshotRequest).await.unwrap();
    let requests = vendor.requests();
    let queries: Vec<_> = requests.iter().map(|request| request.raw_query.as_str()).collect();
    assert_eq!(queries, ["channel=call&minutes=30", "channel=chat&minutes=30"]);
    assert!(requests.iter().all(|request| request.path == path));
}

#[tokio::test]
async fn service_levels_are_requested_for_each_channel_with_their_minutes() {
    service_levels_come_from::<ServiceLevels>("/manager/api/v1/menus/sla").await;
    let path = "/manager/api/v1/menus/sla_by_queue_groups";
    service_levels_come_from::<QueueGroupServiceLevels>(path).await;
}

#[tokio::test]
async fn one_path_in_two_languages_on_two_channels_has_four_levels_and_null_is_not_zero() {
    let vendor = VendorServer::answering(|request| {
        let level = if request.query("channel").as_deref() == Some("call") {
            json!(0.0)
        } else {
            json!(null)
        };
        Answer::json(&json!([
            {"menu_path_id": 5, "lang": "en", "menu_path": "Acme/Parcels", "sla": level},
            {"menu_path_id": 5, "lang": "es", "menu_path": "Acme/Parcels", "sla": level},
        ]))
    })
    .await;
    let poll_result = account(&vendor).poll::<ServiceLevels>(SnapshotRequest).await.unwrap();
    let levels: Vec<_> = poll_result
        .rows
        .iter()
        .map(|level| match &level.of {
            Measured::Path(path) => (path.id().to_string(), level.percent),
            other @ Measured::Group { .. } => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("5/en/call", Some(0.0)),
        ("5/es/call", Some(0.0)),
        ("5/en/chat", None),
        ("5/es/chat", None),
    ];
    assert_eq!(levels, expected.map(|(id, percent)| (id.to_owned(), percent)));
}

#[tokio::test]
async fn a_contact_centre_without_chats_still_has_the_levels_of_its_calls() {
    let levels = json!([{"menu_path_id": 5, "lang": "en", "sla": 80.0}]);
    let refusing = |refused: &'static str, status: u16| {
        let levels = levels.clone();
        VendorServer::answering(move |request| {
            if request.query("channel").as_deref() == Some(refused) {
                Answer::status(status)
            } else {
                Answer::json(&levels)
            }
        })
    };
    let vendor = refusing("chat", 422).await;
    let poll_result = account(&vendor).poll::<ServiceLevels>(SnapshotRequest).await.unwrap();
    assert_eq!(poll_result.rows.len(), 1);
    // One that fails is another matter, and is counted; what the first one showed counts as well.
    let vendor = refusing("chat", 503).await;
    let account_503 = account(&vendor);
    let poll_result = account_503.poll::<ServiceLevels>(SnapshotRequest).await.unwrap();
    assert_eq!(poll_result.rows.len(), 1);
    assert!(account_503.metrics.render().contains(
        "floorcast_requests_total{account=\"acme\",outcome=\"server_error\",stream=\"sla\"} 3"
    ));
    // The first one must be there, and refused credentials are never passed over.
    let vendor = refusing("call", 422).await;
    account(&vendor).poll::<ServiceLevels>(SnapshotRequest).await.unwrap_err();
    let vendor = refusing("chat", 401).await;
    let error = account(&vendor).poll::<ServiceLevels>(SnapshotRequest).await.unwrap_err();
    assert_eq!(error.disposition(), ErrorDisposition::Stop);
    assert!(!error.to_string().contains(PASSWORD));
}

#[tokio::test]
async fn an_answer_that_is_not_strict_json_is_an_error() {
    let rows = call(1, -60).to_string();
    for broken in [
        format!("[{rows},]"),
        format!("[{rows} {rows}]"),
        format!("[{rows}] // the calls"),
        format!("/* the calls */ [{rows}]"),
        rows.replace("\"status\":", "\"status\" "),
        format!("[{}]", rows.replace('"', "'")),
        format!("[{rows}][]"),
    ] {
        let shown = broken.clone();
        let vendor = VendorServer::answering(move |_| Answer::body(broken.clone())).await;
        let error = account(&vendor).poll::<Waiting>(WaitingRequest::Calls).await.unwrap_err();
        assert_eq!(error.reason(), "undecodable", "{shown}");
    }
}
