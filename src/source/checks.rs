//! Checks that every vendor's tests share: an account on the loopback interface, and properties of
//! its rows that hold for any value in them.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::rows::{PageDecoder, RowFormat, decode};
use super::{Connection, Error, FullScanBuilder, Limits, RowMemory};
use crate::clock::ManualClock;
use crate::detect::{PollContext, StatusSource, roster_row};
use crate::event::avro::{Decoder, Encoders, single_object};
use crate::event::{Draft, Event, EventMeta, Origin};
use crate::fuzz::{Outcome, PLANTED, run};
use crate::model::{AccountName, Agent, EntityId, Precision, Privacy, Timestamp};
use crate::ownership::Lease;
use crate::poll::{AccountPermits, Budget, BudgetSettings};
use crate::telemetry::Metrics;

/// 2026-03-01T12:00:00Z, the time of the clock in these tests.
pub(super) const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);

/// A large budget.
pub(super) fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(BudgetSettings {
        requests_per_second: 10_000.0,
        longest_pause: Duration::from_millis(20),
    }))
}

/// Permits of a budget, with a lease that does not end.
pub(super) fn permits(budget: Arc<Budget>) -> Arc<AccountPermits> {
    Arc::new(AccountPermits { budget, lease: Arc::new(Lease::unlimited()) })
}

/// The connection of a client in tests, with short waits and a large budget.
pub(super) fn connection(limits: Limits) -> Connection {
    Connection {
        account: AccountName::new("acme").unwrap(),
        permits: permits(budget()),
        metrics: Arc::new(Metrics::new().unwrap()),
        clock: Arc::new(ManualClock::at(NOON)),
        limits,
    }
}

/// Limits for servers that answer at once.
pub(super) fn limits() -> Limits {
    Limits { pause: Duration::from_millis(1), ..Limits::default() }
}

/// The circumstances of a poll a second after the one before.
pub(super) fn context() -> PollContext {
    PollContext {
        requested_at: NOON,
        answered_at: NOON,
        previous_requested_at: Some(NOON.plus_millis(-1000)),
        start: NOON.plus_millis(-60_000),
        baseline_at: NOON.plus_millis(-60_000),
        first_full_scan: false,
    }
}

thread_local! {
    static AVRO: (Encoders, Decoder) = (Encoders::new().unwrap(), Decoder::new().unwrap());
}

/// Asserts that every event can be encoded and decoded again.
pub(super) fn assert_encodable(drafts: &[Draft]) {
    for draft in drafts {
        let meta = EventMeta {
            event_id: uuid::Uuid::nil(),
            account: String::from("acme"),
            vendor: String::from("any"),
            entity_id: draft.entity.to_string(),
            revision: 1,
            sequence: 1,
            stream: String::from("any"),
            occurred_at: NOON,
            occurred_after: None,
            precision: Precision::Second,
            observed_at: NOON,
            origin: Origin::Live,
            late: false,
        };
        AVRO.with(|(encoders, decoder)| {
            let datum = encoders.datum(&meta, &draft.body).unwrap();
            let message = single_object(encoders.fingerprint(draft.body.event_type()), &datum);
            let (event_type, value) = decoder.decode(&message).unwrap();
            assert_eq!(event_type, draft.body.event_type());
            let expected = serde_json::to_value(Event { meta: &meta, body: &draft.body }).unwrap();
            assert_eq!(value, expected);
        });
    }
}

/// The list of agents of a vendor that has no activity log.
pub(super) struct Roster {
    /// The name of its fuzz target.
    pub(super) target: &'static str,
    /// How its rows are decoded.
    pub(super) format: RowFormat<Agent>,
    /// The rows in an answer.
    pub(super) rows: fn(&[u8]) -> Result<Vec<String>, &'static str>,
    /// The error in an answer.
    pub(super) find_error: fn(u16, &[u8]) -> Option<Error>,
}

impl Roster {
    /// For any bytes in an answer: rows are decoded or quarantined, no error shows a value, and a
    /// row that comes again is no change.
    pub(super) fn fuzzed(&self, corpus: &[&[u8]]) {
        run(
            self.target,
            corpus,
            &["null", "1e400", "\"\"", "[]", "{}", "1772366400123"],
            |bytes| {
                for status in [200, 401, 500] {
                    let error = (self.find_error)(status, bytes);
                    assert!(!format!("{error:?}").contains(PLANTED), "{error:?}");
                }
                let rows = match (self.rows)(bytes) {
                    Ok(rows) => rows,
                    Err(problem) => {
                        let problem = problem.to_owned();
                        return Outcome { class: problem.clone(), whole: problem };
                    }
                };
                let rows: Vec<_> =
                    rows.into_iter().map(|row| RawValue::from_string(row).unwrap()).collect();
                let (mut class, mut whole) = (String::new(), String::new());
                for row in &rows {
                    let one = self.outcome(row);
                    if class.len() < 200 {
                        class += &one.class;
                    }
                    whole += &one.whole;
                }
                self.scanned(&rows);
                Outcome { class, whole }
            },
        );
    }

    fn outcome(&self, row: &RawValue) -> Outcome {
        let mut unknown = Vec::new();
        match decode(row, self.format.id, self.format.read, &mut unknown) {
            Ok(agent) => {
                let read =
                    |state: Option<&_>| roster_row(state, &agent, StatusSource::Roster, &context());
                let first = read(None);
                assert_encodable(&first.drafts);
                assert_eq!(read(Some(&first.state)).drafts, []);
                let whole = serde_json::to_string(&agent).unwrap();
                Outcome { class: format!("read {unknown:?};"), whole }
            }
            Err(quarantined) => {
                let reason = &quarantined.reason;
                let class = format!("{} {};", reason.path, reason.kind);
                // The id is the vendor's; the rest is our own text.
                assert!(!class.contains(PLANTED), "{class}");
                Outcome { class, whole: format!("{quarantined:?}") }
            }
        }
    }

    /// A full scan shows each id once, and none that no row has.
    fn scanned(&self, rows: &[Box<RawValue>]) {
        let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
        let (memory, mut next) = (RowMemory::default(), RowMemory::default());
        let mut scan = FullScanBuilder::default();
        let mut page = PageDecoder { memory: &memory, next: &mut next, unknown: &mut Vec::new() };
        let quarantined = page.decode(&rows, &self.format, &mut scan, &Privacy::default());
        assert!(scan.len() <= rows.len());
        let scan = scan.finish();
        assert!(scan.rows().len() <= scan.present().len());
        if quarantined.iter().any(|row| row.id.is_none()) {
            assert!(!scan.is_complete(), "complete with a row without an id");
        }
    }
}

/// Any JSON value.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
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

/// Replaces the value of the field with this number, in depth-first order; returns its path.
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

/// Asserts that a row with any value in one field is decoded or quarantined: nothing panics, the
/// row's id is kept, and the reason has the path and not the value.
pub(super) fn assert_decoded_or_quarantined<T: Serialize>(
    mut row: Value,
    format: &RowFormat<T>,
    mut field: usize,
    new: &Value,
) {
    let Some(path) = replace(&mut row, "", &mut field, new) else { return };
    let raw = to_raw_value(&row).unwrap();
    match decode(&raw, format.id, format.read, &mut Vec::new()) {
        Ok(decoded) => {
            // A decoded row can be stored.
            serde_json::to_string(&decoded).unwrap();
        }
        Err(quarantined) => {
            let reason = &quarantined.reason;
            assert!(reason.path.starts_with(&path) || path.starts_with(&reason.path), "{path}");
            assert!(!format!("{quarantined:?}").contains("SECRET"), "{quarantined:?}");
            if path != format.id {
                let id = match &row[format.id] {
                    Value::Number(number) => EntityId::new(number.to_string()),
                    Value::String(text) => EntityId::new(text.as_str()),
                    other => panic!("{other}"),
                };
                assert_eq!(quarantined.id, Some(id));
            }
        }
    }
}

/// Bodies without rows of any vendor, for answers with the status code of a success.
pub(super) fn hostile_bodies() -> Vec<Vec<u8>> {
    let deep = 200_000;
    vec![
        Vec::new(),
        b"null".to_vec(),
        b"true".to_vec(),
        b"<html><body>Sign in, Ada</body></html>".to_vec(),
        b"\"Ada Sample\"".to_vec(),
        b"{\"Ada\": \"\xff\xfe\"}".to_vec(),
        b"{\"Ada\": \"Sam".to_vec(),
        b"{\"Ada\": 1} {\"Ada\": 2}".to_vec(),
        b"[1, 2, 3]".to_vec(),
        // As many items as an envelope has fields, each of a type that a field may have.
        b"[[], {}, 200, \"Ada\", {}]".to_vec(),
        b"[1, \"success\", []]".to_vec(),
        "[".repeat(deep).into_bytes(),
        "{\"Ada\":".repeat(deep).into_bytes(),
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)).into_bytes(),
    ]
}
