//! Lenient decoding of JSON: vendors send one fact in many formats, and each becomes one type.
//!
//! An error contains the path and what was expected, never the value: it may be personal data.

mod read_fields;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::QuarantineReason;
use crate::model::{EntityId, Timestamp};

use self::read_fields::join;

pub(super) use self::read_fields::{ReadFields, without_indexes};

/// A JSON object and its path in the row.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
    read: Option<&'a ReadFields>,
}

type Result<T> = std::result::Result<T, QuarantineReason>;

impl<'a> Fields<'a> {
    /// The object at the top of a row.
    pub(super) fn of(row: &'a Value) -> Result<Self> {
        Self::at(row, String::new(), None)
    }

    /// The object at the top of a row, with a record of the fields that are read.
    pub(super) fn recorded(row: &'a Value, read: &'a ReadFields) -> Result<Self> {
        Self::at(row, String::new(), Some(read))
    }

    fn at(value: &'a Value, path: String, read: Option<&'a ReadFields>) -> Result<Self> {
        match value {
            Value::Object(object) => Ok(Self { object, path, read }),
            _ => Err(expected("an object", path)),
        }
    }

    /// The path of a field.
    fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        if let Some(read) = self.read {
            read.record(&self.path_of(name));
        }
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| expected(what, self.path_of(name)))
    }

    /// A text; numbers and booleans are taken as they are written.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        self.read(name, "a text", text)
    }

    /// A word; `nothing` is none.
    pub(super) fn reason(&self, name: &str) -> Result<Option<String>> {
        Ok(self.text(name)?.filter(|word| word != "nothing"))
    }

    /// An id: a text or a whole number.
    pub(super) fn id(&self, name: &str) -> Result<Option<EntityId>> {
        self.read(name, "an id", id)
    }

    /// An id; an error when it is missing.
    pub(super) fn required_id(&self, name: &str) -> Result<EntityId> {
        self.id(name)?.ok_or_else(|| expected("an id", self.path_of(name)))
    }

    /// A whole number, also as a text. A fraction, which averages may have, is rounded, a half away
    /// from zero: events count in whole seconds, and a fraction is no reason to quarantine a row.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.read(name, "a whole number", integer)
    }

    /// A whole number; an error when it is missing.
    pub(super) fn required_integer(&self, name: &str) -> Result<i64> {
        self.integer(name)?.ok_or_else(|| expected("a whole number", self.path_of(name)))
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>> {
        self.read(name, "a number", |value| match value {
            Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            Value::String(text) => {
                text.trim().parse().ok().filter(|number: &f64| number.is_finite())
            }
            _ => None,
        })
    }

    /// Yes or no, in any format that was seen. Other texts are none.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        let flag = self.read(name, "yes or no", |value| match value {
            Value::Bool(flag) => Some(Some(*flag)),
            Value::Number(number) => number.as_f64().map(|number| Some(number != 0.0)),
            Value::String(text) => Some(match text.trim().to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" => Some(true),
                "false" | "f" | "no" | "n" | "0" => Some(false),
                _ => None,
            }),
            _ => None,
        })?;
        Ok(flag.flatten())
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>> {
        self.read(name, "a time", time)
    }

    /// A time; an error when it is missing.
    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp> {
        self.time(name)?.ok_or_else(|| expected("a time", self.path_of(name)))
    }

    /// A time, as text or as seconds since 1970; what is above 10¹¹ is milliseconds.
    pub(super) fn time_or_epoch(&self, name: &str) -> Result<Option<Timestamp>> {
        self.read(name, "a time", time_or_epoch)
    }

    /// Whether the field exists, also as null.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.value(name).is_some() || self.object.contains_key(name)
    }

    /// A list of ids; a single id is a list of one, an empty text is an empty list.
    pub(super) fn ids(&self, name: &str) -> Result<Vec<EntityId>> {
        let wrong = |path| expected("an id", path);
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    id(item).ok_or_else(|| wrong(format!("{}[{index}]", self.path_of(name))))
                })
                .collect(),
            Some(one) => id(one).map(|one| vec![one]).ok_or_else(|| wrong(self.path_of(name))),
        }
    }

    /// Texts by their names, from an object or a list of objects.
    pub(super) fn text_entries(&self, name: &str) -> Result<Vec<(String, String)>> {
        let objects = match self.value(name) {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            other => Vec::from_iter(other),
        };
        let mut entries = Vec::new();
        for object in objects.into_iter().filter(|object| !object.is_null()) {
            let object = object.as_object().ok_or_else(|| expected("texts", self.path_of(name)))?;
            for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let text = text(value).ok_or_else(|| expected("texts", self.path_of(name)))?;
                entries.push((key.clone(), text));
            }
        }
        Ok(entries)
    }

    /// The value itself, for a vendor's own formats.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.value(name)
    }

    /// An object.
    pub(super) fn part<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Fields<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(&Fields::at(value, self.path_of(name), self.read)?).map(Some)
    }

    /// A list of objects; a single object is a list of one, null is an empty list.
    pub(super) fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Fields<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .filter(|(_, item)| !item.is_null())
                .map(|(index, item)| {
                    let path = format!("{}[{index}]", self.path_of(name));
                    read(&Fields::at(item, path, self.read)?)
                })
                .collect(),
            Some(one @ Value::Object(_)) => {
                Ok(vec![read(&Fields::at(one, self.path_of(name), self.read)?)?])
            }
            Some(_) => Err(expected("a list", self.path_of(name))),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| text(item).ok_or_else(|| expected("texts", self.path_of(name))))
                .collect(),
            Some(one) => {
                text(one).map(|one| vec![one]).ok_or_else(|| expected("texts", self.path_of(name)))
            }
        }
    }

    /// A list of anything, each item as JSON.
    pub(super) fn json_texts(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(Value::to_string).collect(),
            Some(one) => vec![one.to_string()],
        }
    }
}

fn expected(what: &str, path: String) -> QuarantineReason {
    QuarantineReason { path, kind: format!("expected {what}") }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The longest id: ids are in keys, memory and headers.
const LONGEST_ID: usize = 256;

/// An id in any format. It has no control characters, which would break log lines.
pub(super) fn id(value: &Value) -> Option<EntityId> {
    match value {
        Value::String(text)
            if (1..=LONGEST_ID).contains(&text.len()) && !text.contains(char::is_control) =>
        {
            Some(EntityId::new(text.as_str()))
        }
        Value::Number(number) if !number.is_f64() => Some(EntityId::new(number.to_string())),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| rounded(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| rounded(text.parse().ok()?))
        }
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    }
}

/// The nearest whole number, where a float of this size is exact enough.
fn rounded(number: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "checked to be small")]
    (number.abs() < 9e15).then(|| number.round() as i64)
}

/// A time: RFC 3339, also with an offset that lacks its colon; between the years 1 and 9999.
fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()?;
    Timestamp::from_utc(time.into())
}

/// A time in any format, see [`Fields::time_or_epoch`].
pub(super) fn time_or_epoch(value: &Value) -> Option<Timestamp> {
    let whole = |number: &i64| match value {
        // A fraction is not a number of seconds since 1970.
        Value::Number(exact) => {
            exact.is_i64() || exact.as_f64().is_some_and(|exact| exact.fract() == 0.0)
        }
        Value::String(text) => text.trim().parse() == Ok(*number),
        _ => true,
    };
    time(value).or_else(|| epoch(integer(value).filter(whole)?))
}

/// A time in seconds or milliseconds since 1970, between the years 1 and 9999. A hundred billion
/// seconds are the year 5138, and as many milliseconds 1973.
fn epoch(number: i64) -> Option<Timestamp> {
    let is_millis = number.unsigned_abs() > 100_000_000_000;
    let millis = if is_millis { number } else { number.checked_mul(1000)? };
    let time = Timestamp::from_millis(millis);
    (Timestamp::EARLIEST..=Timestamp::LATEST).contains(&time).then_some(time)
}

#[cfg(test)]
mod tests;
