//! Whatever was released can be read by what is current, and the other way round.
//!
//! Written here because the crate's own check compares a record that is named with one that is
//! defined in its place as strangers, and looks at neither defaults nor logical types: a change of
//! those alters the meaning of bytes that are already on the topics, and no fingerprint sees it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::publish::avro::{released, releases, schema};

/// What is wrong with a schema as the successor of another, a line each; empty when each reads
/// what the other writes, and means the same by it.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison::default();
    collect(old, &mut comparison.old);
    collect(new, &mut comparison.new);
    comparison.compare(old, new, old["name"].as_str().unwrap_or("it"));
    comparison.problems
}

#[derive(Default)]
struct Comparison<'a> {
    old: BTreeMap<&'a str, &'a Value>,
    new: BTreeMap<&'a str, &'a Value>,
    seen: BTreeSet<&'a str>,
    problems: Vec<String>,
}

/// Every named type, by its name; there is one namespace.
fn collect<'a>(schema: &'a Value, named: &mut BTreeMap<&'a str, &'a Value>) {
    if let Value::Array(variants) = schema {
        variants.iter().for_each(|variant| collect(variant, named));
    }
    if let Some(name) = schema.get("name").and_then(Value::as_str) {
        named.insert(short(name), schema);
    }
    for field in fields(schema) {
        collect(&field["type"], named);
    }
    for inner in ["items", "values"] {
        schema.get(inner).into_iter().for_each(|inner| collect(inner, named));
    }
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn fields(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("fields").and_then(Value::as_array).into_iter().flatten()
}

fn field<'a>(schema: &'a Value, name: &Value) -> Option<&'a Value> {
    fields(schema).find(|field| field["name"] == *name)
}

impl<'a> Comparison<'a> {
    fn problem(&mut self, place: &str, problem: impl std::fmt::Display) {
        self.problems.push(format!("{place}: {problem}"));
    }

    fn compare(&mut self, old: &'a Value, new: &'a Value, place: &str) {
        let resolve = |schema: &'a Value, named: &BTreeMap<&'a str, &'a Value>| {
            schema.as_str().and_then(|name| named.get(short(name)).copied()).unwrap_or(schema)
        };
        let (old, new) = (resolve(old, &self.old), resolve(new, &self.new));
        if let (Value::Array(old), Value::Array(new)) = (old, new) {
            if old.len() != new.len() {
                return self.problem(place, "the variants of the union differ");
            }
            // The default is one of the first variant.
            for (old, new) in old.iter().zip(new) {
                self.compare(old, new, place);
            }
            return;
        }
        let kind = |schema: &'a Value| schema.get("type").unwrap_or(schema);
        if kind(old) != kind(new) || old.get("name") != new.get("name") {
            return self.problem(place, "the type differs");
        }
        if old.get("logicalType") != new.get("logicalType") {
            self.problem(place, "the logical type differs");
        }
        for inner in ["items", "values"] {
            if let (Some(old), Some(new)) = (old.get(inner), new.get(inner)) {
                self.compare(old, new, place);
            }
        }
        let Some(name) = old.get("name").and_then(Value::as_str) else { return };
        if !self.seen.insert(name) {
            return;
        }
        if let (Some(symbols), Some(current)) =
            (old["symbols"].as_array(), new["symbols"].as_array())
        {
            if old.get("default") != new.get("default") {
                self.problem(place, format_args!("the default of {name} differs"));
            }
            for symbol in symbols.iter().filter(|symbol| !current.contains(symbol)) {
                self.problem(place, format_args!("the symbol {symbol} is gone"));
            }
            if old.get("default").is_none() && current.iter().any(|it| !symbols.contains(it)) {
                self.problem(place, "a symbol is new, and older readers have no default for it");
            }
        }
        for removed in fields(old).filter(|known| field(new, &known["name"]).is_none()) {
            if removed.get("default").is_none() {
                self.problem(place, format_args!("{} is gone and had no default", removed["name"]));
            }
        }
        for current in fields(new) {
            match field(old, &current["name"]) {
                None if current.get("default").is_none() => self
                    .problem(place, format_args!("{} is new and has no default", current["name"])),
                None => {}
                Some(known) => {
                    let place = format!("{place}.{}", current["name"].as_str().unwrap_or("?"));
                    if known.get("default") != current.get("default") {
                        self.problem(&place, "the default differs");
                    }
                    self.compare(&known["type"], &current["type"], &place);
                }
            }
        }
    }
}

#[test]
fn every_release_and_the_current_schemas_read_each_other() {
    for release in releases() {
        for (event, text) in released(release).unwrap() {
            let old: Value = serde_json::from_str(text).unwrap();
            let problems = breaks(&old, schema(*event).unwrap().0);
            assert_eq!(
                problems, [""; 0],
                "{event:?} since release {release}: add a field with a default, or a new event"
            );
        }
    }
}

#[test]
fn the_files_of_a_release_are_all_built_in() {
    for release in releases() {
        let folder = format!("{}/schemas/released/{release}", env!("CARGO_MANIFEST_DIR"));
        let there = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(there, released(release).unwrap().len());
    }
    let folders = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/released");
    assert_eq!(std::fs::read_dir(folders).unwrap().count(), releases().count());
}

/// A record with each thing that may be broken.
fn example() -> Value {
    json!({"type": "record", "name": "Example", "namespace": "floorcast.v1", "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "name", "type": ["null", "string"], "default": null},
        {"name": "count", "type": "long", "default": 0},
        {"name": "parts", "type": {"type": "array", "items": {
            "type": "record", "name": "Part", "fields": [
                {"name": "kind", "type": {"type": "enum", "name": "Kind",
                    "symbols": ["A", "B", "OTHER"], "default": "OTHER"}},
                {"name": "after", "type": ["null", "Part"], "default": null}]}},
            "default": []},
        {"name": "last", "type": ["null", "Part"], "default": null}]})
}

#[test]
fn each_edit_that_breaks_a_reader_or_a_meaning_is_found_and_harmless_ones_are_not() {
    type Edit = fn(&mut Value);
    let kind = "/fields/3/type/items/fields/0/type";
    let cases: &[(Edit, &str)] = &[
        (
            |it| drop(it["fields"].as_array_mut().unwrap().remove(0)),
            "Example: \"at\" is gone and had no default",
        ),
        (
            |it| it["fields"][0]["type"]["logicalType"] = json!("timestamp-micros"),
            "Example.at: the logical type differs",
        ),
        (|it| it["fields"][0]["type"] = json!("long"), "Example.at: the type differs"),
        (|it| it["fields"][2]["default"] = json!(1), "Example.count: the default differs"),
        (|it| it["fields"][2]["type"] = json!("double"), "Example.count: the type differs"),
        (
            |it| it["fields"][1]["type"] = json!(["null", "string", "long"]),
            "Example.name: the variants of the union differ",
        ),
        (
            |it| it["fields"][1]["type"] = json!(["string", "null"]),
            "Example.name: the type differs",
        ),
        (
            |it| {
                drop(
                    it.pointer_mut("/fields/3/type/items/fields/0/type/symbols")
                        .unwrap()
                        .as_array_mut()
                        .unwrap()
                        .remove(1),
                )
            },
            "Example.parts.kind: the symbol \"B\" is gone",
        ),
        (
            |it| {
                it.pointer_mut("/fields/3/type/items/fields/0/type").unwrap()["default"] =
                    json!("A")
            },
            "Example.parts.kind: the default of Kind differs",
        ),
        (
            |it| it["fields"].as_array_mut().unwrap().push(json!({"name": "more", "type": "long"})),
            "Example: \"more\" is new and has no default",
        ),
        // Harmless: an optional field more or less, words, a symbol that older readers can place.
        (|it| drop(it["fields"].as_array_mut().unwrap().remove(1)), ""),
        (
            |it| {
                it["fields"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"name": "more", "type": "long", "default": 0}))
            },
            "",
        ),
        (|it| it["doc"] = json!("said better"), ""),
        (
            |it| {
                it.pointer_mut("/fields/3/type/items/fields/0/type/symbols")
                    .unwrap()
                    .as_array_mut()
                    .unwrap()
                    .push(json!("C"))
            },
            "",
        ),
        // The same record, named where it was defined before and defined where it was named.
        (
            |it| {
                let part = it["fields"][3]["type"]["items"].take();
                it["fields"][3]["type"]["items"] = json!("floorcast.v1.Part");
                it["fields"][4]["type"][1] = part;
                it["fields"].as_array_mut().unwrap().swap(3, 4);
            },
            "",
        ),
    ];
    assert!(example().pointer(kind).is_some());
    for (edit, expected) in cases {
        let mut edited = example();
        edit(&mut edited);
        let problems = breaks(&example(), &edited);
        match *expected {
            "" => assert_eq!(problems, [""; 0]),
            expected => {
                assert!(problems.contains(&String::from(expected)), "{expected}: {problems:?}")
            }
        }
    }
}

#[test]
fn a_real_schema_that_loses_a_symbol_or_a_logical_type_is_found() {
    let (_, text) = released(1).unwrap()[0];
    let old: Value = serde_json::from_str(text).unwrap();
    let broken = |from: &str, to: &str| {
        let new = text.replace(from, to);
        assert_ne!(new, text);
        breaks(&old, &serde_json::from_str(&new).unwrap())
    };
    assert!(!broken("timestamp-millis", "timestamp-micros").is_empty());
    assert!(!broken("\"BACKFILL\",", "").is_empty());
    assert_eq!(broken("\"doc\":\"", "\"doc\":\"Again: "), [""; 0]);
}
