//! The probe of an account: three requests at most, which change nothing, measure what the document
//! leaves open.
//!
//! What follows from the answers is decided by pure functions. Rows are scrubbed before anything
//! reads them, as in every poll.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::envelope::{Count, Envelope};
use super::scrub::{ID, scrubbed};
use super::{Deepcall, mapping};
use crate::model::{EntityId, StreamName};
use crate::source::error::Error;
use crate::source::fields;
use crate::source::http::JsonBody;
use crate::source::probe::{Page, ProbedPage, ReportBuilder, failed};
use crate::source::{Report, VendorClient};

/// The stream's name in metrics.
const PROBE: StreamName = StreamName::new("probe");

/// What an answer contains besides its rows.
#[derive(Clone, Copy, Debug)]
struct EnvelopeFacts {
    is_map: bool,
    total_records: Count,
    total_pages: Count,
    current_page: Count,
    agent_limit: Count,
}

impl Deepcall {
    /// Measures what the document leaves open, see [`VendorClient::probe`].
    pub(super) async fn report(&self) -> Result<Report, Error> {
        let began_at = self.client.now();
        let mut report = ReportBuilder::default();
        let (agents, envelope) = self.request(&mut report, &self.bodies.all).await?;
        match (&agents, envelope) {
            (Ok(agents), Some(envelope)) => {
                let rows = &agents.rows;
                report.add("answer", "in which form do rows come", form(envelope));
                report.add("answer", "is there totalRecords", counted(rows, envelope));
                report.add("answer", "is there a further page", pages(envelope));
                report.add("answer", "is agtLimit the size of a page", limit(rows, envelope));
                report.add("agents", "does every row have a unique_id of its own", ids(rows));
                report.add("agents", "are deleted agents shown", marked(rows, "isDeleted"));
                report.add("agents", "how many are preDeleted", marked(rows, "preDeleted"));
                report.add("agents", "in which unit is create_date", epoch_unit(rows));
                report.add("agents", "which values has status", switches(rows));
            }
            (page, _) => {
                let reason = page.as_ref().err().copied().unwrap_or("undecodable");
                report.add("answer", "in which form do rows come", failed(reason));
            }
        }
        report.add_fields("agents", &agents, mapping::agent);
        let is_one_page = |envelope: &EnvelopeFacts| {
            matches!(envelope.total_pages, Count::Missing | Count::Of(0 | 1))
        };
        if envelope.is_some_and(|envelope| !is_one_page(&envelope)) {
            let (second, envelope) = self.request(&mut report, &self.bodies.second_page).await?;
            report.add_from("answer", "does page lead to the second page", &second, |second| {
                second_page(&agents, second, envelope)
            });
        }
        let (missing, envelope) = self.request(&mut report, &self.bodies.missing_agent).await?;
        let question = "what is returned for an agent that does not exist";
        report.add_from("answer", question, &missing, |page| nothing(page, envelope));
        report.add_clock_offset("timestamps", &agents);
        Ok(report.finish(Self::NAME, began_at))
    }

    /// One request, see [`ReportBuilder::page`].
    async fn request(
        &self,
        report: &mut ReportBuilder,
        body: &JsonBody,
    ) -> Result<(ProbedPage, Option<EnvelopeFacts>), Error> {
        let answered = self.client.post(&PROBE, &self.url, body).await;
        let mut facts = None;
        let page = report.page(answered, |answer| {
            let envelope = Envelope::of(&answer.body).ok_or("it is no answer of this vendor")?;
            if !envelope.says_success() {
                return Err("it does not say success");
            }
            let rows = envelope.rows()?;
            facts = Some(EnvelopeFacts {
                is_map: envelope.is_map(),
                total_records: envelope.total_records(),
                total_pages: envelope.total_pages(),
                current_page: envelope.current_page(),
                agent_limit: envelope.agent_limit(),
            });
            let rows = rows.iter().filter_map(|row| scrubbed(row).ok());
            Ok(rows.filter_map(|row| serde_json::from_str(row.text.get()).ok()).collect())
        })?;
        Ok((page, facts))
    }
}

fn number(count: Count) -> String {
    match count {
        Count::Missing => String::from("none"),
        Count::Unreadable => String::from("no whole number"),
        Count::Of(number) => number.to_string(),
    }
}

fn form(envelope: EnvelopeFacts) -> String {
    String::from(if envelope.is_map { "a map" } else { "a list" })
}

fn counted(rows: &[Value], envelope: EnvelopeFacts) -> String {
    let rows = rows.len();
    match envelope.total_records {
        Count::Of(total) if total == rows as u64 => format!("yes, and it agrees: {total}"),
        Count::Of(total) => format!("yes, and it does not agree: {total} of {rows} rows"),
        other => format!("no: {}", number(other)),
    }
}

fn pages(envelope: EnvelopeFacts) -> String {
    let (current, total) = (number(envelope.current_page), number(envelope.total_pages));
    format!("currentPage {current}, totalPages {total}")
}

fn limit(rows: &[Value], envelope: EnvelopeFacts) -> String {
    format!("agtLimit {}, {} rows", number(envelope.agent_limit), rows.len())
}

fn id(row: &Value) -> Option<EntityId> {
    row.get(ID).and_then(fields::id)
}

fn ids(rows: &[Value]) -> String {
    let known: Vec<_> = rows.iter().filter_map(id).collect();
    let different: BTreeSet<_> = known.iter().collect();
    let yes = known.len() == rows.len() && different.len() == known.len();
    let answer = if yes { "yes" } else { "no" };
    format!("{answer}: {} ids, {} different, of {} rows", known.len(), different.len(), rows.len())
}

fn marked(rows: &[Value], name: &str) -> String {
    let flag = |row: &Value| fields::Fields::of(row).and_then(|row| row.flag(name)).ok().flatten();
    let flags: Vec<_> = rows.iter().filter_map(flag).collect();
    let yes = flags.iter().filter(|flag| **flag).count();
    format!("{yes} of {} rows with that field", flags.len())
}

fn epoch_unit(rows: &[Value]) -> String {
    let whole = |row: &Value| {
        fields::Fields::of(row).and_then(|row| row.integer("create_date")).ok().flatten()
    };
    let (millis, seconds): (Vec<i64>, Vec<i64>) =
        rows.iter().filter_map(whole).partition(|number| *number > 100_000_000_000);
    match (seconds.len(), millis.len()) {
        (0, 0) => String::from("unknown: no whole numbers"),
        (seconds, 0) => format!("seconds ({seconds})"),
        (0, millis) => format!("milliseconds ({millis})"),
        (seconds, millis) => format!("seconds ({seconds}) and milliseconds ({millis})"),
    }
}

/// How often each value occurs. Only small numbers are shown as they are.
fn switches(rows: &[Value]) -> String {
    let mut counts = BTreeMap::<_, u64>::new();
    for row in rows {
        let status = row.get("status").unwrap_or(&Value::Null);
        let shown = match status {
            Value::Null => String::from("none"),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) if number.as_u64().is_some_and(|number| number < 100) => {
                number.to_string()
            }
            _ => String::from("something else"),
        };
        *counts.entry(shown).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(shown, count)| format!("{shown} ({count})")).collect();
    if counts.is_empty() { String::from("unknown: no rows") } else { counts.join(", ") }
}

fn second_page(first: &ProbedPage, second: &Page, envelope: Option<EnvelopeFacts>) -> String {
    let first = first.as_ref().map_or(&[][..], |first| &first.rows);
    let known: BTreeSet<_> = first.iter().filter_map(id).collect();
    let again = second.rows.iter().filter_map(id).filter(|id| known.contains(id)).count();
    let current = envelope.map_or(Count::Missing, |envelope| envelope.current_page);
    let answer = if again == 0 && !second.rows.is_empty() { "yes" } else { "no" };
    let rows = second.rows.len();
    format!("{answer}: currentPage {}, {again} of {rows} rows again", number(current))
}

fn nothing(page: &Page, envelope: Option<EnvelopeFacts>) -> String {
    let form = envelope.map_or_else(|| String::from("nothing"), form);
    format!("{form} of {} rows", page.rows.len())
}
