//! Reads one table: each value by its type. A key that nothing reads is a mistake.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mistakes::{MistakeLocation, Mistakes};
use super::tree::{Node, Value};
use super::values;
use crate::secret::SecretSource;

/// One table of the configuration.
pub(super) struct Section<'a> {
    table: &'a BTreeMap<String, Node>,
    location: MistakeLocation,
    path: String,
    known: Vec<String>,
    unknown_accepted: bool,
    mistakes: &'a mut Mistakes,
}

impl<'a> Section<'a> {
    pub(super) fn root(node: &'a Node, mistakes: &'a mut Mistakes) -> Self {
        static EMPTY: BTreeMap<String, Node> = BTreeMap::new();
        let table = match &node.value {
            Value::Table(table) => table,
            _ => &EMPTY,
        };
        Self {
            table,
            location: node.location.clone(),
            path: String::new(),
            known: Vec::new(),
            unknown_accepted: false,
            mistakes,
        }
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&mut self, name: &str) -> Option<&'a Node> {
        if !self.known.iter().any(|known| known == name) {
            self.known.push(name.to_owned());
        }
        self.table.get(name)
    }

    /// Notes a mistake at a key, or at the table where the key is missing.
    pub(super) fn mistake(&mut self, name: &str, problem: &str, remedy: &str) {
        let location = self.table.get(name).map_or(&self.location, |node| &node.location).clone();
        let text = format!("{}: {problem}; {remedy}", self.full(name));
        self.mistakes.add(location, text);
    }

    fn wrong(&mut self, name: &str, wanted: &str) {
        let text = format!("{}: expected {wanted}", self.full(name));
        let location = self.table.get(name).map_or(&self.location, |node| &node.location).clone();
        self.mistakes.add(location, text);
    }

    fn read<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(name)?;
        let value = read(&node.value);
        if value.is_none() {
            self.wrong(name, wanted);
        }
        value
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, wanted, |value| match value {
            Value::Text(text) | Value::Variable(text) => parse(text),
            _ => None,
        })
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.parsed(name, "a text that is not empty", |text| {
            (!text.trim().is_empty()).then(|| text.to_owned())
        })
    }

    pub(super) fn required_text(&mut self, name: &str, what: &str) -> Option<String> {
        self.require(name, what)?;
        self.text(name)
    }

    fn require(&mut self, name: &str, what: &str) -> Option<()> {
        if self.get(name).is_none() {
            self.mistake(name, "it is missing", &format!("set it: {what}"));
            return None;
        }
        Some(())
    }

    /// A list of texts; in a variable, separated by commas.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let texts =
            self.read(name, "a list of texts, such as [\"one\", \"other\"]", |value| match value {
                Value::List(list) => list
                    .iter()
                    .map(|node| match &node.value {
                        Value::Text(text) => Some(text.clone()),
                        _ => None,
                    })
                    .collect(),
                Value::Variable(text) => {
                    Some(text.split(',').map(|text| text.trim().to_owned()).collect())
                }
                _ => None,
            });
        texts.unwrap_or_default()
    }

    /// Names that become part of topics and ids.
    pub(super) fn check_name(&mut self, name: &str, text: &str) -> bool {
        let fits = text.len() <= 100
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !fits {
            self.wrong(name, "at most 100 of a-z, A-Z, 0-9, '.', '_' and '-'");
        }
        fits
    }

    /// A scalar of any type, as text.
    pub(super) fn any_text(&mut self, name: &str) -> Option<String> {
        self.read(name, "a text, a number or a truth value", |value| match value {
            Value::Text(text) | Value::Variable(text) => Some(text.clone()),
            Value::Whole(whole) => Some(whole.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Flag(flag) => Some(flag.to_string()),
            Value::Table(_) | Value::List(_) => None,
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "true or false", |value| match value {
            Value::Flag(flag) => Some(*flag),
            Value::Variable(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    pub(super) fn whole(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        self.read(name, &format!("a whole number from {least} to {most}"), |value| {
            let whole = match value {
                Value::Whole(whole) => Some(*whole),
                Value::Variable(text) => text.trim().parse().ok(),
                _ => None,
            };
            whole.filter(|whole| (least..=most).contains(whole))
        })
    }

    pub(super) fn number(&mut self, name: &str, least: f64, most: f64) -> Option<f64> {
        self.read(name, &format!("a number from {least} to {most}"), |value| {
            #[allow(clippy::cast_precision_loss, reason = "checked against small bounds")]
            let number = match value {
                Value::Whole(whole) => Some(*whole as f64),
                Value::Number(number) => Some(*number),
                Value::Variable(text) => text.trim().parse().ok(),
                _ => None,
            };
            number.filter(|number| (least..=most).contains(number))
        })
    }

    pub(super) fn duration(&mut self, name: &str) -> Option<Duration> {
        self.parsed(
            name,
            "a duration such as \"30s\", \"500ms\", \"5m\" or \"7d\"",
            values::duration,
        )
    }

    pub(super) fn size(&mut self, name: &str) -> Option<u64> {
        self.parsed(name, "a size such as \"512 MiB\" or \"1 GiB\"", values::size)
    }

    pub(super) fn choice<'c>(&mut self, name: &str, choices: &[&'c str]) -> Option<&'c str> {
        let text = self.parsed(name, "a text", |text| Some(text.to_owned()))?;
        let found = choices.iter().find(|choice| **choice == text);
        if found.is_none() {
            let nearest = nearest(&text, choices.iter().copied());
            let hint = nearest.map_or_else(
                || format!("one of {}", choices.join(", ")),
                |nearest| format!("did you mean \"{nearest}\"?"),
            );
            self.mistake(name, "unknown value", &hint);
        }
        found.copied()
    }

    pub(super) fn required_choice<'c>(
        &mut self,
        name: &str,
        choices: &[&'c str],
        what: &str,
    ) -> Option<&'c str> {
        self.require(name, &format!("{what}, one of {}", choices.join(", ")))?;
        self.choice(name, choices)
    }

    pub(super) fn is_table(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|node| matches!(node.value, Value::Table(_)))
    }

    /// All keys of the table.
    pub(super) fn names(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// The source of a secret.
    pub(super) fn secret(&mut self, name: &str) -> Option<SecretSource> {
        let node = self.get(name)?;
        let key = self.full(name);
        match (&node.value, &node.location) {
            // The variable of the key holds the secret itself.
            (Value::Variable(_), MistakeLocation::Variable(variable)) => {
                Some(SecretSource::variable(key, variable.clone()))
            }
            (Value::Table(_), _) => self.section(name, |source| {
                let variable = source.text("env");
                let file = source.text("file");
                match (variable, file) {
                    (Some(variable), None) => Some(SecretSource::variable(key, variable)),
                    (None, Some(file)) => Some(SecretSource::file(key, file.into())),
                    _ => {
                        source.mistake(
                            "env",
                            "a secret has one source",
                            "write { env = \"NAME\" } or { file = \"PATH\" }",
                        );
                        None
                    }
                }
            }),
            _ => {
                self.mistake(
                    name,
                    "a secret must not be written here",
                    "name its source: { env = \"NAME\" } or { file = \"PATH\" }",
                );
                None
            }
        }
    }

    pub(super) fn required_secret(&mut self, name: &str) -> Option<SecretSource> {
        self.require(name, "{ env = \"NAME\" } or { file = \"PATH\" }")?;
        self.secret(name)
    }

    /// A table inside this one.
    pub(super) fn section<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Section) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(name)?;
        let path = self.full(name);
        self.inner(node, path, name, read)
    }

    pub(super) fn required_section<T>(
        &mut self,
        name: &str,
        remedy: &str,
        read: impl FnOnce(&mut Section) -> Option<T>,
    ) -> Option<T> {
        if self.get(name).is_none() {
            self.mistake(name, "it is missing", remedy);
            return None;
        }
        self.section(name, read)
    }

    fn inner<T>(
        &mut self,
        node: &'a Node,
        path: String,
        name: &str,
        read: impl FnOnce(&mut Section) -> Option<T>,
    ) -> Option<T> {
        let Value::Table(table) = &node.value else {
            self.wrong(name, &format!("a table, [{path}]"));
            return None;
        };
        let mut inner = Section {
            table,
            location: node.location.clone(),
            path,
            known: Vec::new(),
            unknown_accepted: false,
            mistakes: self.mistakes,
        };
        let value = read(&mut inner);
        inner.finish();
        value
    }

    /// A list of at least one table.
    pub(super) fn tables<T>(
        &mut self,
        name: &str,
        remedy: &str,
        mut read: impl FnMut(&mut Section) -> Option<T>,
    ) -> Vec<T> {
        let list = match self.get(name).map(|node| &node.value) {
            Some(Value::List(list)) if !list.is_empty() => list,
            Some(Value::Table(_)) => {
                self.wrong(name, &format!("[[{name}]], with two brackets"));
                return Vec::new();
            }
            _ => {
                self.mistake(name, "it is missing", remedy);
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        for node in list {
            all.extend(self.inner(node, name.to_owned(), name, &mut read));
        }
        all
    }

    /// Accepts unknown keys in this table.
    pub(super) const fn accept_unknown(&mut self) {
        self.unknown_accepted = true;
    }

    /// Notes every key that was not read as a mistake.
    pub(super) fn finish(self) {
        if self.unknown_accepted {
            return;
        }
        for (name, node) in self.table {
            if self.known.contains(name) {
                continue;
            }
            let full = self.full(name);
            let hint = nearest(name, self.known.iter().map(String::as_str)).map_or_else(
                || {
                    let mut known = self.known.clone();
                    known.sort();
                    format!("the keys here are {}", known.join(", "))
                },
                |nearest| format!("did you mean {nearest}?"),
            );
            self.mistakes.add(node.location.clone(), format!("{full}: no such key; {hint}"));
        }
    }
}

/// The known word most like this one, if any is alike.
fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let likely = words.map(|known| (strsim::jaro_winkler(word, known), known));
    let best = likely.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > 0.8).then_some(best.1)
}
