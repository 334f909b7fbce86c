//! The report about an account: what it contains, and what it never contains.

use serde_json::json;

use super::{API_KEY, account, agent, envelope};
use crate::source::ErrorDisposition;
use crate::source::loopback::{Answer, VendorServer};

/// What no report may contain.
const PLANTED: &[&str] = &["Sample", "Ada", "0000001", API_KEY, "127.0.0.1"];

#[tokio::test]
async fn a_report_on_infobip_follows_from_the_answers_and_contains_no_personal_data() {
    let vendor = VendorServer::answering(|request| {
        let number = |name| request.query(name).unwrap().parse::<usize>().unwrap();
        let mut rows: Vec<_> = (1..6).map(agent).collect();
        rows[0]["mood"] = json!("Ada");
        rows[0]["Ada Sample"] = json!(1);
        rows[1]["status"] = json!("ON_BREAK");
        rows[2]["enabled"] = json!(["Ada"]);
        let (limit, skip) = (number("limit"), number("page"));
        envelope(&rows[skip..(skip + limit).min(5)], &json!(5))
    })
    .await;
    let report = account(&vendor).report().await.unwrap();
    let answers: Vec<_> =
        report.findings.iter().map(|found| (found.question, found.answer.as_str())).collect();
    let expected = [
        ("does totalItems agree with the rows", "yes: 5 different ids of 5"),
        ("do two rows share an id", "no: 0 of 5 rows"),
        ("are rows sorted by id, as documented", "yes"),
        ("do times have a colon in their offset", "0 of 10"),
        ("do times have milliseconds", "yes: 10 of 10"),
        ("does page count pages or rows", "rows: the second shows a row of the first"),
        ("does updatedAt move with the status", "unknown: no status changed meanwhile"),
        ("how far the vendor's clock is ahead of ours", answers[7].1),
        ("rows", "5"),
        ("fields that are not read", "mood (1), 1 more that are not shown"),
        ("fields with values that no table knows", "agent.status (1)"),
        ("fields that cannot be read", "enabled expected yes or no (1)"),
    ];
    assert_eq!(answers[..9], expected[..9]);
    assert_eq!(answers[10..], expected[10..]);
    let text = format!("{report} {report:?}");
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted}: {text}");
    }
    assert_eq!((report.requests, vendor.requests().len()), (4, 4));
}

#[tokio::test]
async fn a_probe_of_infobip_with_refused_credentials_ends_at_its_first_request() {
    let vendor = VendorServer::answering(|_| Answer::status(401)).await;
    let error = account(&vendor).report().await.unwrap_err();
    assert_eq!(error.disposition(), ErrorDisposition::Stop);
    assert_eq!(vendor.requests().len(), 1);
}
