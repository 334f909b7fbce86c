//! For any answer: rows are decoded or quarantined, what cannot be decoded proves nothing, and no
//! error shows a value.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::answer::{find_error, list, rows};
use super::super::{FORMAT, mapping};
use super::{account, agent, agents, scan_of};
use crate::model::{Mode, Privacy, PseudonymKey};
use crate::secret::Secret;
use crate::source::checks::{Roster, any_json, assert_decoded_or_quarantined, hostile_bodies};
use crate::source::fields::Fields;
use crate::source::loopback::{Answer, VendorServer};
use crate::source::{Partial, RowMemory};

const AGENTS: &str = include_str!("../../../../tests/fixtures/maqsam/agents.json");

#[test]
fn fuzzed_answers_of_maqsam_are_read_or_refused() {
    let roster = Roster {
        target: "maqsam_agents",
        format: FORMAT,
        rows: |body| {
            let list = list(body)?;
            Ok(rows(&list)?.into_iter().map(|row| row.get().to_owned()).collect())
        },
        find_error,
    };
    roster.fuzzed(&[
        AGENTS.as_bytes(),
        include_bytes!("../../../../tests/fixtures/maqsam/unauthorized.json"),
        include_bytes!("../../../../tests/fixtures/maqsam/internal_server_error.json"),
        include_bytes!("../../../../tests/fixtures/maqsam/placeholder.json"),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_value_in_any_field_of_maqsam_is_decoded_or_quarantined(field in 0_usize..13, new in any_json()) {
        assert_decoded_or_quarantined(agent(1), &FORMAT, field, &new);
    }

    #[test]
    fn any_value_in_any_place_of_an_answer_of_maqsam_is_a_list_or_none(
        name in prop::sample::select(vec!["error", "result", "message"]),
        value in any_json(),
    ) {
        let mut body: Value = serde_json::from_str(AGENTS).unwrap();
        body[name] = value;
        let body = body.to_string();
        let _ = list(body.as_bytes()).map(|list| rows(&list).map(|rows| rows.len()));
        let error = format!("{:?}", find_error(200, body.as_bytes()));
        prop_assert!(!error.contains("SECRET"), "{}", error);
    }
}

#[tokio::test]
async fn an_answer_of_maqsam_without_a_list_of_agents_is_an_error_that_shows_nothing() {
    let own = [
        "{}",
        r#"{"message": null}"#,
        r#"{"result": "success", "message": {}}"#,
        r#"{"result": "success", "message": "Ada Sample"}"#,
        r#"{"result": "success", "message": "[{\"name\": \"Ada"}"#,
        r#"{"result": "success", "message": [1, "Ada Sample"]}"#,
        r#"{"message": [], "message": []}"#,
        r#"{"message": [{"identifier": "A"}"#,
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
async fn bad_rows_of_maqsam_are_quarantined_and_the_good_ones_are_used() {
    let rows = format!(
        r#"{},{{"identifier":"B","active":[1]}},{{"identifier":"C","name":"\ud800"}},7,{}"#,
        agent(1),
        agent(2)
    );
    let body = format!(r#"{{"result":"success","message":[{rows}]}}"#);
    let vendor = VendorServer::answering(move |_| Answer::body(body.clone())).await;
    let poll_result = scan_of(&account(&vendor), &RowMemory::default()).await.unwrap();
    let scan = agents(&poll_result);
    assert_eq!((scan.rows().len(), scan.present().len()), (2, 4));
    assert_eq!(scan.partial(), Some(Partial::RowWithoutId));
    assert_eq!(poll_result.quarantined.len(), 3);
    assert_eq!(poll_result.quarantined[0].reason.path, "active");
}

#[test]
fn name_and_address_are_kept_replaced_or_left_out_and_nothing_else_is_personal() {
    let read = |privacy: Privacy| {
        let row = agent(1);
        let mut agent = mapping::agent(&Fields::of(&row).unwrap(), &mut Vec::new()).unwrap();
        privacy.agent(&mut agent);
        agent
    };
    let with = |agents| Privacy { agents, customers: Mode::Drop, content: Mode::Drop };
    let kept = read(with(Mode::Keep));
    assert_eq!(kept.email.as_deref(), Some("sample1@example.com"));
    let closed = read(with(Mode::Drop));
    let bare = crate::model::Agent { name: None, email: None, ..kept.clone() };
    assert_eq!(closed, bare);
    assert!(!json!(closed).to_string().to_lowercase().contains("sample"));
    let key = PseudonymKey::new(&Secret::new("sixteen bytes...")).unwrap();
    let replaced = read(with(Mode::Pseudonymise(key)));
    assert!(replaced.name.unwrap().starts_with("p:") && replaced.email.unwrap().starts_with("p:"));
}
