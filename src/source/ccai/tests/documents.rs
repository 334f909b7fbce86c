//! Every model and example of the vendor's document, and that nothing of them is lost on the way
//! to the model. The people are invented; the shapes are the vendor's.

use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;

use super::super::mapping;
use super::super::rows::{Read, decode, split};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/ccai/", $name))
    };
}

/// Whether the model says what the vendor said, each in its own form.
fn lost(path: &str, vendor: &Value, model: Option<&Value>, lost_fields: &mut Vec<String>) {
    let model = model.unwrap_or(&Value::Null);
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

fn check<T: Serialize>(text: &str, read: Read<T>, not_in_the_model: &[&str]) -> Vec<T> {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut unknown = Vec::new();
    let decoded: Vec<_> = split(text.as_bytes())
        .unwrap()
        .into_iter()
        .map(|row| decode(row, read, &mut unknown).unwrap_or_else(|row| panic!("{:?}", row.reason)))
        .collect();
    assert_eq!(unknown, [], "the document's own values are known");
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
    check(fixture!("calls_model.json"), mapping::call, &[]);
    let call = &check(fixture!("calls.json"), mapping::call, &[])[0];
    assert_eq!(call.handle_durations.len(), 3);
    assert_eq!(call.queue_durations[1].service_level_event.as_deref(), Some("not_in_sla"));
}
