//! The report about an account: what it contains for vendors that behave differently, and what it
//! never contains.

use serde_json::{Value, json};

use super::{PASSWORD, account, page, timestamp};
use crate::source::loopback::{Answer, ReceivedRequest, VendorServer};
use crate::source::{ErrorDisposition, Report};

/// What no report may contain.
const PLANTED: &[&str] = &["Ada", "Sample", "5550", "example.com", "4711", "Parcels", PASSWORD];

fn person() -> Value {
    json!({"id": 4711, "first_name": "Ada", "last_name": "Sample", "email": "ada@example.com",
        "status": {"id": 0, "name": "Available"}, "status_updated_at": timestamp(-60), "mood": "Ada",
        "contacts": {"+15550100": "Ada", "Ada": 1}, "Ada Sample": true, "online": ["Ada"]})
}

fn record(id: u32, updated: i64) -> Value {
    json!({"id": 4_711_000 + id, "status": "finished", "end_user_number": "+15550100",
        "call_type": "Ada", "updated_at": timestamp(updated), "ends_at": timestamp(updated - 5),
        "menu_path": {"name": "Parcels"},
        "handle_durations": [{"id": id, "acw_duration": 4, "ended_at": timestamp(updated + 4)}]})
}

fn serve(request: &ReceivedRequest, ids_work: bool) -> Answer {
    let rows: Vec<_> = (0..40).map(|number| record(number, i64::from(number) - 100)).collect();
    match request.path.trim_start_matches("/manager/api/v1/") {
        "agents" => Answer::json(&json!([person()])),
        "calls" | "chats" => {
            let ids: Vec<_> = request.queries("id[]");
            let shown = |row: &&Value| ids.is_empty() || ids.contains(&row["id"].to_string());
            let rows: Vec<_> = rows.iter().filter(|row| !ids_work || shown(row)).cloned().collect();
            if ids_work { page(&rows, request, "updated_at") } else { Answer::json(&json!(rows)) }
        }
        "menus" => Answer::status(403),
        _ => Answer::json(&json!([])),
    }
}

fn answer<'a>(report: &'a Report, topic: &str, question: &str) -> &'a str {
    let found =
        |finding: &&crate::source::Finding| finding.topic == topic && finding.question == question;
    &report.findings.iter().find(found).unwrap_or_else(|| panic!("{topic}: {question}")).answer
}

#[tokio::test]
async fn a_report_follows_from_the_answers_and_contains_no_personal_data() {
    for ids_work in [true, false] {
        let vendor = VendorServer::answering(move |request| serve(request, ids_work)).await;
        let report = account(&vendor).ccai.report().await.unwrap();
        let works = if ids_work { "yes: " } else { "no: " };
        assert!(answer(&report, "calls", "does id[] work").starts_with(works));
        assert!(answer(&report, "calls", "does page work").starts_with(works));
        let headers = if ids_work { "Total yes, Link yes" } else { "Total no, Link no" };
        assert_eq!(answer(&report, "calls", "are there Total and Link"), headers);
        assert_eq!(
            answer(&report, "calls", "does after-call work move updated_at"),
            "no: all 40 rows ended after the last update"
        );
        let unread = answer(&report, "calls", "fields that are not read");
        assert_eq!(unread, "end_user_number (40)");
        let unknown = answer(&report, "calls", "fields with values that no table knows");
        assert_eq!(unknown, "call.call_type (40)");
        let broken = answer(&report, "agents", "fields that cannot be read");
        assert_eq!(broken, "online expected yes or no (1)");
        assert_eq!(answer(&report, "queues", "rows"), "0");
        let refused = answer(&report, "queues", "does with_deleted show deleted ones");
        assert_eq!(refused, "request failed (unauthorized)");
        let text = format!("{report} {report:?}");
        for planted in PLANTED {
            assert!(!text.contains(planted), "{planted}: {text}");
        }
        assert!(vendor.requests().len() <= 25, "a few requests, not {}", vendor.requests().len());
        assert_eq!(usize::try_from(report.requests).unwrap(), vendor.requests().len());
    }
}

#[tokio::test]
async fn a_probe_with_refused_credentials_ends_at_its_first_request() {
    let vendor = VendorServer::answering(|_| Answer::status(401)).await;
    let error = account(&vendor).ccai.report().await.unwrap_err();
    assert_eq!(error.disposition(), ErrorDisposition::Stop);
    assert_eq!(vendor.requests().len(), 1);
}
