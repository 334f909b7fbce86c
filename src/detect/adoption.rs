//! States that an older version of the model stored.
//!
//! They lack the fields that were added later. Those are adopted from the next row before the two
//! are compared, so that an upgrade emits no changes.

use serde_json::Value;

use super::agent_state::AgentState;
use super::interactions::{Interaction, InteractionState, content};
use super::records::{Record, RecordState};
use crate::model::Agent;

/// A state that holds the last row of its entity.
pub trait HoldsRow<R> {
    /// The field of the stored state that holds the row.
    const ROW: &'static str;

    /// Called when the state was read with fields adopted from this row.
    fn adopted(&mut self, _row: &R) {}
}

impl HoldsRow<Agent> for AgentState {
    const ROW: &'static str = "roster";
}

impl<R: Record> HoldsRow<R> for RecordState<R> {
    const ROW: &'static str = "record";
}

impl<I: Interaction> HoldsRow<I> for InteractionState<I> {
    const ROW: &'static str = "record";

    fn adopted(&mut self, row: &I) {
        // The hash was made over fewer fields. Without the record it cannot be compared.
        self.content = content(self.record.as_deref().unwrap_or(row));
    }
}

/// Adopts from `after` what `before` lacks: fields of objects, and in lists those of the item of
/// the same id, or of the same index where there are no ids.
pub fn adopt_unknown(before: &mut Value, after: &Value) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in after {
                match before.get_mut(name) {
                    Some(known) => adopt_unknown(known, value),
                    None => {
                        before.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let same_length = before.len() == after.len();
            for (index, row) in before.iter_mut().enumerate() {
                let twin = match row.get("id").filter(|id| !id.is_null()) {
                    Some(id) => after.iter().find(|twin| twin.get("id") == Some(id)),
                    None => after.get(index).filter(|_| same_length),
                };
                if let Some(twin) = twin {
                    adopt_unknown(row, twin);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_missing_fields_are_adopted() {
        let cases = [
            (json!({"a": 1}), json!({"a": 2, "b": 3}), json!({"a": 1, "b": 3})),
            (json!({"a": null}), json!({"a": 2}), json!({"a": null})),
            (json!({"a": {"b": 1}}), json!({"a": {"c": 2}}), json!({"a": {"b": 1, "c": 2}})),
            (
                json!([{"id": "2", "a": 1}, {"id": "1"}]),
                json!([{"id": "1", "b": 1}, {"id": "2", "b": 2}, {"id": "3", "b": 3}]),
                json!([{"id": "2", "a": 1, "b": 2}, {"id": "1", "b": 1}]),
            ),
            (json!([{"a": 1}]), json!([{"b": 2}]), json!([{"a": 1, "b": 2}])),
            (json!([{"a": 1}]), json!([{"b": 2}, {"b": 3}]), json!([{"a": 1}])),
            (json!(1), json!({"a": 1}), json!(1)),
        ];
        for (before, after, expected) in cases {
            let mut adopted = before.clone();
            adopt_unknown(&mut adopted, &after);
            assert_eq!(adopted, expected, "{before} {after}");
        }
    }
}
