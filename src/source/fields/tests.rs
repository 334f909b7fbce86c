//! Every format of a value that a vendor was seen to send, and errors without values.

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
    let expected =
        vec![(String::from("17"), String::from("Sales")), (String::from("4"), String::from("7"))];
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
fn an_error_names_the_path_and_never_the_value() {
    let row = json!({"rows": [{"at": "2026-03-01T12:00:00Z"}, {"at": "Ada Sample"}]});
    let error = Fields::of(&row).unwrap().list("rows", |row| row.time("at")).unwrap_err();
    assert_eq!((error.path.as_str(), error.kind.as_str()), ("rows[1].at", "expected a time"));
}
