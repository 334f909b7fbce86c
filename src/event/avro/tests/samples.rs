//! Events for the tests: one of every type, with everything set or with as little as possible.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{joined_files, self_contained};
use crate::event::{Body, EventMeta, EventType, Origin};
use crate::model::{Precision, Timestamp};

/// How much of a sample is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every option, two items in every list.
    Full,
    /// No option, nothing in any list.
    Empty,
}

/// A time in 2026.
const TIME: i64 = 1_772_366_400_000;

pub(super) fn meta(extent: Extent) -> EventMeta {
    EventMeta {
        event_id: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        account: "acme".into(),
        vendor: "ccai".into(),
        entity_id: "17".into(),
        revision: 3,
        sequence: 40,
        stream: "agents".into(),
        occurred_at: Timestamp::from_millis(TIME),
        occurred_after: (extent == Extent::Full).then(|| Timestamp::from_millis(TIME - 900)),
        precision: Precision::Bounded,
        observed_at: Timestamp::from_millis(TIME + 1500),
        origin: Origin::Live,
        late: extent == Extent::Full,
    }
}

/// A sample of an event.
pub(super) fn sample(event: EventType, extent: Extent) -> Body {
    let schema = self_contained(event.as_str()).unwrap();
    Body::from_json(event, Samples { extent, count: 0 }.value("", &schema)).unwrap()
}

/// Generates a value for each field of a schema, by its type. No two fields have the same value, so
/// that a test notices when two are swapped.
struct Samples {
    extent: Extent,
    count: i64,
}

impl Samples {
    fn value(&mut self, field: &str, schema: &Value) -> Value {
        match schema {
            Value::String(kind) => self.scalar(field, kind),
            Value::Array(variants) if self.extent == Extent::Full => {
                self.value(field, &variants[1])
            }
            Value::Object(attributes) => match attributes["type"].as_str().unwrap() {
                "record" => attributes["fields"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|field| {
                        let name = field["name"].as_str().unwrap();
                        (name.to_owned(), self.value(name, &field["type"]))
                    })
                    .collect::<Map<_, _>>()
                    .into(),
                "enum" => {
                    // The last symbol may be one that is never written.
                    let symbols = attributes["symbols"].as_array().unwrap();
                    symbols[usize::try_from(self.next()).unwrap() % (symbols.len() - 1)].clone()
                }
                "array" if self.extent == Extent::Full => {
                    json!([
                        self.value(field, &attributes["items"]),
                        self.value(field, &attributes["items"])
                    ])
                }
                "array" => json!([]),
                "string" => json!("01234567-89ab-cdef-0123-456789abcdef"),
                _ => json!(TIME + self.next()),
            },
            // An optional field of an empty sample.
            _ => Value::Null,
        }
    }

    fn scalar(&mut self, field: &str, kind: &str) -> Value {
        let count = self.next();
        match kind {
            // Letters beyond ASCII: a length counts bytes.
            "string" => json!(format!("{field} № {count}")),
            "boolean" => json!(count % 2 == 0),
            "long" => json!(if count % 2 == 0 { count } else { -count }),
            "double" => json!(f64::from(i32::try_from(count).unwrap()) + 0.5),
            record => {
                let name = record.rsplit('.').next().unwrap();
                let file = joined_files().find(|(known, _)| *known == name).unwrap().1;
                self.value(field, &serde_json::from_str(file).unwrap())
            }
        }
    }

    fn next(&mut self) -> i64 {
        self.count += 1;
        self.count
    }
}
