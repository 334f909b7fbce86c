//! For any answer: rows are decoded or quarantined, what cannot be decoded proves nothing, and no
//! error shows a value.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::answer::{find_error, page};
use super::super::{FORMAT, mapping};
use super::{account, agent, agents, scan_of};
use crate::model::{Mode, Privacy, PseudonymKey};
use crate::secret::Secret;
use crate::source::checks::{Roster, any_json, assert_decoded_or_quarantined, hostile_bodies};
use crate::source::fields::Fields;
use crate::source::loopback::{Answer, VendorServer};
use crate::source::{Partial, RowMemory};

const AGENTS: &str = include_str!("../../../../tests/fixtures/infobip/agents.json");

#[test]
fn fuzzed_answers_of_infobip_are_read_or_refused() {
    let roster = Roster {
        target: "infobip_agents",
        format: FORMAT,
        rows: |body| {
            let page = page(body)?;
            Ok(page.rows.into_iter().map(|row| row.get().to_owned()).collect())
        },
        find_error,
    };
    roster.fuzzed(&[
        AGENTS.as_bytes(),
        include_bytes!("../../../../tests/fixtures/infobip/agents_filtered.json"),
        include_bytes!("../../../../tests/fixtures/infobip/error.json"),
        include_bytes!("../../../../tests/fixtures/infobip/service_exception.json"),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_value_in_any_field_of_infobip_is_decoded_or_quarantined(field in 0_usize..7, new in any_json()) {
        assert_decoded_or_quarantined(agent(1), &FORMAT, field, &new);
    }

    #[test]
    fn any_value_in_any_place_of_an_answer_of_infobip_is_a_page_or_none(
        name in prop::sample::select(vec!["agents", "pagination", "requestError", "statusCode"]),
        value in any_json(),
    ) {
        let mut body: Value = serde_json::from_str(AGENTS).unwrap();
        body[name] = value;
        let body = body.to_string();
        let _ = page(body.as_bytes());
        let error = format!("{:?}", find_error(200, body.as_bytes()));
        prop_assert!(!error.contains("SECRET"), "{}", error);
    }
}

#[tokio::test]
async fn an_answer_of_infobip_without_a_list_of_agents_is_an_error_that_shows_nothing() {
    let own = [
        "{}",
        r#"{"agents": null}"#,
        r#"{"agents": {}}"#,
        r#"{"agents": "Ada Sample"}"#,
        r#"{"agents": [1, "Ada Sample"], "pagination": {"totalItems": 2}}"#,
        r#"{"agents": [], "agents": []}"#,
        r#"{"agents": [{"id": "A"}, "pagination": {}}"#,
        r#"{"pagination": {"totalItems": 0}}"#,
    ];
    let own = own.iter().map(|body| body.as_bytes().to_vec());
    for body in own.chain(hostile_bodies()) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let vendor = VendorServer::answering(move |_| Answer::body(body.clone())).await;
        let error = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap_err();
        assert_eq!(error.reason(), "undecodable", "{shown}");
        assert!(!format!("{error} {error:?}").contains("Ada"), "{error}");
    }
}

#[tokio::test]
async fn bad_rows_of_infobip_are_quarantined_and_the_good_ones_are_used() {
    let rows = format!(
        r#"{},{{"id":"B","enabled":[1]}},{{"id":"C","displayName":"\ud800"}},{{"id":"\u0000"}},7,{}"#,
        agent(1),
        agent(2)
    );
    let body = format!(r#"{{"agents":[{rows}],"pagination":{{"totalItems":6}}}}"#);
    let vendor = VendorServer::answering(move |_| Answer::body(body.clone())).await;
    let poll_result = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap();
    let scan = agents(&poll_result);
    assert_eq!((scan.rows().len(), scan.present().len()), (2, 4));
    assert_eq!(scan.partial(), Some(Partial::RowWithoutId));
    assert_eq!(poll_result.quarantined.len(), 4);
    assert_eq!(poll_result.quarantined[0].reason.path, "enabled");
}

#[test]
fn a_name_is_kept_replaced_or_left_out_and_nothing_else_is_personal() {
    let read = |privacy: Privacy| {
        let row = agent(1);
        let mut agent = mapping::agent(&Fields::of(&row).unwrap(), &mut Vec::new()).unwrap();
        privacy.agent(&mut agent);
        agent
    };
    let with = |agents| Privacy { agents, customers: Mode::Drop, content: Mode::Drop };
    let kept = read(with(Mode::Keep));
    assert_eq!(kept.name.as_deref(), Some("Sample 1"));
    let closed = read(with(Mode::Drop));
    let bare = crate::model::Agent { name: None, ..kept.clone() };
    assert_eq!(closed, bare);
    assert!(!json!(closed).to_string().contains("Sample"));
    let key = PseudonymKey::new(&Secret::new("sixteen bytes...")).unwrap();
    let replaced = read(with(Mode::Pseudonymise(key)));
    assert!(replaced.name.unwrap().starts_with("p:"));
}
