//! Which fields of a vendor's rows are not read, or have unknown values: counted by name, never
//! with a value.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::fields::{self, ReadFields, without_indexes};
use crate::source::rows::DecodeRow;

/// Fields by their path, with the number of rows or items that have them.
pub(super) type FieldCounts = BTreeMap<String, u64>;

/// Separates the name of a field that cannot be decoded from what was expected.
const EXPECTED: &str = " expected ";

/// Fields that are listed by name, at most.
const MOST_LISTED: usize = 20;
/// The longest field name that is listed.
const LONGEST_NAME: usize = 60;
/// Digits in such a name, at most: with more it may be a telephone number.
const MOST_DIGITS: usize = 3;

/// What rows contain besides the values that are read.
#[derive(Debug, Default)]
pub(super) struct FieldSurvey {
    /// How many rows there were.
    pub(super) rows: usize,
    /// Fields that no decoder reads.
    pub(super) unread: FieldCounts,
    /// Fields with a value that no table knows.
    pub(super) unknown: FieldCounts,
    /// Fields that cannot be decoded.
    pub(super) undecodable: FieldCounts,
}

impl FieldSurvey {
    pub(super) fn of<T>(rows: &[Value], read: DecodeRow<T>) -> Self {
        let mut survey = Self { rows: rows.len(), ..Self::default() };
        let read_fields = ReadFields::default();
        let mut readable = Vec::new();
        for row in rows {
            let mut unknown = Vec::new();
            let outcome = fields::Fields::recorded(row, &read_fields)
                .and_then(|fields| read(&fields, &mut unknown));
            match outcome {
                Ok(_) => readable.push(row),
                Err(reason) => {
                    let path = without_indexes(&reason.path);
                    *survey.undecodable.entry(format!("{path} {}", reason.kind)).or_default() += 1;
                }
            }
            for value in unknown {
                *survey.unknown.entry(String::from(value.field)).or_default() += 1;
            }
        }
        // Decoding ends at the first field that fails: the fields after it would count as unread.
        for row in readable {
            read_fields.count_unread(row, &mut survey.unread);
        }
        survey
    }
}

/// Fields by name. A name may be personal data, where an object is keyed by it: only what looks
/// like a field name is listed.
pub(super) fn listed(fields: &FieldCounts) -> String {
    if fields.is_empty() {
        return String::from("none");
    }
    // The name of a field that cannot be decoded is followed by what was expected.
    let is_name = |entry: &str| {
        let name = entry.split_once(EXPECTED).map_or(entry, |(name, _)| name);
        let known = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
        let digits = name.chars().filter(char::is_ascii_digit).count();
        name.len() <= LONGEST_NAME && name.chars().all(known) && digits <= MOST_DIGITS
    };
    let (shown, hidden): (Vec<_>, Vec<_>) = fields.iter().partition(|(name, _)| is_name(name));
    let mut entries: Vec<_> =
        shown.iter().take(MOST_LISTED).map(|(name, count)| format!("{name} ({count})")).collect();
    let left = hidden.len() + shown.len().saturating_sub(MOST_LISTED);
    if left > 0 {
        entries.push(format!("{left} more that are not shown"));
    }
    entries.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_field_name_is_listed() {
        let fields = |names: &[&str]| {
            names.iter().map(|name| (String::from(*name), 1)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(listed(&fields(&[])), "none");
        assert_eq!(listed(&fields(&["mood", "rows.mood_2"])), "mood (1), rows.mood_2 (1)");
        let data = ["Ada Sample", "ada@example.com", "+15550100", "5550100", "Müller", "a-b"];
        assert_eq!(listed(&fields(&data)), "6 more that are not shown");
        let many: Vec<_> = (0..30).map(|number| format!("f{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(listed(&fields(&many)).ends_with("(1), 10 more that are not shown"));
    }
}
