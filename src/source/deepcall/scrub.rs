//! Removes the passwords from a row before anything else reads it.
//!
//! The vendor sends `password` and `call_pass`, the latter of eight digits, in plain text with
//! every agent. A scrubbed row has neither, nor has anything that is made of it: no value, no
//! error, no fingerprint. A hash of the original row would reveal a code of eight digits to anybody
//! who tries them all.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Number, Value};

use super::envelope::ListedRow;
use crate::model::EntityId;
use crate::source::fields::{Fields, id};
use crate::source::rows::{is_too_large, row_id};
use crate::source::{Fingerprint, QuarantineReason, Quarantined};

/// The field that holds an agent's id.
pub(super) const ID: &str = "unique_id";
/// Parts of the names of secrets: passwords for calls and log-ins, and others that the vendor may
/// add. They are removed wherever in a row they are.
const SECRET: [&str; 6] = ["pass", "pwd", "secret", "token", "ssid", "apikey"];

/// The fault of a row that is no valid JSON.
const UNREADABLE: &str = "expected valid text and a smaller nesting";

/// Whether the value under a name is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    SECRET.iter().any(|secret| name.contains(secret))
}

/// A row without its secrets. It does not depend on them.
#[derive(Debug)]
pub(super) struct ScrubbedRow {
    /// The row, with the agent's id: its own, or its key in the map.
    pub(super) text: Box<RawValue>,
    /// The id, where the vendor marks the agent as deleted.
    pub(super) deleted: Option<EntityId>,
}

pub(super) fn scrubbed(listed: &ListedRow) -> Result<ScrubbedRow, Quarantined> {
    if is_too_large(listed.row) {
        return Err(unscrubbed(listed, "expected a smaller row"));
    }
    let mut reader = serde_json::Deserializer::from_str(listed.row.get());
    let value = Scrub.deserialize(&mut reader).map_err(|_| unscrubbed(listed, UNREADABLE))?;
    let value = match value {
        Value::Object(fields) => Value::Object(with_id(fields, listed.key.as_deref())),
        other => other,
    };
    let deleted = Fields::of(&value).ok().and_then(|fields| {
        let is_deleted = fields.flag("isDeleted").ok().flatten()?;
        fields.id(ID).ok().flatten().filter(|_| is_deleted)
    });
    let text = to_raw_value(&value).map_err(|_| unscrubbed(listed, UNREADABLE))?;
    Ok(ScrubbedRow { text, deleted })
}

fn with_id(mut fields: Map<String, Value>, key: Option<&str>) -> Map<String, Value> {
    if let Some(key) = key
        && fields.get(ID).is_none_or(Value::is_null)
    {
        fields.insert(String::from(ID), Value::from(key));
    }
    fields
}

/// A row that cannot be scrubbed. Its fingerprint is that of its id and its fault: anything else in
/// it may be a secret.
fn unscrubbed(listed: &ListedRow, fault: &'static str) -> Quarantined {
    let key = listed.key.as_ref().and_then(|key| id(&Value::from(key.as_str())));
    let id = row_id(listed.row, ID).or(key);
    let known = format!("{}\n{fault}", id.as_ref().map_or("", |id| id.as_str()));
    Quarantined {
        id,
        reason: QuarantineReason { path: String::new(), kind: fault.to_owned() },
        fingerprint: Fingerprint::of(known.as_bytes()),
        size: listed.row.get().len(),
    }
}

/// Decodes a value without the secrets in it.
struct Scrub;

impl<'de> DeserializeSeed<'de> for Scrub {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scrub {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if is_secret(&name) {
                map.next_value::<IgnoredAny>()?;
            } else {
                fields.insert(name, map.next_value_seed(Self)?);
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(key: Option<&str>, row: &str) -> Result<ScrubbedRow, Quarantined> {
        let row: &RawValue = serde_json::from_str(row).unwrap();
        scrubbed(&ListedRow { key: key.map(String::from), row })
    }

    #[test]
    fn secrets_are_removed_wherever_and_whatever_they_are() {
        let row = r#"{"unique_id":2,"password":"x","call_pass":12345678,"Password":["x"],
            "sip":{"callPass":{"a":1},"user":"u"},"working":[{"pwd":"x","from":1}],
            "api-key":"x","ssid":"x","authToken":"x","name":"Mira"}"#;
        let expected = r#"{"unique_id":2,"sip":{"user":"u"},"working":[{"from":1}],"name":"Mira"}"#;
        assert_eq!(scrub(None, row).unwrap().text.get(), expected);
        for name in ["email", "phone", "allowDid", "parent", "isDeleted", "groupNames", "address"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_row_has_the_same_fingerprint_whatever_its_passwords_are() {
        let row = |password: &str, code: u32| {
            format!(r#"{{"unique_id":2,"password":"{password}","call_pass":"{code:08}"}}"#)
        };
        let one = scrub(None, &row("first", 52_597_981)).unwrap();
        let other = scrub(None, &row("second and longer", 1)).unwrap();
        assert_eq!(one.text.get(), other.text.get());
        // Also where a row cannot be scrubbed: neither its bytes nor their hash are passed on.
        let broken = |code: u32| {
            scrub(None, &format!(r#"{{"unique_id":2,"name":"\ud800","call_pass":"{code:08}"}}"#))
        };
        let (one, other) = (broken(1).unwrap_err(), broken(2).unwrap_err());
        assert_eq!(one, other);
        assert_eq!(one.id, Some(EntityId::new("2")));
        assert_eq!(one.reason.kind, UNREADABLE);
    }

    #[test]
    fn a_row_of_a_map_is_known_by_its_own_id_or_by_its_key() {
        let text = |key, row| scrub(key, row).unwrap().text.get().to_owned();
        assert_eq!(text(Some("2"), r#"{"nm":"Mira"}"#), r#"{"nm":"Mira","unique_id":"2"}"#);
        assert_eq!(text(Some("2"), r#"{"unique_id":null}"#), r#"{"unique_id":"2"}"#);
        assert_eq!(text(Some("2"), r#"{"unique_id":3}"#), r#"{"unique_id":3}"#);
        assert_eq!(text(None, r#"{"nm":"Mira"}"#), r#"{"nm":"Mira"}"#);
        assert_eq!(text(Some("2"), "7"), "7");
    }

    #[test]
    fn a_row_that_is_too_deep_or_too_large_is_quarantined_under_its_key() {
        let deep = format!(r#"{{"name":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        let large = format!(r#"{{"name":[0{}]}}"#, ",0".repeat(2 << 20));
        for (row, kind) in [(deep, UNREADABLE), (large, "expected a smaller row")] {
            let error = scrub(Some("2"), &row).unwrap_err();
            assert_eq!((error.id, &*error.reason.kind), (Some(EntityId::new("2")), kind));
        }
    }

    #[test]
    fn deletion_is_known_in_any_format_of_yes() {
        let deleted = |flag: &str| {
            scrub(None, &format!(r#"{{"unique_id":2,"isDeleted":{flag}}}"#)).unwrap().deleted
        };
        for yes in ["1", "\"1\"", "true"] {
            assert_eq!(deleted(yes), Some(EntityId::new("2")), "{yes}");
        }
        for no in ["0", "\"\"", "null", "[1]"] {
            assert_eq!(deleted(no), None, "{no}");
        }
    }
}
