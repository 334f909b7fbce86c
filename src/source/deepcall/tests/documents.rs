//! The examples of the vendor's document, which lose only the intended fields on the way to the
//! model. The people are invented; the formats are the vendor's.

use std::collections::BTreeSet;

use super::{Answer, EntityId, Value, agents, poll_of, scan};
use crate::model::{Agent, Destination, GroupReference, Timestamp, WorkingHours};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/deepcall/", $name))
    };
}

#[tokio::test]
async fn the_example_of_the_document_is_read_in_full() {
    let poll_result = poll_of(Answer::body(fixture!("list.json"))).await.unwrap();
    assert!(scan(&poll_result).is_complete() && scan(&poll_result).was_counted());
    assert_eq!((poll_result.quarantined.len(), poll_result.unknown_values.len()), (0, 0));
    let agents = agents(&poll_result);
    let ids: Vec<_> = agents.iter().map(|agent| agent.id.as_str()).collect();
    assert_eq!(ids, ["2", "3", "4", "5", "6", "8", "9"]);

    let text = |text: &str| Some(String::from(text));
    let id = |id: &str| EntityId::new(id);
    let group = |group: &str, name: &str| GroupReference { id: Some(id(group)), name: text(name) };
    let fifth = Agent {
        name: text("Ines"),
        email: text("ines@example.com"),
        phone: text("15550113"),
        address: text("1 Sample Street"),
        destination: Some(Destination { kind: text("MOBILE"), value: text("5550113") }),
        active: Some(true),
        roles: vec![String::from("test")],
        role_id: Some(id("1")),
        parents: vec![id("4")],
        created_at: Some(Timestamp::from_millis(1_720_094_457_000)),
        created_by: Some(id("10000001")),
        user_id: Some(id("10000001")),
        pre_deleted: Some(false),
        groups: vec![
            group("13", "Test_Group"),
            group("15", "Test_Group"),
            group("16", "Test_Group"),
            group("17", "Sales"),
            group("4", "Unknown group (4)"),
        ],
        working_hours: vec![WorkingHours {
            days: ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"].map(String::from).into(),
            from: Some(0),
            to: Some(1439),
        }],
        ..Agent::new(id("5"))
    };
    assert_eq!(agents[3], &fifth);
    assert_eq!(agents[4].allowed_dids, ["15550199"]);
    assert_eq!(agents[0].pre_deleted, Some(true));
    assert_eq!((&agents[5].address, agents[5].groups.len()), (&None, 0));
}

#[tokio::test]
async fn every_value_of_the_example_reaches_the_model_but_the_passwords() {
    let document: Value = serde_json::from_str(fixture!("list.json")).unwrap();
    let mut lost = BTreeSet::new();
    let poll_result = poll_of(Answer::body(fixture!("list.json"))).await.unwrap();
    for (row, agent) in document["response"].as_array().unwrap().iter().zip(agents(&poll_result)) {
        let model = serde_json::to_string(agent).unwrap();
        let mut missing = |field: &str, text: &str| {
            if !text.is_empty() && !model.contains(text) {
                lost.insert(field.to_owned());
            }
        };
        for (field, value) in row.as_object().unwrap() {
            match value {
                Value::String(text) if field == "parent" => {
                    let parents = text.split(',').filter(|parent| *parent != "START");
                    parents.for_each(|parent| missing(field, parent));
                }
                Value::String(text) => missing(field, text),
                Value::Number(number) => missing(field, &number.to_string()),
                Value::Array(items) => {
                    for item in items {
                        match item {
                            Value::Object(part) => {
                                for (name, value) in part {
                                    let text = value.as_str().map(String::from);
                                    let text = text.unwrap_or_else(|| match value {
                                        Value::Array(days) => days[0].as_str().unwrap().to_owned(),
                                        other => other.to_string(),
                                    });
                                    missing(&format!("{field}.{name}"), &text);
                                }
                            }
                            other => missing(field, other.to_string().trim_matches('"')),
                        }
                    }
                }
                other => panic!("{field}: {other}"),
            }
        }
    }
    assert_eq!(lost.into_iter().collect::<Vec<_>>(), ["call_pass", "password"]);
}

#[tokio::test]
async fn the_map_of_the_documents_table_is_read_in_full() {
    let poll_result = poll_of(Answer::body(fixture!("list_map.json"))).await.unwrap();
    let agents = agents(&poll_result);
    assert_eq!(agents.len(), 3);
    assert_eq!((agents[1].id.as_str(), agents[1].active), ("3", Some(false)));
    assert_eq!(agents[2].name.as_deref(), Some("Tom Example"));
    let groups: Vec<_> = agents[2].groups.iter().map(|group| &group.id).collect();
    assert_eq!(groups.len(), 4);
    assert!(scan(&poll_result).is_complete() && !scan(&poll_result).was_counted());
}

#[tokio::test]
async fn the_answers_without_rows_are_an_empty_list_and_three_errors() {
    let empty = poll_of(Answer::body(fixture!("list_empty.json"))).await.unwrap();
    assert!(agents(&empty).is_empty());
    for (body, expected) in [
        (fixture!("error_1014.json"), "unauthorized"),
        (fixture!("error_1015.json"), "unauthorized"),
        (fixture!("error_1006.json"), "refused"),
    ] {
        let error = poll_of(Answer::body(body)).await.unwrap_err();
        assert_eq!(error.reason(), expected, "{error}");
    }
}
