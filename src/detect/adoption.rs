//! When the model has grown since a state was stored: what the state could not know is no change.
//!
//! A state of an older model lacks the fields that came later. They are taken over from the next row
//! before the two are compared, so that an upgrade tells nothing of what was always so.

use serde_json::Value;

use super::interactions::{Interaction, InteractionState};
use super::records::{Record, RecordState};
use super::{AgentState, interactions};
use crate::model::Agent;

/// A state that holds the last row of what it is about.
pub trait HoldsRow<R> {
    /// Where in the stored state the row is.
    const ROW: &'static str;

    /// The state was read with fields of this row that it did not know.
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
        // The hash was made over other fields. Without the record nobody knows what it stood for.
        self.content = interactions::content(self.record.as_deref().unwrap_or(row));
    }
}

/// Takes over from `after` what `before` does not know: the fields of objects that it lacks, in
/// lists those of the row of the same id, or of the same place where there are no ids.
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
            for (place, row) in before.iter_mut().enumerate() {
                let twin = match row.get("id").filter(|id| !id.is_null()) {
                    Some(id) => after.iter().find(|twin| twin.get("id") == Some(id)),
                    None => after.get(place).filter(|_| same_length),
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
    fn only_what_was_not_known_is_taken_over() {
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
