//! The report about an account: what it contains for vendors that behave differently, and what it
//! never contains.

use super::{
    Answer, ErrorDisposition, SSID, Value, VendorServer, account, agent, json, list, with,
};
use crate::source::Report;
use crate::source::loopback::ReceivedRequest;

/// What no report may contain.
const PLANTED: [&str; 7] =
    ["Ada", "5550", "example.com", "4711", "Invented-pass", "00011122", SSID];

fn person(id: u32) -> Value {
    let row = with(with(agent(4_711_000 + id), "name", json!("Ada")), "mood", json!("Ada"));
    with(with(row, "create_date", json!(1_720_093_436)), "groupNames", json!([{"4711": "Ada"}]))
}

fn serve(request: &ReceivedRequest, pages: u32) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["ssid"], SSID);
    if !body["agentId"].is_null() {
        return Answer::json(&json!({"response": {}, "status": "success", "code": 200}));
    }
    let page = u32::try_from(body["page"].as_u64().unwrap_or(1)).unwrap();
    let all = list(&[person(2 * page), with(person(2 * page + 1), "dest_type", json!("Ada"))]);
    let all = with(all, "totalRecords", json!(2 * pages));
    Answer::json(&with(with(all, "totalPages", json!(pages)), "currentPage", json!(page)))
}

fn answer<'a>(report: &'a Report, question: &str) -> &'a str {
    let found = |finding: &&crate::source::Finding| finding.question == question;
    &report.findings.iter().find(found).unwrap_or_else(|| panic!("{question}")).answer
}

#[tokio::test]
async fn a_report_on_deepcall_follows_from_the_answers_and_contains_no_personal_data() {
    for pages in [1, 3] {
        let vendor = VendorServer::answering(move |request| serve(request, pages)).await;
        let report = account(&vendor).report().await.unwrap();
        assert_eq!(answer(&report, "in which form do rows come"), "a list");
        let agrees = answer(&report, "is there totalRecords");
        assert_eq!(agrees.starts_with("yes, and it agrees"), pages == 1, "{agrees}");
        let further = format!("currentPage 1, totalPages {pages}");
        assert_eq!(answer(&report, "is there a further page"), further);
        if pages > 1 {
            let second = answer(&report, "does page lead to the second page");
            assert_eq!(second, "yes: currentPage 2, 0 of 2 rows again");
        }
        assert_eq!(answer(&report, "is agtLimit the size of a page"), "agtLimit 12, 2 rows");
        let ids = answer(&report, "does every row have a unique_id of its own");
        assert_eq!(ids, "yes: 2 ids, 2 different, of 2 rows");
        assert_eq!(answer(&report, "are deleted agents shown"), "0 of 2 rows with that field");
        assert_eq!(answer(&report, "in which unit is create_date"), "seconds (2)");
        assert_eq!(answer(&report, "which values has status"), "1 (2)");
        assert_eq!(answer(&report, "fields that are not read"), "mood (2)");
        let unknown = answer(&report, "fields with values that no table knows");
        assert_eq!(unknown, "agent.dest_type (1)");
        let missing = answer(&report, "what is returned for an agent that does not exist");
        assert_eq!(missing, "a map of 0 rows");
        let text = format!("{report} {report:?}");
        for planted in PLANTED {
            assert!(!text.contains(planted), "{planted}: {text}");
        }
        assert_eq!(vendor.requests().len(), if pages > 1 { 3 } else { 2 });
        assert_eq!(usize::try_from(report.requests).unwrap(), vendor.requests().len());
    }
}

#[tokio::test]
async fn a_probe_of_deepcall_with_a_refused_session_ends_at_its_first_request() {
    let vendor =
        VendorServer::answering(|_| Answer::json(&json!({"status": "error", "code": 1014}))).await;
    let error = account(&vendor).report().await.unwrap_err();
    assert_eq!(error.disposition(), ErrorDisposition::Stop);
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn a_probe_of_another_server_says_so_and_shows_nothing_of_it() {
    let vendor = VendorServer::answering(|_| Answer::json(&json!({"Ada": "Ada"}))).await;
    let report = account(&vendor).report().await.unwrap();
    assert_eq!(answer(&report, "in which form do rows come"), "request failed (undecodable)");
    assert!(!format!("{report}").contains("Ada"));
}
