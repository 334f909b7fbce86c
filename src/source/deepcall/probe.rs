//! What the document leaves open, asked of an account: three requests at most, which change
//! nothing.
//!
//! The questions are asked here, the answers are judged by pure functions. Rows are scrubbed before
//! anything looks at them, as in every reading.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::envelope::{Count, Envelope};
use super::scrub::{ID, scrubbed};
use super::{Deepcall, mapping};
use crate::model::{EntityId, StreamName};
use crate::source::error::Error;
use crate::source::fields;
use crate::source::http::JsonBody;
use crate::source::probe::{Asked, Findings, Page, seconds};
use crate::source::{Finding, Report, VendorClient};

/// The requests' name in metrics.
const PROBE: StreamName = StreamName::new("probe");

/// What stands beside the rows of an answer.
#[derive(Clone, Copy, Debug)]
struct Beside {
    is_map: bool,
    total_records: Count,
    total_pages: Count,
    current_page: Count,
    agent_limit: Count,
}

impl Deepcall {
    /// Asks what the document leaves open.
    ///
    /// # Errors
    /// When the vendor refuses the credentials. Other questions that are not answered are a part
    /// of the report.
    pub(super) async fn report(&self) -> Result<Report, Error> {
        let began_at = self.client.now();
        let mut findings = Findings::default();
        let (agents, beside) = self.ask(&mut findings, &self.questions.all).await?;
        let mut say = |topic, poll_request, answer: String| {
            findings.found.push(Finding { topic, poll_request, answer });
        };
        match (&agents, beside) {
            (Ok(agents), Some(beside)) => {
                let rows = &agents.rows;
                say("answer", "in which form do rows come", form(beside));
                say("answer", "is there totalRecords", counted(rows, beside));
                say("answer", "is there a further page", pages(beside));
                say("answer", "is agtLimit the size of a page", limit(rows, beside));
                say("agents", "does every row have a unique_id of its own", ids(rows));
                say("agents", "are deleted agents shown", marked(rows, "isDeleted"));
                say("agents", "how many are preDeleted", marked(rows, "preDeleted"));
                say("agents", "in which unit is create_date", epoch_unit(rows));
                say("agents", "which values has status", switches(rows));
            }
            (asked, _) => {
                let reason = asked.as_ref().err().copied().unwrap_or("undecodable");
                say("answer", "in which form do rows come", format!("not answered ({reason})"));
            }
        }
        findings.noted("agents", &agents, mapping::agent);
        if beside
            .is_some_and(|beside| !matches!(beside.total_pages, Count::Missing | Count::Of(0 | 1)))
        {
            let (second, beside) = self.ask(&mut findings, &self.questions.second_page).await?;
            findings.add("answer", "does page lead to the second page", &second, |second| {
                second_page(&agents, second, beside)
            });
        }
        let (nobody, beside) = self.ask(&mut findings, &self.questions.nobody).await?;
        findings.add("answer", "what is answered of an agent that is not there", &nobody, |page| {
            nothing(page, beside)
        });
        findings.add("stamps", "how far the vendor's clock is ahead of ours", &agents, |agents| {
            let offset = agents.clock_offset_millis;
            offset.map_or_else(|| String::from("unknown: no Date"), seconds)
        });
        let Findings { found, requests } = findings;
        Ok(Report { vendor: Self::NAME, requested_at: began_at, requests, findings: found })
    }

    /// One request.
    async fn ask(
        &self,
        findings: &mut Findings,
        poll_request: &JsonBody,
    ) -> Result<(Asked, Option<Beside>), Error> {
        let answered = self.client.post(&PROBE, &self.url, poll_request).await;
        let mut beside = None;
        let asked = findings.take(answered, |answer| {
            let envelope = Envelope::of(&answer.body).ok_or("it is no answer of this vendor")?;
            if !envelope.says_success() {
                return Err("it does not say success");
            }
            let rows = envelope.rows()?;
            beside = Some(Beside {
                is_map: envelope.is_map(),
                total_records: envelope.total_records(),
                total_pages: envelope.total_pages(),
                current_page: envelope.current_page(),
                agent_limit: envelope.agent_limit(),
            });
            let rows = rows.iter().filter_map(|row| scrubbed(row).ok());
            Ok(rows.filter_map(|row| serde_json::from_str(row.text.get()).ok()).collect())
        })?;
        Ok((asked, beside))
    }
}

fn number(count: Count) -> String {
    match count {
        Count::Missing => String::from("none"),
        Count::Unreadable => String::from("no whole number"),
        Count::Of(number) => number.to_string(),
    }
}

fn form(beside: Beside) -> String {
    String::from(if beside.is_map { "a map" } else { "a list" })
}

fn counted(rows: &[Value], beside: Beside) -> String {
    let rows = rows.len();
    match beside.total_records {
        Count::Of(total) if total == rows as u64 => format!("yes, and it agrees: {total}"),
        Count::Of(total) => format!("yes, and it does not agree: {total} of {rows} rows"),
        other => format!("no: {}", number(other)),
    }
}

fn pages(beside: Beside) -> String {
    let (current, total) = (number(beside.current_page), number(beside.total_pages));
    format!("currentPage {current}, totalPages {total}")
}

fn limit(rows: &[Value], beside: Beside) -> String {
    format!("agtLimit {}, {} rows", number(beside.agent_limit), rows.len())
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
    format!("{yes} of {} rows that say", flags.len())
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

/// How often each value stands there. Only small numbers are shown as they are.
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

fn second_page(first: &Asked, second: &Page, beside: Option<Beside>) -> String {
    let first = first.as_ref().map_or(&[][..], |first| &first.rows);
    let known: BTreeSet<_> = first.iter().filter_map(id).collect();
    let again = second.rows.iter().filter_map(id).filter(|id| known.contains(id)).count();
    let current = beside.map_or(Count::Missing, |beside| beside.current_page);
    let answer = if again == 0 && !second.rows.is_empty() { "yes" } else { "no" };
    let rows = second.rows.len();
    format!("{answer}: currentPage {}, {again} of {rows} rows again", number(current))
}

fn nothing(page: &Page, beside: Option<Beside>) -> String {
    let form = beside.map_or_else(|| String::from("nothing"), form);
    format!("{form} of {} rows", page.rows.len())
}
