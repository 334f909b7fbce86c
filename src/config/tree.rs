//! File and environment as one tree, in which every value has its location.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, TableLike, Value as Toml};

use super::mistakes::{MistakeLocation, Mistakes};
use crate::secret::Environment;

/// Variables that are not part of the configuration.
const OTHER_VARIABLES: &[&str] = &["FLOORCAST_LOG", "FLOORCAST_LOG_FORMAT"];
const PREFIX: &str = "FLOORCAST_";
const TEST_PREFIX: &str = "FLOORCAST_TEST_";

/// A value and its location.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) location: MistakeLocation,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
    /// From the environment: parsed as the type that the key needs.
    Variable(String),
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
}

/// Reads both. `None` when the file is not valid TOML.
pub(super) fn read(
    file: &str,
    text: &str,
    environment: &Environment,
    mistakes: &mut Mistakes,
) -> Option<Node> {
    let line_of = |offset: usize| {
        text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    };
    let at = |span: Option<std::ops::Range<usize>>| MistakeLocation::Line {
        file: file.to_owned(),
        line: span.map_or(1, |span| line_of(span.start)),
    };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let problem = error.message().replace('\n', ", ");
            mistakes.add(at(error.span()), format!("not valid TOML: {problem}"));
            return None;
        }
    };
    let mut root = Node { location: at(None), value: table(document.as_table(), &at) };
    for (name, value) in environment.range(PREFIX.to_owned()..) {
        let Some(path) = name.strip_prefix(PREFIX) else { break };
        let other = OTHER_VARIABLES.contains(&name.as_str()) || name.starts_with(TEST_PREFIX);
        if other || is_service_link(path) {
            continue;
        }
        let path: Vec<_> = path.split("__").map(str::to_ascii_lowercase).collect();
        overlay(&mut root, &path, name, value, mistakes);
    }
    Some(root)
}

/// Whether Kubernetes set the variable: every pod gets the address of each Service of its
/// namespace as `{SERVICE}_SERVICE_HOST`, `{SERVICE}_SERVICE_PORT`, `{SERVICE}_PORT`,
/// `{SERVICE}_PORT_{NUMBER}_TCP`, …, and a Service may be named floorcast or floorcast-metrics. Every
/// key of the configuration is in a table, so that its variable has a double underscore.
fn is_service_link(path: &str) -> bool {
    if path.contains("__") {
        return false;
    }
    let words: Vec<_> = path.split('_').collect();
    (0..words.len()).any(|at| match &words[at..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] | ["PORT"] => true,
        ["PORT", number, "TCP" | "UDP" | "SCTP", rest @ ..] => {
            number.parse::<u16>().is_ok() && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        _ => false,
    })
}

fn table(
    table: &dyn TableLike,
    at: &dyn Fn(Option<std::ops::Range<usize>>) -> MistakeLocation,
) -> Value {
    let mut all = BTreeMap::new();
    for (name, item) in table.iter() {
        let key_span = table.get_key_value(name).and_then(|(key, _)| key.span());
        let location = at(key_span.or_else(|| item.span()));
        let value = match item {
            Item::Value(value) => scalar(value, at),
            Item::Table(inner) => self::table(inner, at),
            Item::ArrayOfTables(tables) => Value::List(
                tables
                    .iter()
                    .map(|inner| Node { location: at(inner.span()), value: self::table(inner, at) })
                    .collect(),
            ),
            Item::None => continue,
        };
        all.insert(name.to_owned(), Node { location, value });
    }
    Value::Table(all)
}

fn scalar(value: &Toml, at: &dyn Fn(Option<std::ops::Range<usize>>) -> MistakeLocation) -> Value {
    match value {
        Toml::String(text) => Value::Text(text.value().clone()),
        Toml::Integer(whole) => Value::Whole(*whole.value()),
        Toml::Float(number) => Value::Number(*number.value()),
        Toml::Boolean(flag) => Value::Flag(*flag.value()),
        Toml::Datetime(time) => Value::Text(time.value().to_string()),
        Toml::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node { location: at(item.span()), value: scalar(item, at) })
                .collect(),
        ),
        Toml::InlineTable(inner) => table(inner, at),
    }
}

/// Sets a value from a variable. An account is found by its name.
fn overlay(node: &mut Node, path: &[String], name: &str, value: &str, mistakes: &mut Mistakes) {
    let location = MistakeLocation::Variable(name.to_owned());
    let [first, rest @ ..] = path else { return };
    let table = match &mut node.value {
        Value::Table(table) => table,
        Value::List(items) => {
            let wanted = |item: &&mut Node| {
                match &item.value {
                Value::Table(fields) => fields.get("name").is_some_and(|node| {
                    matches!(&node.value, Value::Text(text) if text.replace('-', "_") == *first)
                }),
                _ => false,
            }
            };
            let mut found = items.iter_mut().filter(wanted);
            match (found.next(), found.next()) {
                (Some(item), None) => overlay(item, rest, name, value, mistakes),
                (None, _) => mistakes.add(
                    location,
                    format!(
                        "there is no account {first} in the file; name it as there, with '-' as '_'"
                    ),
                ),
                (Some(_), Some(_)) => mistakes.add(
                    location,
                    format!("more than one account matches {first}; set it in the file"),
                ),
            }
            return;
        }
        other => {
            *other = Value::Table(BTreeMap::new());
            return overlay(node, path, name, value, mistakes);
        }
    };
    if rest.is_empty() {
        table.insert(first.clone(), Node { location, value: Value::Variable(value.to_owned()) });
        return;
    }
    if first == "account" && !table.contains_key(first) {
        mistakes.add(location, String::from("the file has no [[account]]; add it there"));
        return;
    }
    let inner = table.entry(first.clone()).or_insert_with(|| Node {
        location: location.clone(),
        value: Value::Table(BTreeMap::new()),
    });
    overlay(inner, rest, name, value, mistakes);
}
