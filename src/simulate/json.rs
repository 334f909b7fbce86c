//! Fields of JSON records: the vendors' and the events'.

use chrono::DateTime;
use serde_json::Value;

use crate::model::Timestamp;

/// A time of RFC 3339 in a row's column.
pub(super) fn timestamp(row: &Value, column: &str) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(row[column].as_str()?).ok()?;
    Timestamp::from_utc(time.into())
}

/// A time of RFC 3339 in milliseconds since the epoch.
pub(super) fn millis(value: &Value) -> Option<i64> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|time| time.timestamp_millis())
}

/// Whether a row has this id; the ids of the contact centre are numbers.
pub(super) fn has_id(row: &Value, id: &str) -> bool {
    row["id"].as_u64().is_some_and(|number| number.to_string() == id)
}

/// The elements of a record's list; none when it is not a list.
pub(super) fn rows<'v>(record: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    record[name].as_array().into_iter().flatten()
}

/// Whether a flag is set, as a boolean or as a number.
pub(super) fn is_set(value: &Value) -> bool {
    *value == true || *value == 1
}

/// An id or a name, without the quotes of JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
