//! The report about an account: what it contains, and what it never contains.

use serde_json::json;

use super::{ACCESS_SECRET, account, agent, envelope};
use crate::source::ErrorDisposition;
use crate::source::loopback::{Answer, VendorServer};

/// What no report may contain.
const PLANTED: &[&str] = &["Sample", "Ada", "example.com", "Support", ACCESS_SECRET, "127.0.0.1"];

#[tokio::test]
async fn a_report_on_maqsam_follows_from_the_answers_and_contains_no_personal_data() {
    let vendor = VendorServer::answering(|request| {
        let page = request.path.strip_prefix("/v1/agents/page/").unwrap_or("0");
        let page: usize = page.parse().unwrap();
        let mut rows: Vec<_> = (0..150).map(agent).collect();
        rows[0]["mood"] = json!("Ada");
        rows[0]["state"] = json!(["Ada's break", 1_772_366_100_000_i64]);
        rows[1]["active"] = json!(["Ada"]);
        let shown = rows.chunks(100).nth(page.max(1) - 1);
        envelope(shown.unwrap_or_default())
    })
    .await;
    let report = account(&vendor).report().await.unwrap();
    let answers: Vec<_> =
        report.findings.iter().map(|found| (found.question, found.answer.as_str())).collect();
    let expected = [
        ("how many rows has a page", "100"),
        ("do two rows share an id", "no: 0 of 100 rows"),
        ("is page 0 the same as page 1", "yes: 100 of 100 rows were on it"),
        ("is the list without a page the same as page 1", "yes: 100 of 100 rows were on it"),
        ("does page 2 show others", "yes: 50 rows, none of them on page 1"),
        ("what is a page beyond the end", "empty"),
        ("which forms has state", "list with text (1), object (99)"),
        (
            "which form has the start of a state",
            "number of 13 digits (1), timestamp: number of 10 digits (99)",
        ),
        ("which forms has created_at", "number of 10 digits (100)"),
        ("which forms has identifier", "text of 1 digits (10), text of 2 digits (90)"),
        ("which forms has groups", "list with text (100)"),
    ];
    assert_eq!(answers[..expected.len()], expected);
    let expected = [
        ("rows", "100"),
        ("fields that are not read", "mood (1)"),
        ("fields with values that no table knows", "none"),
        ("fields that cannot be read", "active expected yes or no (1)"),
    ];
    assert_eq!(answers[answers.len() - 4..], expected);
    let text = format!("{report} {report:?}");
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted}: {text}");
    }
    assert_eq!((report.requests, vendor.requests().len()), (5, 5));
}

#[tokio::test]
async fn a_probe_of_maqsam_with_refused_credentials_ends_at_its_first_request() {
    let vendor = VendorServer::answering(|_| Answer::status(401)).await;
    let error = account(&vendor).report().await.unwrap_err();
    assert_eq!(error.disposition(), ErrorDisposition::Stop);
    assert_eq!(vendor.requests().len(), 1);
}
