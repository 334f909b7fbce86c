//! The envelope of the rows: three formats of a list, a word for success, and counts.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Rows of one answer, at most.
const MOST_ROWS: usize = 100_000;
/// Bytes of a number or a word in the envelope, at most. What is longer is neither.
const LONGEST_WORD: usize = 64;

/// The fields of an answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "currentPage")]
    current_page: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "totalPages")]
    total_pages: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "totalRecords")]
    total_records: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "agtLimit")]
    agent_limit: Option<&'a RawValue>,
}

/// A number in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// It is missing, or null.
    Missing,
    /// It is no whole number.
    Unreadable,
    /// It is this.
    Of(u64),
}

/// A row, and its key where the rows are a map.
#[derive(Debug)]
pub(super) struct ListedRow<'a> {
    pub(super) key: Option<String>,
    pub(super) row: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// The envelope; `None` where it is no object, or has a field twice.
    pub(super) fn of(body: &'a [u8]) -> Option<Self> {
        // Serde would take the items of a list for the fields in their order.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        is_object.then(|| serde_json::from_slice(body).ok()).flatten()
    }

    /// The vendor's own code.
    pub(super) fn code(&self) -> Option<u64> {
        match count(self.code) {
            Count::Of(code) => Some(code),
            Count::Missing | Count::Unreadable => None,
        }
    }

    /// Whether it has a status that is not success.
    pub(super) fn says_error(&self) -> bool {
        matches!(word(self.status), Some(Value::String(word)) if word != "success")
    }

    /// Whether its status is success. Nothing else is an answer.
    pub(super) fn says_success(&self) -> bool {
        matches!(word(self.status), Some(Value::String(word)) if word == "success")
    }

    /// How many agents there are.
    pub(super) fn total_records(&self) -> Count {
        count(self.total_records)
    }

    /// How many pages there are.
    pub(super) fn total_pages(&self) -> Count {
        count(self.total_pages)
    }

    /// Which page this is.
    pub(super) fn current_page(&self) -> Count {
        count(self.current_page)
    }

    /// A limit that the document does not describe.
    pub(super) fn agent_limit(&self) -> Count {
        count(self.agent_limit)
    }

    /// Whether the rows are a map.
    pub(super) fn is_map(&self) -> bool {
        self.response.is_some_and(|response| response.get().starts_with('{'))
    }

    /// Whether this is the only page: the document has no way to request another.
    pub(super) fn is_whole(&self) -> bool {
        let alone = |number| matches!(number, Count::Missing | Count::Of(0 | 1));
        alone(self.total_pages()) && alone(self.current_page())
    }

    /// The rows: a list, or a map from the agents' ids to their rows; either may be empty.
    pub(super) fn rows(&self) -> Result<Vec<ListedRow<'a>>, &'static str> {
        let response = self.response.ok_or("it has no response")?;
        let Listed(rows) = serde_json::from_str(response.get())
            .map_err(|_| "its response is neither a list nor a map, or one of too many rows")?;
        // An item that is no object is a bad row; a list without any object is no list of rows.
        if !rows.is_empty() && !rows.iter().any(|row| row.row.get().starts_with('{')) {
            return Err("its response holds something else than rows");
        }
        Ok(rows)
    }
}

/// A short value; a long one is ignored.
fn word(raw: Option<&RawValue>) -> Option<Value> {
    let text = raw.map(RawValue::get).filter(|text| text.len() <= LONGEST_WORD)?;
    serde_json::from_str(text).ok()
}

fn count(raw: Option<&RawValue>) -> Count {
    let number = match (raw, word(raw)) {
        (None, _) | (_, Some(Value::Null)) => return Count::Missing,
        (_, Some(Value::Number(number))) => number.as_u64(),
        (_, Some(Value::String(text))) => text.trim().parse().ok(),
        _ => None,
    };
    number.map_or(Count::Unreadable, Count::Of)
}

struct Listed<'a>(Vec<ListedRow<'a>>);

impl<'de> Deserialize<'de> for Listed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Listed<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("a list or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = list.next_element()? {
            if rows.len() == MOST_ROWS {
                return Err(A::Error::custom("too many rows"));
            }
            rows.push(ListedRow { key: None, row });
        }
        Ok(Listed(rows))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some((key, row)) = map.next_entry()? {
            if rows.len() == MOST_ROWS {
                return Err(A::Error::custom("too many rows"));
            }
            rows.push(ListedRow { key: Some(key), row });
        }
        Ok(Listed(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(body: &str) -> Result<Vec<Option<String>>, &'static str> {
        let rows = Envelope::of(body.as_bytes()).unwrap().rows()?;
        Ok(rows.into_iter().map(|row| row.key).collect())
    }

    #[test]
    fn rows_come_as_a_list_a_map_or_an_empty_one_of_either() {
        let key = |key: &str| Some(String::from(key));
        assert_eq!(keys(r#"{"response":[{"unique_id":2},{"unique_id":3}]}"#), Ok(vec![None, None]));
        assert_eq!(keys(r#"{"response":{"2":{"nm":"x"},"3":{}}}"#), Ok(vec![key("2"), key("3")]));
        assert_eq!(keys(r#"{"response":{}}"#), Ok(vec![]));
        assert_eq!(keys(r#"{"response":[]}"#), Ok(vec![]));
    }

    #[test]
    fn what_is_neither_a_list_nor_a_map_of_rows_is_no_answer() {
        for response in ["null", "\"\"", "\"none\"", "7", "[7]", "{\"message\":\"none\"}"] {
            assert!(keys(&format!("{{\"response\":{response}}}")).is_err(), "{response}");
        }
        assert!(keys("{}").is_err());
        assert!(Envelope::of(b"[]").is_none());
    }

    #[test]
    fn only_the_word_success_is_a_success() {
        let cases = [
            (r#""success""#, true, false),
            (r#""Success""#, false, true),
            (r#""error""#, false, true),
            (r#""""#, false, true),
            ("200", false, false),
            ("true", false, false),
            ("null", false, false),
        ];
        for (status, success, error) in cases {
            let body = format!("{{\"status\":{status}}}");
            let envelope = Envelope::of(body.as_bytes()).unwrap();
            assert_eq!(
                (envelope.says_success(), envelope.says_error()),
                (success, error),
                "{body}"
            );
        }
        assert!(!Envelope::of(b"{}").unwrap().says_success());
    }

    #[test]
    fn an_answer_is_whole_when_it_names_no_other_page() {
        let cases = [
            (r#"{"currentPage":1,"totalPages":1}"#, true),
            (r#"{"currentPage":"1","totalPages":"1"}"#, true),
            (r#"{"totalPages":0}"#, true),
            ("{}", true),
            (r#"{"totalPages":2}"#, false),
            (r#"{"currentPage":2,"totalPages":1}"#, false),
            (r#"{"totalPages":"many"}"#, false),
            (r#"{"totalPages":-1}"#, false),
        ];
        for (body, whole) in cases {
            assert_eq!(Envelope::of(body.as_bytes()).unwrap().is_whole(), whole, "{body}");
        }
    }

    #[test]
    fn a_count_is_a_whole_number_or_a_text_of_one() {
        let long = format!("\"{}\"", "1".repeat(LONGEST_WORD));
        let cases = [
            ("7", Count::Of(7)),
            ("\"7\"", Count::Of(7)),
            ("null", Count::Missing),
            ("7.5", Count::Unreadable),
            ("-7", Count::Unreadable),
            ("[7]", Count::Unreadable),
            ("\"\"", Count::Unreadable),
            (&long, Count::Unreadable),
        ];
        for (count, expected) in cases {
            let body = format!("{{\"totalRecords\":{count}}}");
            let envelope = Envelope::of(body.as_bytes()).unwrap();
            assert_eq!(envelope.total_records(), expected, "{body}");
        }
        assert_eq!(Envelope::of(b"{}").unwrap().total_records(), Count::Missing);
    }
}
