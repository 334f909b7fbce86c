//! Requests, and the errors in answers, against a vendor on the loopback interface.

use serde_json::json;

use super::*;
use crate::clock::ManualClock;
use crate::poll::Budget;
use crate::secret::Secret;
use crate::source::checks::{budget, permits};
use crate::source::loopback::{Answer as ServerAnswer, ReceivedRequest, VendorServer};

const STREAM: StreamName = StreamName::new("agents");
const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);

fn client(authorization: Authorization, find_error: FindError) -> Client {
    client_with(authorization, find_error, budget())
}

fn client_with(authorization: Authorization, find_error: FindError, budget: Arc<Budget>) -> Client {
    let connection = Connection {
        account: AccountName::new("acme").unwrap(),
        permits: permits(budget),
        metrics: Arc::new(Metrics::new().unwrap()),
        clock: Arc::new(ManualClock::at(NOON)),
        limits: Limits { pause: Duration::from_millis(1), ..Limits::default() },
    };
    Client::new(connection, authorization, find_error).unwrap()
}

async fn request_with(authorization: Authorization, body: Option<&JsonBody>) -> ReceivedRequest {
    let vendor = VendorServer::answering(|_| ServerAnswer::body("[]")).await;
    let client = client(authorization, |_, _| None);
    match body {
        None => client.get(&STREAM, &vendor.url()).await.unwrap(),
        Some(body) => client.post(&STREAM, &vendor.url(), body).await.unwrap(),
    };
    vendor.requests().remove(0)
}

/// A vendor whose errors say what is wrong by number.
fn by_number(status: u16, body: &[u8]) -> Option<Error> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    match body["code"].as_u64()? {
        1 => Some(Error::Unauthorized(Refusal::known(status, "1: the session has ended"))),
        2 => Some(Error::ServerError(Refusal::known(status, "2: it is busy"))),
        3 => Some(Error::RateLimited),
        _ => None,
    }
}

#[test]
fn attempts_are_spread_and_bounded() {
    let first = Duration::from_millis(500);
    let mut backoff = retry_backoff(first);
    assert_eq!(backoff.next_part(1.0), first);
    assert_eq!(backoff.next_part(0.5), first);
    let last = (3..=99).map(|_| backoff.next_part(1.0)).last();
    assert_eq!(last, Some(Duration::from_secs(32)));
}

#[tokio::test]
async fn each_kind_of_credentials_is_sent_as_its_vendor_wants_it() {
    let basic = Authorization::basic("acme", &Secret::new("pass")).unwrap();
    let key = Authorization::key("App", &Secret::new("k-1")).unwrap();
    for (authorization, expected) in [
        (basic, Some("Basic YWNtZTpwYXNz")),
        (key, Some("App k-1")),
        (Authorization::in_body(), None),
    ] {
        let request = request_with(authorization, None).await;
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("authorization").as_deref(), expected);
        assert_eq!(request.header("content-length"), None);
    }
}

#[tokio::test]
async fn a_body_is_posted_as_json_with_its_length() {
    let body = JsonBody::of(&json!({"ssid": "s-1"})).unwrap();
    let request = request_with(Authorization::in_body(), Some(&body)).await;
    assert_eq!(request.method, "POST");
    assert_eq!(request.body, br#"{"ssid":"s-1"}"#);
    assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(request.header("content-length").as_deref(), Some("14"));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn a_retried_body_is_unchanged() {
    let vendor =
        VendorServer::answering_in_turn(vec![ServerAnswer::status(500), ServerAnswer::body("{}")])
            .await;
    let body = JsonBody::of(&json!({"ssid": "s-1"})).unwrap();
    let client = client(Authorization::in_body(), |_, _| None);
    assert_eq!(client.post(&STREAM, &vendor.url(), &body).await.unwrap().requests, 2);
    let requests = vendor.requests();
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn the_vendors_own_error_decides_before_the_status_code() {
    let rude = |status, code: u8| {
        ServerAnswer::json(&json!({"code": code, "message": "Ada Sample"})).with_status(status)
    };
    let page = "x".repeat(ERROR_PAGE);
    let long = ServerAnswer::body(format!("{{\"code\":1,\"page\":\"{page}\"}}")).with_status(400);
    let zipped = ServerAnswer::gzip(br#"{"code":1}"#).with_status(500);
    let cases = [
        (rude(200, 1), "the vendor refused the credentials (200; 1: the session has ended)", 1),
        (rude(500, 1), "the vendor refused the credentials (500; 1: the session has ended)", 1),
        (zipped, "the vendor refused the credentials (500; 1: the session has ended)", 1),
        (rude(401, 2), "the vendor failed (401; 2: it is busy)", 3),
        (rude(200, 2), "the vendor failed (200; 2: it is busy)", 3),
        (rude(200, 3), "the vendor refuses further requests for now", 3),
        (rude(429, 1), "the vendor refuses further requests for now", 3),
        (rude(307, 1), "the vendor redirects (307)", 1),
        (rude(403, 9), "the vendor refused the credentials (403)", 1),
        (rude(503, 9), "the vendor failed (503)", 3),
        (
            ServerAnswer::status(404),
            "the vendor refused the request (404): check the account's base",
            1,
        ),
        (long, "the vendor refused the request (400): check", 1),
    ];
    for (answer, expected, requests) in cases {
        let vendor = VendorServer::answering(move |_| answer.clone()).await;
        let client = client(Authorization::in_body(), by_number);
        let error = client.get(&STREAM, &vendor.url()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(expected), "{text}");
        assert!(!format!("{error:?} {text}").contains("Ada"), "{text}");
        assert_eq!(vendor.requests().len(), requests, "{text}");
    }
}

#[tokio::test]
async fn a_refusal_for_too_many_requests_pauses_the_budget_also_where_only_the_body_says_so() {
    for status in [200, 429, 500] {
        let refused = ServerAnswer::json(&json!({"code": 3})).with_status(status);
        let vendor = VendorServer::answering(move |_| refused.clone()).await;
        let budget = budget();
        let client = client_with(Authorization::in_body(), by_number, Arc::clone(&budget));
        client.get(&STREAM, &vendor.url()).await.unwrap_err();
        assert!(budget.state().working_rate < 9_000.0, "{status}");
    }
}
