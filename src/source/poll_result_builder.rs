//! What a poll collects on its way from the first request to the last row.

use super::error::Error;
use super::http::Answer;
use super::{PollResult, Quarantined, RowMemory, UnknownValue};
use crate::model::Timestamp;

/// Everything of a poll result but its rows.
#[derive(Debug, Default)]
pub(super) struct PollResultBuilder {
    pub(super) requested_at: Option<Timestamp>,
    pub(super) answered_at: Timestamp,
    pub(super) clock_offset_millis: Option<i64>,
    pub(super) requests: u32,
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) unknown_values: Vec<UnknownValue>,
    pub(super) memory: RowMemory,
}

impl PollResultBuilder {
    /// Adds when an answer was requested and came, by which clock, and what it cost.
    pub(super) fn add_answer(&mut self, answer: &Answer) {
        self.requested_at.get_or_insert(answer.requested_at);
        self.answered_at = answer.answered_at;
        self.clock_offset_millis = answer.clock_offset_millis.or(self.clock_offset_millis);
        self.requests += answer.requests;
    }

    /// Quarantines a row. It is reported unless `memory`, that of the last committed result, has
    /// it.
    pub(super) fn quarantine(&mut self, quarantined: Quarantined, memory: &RowMemory) {
        let fingerprint = quarantined.fingerprint;
        if !memory.was_quarantined(fingerprint) && !self.memory.was_quarantined(fingerprint) {
            self.quarantined.push(quarantined);
        }
        self.memory.remember_quarantined(fingerprint);
    }

    /// The poll result, with its rows.
    pub(super) fn finish<R>(self, rows: R) -> PollResult<R> {
        PollResult {
            requested_at: self.requested_at.unwrap_or(self.answered_at),
            answered_at: self.answered_at,
            clock_offset_millis: self.clock_offset_millis,
            requests: self.requests,
            rows,
            quarantined: self.quarantined,
            unknown_values: self.unknown_values,
            memory: self.memory,
        }
    }
}

/// The error for an answer that is no list of rows, or breaks in the middle of them.
pub(super) fn undecodable(problem: &str, answer: &Answer) -> Error {
    Error::Undecodable {
        problem: problem.to_owned(),
        status: answer.status,
        size: answer.body.len(),
        in_rows: answer.body.trim_ascii_start().starts_with(b"["),
    }
}
