//! Which fields of a row are read: whatever a row contains besides is unknown to this program. So
//! the decoders themselves are the list of known fields.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The paths of fields that were read.
#[derive(Debug, Default)]
pub(in crate::source) struct ReadFields {
    paths: RefCell<BTreeSet<String>>,
}

impl ReadFields {
    /// Records that a field was read.
    pub(super) fn record(&self, path: &str) {
        self.paths.borrow_mut().insert(without_indexes(path));
    }

    /// Counts the fields of a row that were not read, by their path without indexes of lists, such
    /// as `queue_durations.mood`. The values inside such a field are not counted.
    pub(in crate::source) fn count_unread(&self, row: &Value, counts: &mut BTreeMap<String, u64>) {
        self.count(row, "", counts);
    }

    fn count(&self, value: &Value, path: &str, counts: &mut BTreeMap<String, u64>) {
        match value {
            Value::Array(items) => {
                for item in items {
                    self.count(item, path, counts);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = join(path, name);
                    let read = self.paths.borrow();
                    if !read.contains(&path) {
                        *counts.entry(path).or_default() += 1;
                        continue;
                    }
                    let within = format!("{path}.");
                    // Some fields are taken as they are, whatever they contain.
                    let first_within = read.range(within.clone()..).next();
                    let is_read_into = first_within.is_some_and(|read| read.starts_with(&within));
                    drop(read);
                    if is_read_into {
                        self.count(value, &path, counts);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The path of a field in an object at a path.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A path without the indexes of lists: `rows[1].at` is `rows.at`.
pub(in crate::source) fn without_indexes(path: &str) -> String {
    let mut bare = String::with_capacity(path.len());
    let mut in_index = false;
    for letter in path.chars() {
        match letter {
            '[' => in_index = true,
            ']' => in_index = false,
            _ if in_index => {}
            other => bare.push(other),
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::fields::Fields;

    #[test]
    fn fields_that_are_not_read_are_counted_by_their_path() {
        let read = ReadFields::default();
        let row = json!({"id": 1, "mood": {"of": "Ada"}, "notes": {"free": "text"},
            "rows": [{"at": "2026-03-01T12:00:00Z", "mood": 1}, {"mood": 2}]});
        let fields = Fields::recorded(&row, &read).unwrap();
        fields.id("id").unwrap();
        let _ = fields.json_texts("notes");
        fields.list("rows", |row| row.time("at")).unwrap();
        let mut counts = BTreeMap::new();
        read.count_unread(&row, &mut counts);
        assert_eq!(counts, BTreeMap::from([("mood".into(), 1), ("rows.mood".into(), 2)]));
    }
}
