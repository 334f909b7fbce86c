//! Takes the passwords out of a row before anything else looks at it.
//!
//! The vendor sends `password` and `call_pass`, the latter of eight digits, in plain text with every
//! agent. What comes out of here has neither, nor has anything that is made of it: no value, no
//! error, no fingerprint. A hash of the row as it came would tell a code of eight digits to anybody
//! who tries them all.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Number, Value};

use super::envelope::ListedRow;
use crate::source::{Fingerprint, QuarantineReason, Quarantined};
use crate::source::fields::id;

/// Bytes of one row, at most: brokers refuse events of a quarter of that.
const LARGEST_ROW: usize = 4 << 20;
/// What ends in a value that is taken for a secret, wherever in a row it stands: also one that the
/// vendor may add. Passwords for calls and log-ins, tokens and sessions.
const SECRET: [&str; 6] = ["pass", "pwd", "secret", "token", "ssid", "apikey"];

/// Whether the value under a name is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(|letter| letter.is_ascii_alphanumeric());
    let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    SECRET.iter().any(|secret| name.contains(secret))
}

/// A row without its secrets, with the agent's id under `id`: its own, or the key under which it
/// stands. It is the same for the same row, whatever the secrets were.
pub(super) fn scrubbed(listed: &ListedRow) -> Result<Box<RawValue>, Quarantined> {
    let text = listed.row.get();
    if text.len() > LARGEST_ROW {
        return Err(unscrubbed(listed, "expected a smaller row"));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Scrub.deserialize(&mut reader).map_err(|error| {
        unscrubbed(listed, match error.classify() {
            serde_json::error::Category::Syntax => "expected valid text",
            _ => "expected a smaller nesting",
        })
    })?;
    let value = match value {
        Value::Object(fields) => Value::Object(with_id(fields, listed.key.as_deref())),
        other => other,
    };
    to_raw_value(&value).map_err(|_| unscrubbed(listed, "expected valid text"))
}

fn with_id(fields: Map<String, Value>, key: Option<&str>) -> Map<String, Value> {
    let own = fields.get("unique_id").filter(|own| !own.is_null()).cloned();
    let mut row = Map::new();
    if let Some(id) = own.or_else(|| key.map(Value::from)) {
        row.insert(String::from("id"), id);
    }
    row.extend(fields.into_iter().filter(|(name, _)| name != "id"));
    row
}

/// A row that cannot be taken apart. Its fingerprint is that of its id and its fault: what else is
/// in it may be a secret.
fn unscrubbed(listed: &ListedRow, fault: &'static str) -> Quarantined {
    let id = listed.key.as_ref().and_then(|key| id(&Value::from(key.as_str())));
    let id = id.or_else(|| own_id(listed.row));
    let known = format!("{}\n{fault}", id.as_ref().map_or("", |id| id.as_str()));
    Quarantined {
        id,
        reason: QuarantineReason { path: String::new(), kind: fault.to_owned() },
        fingerprint: Fingerprint::of(known.as_bytes()),
        size: listed.row.get().len(),
    }
}

/// The id of a row, without reading the rest of it.
fn own_id(row: &RawValue) -> Option<crate::model::EntityId> {
    #[derive(serde::Deserialize)]
    struct Row<'a> {
        #[serde(borrow)]
        unique_id: &'a RawValue,
    }
    let row: Row = serde_json::from_str(row.get()).ok()?;
    let short = row.unique_id.get();
    (short.len() < 1024).then(|| serde_json::from_str(short).ok()).flatten().and_then(|it| id(&it))
}

/// Reads a value without the secrets in it.
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
