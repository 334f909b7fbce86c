//! What a running account answers where its vendor's document is silent: a report that may be shown
//! to others.

use std::fmt;

use crate::model::Timestamp;

/// One question and what the vendor's answers say to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, such as `calls`.
    pub topic: &'static str,
    /// The question.
    pub question: &'static str,
    /// The answer: counts, times and names of fields. It holds no value of a row.
    pub answer: String,
}

/// What was found out about an account. It names neither the account nor its address, and nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The vendor's name.
    pub vendor: &'static str,
    /// When the first question was asked, by our clock.
    pub asked_at: Timestamp,
    /// How many requests it took.
    pub requests: u32,
    /// The findings, in the order of their questions.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Report {
    /// One line for each finding, under its topic, in the order in which they came up.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vendor, asked_at, requests, findings } = self;
        let version = env!("CARGO_PKG_VERSION");
        let day = &asked_at.to_rfc3339()[..10];
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
