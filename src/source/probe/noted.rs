//! Which fields of a vendor's rows are unknown here: counted by name, and never with a value.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::fields::{self, FieldWatch, without_places};
use crate::source::rows::Read;

/// Fields by their path, with how often each was met.
pub(super) type FieldCounts = BTreeMap<String, u64>;

/// What stands between the name of a field that cannot be read and the kind of thing it should be.
const EXPECTED: &str = " expected ";

/// The most fields that are named.
const MOST_NAMED: usize = 20;
/// The longest name of a field that is shown.
const LONGEST_NAME: usize = 60;
/// The most digits of such a name: with more it may be a telephone number.
const MOST_DIGITS: usize = 3;

/// What rows hold beside what is read of them.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// How many rows there were.
    pub(super) rows: usize,
    /// Fields that nothing asks for.
    pub(super) unread: FieldCounts,
    /// Fields with a value that no table knows.
    pub(super) unknown: FieldCounts,
    /// Fields that cannot be read.
    pub(super) undecodable: FieldCounts,
}

impl Noted {
    pub(super) fn of<T>(rows: &[Value], read: Read<T>) -> Self {
        let mut noted = Self { rows: rows.len(), ..Self::default() };
        let watch = FieldWatch::default();
        let mut readable = Vec::new();
        for row in rows {
            let mut unknown = Vec::new();
            let outcome =
                fields::Fields::watched(row, &watch).and_then(|fields| read(&fields, &mut unknown));
            match outcome {
                Ok(_) => readable.push(row),
                Err(reason) => {
                    let path = without_places(&reason.path);
                    *noted.undecodable.entry(format!("{path} {}", reason.kind)).or_default() += 1;
                }
            }
            for value in unknown {
                *noted.unknown.entry(String::from(value.field)).or_default() += 1;
            }
        }
        // Reading ends at the first field that cannot be read: such a row says nothing of others.
        for row in readable {
            watch.count_unasked(row, &mut noted.unread);
        }
        noted
    }
}

/// Fields by name. A name may be data, where an object is keyed by it: only what looks like the
/// name of a field is shown.
pub(super) fn named(fields: &FieldCounts) -> String {
    if fields.is_empty() {
        return String::from("none");
    }
    // What was expected in it stands behind the name of a field that cannot be read.
    let is_name = |said: &str| {
        let name = said.split_once(EXPECTED).map_or(said, |(name, _)| name);
        let known = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
        let digits = name.chars().filter(char::is_ascii_digit).count();
        name.len() <= LONGEST_NAME && name.chars().all(known) && digits <= MOST_DIGITS
    };
    let (shown, hidden): (Vec<_>, Vec<_>) = fields.iter().partition(|(name, _)| is_name(name));
    let mut words: Vec<_> =
        shown.iter().take(MOST_NAMED).map(|(name, count)| format!("{name} ({count})")).collect();
    let left = hidden.len() + shown.len().saturating_sub(MOST_NAMED);
    if left > 0 {
        words.push(format!("{left} more that are not shown"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_the_name_of_a_field_is_named() {
        let fields = |names: &[&str]| {
            names.iter().map(|name| (String::from(*name), 1)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(named(&fields(&[])), "none");
        assert_eq!(named(&fields(&["mood", "rows.mood_2"])), "mood (1), rows.mood_2 (1)");
        let data = ["Ada Sample", "ada@example.com", "+15550100", "5550100", "Müller", "a-b"];
        assert_eq!(named(&fields(&data)), "6 more that are not shown");
        let many: Vec<_> = (0..30).map(|number| format!("f{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(named(&fields(&many)).ends_with("(1), 10 more that are not shown"));
    }
}
