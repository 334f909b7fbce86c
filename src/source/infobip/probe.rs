//! The probe of an account: four requests that change nothing measure what the document leaves
//! open. What follows from the answers is decided by pure functions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Infobip, LIMIT, answer, mapping};
use crate::model::{EntityId, StreamName};
use crate::source::error::Error;
use crate::source::fields::{self, Fields};
use crate::source::probe::{Page, ProbedPage, ReportBuilder, different_ids, yes};
use crate::source::{Report, VendorClient};

/// The stream's name in metrics.
const PROBE: StreamName = StreamName::new("probe");
/// The topic of the findings.
const AGENTS: &str = "agents";
/// The conclusion when no row shows it.
const UNKNOWN: &str = "unknown: no such rows";

impl Infobip {
    /// Measures what the document leaves open, see [`VendorClient::probe`].
    pub(super) async fn report(&self) -> Result<Report, Error> {
        let requested_at = self.client.now();
        let mut report = ReportBuilder::default();
        let limit = LIMIT.to_string();
        let all = [("limit", limit.as_str()), ("page", "0")];
        let first = self.request(&mut report, &all).await?;
        report.add_from(AGENTS, "does totalItems agree with the rows", &first, count);
        report.add_from(AGENTS, "do two rows share an id", &first, repeated);
        report.add_from(AGENTS, "are rows sorted by id, as documented", &first, sorted);
        report.add_from(AGENTS, "do times have a colon in their offset", &first, colons);
        report.add_from(AGENTS, "do times have milliseconds", &first, milliseconds);
        let start = self.request(&mut report, &[("limit", "2"), ("page", "0")]).await?;
        let next = self.request(&mut report, &[("limit", "2"), ("page", "1")]).await?;
        let question = "does page count pages or rows";
        report.add_from_both(AGENTS, question, (&start, &next), |start, next| {
            page_counts(&start.rows, &next.rows)
        });
        let again = self.request(&mut report, &all).await?;
        let question = "does updatedAt move with the status";
        report.add_from_both(AGENTS, question, (&first, &again), |first, again| {
            moves_with_status(&first.rows, &again.rows)
        });
        report.add_clock_offset(AGENTS, &first);
        report.add_fields(AGENTS, &first, mapping::agent);
        Ok(report.finish(Self::NAME, requested_at))
    }

    async fn request(
        &self,
        report: &mut ReportBuilder,
        query: &[(&str, &str)],
    ) -> Result<ProbedPage, Error> {
        let answered = self.client.get(&PROBE, &self.url(query)).await;
        let mut total = None;
        let page = report.page(answered, |answer| {
            let page = answer::page(&answer.body)?;
            total = page.total;
            Ok(page.rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
        })?;
        Ok(page.map(|page| Page { total, ..page }))
    }
}

fn id(row: &Value) -> Option<EntityId> {
    row.get("id").and_then(fields::id)
}

fn count(page: &Page) -> String {
    let ids = different_ids(&page.rows, "id");
    match page.total {
        None => format!("there is none: {ids} different ids"),
        Some(total) => {
            format!("{}: {ids} different ids of {total}", yes(ids as u64 == total))
        }
    }
}

fn repeated(page: &Page) -> String {
    let again = page.rows.len() - different_ids(&page.rows, "id");
    format!("{}: {again} of {} rows", yes(again > 0), page.rows.len())
}

fn sorted(page: &Page) -> String {
    let ids: Vec<_> = page.rows.iter().filter_map(id).collect();
    match ids.len() {
        0 | 1 => String::from(UNKNOWN),
        _ => yes(ids.is_sorted()).to_owned(),
    }
}

fn times(page: &Page) -> Vec<&str> {
    let names = ["createdAt", "updatedAt"];
    let rows = page.rows.iter();
    rows.flat_map(|row| names.map(|name| row.get(name).and_then(Value::as_str))).flatten().collect()
}

fn colons(page: &Page) -> String {
    let times = times(page);
    // `…+0000` and `…+00:00`; `Z` has no offset.
    let with = times.iter().filter(|time| time.get(time.len().saturating_sub(3)..) == Some(":00"));
    match times.len() {
        0 => String::from(UNKNOWN),
        all => format!("{} of {all}", with.count()),
    }
}

fn milliseconds(page: &Page) -> String {
    let read = |row: &Value, name| Fields::of(row).and_then(|row| row.time(name)).ok().flatten();
    let names = ["createdAt", "updatedAt"];
    let times: Vec<_> =
        page.rows.iter().flat_map(|row| names.map(|name| read(row, name))).flatten().collect();
    let fine = times.iter().filter(|time| !time.is_whole_second()).count();
    match times.len() {
        0 => String::from(UNKNOWN),
        all => format!("{}: {fine} of {all}", yes(fine > 0)),
    }
}

/// Two pages of two rows. A page shares no row with the next; when rows are skipped, it shares one.
fn page_counts(first: &[Value], second: &[Value]) -> String {
    let ids: Vec<_> = first.iter().filter_map(id).collect();
    if ids.len() < 2 || second.is_empty() {
        return String::from("unknown: there is no second page");
    }
    let again = second.iter().filter_map(id).filter(|id| ids.contains(id)).count();
    match again {
        0 => String::from("pages: the second shows none of the first"),
        1 => String::from("rows: the second shows a row of the first"),
        _ => String::from("neither: the second shows the first again"),
    }
}

/// Of the agents whose status changed between two answers, how many have a new `updatedAt`.
fn moves_with_status(first: &[Value], again: &[Value]) -> String {
    let before: BTreeMap<_, _> = first.iter().filter_map(|row| Some((id(row)?, row))).collect();
    let (mut changed, mut moved) = (0, 0);
    for row in again {
        let Some(known) = id(row).and_then(|id| before.get(&id).copied()) else { continue };
        if known.get("status") != row.get("status") {
            changed += 1;
            moved += usize::from(known.get("updatedAt") != row.get("updatedAt"));
        }
    }
    match changed {
        0 => String::from("unknown: no status changed meanwhile"),
        _ => format!("{}: {moved} of {changed} that changed", yes(moved == changed)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Timestamp;

    fn page(rows: Vec<Value>, total: Option<u64>) -> Page {
        let requested_at = Timestamp::from_millis(0);
        Page { rows, total, has_next: None, requested_at, clock_offset_millis: None }
    }

    fn rows(ids: &[&str]) -> Vec<Value> {
        ids.iter().map(|id| json!({"id": id})).collect()
    }

    #[test]
    fn the_count_is_compared_with_the_number_of_different_ids() {
        assert_eq!(count(&page(rows(&["A", "B"]), Some(2))), "yes: 2 different ids of 2");
        assert_eq!(count(&page(rows(&["A", "A"]), Some(2))), "no: 1 different ids of 2");
        assert_eq!(count(&page(rows(&["A"]), None)), "there is none: 1 different ids");
        assert_eq!(repeated(&page(rows(&["A", "B", "A"]), None)), "yes: 1 of 3 rows");
        assert_eq!(sorted(&page(rows(&["A", "B", "A"]), None)), "no");
        assert_eq!(sorted(&page(rows(&["A"]), None)), UNKNOWN);
    }

    #[test]
    fn rows_that_come_again_show_what_page_counts() {
        let cases = [
            (&["C", "D"][..], "pages"),
            (&["B", "C"], "rows"),
            (&["A", "B"], "neither"),
            (&[], "unknown"),
        ];
        for (second, expected) in cases {
            let answer = page_counts(&rows(&["A", "B"]), &rows(second));
            assert_eq!(answer.split(':').next(), Some(expected), "{answer}");
        }
    }

    #[test]
    fn the_forms_of_times_are_counted() {
        let of = |time: &str| json!({"createdAt": time});
        let both =
            page(vec![of("2026-03-01T12:00:00.777+0000"), of("2026-03-01T12:00:00+00:00")], None);
        assert_eq!((colons(&both), milliseconds(&both)), ("1 of 2".into(), "yes: 1 of 2".into()));
        let none = page(vec![json!({}), of("é")], None);
        assert_eq!((colons(&none), milliseconds(&none)), ("0 of 1".into(), UNKNOWN.into()));
    }

    #[test]
    fn two_answers_show_whether_a_status_moves_the_row() {
        let row =
            |status: &str, updated: &str| json!({"id": 1, "status": status, "updatedAt": updated});
        let answer = |after| moves_with_status(&[row("ACTIVE", "1")], &[after]);
        assert_eq!(answer(row("BUSY", "1")), "no: 0 of 1 that changed");
        assert_eq!(answer(row("BUSY", "2")), "yes: 1 of 1 that changed");
        assert_eq!(answer(row("ACTIVE", "2")), "unknown: no status changed meanwhile");
    }
}
