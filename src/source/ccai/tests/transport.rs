//! The transport: errors, redirects, limits of time and size, encodings.

use std::time::Duration;

use serde_json::json;

use super::{PASSWORD, account, account_with, agent, agents, settings};
use crate::model::Privacy;
use crate::secret::Secret;
use crate::source::ccai::Ccai;
use crate::source::loopback::{Answer, VendorServer};
use crate::source::stream::{AgentStatuses, Agents};
use crate::source::{
    Error, ErrorDisposition, FullScanRequest, Poll, PollSettings, RowMemory, SnapshotRequest,
};

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error_and_is_never_shown() {
    for body in ["<html>Ada Sample</html>", "null", "", "{\"error\":\"Ada Sample\"}", "[1,"] {
        let vendor = VendorServer::answering(move |_| Answer::body(body)).await;
        let account = account(&vendor);
        let error = account.poll::<Agents>(FullScanRequest).await.unwrap_err();
        assert_eq!(error.reason(), "undecodable", "{body}");
        let outcome = if body.starts_with(['[', '{']) { "answered" } else { "undecodable" };
        assert!(account.metrics.render().contains(&format!("outcome=\"{outcome}\"")), "{body}");
        assert_eq!(error.disposition(), ErrorDisposition::Skip);
        assert!(!format!("{error} {error:?}").contains("Ada"), "{error:?}");
        assert_eq!(vendor.requests().len(), 1, "the same request would get the same answer");
    }
}

#[tokio::test]
async fn refused_credentials_stop_the_account_after_one_request() {
    for status in [401, 403] {
        let vendor = VendorServer::answering(move |_| Answer::status(status)).await;
        let error = account(&vendor).poll::<Agents>(FullScanRequest).await.unwrap_err();
        assert_eq!(error.disposition(), ErrorDisposition::Stop);
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
    assert_eq!((error.reason(), error.disposition()), ("redirected", ErrorDisposition::Skip));
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
    assert_eq!(error.disposition(), ErrorDisposition::Retry);
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
    assert_eq!((error.reason(), error.disposition()), ("disconnected", ErrorDisposition::Retry));
}

#[tokio::test]
async fn a_gateways_own_path_stays_before_the_prefix() {
    let vendor = VendorServer::answering(|_| Answer::body("[]")).await;
    let mut settings = settings(&vendor);
    settings.base_url.set_path("/ccai/");
    settings.api_prefix = String::from("/apps/api/v1/");
    let poll_settings =
        PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
    let connection = account(&vendor).ccai.client.connection().clone();
    let ccai = Ccai::new(&settings, &Secret::new(PASSWORD), poll_settings, connection);
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
