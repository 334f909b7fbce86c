//! Whatever stands in a field, a row is read or set aside: nothing panics, the row's id is kept,
//! the place is named and the value is not.

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json, value::to_raw_value};

use super::super::mapping;
use super::super::rows::{Read, decode, split};
use crate::model::{EntityId, Timestamp};

fn strange() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "SECRET.{0,12}".prop_map(Value::from),
        "[-+]?[0-9]{1,20}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?Z"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,9}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// Puts a value in place of the field with this number, in the order of a walk; says which.
fn replace(value: &mut Value, path: &str, left: &mut usize, new: &Value) -> Option<String> {
    let name =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let children: Vec<(String, &mut Value)> = match value {
        Value::Object(fields) => fields.iter_mut().map(|(key, value)| (name(key), value)).collect(),
        Value::Array(items) => {
            let name = |index| format!("{path}[{index}]");
            items.iter_mut().enumerate().map(|(index, value)| (name(index), value)).collect()
        }
        _ => Vec::new(),
    };
    for (path, child) in children {
        if *left == 0 {
            *child = new.clone();
            return Some(path);
        }
        *left -= 1;
        if let Some(found) = replace(child, &path, left, new) {
            return Some(found);
        }
    }
    None
}

fn holds<T: Serialize>(document: &str, read: Read<T>, mut field: usize, new: &Value) {
    let mut row = serde_json::from_str::<Value>(document).unwrap()[0].take();
    let Some(path) = replace(&mut row, "", &mut field, new) else { return };
    let raw = to_raw_value(&row).unwrap();
    match decode(&raw, read, &mut Vec::new()) {
        Ok(decoded) => {
            // What was read can be stored and read again.
            serde_json::to_string(&decoded).unwrap();
        }
        Err(quarantined) => {
            let reason = &quarantined.reason;
            assert!(reason.path.starts_with(&path) || path.starts_with(&reason.path), "{path}");
            assert!(!format!("{quarantined:?}").contains("SECRET"), "{quarantined:?}");
            if path != "id" {
                let id = match &row["id"] {
                    Value::Number(number) => EntityId::new(number.to_string()),
                    other => panic!("{other}"),
                };
                assert_eq!(quarantined.id, Some(id));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_value_in_any_field_is_read_or_set_aside(field in 0_usize..330, new in strange()) {
        let calls = include_str!("../../../../tests/fixtures/ccai/calls.json");
        holds(calls, mapping::call, field, &new);
        let agents = include_str!("../../../../tests/fixtures/ccai/agents.json");
        holds(agents, mapping::agent, field % 42, &new);
        let rows = include_str!("../../../../tests/fixtures/ccai/agent_activity_logs.json");
        holds(rows, mapping::activity, field % 14, &new);
        let statuses = include_str!("../../../../tests/fixtures/ccai/agents_current_status.json");
        holds(statuses, mapping::current_status, field % 6, &new);
    }

    #[test]
    fn any_bytes_are_rows_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut list = vec![b'['];
        list.extend_from_slice(&bytes);
        list.push(b']');
        for bytes in [&bytes, &list] {
            for row in split(bytes).unwrap_or_default() {
                let _ = decode(row, mapping::call, &mut Vec::new());
            }
        }
    }

    #[test]
    fn a_time_that_is_read_lies_between_the_years_1_and_9999(text in "[-+]?[0-9]{4,6}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])T12:00:00(\\.[0-9]{1,12})?(Z|[-+][0-9]{2}:?[0-9]{2})") {
        let row = json!({"id": 1, "updated_at": text});
        let raw = to_raw_value(&row).unwrap();
        if let Ok(call) = decode(&raw, mapping::call, &mut Vec::new()) {
            let time = call.updated_at.unwrap();
            prop_assert!((Timestamp::EARLIEST..=Timestamp::LATEST).contains(&time));
        }
    }
}
