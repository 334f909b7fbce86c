//! The report of `floorcast probe`: what a running account returns where its vendor's document
//! leaves something open. It may be shown to others.

mod field_survey;

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use super::error::{Error, ErrorDisposition};
use super::fields::id;
use super::http::Answer;
use super::poll_result_builder::undecodable;
use super::rows::DecodeRow;
use crate::model::Timestamp;

use self::field_survey::{FieldCounts, FieldSurvey, listed};

/// One question about an account, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, such as `calls`.
    pub topic: &'static str,
    /// The question.
    pub question: &'static str,
    /// The answer: counts, times and names of fields. It holds no value of a row.
    pub answer: String,
}

/// What was found out about an account. It contains neither the account's name nor its address, and
/// no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The vendor's name.
    pub vendor: &'static str,
    /// When the first request was sent, in our clock.
    pub requested_at: Timestamp,
    /// How many requests it took.
    pub requests: u32,
    /// The findings, in the order of their questions.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Report {
    /// One line for each finding, by topic, in order.
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
                writeln!(formatter, "  {:<58} {}", finding.question, finding.answer)?;
            }
        }
        Ok(())
    }
}

/// A page of rows, or why the request for it failed.
pub(super) type ProbedPage = Result<Page, &'static str>;

/// The rows of one answer, and what came with them.
#[derive(Debug)]
pub(super) struct Page {
    /// The rows. One that is no valid JSON is left out.
    pub(super) rows: Vec<Value>,
    /// How many there are in all, by the vendor's count.
    pub(super) total: Option<u64>,
    /// Whether there is a further page, where the header `Link` says.
    pub(super) has_next: Option<bool>,
    /// When it was requested, in our clock.
    pub(super) requested_at: Timestamp,
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub(super) clock_offset_millis: Option<i64>,
}

/// A report that is being made.
#[derive(Debug, Default)]
pub(super) struct ReportBuilder {
    findings: Vec<Finding>,
    requests: u32,
}

impl ReportBuilder {
    /// The page that a request returned: `rows` takes them from the answer. A failed request is no
    /// error, except when the credentials are refused.
    pub(super) fn page(
        &mut self,
        answered: Result<Answer, Error>,
        rows: impl FnOnce(&Answer) -> Result<Vec<Value>, &'static str>,
    ) -> Result<ProbedPage, Error> {
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
            // One endpoint may be closed to an account that others are open to; only a refusal of
            // the first request means the credentials.
            Err(error) if error.disposition() == ErrorDisposition::Stop && self.requests == 1 => {
                Err(error)
            }
            Err(error) => Ok(Err(error.reason())),
        }
    }

    /// Adds a finding.
    pub(super) fn add(&mut self, topic: &'static str, question: &'static str, answer: String) {
        self.findings.push(Finding { topic, question, answer });
    }

    /// Adds a finding from a page, or why there is no page.
    pub(super) fn add_from(
        &mut self,
        topic: &'static str,
        question: &'static str,
        page: &ProbedPage,
        conclude: impl FnOnce(&Page) -> String,
    ) {
        let answer = match page {
            Ok(page) => conclude(page),
            Err(reason) => failed(reason),
        };
        self.add(topic, question, answer);
    }

    /// Adds a finding from two pages, or why there is not both of them.
    pub(super) fn add_from_both(
        &mut self,
        topic: &'static str,
        question: &'static str,
        (one, other): (&ProbedPage, &ProbedPage),
        conclude: impl FnOnce(&Page, &Page) -> String,
    ) {
        self.add_from(topic, question, one, |one| match other {
            Ok(other) => conclude(one, other),
            Err(reason) => failed(reason),
        });
    }

    /// Adds which fields of the rows are not read, have unknown values or cannot be decoded.
    pub(super) fn add_fields<T>(
        &mut self,
        topic: &'static str,
        page: &ProbedPage,
        read: DecodeRow<T>,
    ) {
        let survey = page.as_ref().map(|page| FieldSurvey::of(&page.rows, read));
        let answer = |fields: fn(&FieldSurvey) -> &FieldCounts| match &survey {
            Ok(survey) => listed(fields(survey)),
            Err(reason) => failed(reason),
        };
        let rows = survey.as_ref().map_or_else(|_| String::from("0"), |it| it.rows.to_string());
        for (question, answer) in [
            ("rows", rows),
            ("fields that are not read", answer(|survey| &survey.unread)),
            ("fields with values that no table knows", answer(|survey| &survey.unknown)),
            ("fields that cannot be read", answer(|survey| &survey.undecodable)),
        ] {
            self.add(topic, question, answer);
        }
    }

    /// Adds how far the vendor's clock is ahead of ours.
    pub(super) fn add_clock_offset(&mut self, topic: &'static str, page: &ProbedPage) {
        self.add_from(topic, "how far the vendor's clock is ahead of ours", page, |page| {
            page.clock_offset_millis.map_or_else(|| String::from("unknown: no Date"), seconds)
        });
    }

    /// The report.
    pub(super) fn finish(self, vendor: &'static str, requested_at: Timestamp) -> Report {
        let Self { findings, requests } = self;
        Report { vendor, requested_at, requests, findings }
    }
}

/// The answer when the request failed.
pub(super) fn failed(reason: &str) -> String {
    format!("request failed ({reason})")
}

/// Milliseconds as seconds, with their sign.
pub(super) fn seconds(millis: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
    let seconds = millis as f64 / 1000.0;
    format!("{seconds:+.1} s")
}

/// `yes` or `no`.
pub(super) const fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// How many different ids rows have in a field.
pub(super) fn different_ids(rows: &[Value], field: &str) -> usize {
    rows.iter().filter_map(|row| row.get(field).and_then(id)).collect::<HashSet<_>>().len()
}
