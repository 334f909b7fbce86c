//! The probe of an account: five requests that change nothing measure what the document leaves
//! open. What follows from the answers is decided by pure functions.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::{Maqsam, answer, mapping};
use crate::model::{EntityId, StreamName};
use crate::source::error::Error;
use crate::source::fields;
use crate::source::probe::{Page, ProbedPage, ReportBuilder, different_ids, yes};
use crate::source::{Report, VendorClient};

/// The stream's name in metrics.
const PROBE: StreamName = StreamName::new("probe");
/// The topic of the findings.
const AGENTS: &str = "agents";
/// The conclusion when no row shows it.
const UNKNOWN: &str = "unknown: no such rows";
/// A page that no account has.
const FAR: u32 = 100_000;

impl Maqsam {
    /// Measures what the document leaves open, see [`VendorClient::probe`].
    pub(super) async fn report(&self) -> Result<Report, Error> {
        let requested_at = self.client.now();
        let mut report = ReportBuilder::default();
        let first = self.request(&mut report, &self.url(1)).await?;
        report.add_from(AGENTS, "how many rows has a page", &first, |page| {
            page.rows.len().to_string()
        });
        report.add_from(AGENTS, "do two rows share an id", &first, repeated);
        let mut bare = self.base_url.clone();
        bare.set_path("/v1/agents");
        for (question, url) in [
            ("is page 0 the same as page 1", self.url(0)),
            ("is the list without a page the same as page 1", bare),
        ] {
            let other = self.request(&mut report, &url).await?;
            compare(&mut report, question, (&first, &other), same_page);
        }
        let second = self.request(&mut report, &self.url(2)).await?;
        compare(&mut report, "does page 2 show others", (&first, &second), others);
        let far = self.request(&mut report, &self.url(FAR)).await?;
        compare(&mut report, "what is a page beyond the end", (&first, &far), beyond_the_end);
        report.add_from(AGENTS, "which forms has state", &first, |page| forms(&page.rows, "state"));
        report.add_from(AGENTS, "which form has the start of a state", &first, |page| {
            starts(&page.rows)
        });
        for (question, name) in [
            ("which forms has created_at", "created_at"),
            ("which forms has identifier", "identifier"),
            ("which forms has groups", "groups"),
        ] {
            report.add_from(AGENTS, question, &first, |page| forms(&page.rows, name));
        }
        report.add_clock_offset(AGENTS, &first);
        report.add_fields(AGENTS, &first, mapping::agent);
        Ok(report.finish(Self::NAME, requested_at))
    }

    async fn request(&self, report: &mut ReportBuilder, url: &Url) -> Result<ProbedPage, Error> {
        let answered = self.client.get(&PROBE, url).await;
        report.page(answered, |answer| {
            let list = answer::list(&answer.body)?;
            let rows = answer::rows(&list)?.into_iter();
            Ok(rows.filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
        })
    }
}

fn compare(
    report: &mut ReportBuilder,
    question: &'static str,
    pages: (&ProbedPage, &ProbedPage),
    conclude: fn(&[Value], &[Value]) -> String,
) {
    report
        .add_from_both(AGENTS, question, pages, |first, other| conclude(&first.rows, &other.rows));
}

fn id(row: &Value) -> Option<EntityId> {
    row.get("identifier").and_then(fields::id)
}

fn shared(first: &[Value], second: &[Value]) -> usize {
    let ids: Vec<_> = first.iter().filter_map(id).collect();
    second.iter().filter_map(id).filter(|id| ids.contains(id)).count()
}

fn repeated(page: &Page) -> String {
    let again = page.rows.len() - different_ids(&page.rows, "identifier");
    format!("{}: {again} of {} rows", yes(again > 0), page.rows.len())
}

fn same_page(first: &[Value], other: &[Value]) -> String {
    let again = shared(first, other);
    let same = again == other.len() && first.len() == other.len();
    format!("{}: {again} of {} rows were on it", yes(same), other.len())
}

fn others(first: &[Value], second: &[Value]) -> String {
    match (second.len(), shared(first, second)) {
        (0, _) => String::from("unknown: it is empty"),
        (rows, 0) => format!("yes: {rows} rows, none of them on page 1"),
        (rows, again) => format!("no: {again} of {rows} rows were on page 1"),
    }
}

fn beyond_the_end(first: &[Value], far: &[Value]) -> String {
    match (far.len(), shared(first, far)) {
        (0, _) => String::from("empty"),
        (rows, again) if rows == again => format!("page 1 again: {rows} rows"),
        (rows, _) => format!("{rows} other rows"),
    }
}

/// The type of a value, and the size of a number or text that may be a time; never the value.
fn form(value: &Value) -> String {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match value {
        Value::Null => String::from("null"),
        Value::Bool(_) => String::from("yes or no"),
        Value::Number(number) if number.is_f64() => String::from("fraction"),
        Value::Number(number) => format!("number of {} digits", number.to_string().len()),
        Value::String(text) if text.is_empty() => String::from("empty text"),
        Value::String(text) if digits(text) => format!("text of {} digits", text.len()),
        Value::String(_) if fields::time_or_epoch(value).is_some() => String::from("date"),
        Value::String(_) => String::from("text"),
        Value::Array(items) => match items.first() {
            None => String::from("empty list"),
            Some(Value::Object(_)) => String::from("list of objects"),
            Some(Value::Array(_)) => String::from("list of lists"),
            Some(item) => format!("list with {}", form(item)),
        },
        Value::Object(_) => String::from("object"),
    }
}

fn counted(forms: impl Iterator<Item = String>) -> String {
    let mut counts = BTreeMap::<_, u64>::new();
    for form in forms {
        *counts.entry(form).or_default() += 1;
    }
    if counts.is_empty() {
        return String::from(UNKNOWN);
    }
    counts.iter().map(|(form, count)| format!("{form} ({count})")).collect::<Vec<_>>().join(", ")
}

fn forms(rows: &[Value], name: &str) -> String {
    counted(rows.iter().map(|row| row.get(name).map_or_else(|| String::from("missing"), form)))
}

/// The formats of what comes with the name of a state.
fn starts(rows: &[Value]) -> String {
    let starts = rows.iter().filter_map(|row| match row.get("state")? {
        Value::Object(state) => {
            let named = ["timestamp", "since"].iter();
            let mut named = named.filter_map(|name| Some((*name, state.get(*name)?)));
            Some(named.next().map_or_else(
                || String::from("none that is known"),
                |(name, value)| format!("{name}: {}", form(value)),
            ))
        }
        Value::Array(parts) => Some(parts.get(1).map_or_else(|| String::from("none"), form)),
        Value::Null => None,
        _ => Some(String::from("none")),
    });
    counted(starts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(ids: &[u32]) -> Vec<Value> {
        ids.iter().map(|id| json!({"identifier": id})).collect()
    }

    #[test]
    fn pages_are_compared_by_their_ids() {
        let first = rows(&[1, 2]);
        assert_eq!(same_page(&first, &rows(&[2, 1])), "yes: 2 of 2 rows were on it");
        assert_eq!(same_page(&first, &rows(&[2, 3])), "no: 1 of 2 rows were on it");
        assert_eq!(others(&first, &rows(&[3])), "yes: 1 rows, none of them on page 1");
        assert_eq!(others(&first, &rows(&[1])), "no: 1 of 1 rows were on page 1");
        assert_eq!(others(&first, &[]), "unknown: it is empty");
        assert_eq!(beyond_the_end(&first, &[]), "empty");
        assert_eq!(beyond_the_end(&first, &first), "page 1 again: 2 rows");
        assert_eq!(beyond_the_end(&first, &rows(&[9])), "1 other rows");
    }

    #[test]
    fn a_format_names_the_type_of_a_value_and_never_the_value() {
        let of = |value: Value| forms(&[json!({ "it": value })], "it");
        for (value, expected) in [
            (json!(1_772_366_400), "number of 10 digits (1)"),
            (json!("1772366400000"), "text of 13 digits (1)"),
            (json!(1.5), "fraction (1)"),
            (json!("2026-03-01T12:00:00Z"), "date (1)"),
            (json!("Ada Sample"), "text (1)"),
            (json!(["Ada"]), "list with text (1)"),
            (json!([{"Ada": 1}]), "list of objects (1)"),
            (json!(null), "null (1)"),
        ] {
            assert_eq!(of(value), expected);
        }
        assert_eq!(forms(&[], "it"), UNKNOWN);
        assert_eq!(forms(&[json!({})], "it"), "missing (1)");
    }

    #[test]
    fn the_start_of_a_state_is_shown_by_its_position_and_format() {
        let rows: Vec<_> = [
            json!("Busy"),
            json!({"name": "Busy", "since": 1_772_366_400}),
            json!({"name": "Busy", "at": 1}),
            json!(["Busy", "2026-03-01T12:00:00Z"]),
        ]
        .into_iter()
        .map(|state| json!({"state": state}))
        .collect();
        let expected = "date (1), none (1), none that is known (1), since: number of 10 digits (1)";
        assert_eq!(starts(&rows), expected);
    }
}
