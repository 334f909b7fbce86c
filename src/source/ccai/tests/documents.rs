//! Every model and example of the vendor's document, none of which loses a field on the way to the
//! model. The people are invented; the formats are the vendor's.

use chrono::DateTime;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::mapping;
use super::super::rows::{DecodeRow, decode, entities, split};
use crate::model::EntityId;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/ccai/", $name))
    };
}

/// Collects the fields of the vendor that the model does not have, each in its own format.
fn lost(path: &str, vendor: &Value, model: Option<&Value>, lost_fields: &mut Vec<String>) {
    // Null is kept only by a field that exists: one that the model lacks would look the same.
    let Some(model) = model else {
        lost_fields.push(path.to_owned());
        return;
    };
    let kept = match (vendor, model) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, value) in fields {
                lost(&format!("{path}.{name}"), value, model.get(name), lost_fields);
            }
            true
        }
        (Value::Array(items), Value::Array(kept)) => {
            for (index, item) in items.iter().enumerate() {
                lost(&format!("{path}[{index}]"), item, kept.get(index), lost_fields);
            }
            items.len() == kept.len()
        }
        (one @ Value::Object(_), Value::Array(kept)) if kept.len() == 1 => {
            lost(path, one, kept.first(), lost_fields);
            true
        }
        (Value::Null, model) => model.is_null(),
        (Value::String(word), Value::Null) => word == "nothing" || word == "string",
        (Value::String(time), Value::Number(millis)) => {
            let time = DateTime::parse_from_rfc3339(time).unwrap();
            millis.as_i64() == Some(time.timestamp_millis())
        }
        (Value::Number(number), Value::String(id)) => *id == number.to_string(),
        (Value::Number(number), Value::Bool(flag)) => number.as_i64() == Some(i64::from(*flag)),
        (Value::Number(number), Value::Number(kept)) => number.as_f64() == kept.as_f64(),
        (vendor, model) => vendor == model,
    };
    if !kept {
        lost_fields.push(path.to_owned());
    }
}

fn check<T: Serialize>(text: &str, read: DecodeRow<T>, not_in_the_model: &[&str]) -> Vec<T> {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap();
    compare(&rows, split(text.as_bytes()).unwrap(), read, not_in_the_model)
}

/// The same for an answer in any of the formats of queues and teams.
fn check_entities<T: Serialize>(text: &str, read: DecodeRow<T>) -> Vec<T> {
    let mut rows = Vec::new();
    flatten(serde_json::from_str(text).unwrap(), &mut rows);
    compare(&rows, entities(text.as_bytes()).unwrap(), read, &[])
}

fn compare<T: Serialize>(
    rows: &[Value],
    split: Vec<&RawValue>,
    read: DecodeRow<T>,
    not_in_the_model: &[&str],
) -> Vec<T> {
    let mut unknown = Vec::new();
    let decoded: Vec<_> = split
        .into_iter()
        .map(|row| decode(row, read, &mut unknown).unwrap_or_else(|row| panic!("{:?}", row.reason)))
        .collect();
    assert_eq!(unknown, [], "the document's own values are known");
    assert_eq!(rows.len(), decoded.len());
    for (row, model) in rows.iter().zip(&decoded) {
        let mut lost_fields = Vec::new();
        lost("row", row, Some(&serde_json::to_value(model).unwrap()), &mut lost_fields);
        assert_eq!(lost_fields, not_in_the_model);
    }
    decoded
}

#[test]
fn every_field_of_an_agent_reaches_the_model() {
    check(fixture!("agents_model.json"), mapping::agent, &[]);
    assert_eq!(check(fixture!("agents.json"), mapping::agent, &[]).len(), 3);
}

#[test]
fn every_field_of_a_current_status_reaches_the_model() {
    // The model has the status as a part of its own.
    let moved = ["row.id", "row.status", "row.status_id"];
    let decoded = check(fixture!("agents_current_status.json"), mapping::current_status, &moved);
    assert_eq!(decoded[0].agent_id.as_str(), "1");
    assert_eq!(decoded[0].status.id.as_str(), "0");
    assert_eq!(decoded[0].status.name.as_deref(), Some("Available"));
}

#[test]
fn every_field_of_an_activity_reaches_the_model() {
    check(fixture!("agent_activity_logs_model.json"), mapping::activity, &[]);
    assert_eq!(check(fixture!("agent_activity_logs.json"), mapping::activity, &[]).len(), 7);
}

#[test]
fn every_field_of_a_call_reaches_the_model() {
    // A rating of 0 means none.
    check(fixture!("calls_model.json"), mapping::call, &["row.rating"]);
    let call = &check(fixture!("calls.json"), mapping::call, &[])[0];
    assert_eq!(call.interaction.handle_durations.len(), 3);
    assert_eq!(
        call.interaction.queue_durations[1].service_level_event.as_deref(),
        Some("not_in_sla")
    );
}

#[test]
fn every_field_of_a_chat_reaches_the_model() {
    check(fixture!("chats_model.json"), mapping::chat, &["row.rating"]);
    let chats = check(fixture!("chats.json"), mapping::chat, &[]);
    assert_eq!(chats.len(), 2);
    assert_eq!(chats[1].interaction.handle_durations[0].response_time_total, Some(259));
}

#[test]
fn every_field_of_a_queue_reaches_the_model() {
    check_entities(fixture!("menus_model.json"), mapping::queue);
    for list in [fixture!("menus.json"), fixture!("menus_one.json")] {
        let queue = &check_entities(list, mapping::queue)[0];
        assert_eq!(queue.agent_assignments.len(), 2);
        assert_eq!(queue.team_assignments[0].team.as_ref().unwrap().assignees.len(), 3);
    }
    // A tree has the same fields for each menu; `parent_id` gives its branches.
    assert_eq!(check_entities(fixture!("menus_tree.json"), mapping::queue).len(), 6);
}

#[test]
fn every_field_of_a_team_reaches_the_model() {
    check_entities(fixture!("teams_model.json"), mapping::team);
    assert_eq!(check_entities(fixture!("teams.json"), mapping::team).len(), 2);
    let one = &check_entities(fixture!("teams_one.json"), mapping::team)[0];
    assert_eq!(one.assignees.len(), 3);
    assert_eq!(check_entities(fixture!("teams_tree.json"), mapping::team).len(), 2);
}

#[test]
fn every_field_of_a_status_definition_reaches_the_model() {
    check(fixture!("user_statuses_model.json"), mapping::status_definition, &[]);
    let statuses = check(fixture!("user_statuses.json"), mapping::status_definition, &[]);
    // "Meal" is -4 and 5: a name is no identity.
    let meals = statuses.iter().filter(|status| status.name.as_deref() == Some("Meal"));
    assert_eq!(meals.count(), 2);
}

#[test]
fn every_field_of_a_queues_status_reaches_the_model() {
    // The model has the path as an object, one spelling of the channel, and names of its own.
    let moved = [
        "row.menu_id",
        "row.lang",
        "row.menu_path_id",
        "row.menu_path",
        "row.comm_type",
        "row.in_queue_count",
        "row.oldest_in_queue",
        "row.oldest_duration_in_queue",
        "row.total_queue_duration",
        "row.average_queue_duration",
    ];
    let decoded = check(fixture!("menus_current_status.json"), mapping::queue_status, &moved);
    assert_eq!(decoded[0].queue.id().as_str(), "5/en/call");
    let status = &decoded[0];
    assert_eq!(status.queue_id, Some(EntityId::new("10")));
    assert_eq!(status.path.as_deref(), Some("acme IVR Support/1 Day Shipping"));
    assert_eq!(status.depth, 2);
    assert_eq!(status.oldest_queued_at.unwrap().millis(), 1_620_685_041_000);
    assert_eq!(status.oldest_duration, Some(300));
    assert_eq!(status.total_duration, Some(400));
    assert_eq!(status.average_duration, Some(200));
}

#[test]
fn every_service_level_reaches_the_model_and_nothing_is_not_zero() {
    let levels = |text: &str| -> Vec<_> {
        let rows = split(text.as_bytes()).unwrap();
        let read = |row| decode(row, mapping::level, &mut Vec::new()).unwrap();
        rows.into_iter().map(read).map(|row| (row.id, row.lang, row.percent)).collect()
    };
    let id = |id: &str| EntityId::new(id);
    let lang = |lang: &str| Some(String::from(lang));
    assert_eq!(
        levels(fixture!("menus_sla.json")),
        [
            (id("100"), lang("en"), Some(96.5)),
            (id("100"), lang("es"), Some(99.0)),
            (id("101"), lang("en"), Some(0.0))
        ]
    );
    assert_eq!(
        levels(fixture!("menus_sla_by_queue_groups.json")),
        [(id("20"), None, None), (id("24"), None, Some(99.2)), (id("29"), None, Some(98.3))]
    );
}

/// A list's, a tree's or a single object's entities, one after the other.
fn flatten(nodes: Value, all: &mut Vec<Value>) {
    let nodes = if let Value::Array(nodes) = nodes { nodes } else { vec![nodes] };
    for mut node in nodes {
        let children = node.as_object_mut().and_then(|node| node.remove("children"));
        all.push(node);
        flatten(children.unwrap_or_else(|| json!([])), all);
    }
}

#[test]
fn a_tree_has_an_end_and_an_object_that_is_no_entity_is_no_answer() {
    let ids = |text: &str| -> Result<Vec<String>, &'static str> {
        let id = |row: &&RawValue| {
            let row: Value = serde_json::from_str(row.get()).unwrap();
            row["id"].to_string()
        };
        Ok(entities(text.as_bytes())?.iter().map(id).collect())
    };
    let tree = r#"[{"id":1,"children":[{"id":2,"children":[{"id":3}]},{"id":4}]},{"id":5}]"#;
    assert_eq!(ids(tree).unwrap(), ["1", "2", "3", "4", "5"]);
    assert_eq!(ids(r#"{"id": 7, "children": null}"#).unwrap(), ["7"]);
    assert_eq!(ids(r#"{"id": 7, "children": [{"id": 8}]}"#).unwrap(), ["7", "8"]);
    assert_eq!(ids("[]").unwrap(), [""; 0]);
    for nothing in ["{}", r#"{"error": "no"}"#, r#"{"id": {}}"#, r#"{"id": 1"#, "null"] {
        assert!(ids(nothing).is_err(), "{nothing}");
    }
    assert!(ids(r#"[{"id": 1, "children": "many"}]"#).is_err());
    let nested = |levels: usize| {
        format!("[{}{}]", r#"{"id":1,"children":["#.repeat(levels), "]}".repeat(levels))
    };
    assert_eq!(ids(&nested(32)).unwrap().len(), 32);
    assert!(ids(&nested(33)).is_err());
}
