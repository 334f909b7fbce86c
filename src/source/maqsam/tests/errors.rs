//! The vendor's errors, with any status code, and the two meanings of `message`.

use serde_json::{Value, json};

use super::super::answer::{find_error, list, rows};
use super::{ACCESS_SECRET, account, agent, agents, envelope, scan_of};
use crate::source::loopback::{Answer, VendorServer};
use crate::source::{ErrorDisposition, RowMemory};

const UNAUTHORIZED: &str = include_str!("../../../../tests/fixtures/maqsam/unauthorized.json");
const FAILED: &str = include_str!("../../../../tests/fixtures/maqsam/internal_server_error.json");
const PLACEHOLDER: &str = include_str!("../../../../tests/fixtures/maqsam/placeholder.json");

#[test]
fn an_error_is_known_by_its_flag_whatever_the_status_code_is() {
    let body = |body: Value| body.to_string();
    let cases = [
        (200, UNAUTHORIZED.to_owned(), Some("unauthorized")),
        (401, UNAUTHORIZED.to_owned(), Some("unauthorized")),
        (200, FAILED.to_owned(), Some("server_error")),
        (500, FAILED.to_owned(), Some("server_error")),
        (200, body(json!({"error": "true", "message": "Unauthorized"})), Some("unauthorized")),
        (200, body(json!({"error": 1, "message": "Forbidden"})), Some("unauthorized")),
        (200, body(json!({"error": true, "message": "Too Many Requests"})), Some("rate_limited")),
        (200, body(json!({"error": true, "message": "Ada Sample"})), Some("refused")),
        (200, body(json!({"error": true, "message": [{"name": "Ada"}]})), Some("refused")),
        (200, body(json!({"error": true})), Some("refused")),
        (200, body(json!({"result": "failure", "message": "Ada"})), Some("refused")),
        // An unknown error falls back to the status code.
        (404, body(json!({"error": true, "message": "Ada Sample"})), None),
        // No errors.
        (200, body(json!({"error": false, "message": []})), None),
        (200, body(json!({"result": "success", "message": "Unauthorized"})), None),
        (200, body(json!({"message": []})), None),
        (200, String::from("{\"error\": tr"), None),
    ];
    for (status, body, expected) in cases {
        let error = find_error(status, body.as_bytes());
        assert_eq!(error.as_ref().map(crate::source::Error::reason), expected, "{status} {body}");
        let shown = error.map(|error| format!("{error} {error:?}")).unwrap_or_default();
        assert!(!shown.contains("Ada"), "{shown}");
    }
}

#[test]
fn message_is_a_list_or_a_text_that_holds_one() {
    let found = |message: Value| {
        let body = json!({"result": "success", "message": message}).to_string();
        let found = list(body.as_bytes())?;
        rows(&found).map(|rows| rows.len())
    };
    assert_eq!(found(json!([])), Ok(0));
    assert_eq!(found(json!([agent(1), agent(2)])), Ok(2));
    assert_eq!(found(json!(json!([agent(1)]).to_string())), Ok(1));
    for none in [json!("Unauthorized"), json!(""), json!({}), json!(7), json!(null)] {
        assert!(found(none.clone()).is_err(), "{none}");
    }
    let placeholder = list(PLACEHOLDER.as_bytes());
    assert_eq!(placeholder, Err("its message is a text and no list of agents"));
}

#[tokio::test]
async fn credentials_that_are_refused_stop_the_account_with_any_status_code() {
    for status in [200, 401, 500] {
        let refusal = Answer::body(UNAUTHORIZED).with_status(status);
        let vendor = VendorServer::answering(move |_| refusal.clone()).await;
        let error = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap_err();
        assert_eq!(error.disposition(), ErrorDisposition::Stop, "{status}");
        assert!(!format!("{error} {error:?}").contains(ACCESS_SECRET));
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_fault_of_the_vendors_is_retried() {
    for refusal in [Answer::body(FAILED), Answer::body(FAILED).with_status(500)] {
        let answers = vec![refusal, envelope(&[agent(1)]), envelope(&[])];
        let vendor = VendorServer::answering_in_turn(answers).await;
        let poll_result = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap();
        assert!(agents(&poll_result).is_complete());
        assert_eq!(poll_result.requests, 3);
    }
}

#[tokio::test]
async fn a_redirect_never_receives_the_credentials_of_maqsam() {
    for status in [302, 307] {
        let elsewhere = VendorServer::answering(|_| Answer::status(200)).await;
        let target = elsewhere.url().join("/v1/agents").unwrap().to_string();
        let vendor =
            VendorServer::answering(move |_| Answer::status(status).header("Location", &target))
                .await;
        let error = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap_err();
        assert_eq!(error.reason(), "redirected");
        assert!(elsewhere.requests().is_empty());
    }
}
