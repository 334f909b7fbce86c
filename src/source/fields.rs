//! Lenient reading of JSON: vendors give one fact in many forms, and each is brought to one type.
//!
//! An error says where and what kind of thing was expected, never what was there: the value may be
//! somebody's name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde_json::{Map, Value};

use super::QuarantineReason;
use crate::model::{EntityId, Timestamp};

/// A JSON object and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
    watch: Option<&'a FieldWatch>,
}

/// Which fields were asked for while rows were read: what a row holds beyond them is known to
/// nobody here. So the list of known fields is the reading itself.
#[derive(Debug, Default)]
pub(super) struct FieldWatch {
    asked: RefCell<BTreeSet<String>>,
}

impl FieldWatch {
    /// Counts the fields of a row that nobody asked for, by their path without places in lists,
    /// such as `queue_durations.mood`. What stands inside such a field is not looked at.
    pub(super) fn count_unasked(&self, row: &Value, counts: &mut BTreeMap<String, u64>) {
        self.walk(row, "", counts);
    }

    fn walk(&self, value: &Value, path: &str, counts: &mut BTreeMap<String, u64>) {
        match value {
            Value::Array(items) => {
                for item in items {
                    self.walk(item, path, counts);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = join(path, name);
                    let asked = self.asked.borrow();
                    if !asked.contains(&path) {
                        *counts.entry(path).or_default() += 1;
                        continue;
                    }
                    let within = format!("{path}.");
                    // Some fields are taken as they are, whatever they hold.
                    let read_into = asked.range(within.clone()..).next();
                    let read_into = read_into.is_some_and(|asked| asked.starts_with(&within));
                    drop(asked);
                    if read_into {
                        self.walk(value, &path, counts);
                    }
                }
            }
            _ => {}
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A path without the places in lists: `rows[1].at` is `rows.at`.
pub(super) fn without_places(path: &str) -> String {
    let mut bare = String::with_capacity(path.len());
    let mut within = false;
    for letter in path.chars() {
        match letter {
            '[' => within = true,
            ']' => within = false,
            _ if within => {}
            other => bare.push(other),
        }
    }
    bare
}

type Result<T> = std::result::Result<T, QuarantineReason>;

impl<'a> Fields<'a> {
    /// The object at the top of a row.
    pub(super) fn of(row: &'a Value) -> Result<Self> {
        Self::at(row, String::new(), None)
    }

    /// The object at the top of a row, with somebody who notes what is asked for.
    pub(super) fn watched(row: &'a Value, watch: &'a FieldWatch) -> Result<Self> {
        Self::at(row, String::new(), Some(watch))
    }

    fn at(value: &'a Value, path: String, watch: Option<&'a FieldWatch>) -> Result<Self> {
        match value {
            Value::Object(object) => Ok(Self { object, path, watch }),
            _ => Err(expected("an object", path)),
        }
    }

    /// The way to a field.
    fn to(&self, name: &str) -> String {
        join(&self.path, name)
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        if let Some(watch) = self.watch {
            watch.asked.borrow_mut().insert(without_places(&self.to(name)));
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
        read(value).map(Some).ok_or_else(|| expected(what, self.to(name)))
    }

    /// A text; numbers and booleans are taken as they are written.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        self.read(name, "a text", text)
    }

    /// A word, where the vendor's word for nothing is none.
    pub(super) fn reason(&self, name: &str) -> Result<Option<String>> {
        Ok(self.text(name)?.filter(|word| word != "nothing"))
    }

    /// An id: a text or a whole number.
    pub(super) fn id(&self, name: &str) -> Result<Option<EntityId>> {
        self.read(name, "an id", id)
    }

    /// An id that has to be there.
    pub(super) fn required_id(&self, name: &str) -> Result<EntityId> {
        self.id(name)?.ok_or_else(|| expected("an id", self.to(name)))
    }

    /// A whole number, also as a text. A fraction, which averages may have, is rounded to the nearest
    /// one, and half of one away from zero: seconds are what the events count in, and a row is not
    /// given up for a part of one.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.read(name, "a whole number", integer)
    }

    /// A whole number that has to be there.
    pub(super) fn required_integer(&self, name: &str) -> Result<i64> {
        self.integer(name)?.ok_or_else(|| expected("a whole number", self.to(name)))
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

    /// Yes or no, in any of the forms that were seen. Other texts say nothing.
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

    /// A time that has to be there.
    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp> {
        self.time(name)?.ok_or_else(|| expected("a time", self.to(name)))
    }

    /// A time, as text or as seconds since 1970; what is above 10¹¹ is milliseconds.
    pub(super) fn time_or_epoch(&self, name: &str) -> Result<Option<Timestamp>> {
        self.read(name, "a time", time_or_epoch)
    }

    /// Whether the field is there, also as null.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.value(name).is_some() || self.object.contains_key(name)
    }

    /// A list of ids; one that is alone is a list of one, an empty text is an empty list.
    pub(super) fn ids(&self, name: &str) -> Result<Vec<EntityId>> {
        let wrong = |path| expected("an id", path);
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    id(item).ok_or_else(|| wrong(format!("{}[{index}]", self.to(name))))
                })
                .collect(),
            Some(one) => id(one).map(|one| vec![one]).ok_or_else(|| wrong(self.to(name))),
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
            let object = object.as_object().ok_or_else(|| expected("texts", self.to(name)))?;
            for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let text = text(value).ok_or_else(|| expected("texts", self.to(name)))?;
                entries.push((key.clone(), text));
            }
        }
        Ok(entries)
    }

    /// A value as it is, for what comes in forms of its own.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.value(name)
    }

    /// An object of its own.
    pub(super) fn part<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Fields<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(&Fields::at(value, self.to(name), self.watch)?).map(Some)
    }

    /// A list of objects; a single object is a list of one, nothing is an empty list.
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
                    let path = format!("{}[{index}]", self.to(name));
                    read(&Fields::at(item, path, self.watch)?)
                })
                .collect(),
            Some(one @ Value::Object(_)) => {
                Ok(vec![read(&Fields::at(one, self.to(name), self.watch)?)?])
            }
            Some(_) => Err(expected("a list", self.to(name))),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| text(item).ok_or_else(|| expected("texts", self.to(name))))
                .collect(),
            Some(one) => {
                text(one).map(|one| vec![one]).ok_or_else(|| expected("texts", self.to(name)))
            }
        }
    }

    /// A list of anything, each item as its JSON text.
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

/// The longest text that is taken for an id: ids stand in keys, memories and headers.
const LONGEST_ID: usize = 256;

/// An id in whatever form. Control characters stand in none: they would break the line of a log.
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

/// The nearest whole number, where a number of this size tells it.
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

/// A time in any form, see [`Fields::time_or_epoch`].
pub(super) fn time_or_epoch(value: &Value) -> Option<Timestamp> {
    let whole = |number: &i64| match value {
        // A part of a second is no count of them.
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fuzz::{Outcome, PLANTED, run};

    fn with<T>(value: Value, read: impl FnOnce(&Fields) -> T) -> T {
        read(&Fields::of(&json!({"it": value})).unwrap())
    }

    #[test]
    fn yes_and_no_come_in_many_forms() {
        for yes in [json!(true), json!(1), json!("true"), json!("1"), json!("Yes"), json!(1.0)] {
            assert_eq!(with(yes.clone(), |fields| fields.flag("it")), Ok(Some(true)), "{yes}");
        }
        for no in [json!(false), json!(0), json!("false"), json!("0"), json!("no")] {
            assert_eq!(with(no.clone(), |fields| fields.flag("it")), Ok(Some(false)), "{no}");
        }
        assert_eq!(with(json!(null), |fields| fields.flag("it")), Ok(None));
        assert_eq!(with(json!("string"), |fields| fields.flag("it")), Ok(None));
        assert!(with(json!([1]), |fields| fields.flag("it")).is_err());
    }

    #[test]
    fn ids_are_texts_or_whole_numbers_and_zero_is_one() {
        assert_eq!(with(json!(0), |fields| fields.id("it")), Ok(Some(EntityId::new("0"))));
        assert_eq!(with(json!(-6), |fields| fields.id("it")), Ok(Some(EntityId::new("-6"))));
        assert_eq!(with(json!("x7"), |fields| fields.id("it")), Ok(Some(EntityId::new("x7"))));
        for bad in [
            json!(1.5),
            json!(""),
            json!("7\n8"),
            json!("\0"),
            json!({}),
            json!(1e300),
            json!("7".repeat(257)),
        ] {
            assert!(with(bad.clone(), |fields| fields.id("it")).is_err(), "{bad}");
        }
    }

    #[test]
    fn whole_numbers_come_as_numbers_texts_and_fractions_that_are_rounded() {
        for four in [json!(4), json!("4"), json!(4.0), json!(" 4 "), json!(3.5), json!("4.49")] {
            assert_eq!(with(four.clone(), |fields| fields.integer("it")), Ok(Some(4)), "{four}");
        }
        assert_eq!(with(json!(-3.5), |fields| fields.integer("it")), Ok(Some(-4)));
        for bad in [json!("four"), json!(1e30), json!("1e30"), json!("NaN"), json!([4])] {
            assert!(with(bad.clone(), |fields| fields.integer("it")).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_milliseconds_and_colons() {
        let noon = Timestamp::from_millis(1_772_366_400_000);
        for text in [
            "2026-03-01T12:00:00.000Z",
            "2026-03-01T12:00:00Z",
            "2026-03-01T13:00:00+01:00",
            "2026-03-01T12:00:00.000+0000",
        ] {
            assert_eq!(with(json!(text), |fields| fields.time("it")), Ok(Some(noon)), "{text}");
        }
        for bad in ["0000-01-01T00:00:00Z", "294276-12-31T00:00:00Z", "yesterday", ""] {
            assert!(with(json!(bad), |fields| fields.time("it")).is_err(), "{bad}");
        }
    }

    #[test]
    fn fuzzed_times_lie_between_the_years_1_and_9999_and_are_written_as_they_are_read() {
        let corpus: &[&[u8]] = &[
            b"2026-03-01T12:00:00.000Z",
            b"2026-03-01T13:00:00+01:00",
            b"2026-03-01T12:00:00.000+0000",
            b"0000-01-01T00:00:00Z",
            b"294276-12-31T00:00:00Z",
            b"2026-12-31T23:59:60Z",
        ];
        let tokens = ["-", "T", "Z", "+", ":", "9", ".999999999", "0001-01-01", "9999-12-31"];
        run("times", corpus, &tokens, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let read = with(json!(text), |fields| fields.time("it"));
            let whole = format!("{read:?}");
            let class = match read {
                Ok(Some(time)) => {
                    assert!((Timestamp::EARLIEST..=Timestamp::LATEST).contains(&time));
                    let written = json!(time.to_rfc3339_millis());
                    assert_eq!(with(written, |fields| fields.time("it")), Ok(Some(time)));
                    format!("{} {}", time.is_whole_second(), text.len())
                }
                other => format!("{other:?}"),
            };
            assert!(!whole.contains(PLANTED), "{whole}");
            Outcome { class, whole }
        });
    }

    #[test]
    fn times_are_also_seconds_or_milliseconds_since_1970() {
        let noon = Timestamp::from_millis(1_772_366_400_000);
        for value in [
            json!(1_772_366_400),
            json!("1772366400"),
            json!(1_772_366_400_000_i64),
            json!("2026-03-01T12:00:00Z"),
        ] {
            let read = with(value.clone(), |fields| fields.time_or_epoch("it"));
            assert_eq!(read, Ok(Some(noon)), "{value}");
        }
        for bad in [json!(i64::MAX), json!(i64::MIN), json!("soon"), json!(1.5)] {
            assert!(with(bad.clone(), |fields| fields.time_or_epoch("it")).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_come_as_a_list_alone_or_as_an_empty_text() {
        let ids = |value| with(value, |fields| fields.ids("it").map(|ids| ids.len()));
        assert_eq!(ids(json!([17, "4", 28])), Ok(3));
        assert_eq!(ids(json!(17)), Ok(1));
        assert_eq!(ids(json!("")), Ok(0));
        assert_eq!(ids(json!(null)), Ok(0));
        let error = with(json!([17, {}]), |fields| fields.ids("it")).unwrap_err();
        assert_eq!(error.path, "it[1]");
    }

    #[test]
    fn texts_by_name_come_in_an_object_or_in_a_list_of_objects() {
        let entries = |value| with(value, |fields| fields.text_entries("it"));
        let expected = vec![
            (String::from("17"), String::from("Sales")),
            (String::from("4"), String::from("7")),
        ];
        assert_eq!(entries(json!({"17": "Sales", "4": 7})), Ok(expected.clone()));
        assert_eq!(entries(json!([{"17": "Sales"}, null, {"4": "7", "5": null}])), Ok(expected));
        assert_eq!(entries(json!("")), Ok(Vec::new()));
        assert!(entries(json!(["Sales"])).is_err());
        assert!(entries(json!({"17": ["Sales"]})).is_err());
    }

    #[test]
    fn the_word_nothing_is_none() {
        assert_eq!(with(json!("nothing"), |fields| fields.reason("it")), Ok(None));
        assert_eq!(with(json!("expired"), |f| f.reason("it")), Ok(Some("expired".into())));
    }

    #[test]
    fn one_object_is_a_list_of_one() {
        let read = |fields: &Fields| fields.id("id");
        let list = |value| with(value, |fields| fields.list("it", read).map(|list| list.len()));
        assert_eq!(list(json!({"id": 1})), Ok(1));
        assert_eq!(list(json!([{"id": 1}, {"id": 2}])), Ok(2));
        assert_eq!(list(json!(null)), Ok(0));
        assert!(list(json!("none")).is_err());
    }

    #[test]
    fn fields_that_nobody_asks_for_are_counted_by_their_path() {
        let watch = FieldWatch::default();
        let row = json!({"id": 1, "mood": {"of": "Ada"}, "notes": {"free": "text"},
            "rows": [{"at": "2026-03-01T12:00:00Z", "mood": 1}, {"mood": 2}]});
        let fields = Fields::watched(&row, &watch).unwrap();
        fields.id("id").unwrap();
        let _ = fields.json_texts("notes");
        fields.list("rows", |row| row.time("at")).unwrap();
        let mut counts = BTreeMap::new();
        watch.count_unasked(&row, &mut counts);
        assert_eq!(counts, BTreeMap::from([("mood".into(), 1), ("rows.mood".into(), 2)]));
    }

    #[test]
    fn an_error_names_the_place_and_never_the_value() {
        let row = json!({"rows": [{"at": "2026-03-01T12:00:00Z"}, {"at": "Ada Sample"}]});
        let error = Fields::of(&row).unwrap().list("rows", |row| row.time("at")).unwrap_err();
        assert_eq!((error.path.as_str(), error.kind.as_str()), ("rows[1].at", "expected a time"));
    }
}
