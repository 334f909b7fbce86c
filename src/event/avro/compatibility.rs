//! Which changes of a released schema are allowed: a reader with any release's schema can read what
//! any other release wrote (`FULL_TRANSITIVE` of the registries), and the meaning of a field stays.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use serde_json::{Value, json};

use super::schemas::{Release, releases};
use super::self_contained;
use crate::event::EventType;

/// What forbids the change from one schema to another; empty when it is allowed.
fn problems(old: &Value, new: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let (Ok(old_schema), Ok(new_schema)) = (Schema::parse(old), Schema::parse(new)) else {
        return vec![String::from("not a schema")];
    };
    for (what, writer, reader) in [
        ("the new one does not read the old one", &old_schema, &new_schema),
        ("the old one does not read the new one", &new_schema, &old_schema),
    ] {
        match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => {}
            Ok(Compatibility::Partial) => problems.push(format!("{what} always")),
            Err(error) => problems.push(format!("{what}: {error}")),
        }
    }
    let (old, new) = (meanings(old), meanings(new));
    for (path, meaning) in &old {
        match new.get(path) {
            Some(now) if now != meaning => {
                problems.push(format!("{path}: {meaning} became {now}"));
            }
            _ => {}
        }
    }
    problems
}

/// What the canonical form leaves out, by path: logical types, and the defaults of fields and
/// enumerations.
fn meanings(schema: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    gather(schema, "", &mut found);
    found
}

fn gather(schema: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    match schema {
        Value::Array(variants) => {
            for (index, variant) in variants.iter().enumerate() {
                gather(variant, &format!("{path}|{index}"), found);
            }
        }
        Value::Object(attributes) => {
            let name = attributes.get("name").and_then(Value::as_str);
            // A record is identified by its name, wherever it is defined.
            let path = name.map_or_else(|| path.to_owned(), String::from);
            let logical = attributes.get("logicalType").cloned().unwrap_or_default();
            found.insert(format!("{path} logical type"), logical);
            if attributes.get("type") == Some(&json!("enum")) {
                let default = attributes.get("default").cloned();
                found.insert(format!("{path} default"), json!(default));
            }
            for field in attributes.get("fields").and_then(Value::as_array).into_iter().flatten() {
                let field_path = format!("{path}.{}", field["name"].as_str().unwrap_or_default());
                // A missing default differs from the default null.
                let default = field.get("default").map_or(json!("none"), |given| json!([given]));
                found.insert(format!("{field_path} default"), default);
                gather(&field["type"], &field_path, found);
            }
            if let Some(items) = attributes.get("items") {
                gather(items, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_released_schema_and_every_later_one_are_compatible_and_mean_the_same() {
    for (index, release) in releases().iter().enumerate() {
        let mut count = 0;
        for name in release.names() {
            let old = release.self_contained(name).unwrap();
            // A shared record is checked as a part of the events.
            if old["fields"][0]["name"] != "meta" {
                continue;
            }
            count += 1;
            let known = EventType::ALL.iter().any(|event| event.as_str() == name);
            assert!(known, "{name} of release {} is gone", release.number);
            let mut later: Vec<_> = releases()[index + 1..]
                .iter()
                .map(|later| (later.number.to_string(), later.self_contained(name).unwrap()))
                .collect();
            later.push((String::from("now"), self_contained(name).unwrap()));
            for (when, new) in later {
                let problems = problems(&old, &new);
                let from = release.number;
                assert!(problems.is_empty(), "{name}, release {from} to {when}: {problems:?}");
            }
        }
        assert!(count > 50, "only {count} events of release {}", release.number);
    }
}

#[test]
fn the_files_of_a_release_never_change() {
    let hash = |release: &Release| {
        let mut files: Vec<_> = release.texts().collect();
        files.sort_unstable();
        let lines: Vec<_> =
            files.into_iter().flat_map(|(name, text)| [name, "\n", text, "\n"]).collect();
        let all = lines.concat();
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(all.as_bytes()))
    };
    let hashes: Vec<_> = releases().iter().map(|release| (release.number, hash(release))).collect();
    // A new release adds a line. Consumers use the earlier ones: they must not change.
    let published = [(1, "124639f7a2058290f5c916c6a41fdff2")];
    let published = published.map(|(number, hash)| (number, String::from(hash)));
    assert_eq!(hashes, published);
}

type Edit = fn(&mut Value);

#[test]
fn an_incompatible_change_is_found() {
    let base = || {
        json!({"type": "record", "name": "a.E", "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "word", "type": ["null", "string"], "default": null},
            {"name": "count", "type": "long", "default": 0},
            {"name": "kind", "type": {"type": "enum", "name": "a.K", "symbols": ["X", "Y"],
                "default": "X"}}]})
    };
    assert_eq!(problems(&base(), &base()), [""; 0]);
    let edits: [(&str, Edit, &str); 10] = [
        (
            "a field goes that had no default",
            |schema| {
                schema["fields"].as_array_mut().unwrap().remove(0);
            },
            "the old one does not read the new one",
        ),
        (
            "a field comes without a default",
            |schema| {
                schema["fields"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"name": "new", "type": "long"}));
            },
            "the new one does not read the old one",
        ),
        ("a type changes", |schema| schema["fields"][0]["type"] = json!("string"), {
            "the new one does not read the old one"
        }),
        ("a type widens", |schema| schema["fields"][0]["type"] = json!("double"), {
            "the old one does not read the new one"
        }),
        ("a name changes", |schema| schema["fields"][0]["name"] = json!("on"), "does not read"),
        (
            "a logical type changes",
            |schema| {
                schema["fields"][0]["type"]["logicalType"] = json!("timestamp-micros");
            },
            "a.E.at logical type",
        ),
        ("a logical type goes", |schema| schema["fields"][0]["type"] = json!({"type": "long"}), {
            "a.E.at logical type"
        }),
        (
            "the default null goes",
            |schema| {
                schema["fields"][1].as_object_mut().unwrap().remove("default");
            },
            "a.E.word default",
        ),
        ("a default changes", |schema| schema["fields"][2]["default"] = json!(1), {
            "a.E.count default"
        }),
        (
            "an enumeration falls back to another symbol",
            |schema| {
                schema["fields"][3]["type"]["default"] = json!("Y");
            },
            "a.K default",
        ),
    ];
    for (what, edit, expected) in edits {
        let mut edited = base();
        edit(&mut edited);
        let found = problems(&base(), &edited);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{what}: {found:?}");
    }
}

#[test]
fn a_compatible_change_is_allowed() {
    let old = json!({"type": "record", "name": "a.E", "fields": [
        {"name": "kind", "type": {"type": "enum", "name": "a.K", "symbols": ["X", "Y"],
            "default": "X"}}]});
    let new = json!({"type": "record", "name": "a.E", "doc": "now with words", "fields": [
        {"name": "word", "type": ["null", "string"], "default": null, "doc": "new"},
        {"name": "kind", "type": {"type": "enum", "name": "a.K", "symbols": ["X", "Y", "Z"],
            "default": "X"}}]});
    assert_eq!(problems(&old, &new), [""; 0]);
}
