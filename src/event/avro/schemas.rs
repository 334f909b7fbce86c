//! The schema files, built into the program: every `.avsc` file under `schemas/`, and those of
//! earlier releases under `schemas/released/{number}/`.
//!
//! The folder is read when this file is compiled, so that no list of its files is kept anywhere.
//! Cargo notices an edited or removed file by itself; a new file is built in with the change of the
//! catalogue that needs it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde_json::Value;

use super::Error;
use crate::event::NAMESPACE;

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");

/// The current schemas.
const CURRENT: SchemaFiles = SchemaFiles(&FOLDER);

/// The schema files of one folder, without those of the folders in it.
#[derive(Clone, Copy, Debug)]
struct SchemaFiles(&'static Dir<'static>);

impl SchemaFiles {
    /// Name of the record, which is the file's, and text.
    fn iter(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.files().filter_map(|file| {
            let name = file.path().file_name()?.to_str()?.strip_suffix(".avsc")?;
            Some((name, file.contents_utf8()?))
        })
    }

    fn text(self, name: &str) -> Option<&'static str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, text)| text)
    }
}

/// The schemas of a release, as they were published. They never change again.
#[derive(Debug)]
pub(super) struct Release {
    /// Its number: the folder's name under `schemas/released/`.
    pub(super) number: u32,
    files: SchemaFiles,
}

/// All releases, oldest first.
pub(super) fn releases() -> &'static [Release] {
    static RELEASES: LazyLock<Vec<Release>> = LazyLock::new(|| {
        let folders = FOLDER.get_dir("released").into_iter().flat_map(Dir::dirs);
        let mut releases: Vec<_> = folders
            .filter_map(|folder| {
                let number = folder.path().file_name()?.to_str()?.parse().ok()?;
                Some(Release { number, files: SchemaFiles(folder) })
            })
            .collect();
        releases.sort_by_key(|release| release.number);
        releases
    });
    &RELEASES
}

impl Release {
    /// Whether it has a record of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.files.text(name).is_some()
    }

    /// Its files, by the name of their record.
    #[cfg(test)]
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.files.iter()
    }

    /// The names of its records.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.files.iter().map(|(name, _)| name)
    }

    /// The schema of a record as it was in this release, with every other record defined where it
    /// is first used.
    pub(super) fn self_contained(&self, name: &str) -> Result<Value, Error> {
        define(self.files, name, &mut BTreeSet::new())
    }
}

/// The current files as they are, by the name of their record: shared records by reference.
pub fn joined_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    CURRENT.iter()
}

fn parse(files: SchemaFiles, name: &str) -> Result<Value, Error> {
    let problem = |problem: String| Error::Schema { name: String::from(name), problem };
    let text = files
        .text(name)
        .ok_or_else(|| problem(format!("there is no file {name}.avsc; add it under schemas/")))?;
    serde_json::from_str(text).map_err(|error| problem(error.to_string()))
}

/// The schema of a record with every other record defined where it is first used.
///
/// # Errors
/// When a file is missing or not right, which a test rules out.
pub fn self_contained(name: &str) -> Result<Value, Error> {
    define(CURRENT, name, &mut BTreeSet::new())
}

fn define(files: SchemaFiles, name: &str, defined: &mut BTreeSet<String>) -> Result<Value, Error> {
    defined.insert(String::from(name));
    let mut schema = parse(files, name)?;
    if let Some(Value::Array(fields)) = schema.get_mut("fields") {
        for field in fields {
            if let Some(field_type) = field.get_mut("type") {
                *field_type = inline(files, field_type.take(), defined)?;
            }
        }
    }
    Ok(schema)
}

fn inline(
    files: SchemaFiles,
    schema: Value,
    defined: &mut BTreeSet<String>,
) -> Result<Value, Error> {
    let prefix = format!("{NAMESPACE}.");
    match schema {
        Value::String(name) => match name.strip_prefix(&prefix) {
            Some(short) if !defined.contains(short) => define(files, short, defined),
            _ => Ok(Value::String(name)),
        },
        Value::Array(variants) => {
            variants.into_iter().map(|variant| inline(files, variant, defined)).collect()
        }
        Value::Object(mut attributes) => {
            if let Some(items) = attributes.get_mut("items") {
                *items = inline(files, items.take(), defined)?;
            }
            Ok(Value::Object(attributes))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::event::EventType;

    /// The names of what is in a folder on the disk, sorted; of files with this ending, without it.
    fn on_disk(folder: &Path, ending: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(ending).map(String::from))
            .collect();
        names.sort();
        names
    }

    fn built_in(files: SchemaFiles) -> Vec<String> {
        let mut names: Vec<_> = files.iter().map(|(name, _)| String::from(name)).collect();
        names.sort();
        names
    }

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        assert_eq!(on_disk(&folder, ".avsc"), built_in(CURRENT));
        let folder = folder.join("released");
        let mut numbers = Vec::new();
        for release in releases() {
            let folder = folder.join(release.number.to_string());
            assert_eq!(on_disk(&folder, ".avsc"), built_in(release.files));
            numbers.push(release.number.to_string());
        }
        numbers.sort();
        assert_eq!(on_disk(&folder, ""), numbers);
    }

    #[test]
    fn every_event_has_a_schema_and_every_schema_is_an_event_or_a_part_of_one() {
        let mut used = BTreeSet::new();
        for event in EventType::ALL {
            define(CURRENT, event.as_str(), &mut used).unwrap();
        }
        assert_eq!(Vec::from_iter(used), built_in(CURRENT));
    }

    #[test]
    fn every_record_and_field_says_what_it_is_and_every_enumeration_has_a_default() {
        let none = Value::Array(Vec::new());
        for (name, _) in CURRENT.iter() {
            let schema = parse(CURRENT, name).unwrap();
            assert_eq!(schema["name"], name);
            assert_eq!(schema["namespace"], NAMESPACE);
            assert!(schema["doc"].as_str().is_some_and(|doc| doc.len() > 5), "{name}");
            for field in schema["fields"].as_array().into_iter().flatten() {
                assert!(field["doc"].as_str().is_some_and(|doc| doc.len() > 3), "{name} {field}");
                // What may be missing has a default, so that readers can be older or newer.
                if field["type"].is_array() {
                    assert_eq!(field["type"][0], "null", "{name} {field}");
                    assert_eq!(field.get("default"), Some(&Value::Null), "{name} {field}");
                }
                if field["type"]["type"] == "array" {
                    assert_eq!(field.get("default"), Some(&none), "{name} {field}");
                }
            }
            if schema["type"] == "enum" {
                let symbols = schema["symbols"].as_array().unwrap();
                assert!(symbols.contains(&schema["default"]), "{name}");
            }
        }
    }
}
