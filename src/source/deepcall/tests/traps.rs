//! Cases that the document omits, or in which the API differs from it.

use super::{
    Answer, Credentials, EntityId, Error, ErrorDisposition, FullScanRow, Partial, Privacy, SSID,
    Secret, Value, VendorServer, account, account_as, agent, agents, json, list, poll_of, read,
    scan, with,
};
use crate::model::Mode;
use crate::source::{QuarantineReason, RowMemory};

#[tokio::test]
async fn the_table_has_a_map_the_example_a_list_and_both_are_read() {
    let rows = json!([agent(2), agent(3)]);
    let mut by_id = json!({"2": agent(2), "3": agent(3)});
    for row in by_id.as_object_mut().unwrap().values_mut() {
        let row = row.as_object_mut().unwrap();
        row.remove("unique_id");
        let name = row.remove("name").unwrap();
        row.insert(String::from("nm"), name);
    }
    let listed = poll_of(Answer::json(&with(list(&[]), "response", rows))).await;
    let mapped = poll_of(Answer::json(&with(list(&[]), "response", by_id))).await;
    let (listed, mapped) = (listed.unwrap(), mapped.unwrap());
    assert_eq!(agents(&listed), agents(&mapped));
    assert_eq!(agents(&listed)[1].id, EntityId::new("3"));
}

#[tokio::test]
async fn an_empty_map_is_an_answer_without_a_count() {
    let empty = json!({"response": {}, "status": "success", "code": 200});
    let poll_result = poll_of(Answer::json(&empty)).await.unwrap();
    assert!(agents(&poll_result).is_empty() && scan(&poll_result).is_complete());
    // Without a count a removal needs one more scan.
    assert!(!scan(&poll_result).was_counted());
}

#[tokio::test]
async fn more_pages_or_another_count_than_rows_prove_no_absence() {
    let whole = || list(&[agent(2), agent(3)]);
    let cases = [
        (whole(), None),
        (with(whole(), "totalRecords", json!("2")), None),
        (with(whole(), "totalPages", json!(2)), Some(Partial::PageUnanswered)),
        (with(whole(), "currentPage", json!(2)), Some(Partial::PageUnanswered)),
        (with(whole(), "totalRecords", json!(3)), Some(Partial::CountDisagrees)),
        (with(whole(), "totalRecords", json!(1)), Some(Partial::CountDisagrees)),
        (with(whole(), "totalRecords", json!("many")), Some(Partial::CountDisagrees)),
        (
            with(list(&[agent(2), agent(2)]), "totalRecords", json!(2)),
            Some(Partial::CountDisagrees),
        ),
    ];
    for (answer, partial) in cases {
        let poll_result = poll_of(Answer::json(&answer)).await.unwrap();
        assert_eq!(scan(&poll_result).partial(), partial, "{answer}");
        assert!(!agents(&poll_result).is_empty());
    }
}

#[tokio::test]
async fn an_error_is_known_by_its_code_whatever_the_status_code_is() {
    let refused = "the vendor refused the credentials";
    let cases = [
        (1014, refused, "1014: the session or the token is not valid", ErrorDisposition::Stop),
        (1015, refused, "1015: the user may not list agents", ErrorDisposition::Stop),
        (
            1006,
            "the vendor refused the request",
            "1006: there is no such group",
            ErrorDisposition::Skip,
        ),
        (1501, "the vendor failed", "1501: it is still busy", ErrorDisposition::Retry),
        (
            1519,
            "the vendor refused the request",
            "1519: the code for calls",
            ErrorDisposition::Skip,
        ),
    ];
    for (code, what, meaning, disposition) in cases {
        for status in [200, 400, 401, 500] {
            for code in [json!(code), json!(code.to_string())] {
                let answer = json!({"status": "error", "code": code, "message": "of Ada Sample",
                    "response": {"1": {"password": "Invented-pass"}}});
                let error = poll_of(Answer::json(&answer).with_status(status)).await.unwrap_err();
                let text = error.to_string();
                assert!(text.starts_with(&format!("{what} ({status}; {meaning}")), "{text}");
                assert!(!format!("{error:?}").contains("Ada"), "{error:?}");
                assert_eq!(error.disposition(), disposition, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn every_code_of_the_document_has_its_own_text() {
    let mut texts = std::collections::BTreeSet::new();
    for code in (1501..=1530).chain([1006, 1014, 1015]) {
        let answer = json!({"status": "error", "code": code});
        let error = poll_of(Answer::json(&answer)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("(200; {code}: ")), "{error}");
        texts.insert(error);
    }
    assert_eq!(texts.len(), 33);
}

#[tokio::test]
async fn only_success_is_an_answer() {
    let whole = || list(&[agent(2)]);
    let cases = [
        (with(whole(), "status", json!("error")), "refused"),
        (with(with(whole(), "status", json!("error")), "code", json!(4242)), "refused"),
        (with(whole(), "code", json!(1014)), "unauthorized"),
        (with(whole(), "status", json!("Success")), "refused"),
        (with(whole(), "status", json!(200)), "undecodable"),
        (with(whole(), "status", Value::Null), "undecodable"),
        (with(whole(), "response", Value::Null), "undecodable"),
        (with(whole(), "response", json!("")), "undecodable"),
        (with(whole(), "response", json!({"message": "none"})), "undecodable"),
        (json!([agent(2)]), "undecodable"),
    ];
    for (answer, reason) in cases {
        let error = poll_of(Answer::json(&answer)).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{answer}: {error}");
    }
    // A status code that is no success is an error, whatever the body says.
    let error = poll_of(Answer::json(&whole()).with_status(500)).await.unwrap_err();
    assert_eq!(error.to_string(), "the vendor failed (500)");
}

#[tokio::test]
async fn an_unknown_error_is_reported_without_its_text() {
    let answer = json!({"status": "error", "code": 52_597_981, "message": "Ada"});
    let error = poll_of(Answer::json(&answer)).await.unwrap_err();
    let text = "the vendor refused the request (200; an error that its document does not list)";
    assert_eq!(error.to_string(), text);
    for (status, reason) in [(401, "unauthorized"), (503, "server_error"), (404, "refused")] {
        let error = poll_of(Answer::json(&answer).with_status(status)).await.unwrap_err();
        assert_eq!(error.reason(), reason);
        assert!(!format!("{error:?} {error}").contains("5259"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refused_session_is_not_tried_again() {
    let vendor =
        VendorServer::answering(|_| Answer::json(&json!({"status": "error", "code": 1014}))).await;
    let error = read(&account(&vendor), &RowMemory::default()).await.unwrap_err();
    assert_eq!((error.disposition(), vendor.requests().len()), (ErrorDisposition::Stop, 1));
    assert!(!format!("{error:?} {error}").contains(SSID));
}

#[tokio::test]
async fn status_is_activation_and_never_presence() {
    let cases = [
        (json!(1), Some(true), 0),
        (json!(0), Some(false), 0),
        (json!("1"), Some(true), 0),
        (json!("0"), Some(false), 0),
        (json!(true), Some(true), 0),
        (Value::Null, None, 0),
        (json!(2), None, 1),
        (json!("away"), None, 1),
    ];
    for (status, active, unknown) in cases {
        let answer = list(&[with(agent(2), "status", status.clone())]);
        let poll_result = poll_of(Answer::json(&answer)).await.unwrap();
        let agent = agents(&poll_result)[0];
        assert_eq!(agent.active, active, "{status}");
        assert_eq!((&agent.status, agent.status_updated_at, agent.online), (&None, None, None));
        assert_eq!(poll_result.unknown_values.len(), unknown, "{status}");
    }
}

#[tokio::test]
async fn allowed_numbers_are_a_list_or_an_empty_text_and_so_is_what_is_a_favourite() {
    let cases = [
        (json!(""), vec![]),
        (json!([]), vec![]),
        (json!(["15550199", "15550198"]), vec!["15550198", "15550199"]),
        (json!("15550199"), vec!["15550199"]),
        (Value::Null, vec![]),
    ];
    for (did, expected) in cases {
        let answer = list(&[with(agent(2), "allowDid", did.clone())]);
        let poll_result = poll_of(Answer::json(&answer)).await.unwrap();
        assert_eq!(agents(&poll_result)[0].allowed_dids, expected, "{did}");
    }
    let favourites = [(json!(""), None), (json!("3"), Some("3")), (json!([3, 4]), Some("3,4"))];
    for (favorite, expected) in favourites {
        let answer = Answer::json(&list(&[with(agent(2), "favorite", favorite.clone())]));
        let vendor = VendorServer::answering(move |_| answer.clone()).await;
        // Undocumented fields are dropped unless the configuration opens them.
        let open = Privacy { agents: Mode::Keep, customers: Mode::Keep, content: Mode::Keep };
        let ssid = Secret::new(SSID);
        let account = account_as(&vendor, Credentials::Session { ssid: &ssid }, open);
        let poll_result = read(&account, &RowMemory::default()).await.unwrap();
        assert_eq!(agents(&poll_result)[0].favorite.as_deref(), expected, "{favorite}");
    }
}

#[tokio::test]
async fn groups_are_known_by_their_ids_in_any_order_with_and_without_names() {
    let row =
        |groups: Value, names: Value| with(with(agent(2), "group", groups), "groupNames", names);
    let cases = [
        row(json!([17, 4]), json!([{"17": "Sales"}])),
        row(json!(["4", "17", 17]), json!([{"9": "Returns"}, {"17": "Sales"}])),
        row(json!([4, 17]), json!({"17": "Sales"})),
    ];
    for row in cases {
        let poll_result = poll_of(Answer::json(&list(&[row]))).await.unwrap();
        let groups: Vec<_> = agents(&poll_result)[0]
            .groups
            .iter()
            .map(|group| (group.id.as_ref().unwrap().as_str(), group.name.as_deref()))
            .collect();
        assert_eq!(groups, [("17", Some("Sales")), ("4", None)]);
    }
    let none = list(&[with(agent(2), "group", json!(""))]);
    assert_eq!(agents(&poll_of(Answer::json(&none)).await.unwrap())[0].groups, []);
}

#[tokio::test]
async fn names_and_telephone_numbers_repeat_and_the_id_identifies_an_agent() {
    let poll_result = poll_of(Answer::json(&list(&[agent(2), agent(3)]))).await.unwrap();
    let agents = agents(&poll_result);
    assert_eq!((&agents[0].name, &agents[0].phone), (&agents[1].name, &agents[1].phone));
    assert!(scan(&poll_result).is_complete());
    // Of two rows that differ and share an id, neither is used.
    let mut other = agent(2);
    other["email"] = json!("other@example.com");
    let poll_result = poll_of(Answer::json(&list(&[agent(2), other, agent(3)]))).await.unwrap();
    assert_eq!(scan(&poll_result).partial(), Some(Partial::ConflictingDuplicate));
    assert_eq!(scan(&poll_result).rows().len(), 1);
    assert!(scan(&poll_result).present().contains(&EntityId::new("2")));
}

#[tokio::test]
async fn a_row_without_a_required_field_is_quarantined_and_loses_nothing() {
    for field in ["name", "email", "phone", "dest_type", "dest_value", "group", "status"] {
        let mut quick = agent(2);
        quick.as_object_mut().unwrap().remove(field);
        let poll_result = poll_of(Answer::json(&list(&[quick, agent(3)]))).await.unwrap();
        // It is present, and its missing fields prove nothing.
        assert_eq!(agents(&poll_result).len(), 1, "{field}");
        assert!(scan(&poll_result).is_complete());
        assert!(scan(&poll_result).present().contains(&EntityId::new("2")));
        let field = if field == "name" { "nm" } else { field };
        let reason = QuarantineReason { path: field.into(), kind: "expected a full row".into() };
        assert_eq!(poll_result.quarantined[0].reason, reason);
        // An empty value is a value.
        let emptied = list(&[with(agent(2), field, Value::Null)]);
        assert!(poll_of(Answer::json(&emptied)).await.unwrap().quarantined.is_empty());
    }
}

#[tokio::test]
async fn an_agent_that_is_marked_deleted_is_gone_and_the_count_may_leave_it_out() {
    for deleted in [json!(1), json!("1"), json!(true)] {
        for counted in [3, 2] {
            let rows = [agent(2), with(agent(3), "isDeleted", deleted.clone()), agent(4)];
            let answer = with(list(&rows), "totalRecords", json!(counted));
            let vendor = VendorServer::answering(move |_| Answer::json(&answer)).await;
            let account = account(&vendor);
            let first = read(&account, &RowMemory::default()).await.unwrap();
            let gone = FullScanRow::Deleted(EntityId::new("3"));
            assert_eq!(scan(&first).rows()[1], gone, "{deleted} {counted}");
            assert!(scan(&first).is_complete(), "{deleted} {counted}");
            // It stays so, also when its row is known.
            let again = read(&account, &first.memory).await.unwrap();
            assert!(scan(&again).is_complete(), "{deleted} {counted}");
        }
    }
    // A mark of deletion needs no full row.
    let bare = list(&[json!({"unique_id": 3, "isDeleted": 1})]);
    let poll_result = poll_of(Answer::json(&bare)).await.unwrap();
    assert_eq!(scan(&poll_result).rows(), [FullScanRow::Deleted(EntityId::new("3"))]);
    // `preDeleted` is no mark of deletion.
    let pre = list(&[with(agent(2), "preDeleted", json!(1))]);
    assert_eq!(agents(&poll_of(Answer::json(&pre)).await.unwrap())[0].pre_deleted, Some(true));
}

#[tokio::test]
async fn a_row_without_an_id_makes_a_full_scan_partial() {
    let mut without_id = agent(2);
    without_id.as_object_mut().unwrap().remove("unique_id");
    let poll_result = poll_of(Answer::json(&list(&[without_id, agent(3)]))).await.unwrap();
    assert_eq!(scan(&poll_result).partial(), Some(Partial::RowWithoutId));
    assert_eq!(agents(&poll_result).len(), 1);
}

#[tokio::test]
async fn a_redirect_never_receives_the_session() {
    let elsewhere = VendorServer::answering(|_| Answer::json(&list(&[]))).await;
    let target = elsewhere.url().to_string();
    for status in [301, 307, 308] {
        let moved = Answer::status(status).header("Location", &target);
        let error = poll_of(moved).await.unwrap_err();
        assert!(matches!(error, Error::Redirected { .. }), "{error}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}
