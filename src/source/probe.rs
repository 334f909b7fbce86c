//! What a running account answers where its vendor's document is silent: a report that may be shown
//! to others.

mod noted;

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use super::error::{Disposition, Error};
use super::fields::id;
use super::gathered::undecodable;
use super::http::Answer;
use super::rows::Read;
use crate::model::Timestamp;

use self::noted::{FieldCounts, Noted, named};

/// One question and what the vendor's answers say to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, such as `calls`.
    pub topic: &'static str,
    /// The question.
    pub poll_request: &'static str,
    /// The answer: counts, times and names of fields. It holds no value of a row.
    pub answer: String,
}

/// What was found out about an account. It names neither the account nor its address, and nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The vendor's name.
    pub vendor: &'static str,
    /// When the first question was asked, by our clock.
    pub requested_at: Timestamp,
    /// How many requests it took.
    pub requests: u32,
    /// The findings, in the order of their questions.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Report {
    /// One line for each finding, under its topic, in the order in which they came up.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vendor, requested_at, requests, findings } = self;
        let version = env!("CARGO_PKG_VERSION");
        let day = &requested_at.to_rfc3339()[..10];
        writeln!(formatter, "floorcast {version}, {vendor}, {day}, {requests} requests")?;
        let mut topics: Vec<&str> = Vec::new();
        for finding in findings {
            if !topics.contains(&finding.topic) {
                topics.push(finding.topic);
            }
        }
        for topic in topics {
            writeln!(formatter, "\n{topic}")?;
            for finding in findings.iter().filter(|finding| finding.topic == topic) {
                writeln!(formatter, "  {:<58} {}", finding.poll_request, finding.answer)?;
            }
        }
        Ok(())
    }
}

/// A page of rows, or the reason why there is none.
pub(super) type Asked = Result<Page, &'static str>;

/// The rows of one answer, and what stood beside them.
#[derive(Debug)]
pub(super) struct Page {
    /// The rows. One that is no value of its own has no fields to speak of, and is left out.
    pub(super) rows: Vec<Value>,
    /// How many there are in all, as the vendor says.
    pub(super) total: Option<u64>,
    /// Whether there is a further page, where the header `Link` tells.
    pub(super) has_next: Option<bool>,
    /// When it was asked for, by our clock.
    pub(super) requested_at: Timestamp,
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub(super) clock_offset_millis: Option<i64>,
}

/// The report as it grows.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) found: Vec<Finding>,
    pub(super) requests: u32,
}

impl Findings {
    /// Takes in what came of a request: `rows` finds them in the answer. A question that is not
    /// answered is no error, unless it would never be.
    pub(super) fn take(
        &mut self,
        answered: Result<Answer, Error>,
        rows: impl FnOnce(&Answer) -> Result<Vec<Value>, &'static str>,
    ) -> Result<Asked, Error> {
        self.requests += answered.as_ref().map_or(1, |answer| answer.requests);
        let page = answered.and_then(|answer| {
            Ok(Page {
                rows: rows(&answer).map_err(|problem| undecodable(problem, &answer))?,
                total: answer.total,
                has_next: answer.has_next,
                requested_at: answer.requested_at,
                clock_offset_millis: answer.clock_offset_millis,
            })
        });
        match page {
            Ok(page) => Ok(Ok(page)),
            // One endpoint may be closed to an account that others are open to; the very first
            // refusal speaks of the credentials.
            Err(error) if error.disposition() == Disposition::Stop && self.requests == 1 => {
                Err(error)
            }
            Err(error) => Ok(Err(error.reason())),
        }
    }

    /// Adds the answer, or why there is none.
    pub(super) fn add(
        &mut self,
        topic: &'static str,
        poll_request: &'static str,
        asked: &Asked,
        judge: impl FnOnce(&Page) -> String,
    ) {
        let answer = match asked {
            Ok(page) => judge(page),
            Err(reason) => format!("not answered ({reason})"),
        };
        self.found.push(Finding { topic, poll_request, answer });
    }

    /// Adds what the rows hold beyond what is read, and what cannot be read.
    pub(super) fn noted<T>(&mut self, topic: &'static str, asked: &Asked, read: Read<T>) {
        let noted = asked.as_ref().map(|page| Noted::of(&page.rows, read));
        let answer = |fields: fn(&Noted) -> &FieldCounts| match &noted {
            Ok(noted) => named(fields(noted)),
            Err(reason) => format!("not answered ({reason})"),
        };
        let lines = [
            ("rows", noted.as_ref().map_or_else(|_| String::from("0"), |it| it.rows.to_string())),
            ("fields that are not read", answer(|noted| &noted.unread)),
            ("fields with values that no table knows", answer(|noted| &noted.unknown)),
            ("fields that cannot be read", answer(|noted| &noted.undecodable)),
        ];
        for (poll_request, answer) in lines {
            self.found.push(Finding { topic, poll_request, answer });
        }
    }
}

/// Milliseconds as seconds, with their sign.
pub(super) fn seconds(millis: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
    let seconds = millis as f64 / 1000.0;
    format!("{seconds:+.1} s")
}

/// The word for it.
pub(super) const fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// How many different ids rows have in a field.
pub(super) fn different_ids(rows: &[Value], field: &str) -> usize {
    rows.iter().filter_map(|row| row.get(field).and_then(id)).collect::<HashSet<_>>().len()
}
