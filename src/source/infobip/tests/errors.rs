//! The vendor's errors, in both formats and with any status code.

use serde_json::json;

use super::super::answer::find_error;
use super::{API_KEY, account, agent, agents, envelope, scan_of};
use crate::source::loopback::{Answer, VendorServer};
use crate::source::{ErrorDisposition, RowMemory};

const ERROR: &str = include_str!("../../../../tests/fixtures/infobip/error.json");
const EXCEPTION: &str = include_str!("../../../../tests/fixtures/infobip/service_exception.json");

#[test]
fn both_forms_of_an_error_are_known_with_any_status_code() {
    let older = |message: &str| json!({"statusCode": "ERROR", "message": message}).to_string();
    let newer = |id: &str| {
        let exception = json!({"messageId": id, "text": "Ada Sample"});
        json!({"requestError": {"serviceException": exception}}).to_string()
    };
    let cases = [
        (200, ERROR.to_owned(), Some("refused")),
        (200, EXCEPTION.to_owned(), Some("unauthorized")),
        (200, older("Unauthorized"), Some("unauthorized")),
        (200, older("Invalid login details"), Some("unauthorized")),
        (200, older("Access denied for Ada Sample"), Some("unauthorized")),
        (200, older("Too many requests"), Some("rate_limited")),
        (200, older("Internal error, try again"), Some("server_error")),
        (200, older("Ada Sample"), Some("refused")),
        (200, newer("FORBIDDEN"), Some("unauthorized")),
        (200, newer("TOO_MANY_REQUESTS"), Some("rate_limited")),
        (200, newer("GENERAL_ERROR"), Some("server_error")),
        (200, newer("BAD_REQUEST"), Some("refused")),
        (200, newer("SOMETHING_NEW"), Some("refused")),
        (200, json!({"requestError": "Ada Sample"}).to_string(), Some("refused")),
        (400, newer("BAD_REQUEST"), Some("refused")),
        (500, newer("UNAUTHORIZED"), Some("unauthorized")),
        // An unknown error falls back to the status code.
        (503, newer("SOMETHING_NEW"), None),
        (401, older("Ada Sample"), None),
        // No errors.
        (200, json!({"agents": [], "statusCode": "OK"}).to_string(), None),
        (200, String::from("{\"agents\": ["), None),
        (200, String::from("[]"), None),
    ];
    for (status, body, expected) in cases {
        let error = find_error(status, body.as_bytes());
        assert_eq!(error.as_ref().map(crate::source::Error::reason), expected, "{status} {body}");
        let shown = error.map(|error| format!("{error} {error:?}")).unwrap_or_default();
        for planted in ["Ada", "Sample", "login details"] {
            assert!(!shown.contains(planted), "{shown}");
        }
    }
}

#[tokio::test]
async fn credentials_that_are_refused_with_a_success_stop_the_account() {
    for body in [EXCEPTION, r#"{"statusCode": "ERROR", "message": "Unauthorized"}"#] {
        let vendor = VendorServer::answering(move |_| Answer::body(body)).await;
        let error = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap_err();
        assert_eq!(error.disposition(), ErrorDisposition::Stop);
        assert!(!format!("{error} {error:?}").contains(API_KEY));
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_request_is_retried_after_a_refusal_for_too_many_requests() {
    let again = json!({"requestError": {"serviceException": {"messageId": "TOO_MANY_REQUESTS"}}});
    for refusal in [Answer::status(429).header("Retry-After", "0"), Answer::json(&again)] {
        let whole = envelope(&[agent(1)], &json!(1));
        let vendor = VendorServer::answering_in_turn(vec![refusal, whole]).await;
        let account = account(&vendor);
        let poll_result = scan_of(&account, &RowMemory::default()).await.unwrap();
        assert!(agents(&poll_result).is_complete());
        assert_eq!(poll_result.requests, 2);
    }
}

#[tokio::test]
async fn an_error_on_a_later_page_stops_only_what_it_has_to() {
    let page = |total: u32| {
        let rows: Vec<_> = (0..2).map(agent).collect();
        envelope(&rows, &json!(total))
    };
    let vendor = VendorServer::answering_in_turn(vec![page(4), Answer::body(ERROR)]).await;
    let poll_result = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap();
    assert_eq!(agents(&poll_result).rows().len(), 2);
    let vendor = VendorServer::answering_in_turn(vec![page(4), Answer::body(EXCEPTION)]).await;
    let error = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap_err();
    assert_eq!(error.disposition(), ErrorDisposition::Stop);
}

#[tokio::test]
async fn a_redirect_never_receives_the_credentials_of_infobip() {
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
