//! What a reading gathers on its way from the first request to the last row.

use serde_json::value::RawValue;

use super::error::{Disposition, Error};
use super::http::Answer;
use super::rows::{Format, PageRows, Row};
use super::{FullScan, FullScanBuilder, Partial, PollResult, Quarantined, RowMemory, UnknownValue};
use crate::model::{Privacy, Timestamp};

/// Rows of one sweep that are told of as set aside, at most. A list of nothing but such rows would
/// be a flood of events; those that are left out are told of by the readings that follow.
const MOST_TOLD: usize = 1_000;

/// What a reading gathers besides its rows.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) requested_at: Option<Timestamp>,
    pub(super) answered_at: Timestamp,
    pub(super) clock_offset_millis: Option<i64>,
    pub(super) requests: u32,
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) unknown_values: Vec<UnknownValue>,
    pub(super) memory: RowMemory,
}

impl Gathered {
    /// Takes note of an answer's circumstances.
    pub(super) fn answer(&mut self, answer: &Answer) {
        self.requested_at.get_or_insert(answer.requested_at);
        self.answered_at = answer.answered_at;
        self.clock_offset_millis = answer.clock_offset_millis.or(self.clock_offset_millis);
        self.requests += answer.requests;
    }

    /// A row is stepped over; it is told of unless the last reading did so.
    pub(super) fn set_aside(&mut self, quarantined: Quarantined, memory: &RowMemory) {
        let fingerprint = quarantined.fingerprint;
        if !memory.was_set_aside(fingerprint) && !self.memory.was_set_aside(fingerprint) {
            self.quarantined.push(quarantined);
        }
        self.memory.remember_set_aside(fingerprint);
    }

    /// The reading, with its rows.
    pub(super) fn into_poll_result<R>(self, rows: R) -> PollResult<R> {
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

/// An answer that is no list of rows, or breaks in the middle of them.
pub(super) fn undecodable(problem: &str, answer: &Answer) -> Error {
    Error::Undecodable {
        problem: problem.to_owned(),
        status: answer.status,
        size: answer.body.len(),
        in_rows: answer.body.trim_ascii_start().starts_with(b"["),
    }
}

/// A sweep on its way through the pages.
///
/// A page after the first that is not answered, or cannot be read, leaves the pages before it:
/// what they show counts, what they do not show proves nothing.
#[derive(Debug)]
pub(super) struct FullScanInProgress<'a, T> {
    format: Format<T>,
    memory: &'a RowMemory,
    privacy: &'a Privacy,
    gathered: Gathered,
    scan: FullScanBuilder<T>,
    pages: u32,
}

impl<'a, T: Row> FullScanInProgress<'a, T> {
    /// A sweep of which nothing has been read. `memory` is that of the stream's last committed
    /// reading.
    pub(super) fn new(format: Format<T>, memory: &'a RowMemory, privacy: &'a Privacy) -> Self {
        let (gathered, scan) = (Gathered::default(), FullScanBuilder::default());
        Self { format, memory, privacy, gathered, scan, pages: 0 }
    }

    /// How many different ids there are so far.
    pub(super) fn len(&self) -> usize {
        self.scan.len()
    }

    /// The count a page named.
    pub(super) fn counted(&mut self, total: u64) {
        self.scan.counted(total);
    }

    /// Something that makes the sweep prove nothing about absence.
    pub(super) fn mark(&mut self, reason: Partial) {
        self.scan.mark(reason);
    }

    /// Takes in what came of asking for the next page. `None`: the sweep ends here.
    pub(super) fn answered(
        &mut self,
        answered: Result<Answer, Error>,
    ) -> Result<Option<Answer>, Error> {
        match answered {
            Ok(answer) => {
                self.gathered.answer(&answer);
                self.pages += 1;
                Ok(Some(answer))
            }
            Err(error) if self.pages > 0 && error.disposition() != Disposition::Stop => {
                tracing::debug!(%error, pages = self.pages, "a page of a sweep was not answered");
                self.scan.mark(Partial::PageUnanswered);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes in what came of reading the page that was answered. `None`: the sweep ends here.
    pub(super) fn readable<P>(
        &mut self,
        page: Result<P, &'static str>,
        answer: &Answer,
    ) -> Result<Option<P>, Error> {
        match page {
            Ok(page) => Ok(Some(page)),
            Err(problem) if self.pages > 1 => {
                tracing::debug!(problem, pages = self.pages, "a page of a sweep cannot be read");
                self.scan.mark(Partial::PageUnanswered);
                Ok(None)
            }
            Err(problem) => Err(undecodable(problem, answer)),
        }
    }

    /// Takes in the rows of a page; says how many ids are new.
    pub(super) fn take_in(&mut self, rows: &[&RawValue]) -> usize {
        let before = self.scan.len();
        let Gathered { memory: next, unknown_values: unknown, .. } = &mut self.gathered;
        let mut page = PageRows { memory: self.memory, next, unknown };
        for row in page.take_in(rows, &self.format, &mut self.scan, self.privacy) {
            self.tell_set_aside(row);
        }
        self.scan.len() - before
    }

    /// Steps over a row that could not be read on the way to [`Self::take_in`].
    pub(super) fn set_aside(&mut self, quarantined: Quarantined) {
        match &quarantined.id {
            Some(id) => self.scan.present(id.clone()),
            None => self.scan.mark(Partial::RowWithoutId),
        }
        self.tell_set_aside(quarantined);
    }

    fn tell_set_aside(&mut self, quarantined: Quarantined) {
        let is_known = self.memory.was_set_aside(quarantined.fingerprint);
        if is_known || self.gathered.quarantined.len() < MOST_TOLD {
            self.gathered.set_aside(quarantined, self.memory);
        }
    }

    /// The sweep, and what was gathered besides.
    pub(super) fn finish(mut self) -> (Gathered, FullScan<T>) {
        let scan = self.scan.finish();
        self.gathered.memory.keep(|id| !scan.disbelieved().contains(id));
        (self.gathered, scan)
    }
}
