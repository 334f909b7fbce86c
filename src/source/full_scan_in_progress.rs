//! A full scan on its way through the pages.
//!
//! A page after the first that is not answered, or cannot be decoded, leaves the pages before it:
//! what they show counts, what they do not show proves nothing.

use serde_json::value::RawValue;

use super::error::{Error, ErrorDisposition};
use super::http::Answer;
use super::poll_result_builder::{PollResultBuilder, undecodable};
use super::rows::{EntityRow, PageDecoder, RowFormat};
use super::{FullScan, FullScanBuilder, Partial, PollResult, Quarantined, RowMemory};
use crate::model::Privacy;

/// Quarantined rows that one full scan reports, at most. A list of nothing but such rows would be a
/// flood of events; the rest is reported by the scans that follow.
const MOST_REPORTED: usize = 1_000;

/// A full scan that is being read.
#[derive(Debug)]
pub(super) struct FullScanInProgress<'a, T> {
    format: RowFormat<T>,
    memory: &'a RowMemory,
    privacy: &'a Privacy,
    result: PollResultBuilder,
    scan: FullScanBuilder<T>,
    pages: u32,
}

impl<'a, T: EntityRow> FullScanInProgress<'a, T> {
    /// A full scan of which nothing has been read. `memory` is that of the stream's last committed
    /// result.
    pub(super) fn new(format: RowFormat<T>, memory: &'a RowMemory, privacy: &'a Privacy) -> Self {
        let (result, scan) = (PollResultBuilder::default(), FullScanBuilder::default());
        Self { format, memory, privacy, result, scan, pages: 0 }
    }

    /// How many different ids there are so far.
    pub(super) fn len(&self) -> usize {
        self.scan.len()
    }

    /// The number of entities that a page named.
    pub(super) fn counted(&mut self, total: u64) {
        self.scan.counted(total);
    }

    /// Makes the full scan partial: it proves nothing about absence.
    pub(super) fn make_partial(&mut self, reason: Partial) {
        self.scan.make_partial(reason);
    }

    /// Takes the answer to the request for the next page. `None`: the scan ends here, with the
    /// pages before.
    pub(super) fn answered(
        &mut self,
        answered: Result<Answer, Error>,
    ) -> Result<Option<Answer>, Error> {
        match answered {
            Ok(answer) => {
                self.result.add_answer(&answer);
                self.pages += 1;
                Ok(Some(answer))
            }
            Err(error) if self.pages > 0 && error.disposition() != ErrorDisposition::Stop => {
                tracing::debug!(%error, pages = self.pages, "a page of a full scan failed");
                self.scan.make_partial(Partial::PageUnanswered);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the decoded page of that answer, or why it cannot be decoded. `None`: the scan ends
    /// here, with the pages before.
    pub(super) fn decoded<P>(
        &mut self,
        page: Result<P, &'static str>,
        answer: &Answer,
    ) -> Result<Option<P>, Error> {
        match page {
            Ok(page) => Ok(Some(page)),
            Err(problem) if self.pages > 1 => {
                let pages = self.pages;
                tracing::debug!(problem, pages, "a page of a full scan cannot be decoded");
                self.scan.make_partial(Partial::PageUnanswered);
                Ok(None)
            }
            Err(problem) => Err(undecodable(problem, answer)),
        }
    }

    /// Adds the rows of a page; returns how many of their ids are new.
    pub(super) fn add_rows(&mut self, rows: &[&RawValue]) -> usize {
        let before = self.scan.len();
        let PollResultBuilder { memory: next, unknown_values: unknown, .. } = &mut self.result;
        let mut page = PageDecoder { memory: self.memory, next, unknown };
        for row in page.decode(rows, &self.format, &mut self.scan, self.privacy) {
            self.report(row);
        }
        self.scan.len() - before
    }

    /// Quarantines a row that could not be decoded before [`Self::add_rows`].
    pub(super) fn quarantine(&mut self, quarantined: Quarantined) {
        match &quarantined.id {
            Some(id) => self.scan.present(id.clone()),
            None => self.scan.make_partial(Partial::RowWithoutId),
        }
        self.report(quarantined);
    }

    fn report(&mut self, quarantined: Quarantined) {
        let is_known = self.memory.was_quarantined(quarantined.fingerprint);
        if is_known || self.result.quarantined.len() < MOST_REPORTED {
            self.result.quarantine(quarantined, self.memory);
        }
    }

    /// The poll result.
    pub(super) fn finish(mut self) -> PollResult<FullScan<T>> {
        let scan = self.scan.finish();
        self.result.memory.keep(|id| !scan.conflicting().contains(id));
        self.result.finish(scan)
    }
}
