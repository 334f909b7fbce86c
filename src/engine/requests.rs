//! What to poll next: the request to make of a stream, from its position.

use std::time::Duration;

use super::apply::Engine;
use super::output::EngineError;
use crate::model::{AccountName, EntityKind, StreamName, Timestamp};
use crate::source::{PollRequest, StreamKind};

/// How far a status discrepancy makes the log be read again.
const LOOK_BACK: Duration = Duration::from_mins(10);
/// How many interactions are looked up at once: one page.
const PROBE: usize = 100;

impl Engine {
    /// The request to make of a stream now; `None` when there is nothing to request yet: an
    /// incremental poll waits for the baseline, a lookup for an interaction that ended.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn poll_request(
        &mut self,
        name: &AccountName,
        stream: &StreamName,
        kind: StreamKind,
        now: Timestamp,
    ) -> Result<Option<PollRequest>, EngineError> {
        self.refuse_after_failure()?;
        let position = self.position(name, stream)?;
        let account = self.account(name)?;
        let vendor_now = now.plus_millis(account.offset_millis());
        Ok(match kind {
            StreamKind::FullScan => Some(PollRequest::FullScan),
            StreamKind::Snapshot => Some(PollRequest::Snapshot),
            StreamKind::Incremental { overlap, log } => account.record.map(|record| {
                let mut from = position.cursor.map_or(record.start, |cursor| cursor - overlap);
                let disputed =
                    account.discrepancies.values().filter_map(|open| open.shown.since).min();
                if let (true, Some(since), Some(cursor)) = (log, disputed, position.cursor) {
                    // The row may have come later than the overlap reaches.
                    from = from.min(since - overlap).max(cursor - LOOK_BACK);
                }
                PollRequest::Incremental { from: from.max(record.start).floor_second() }
            }),
            StreamKind::LogEnds { overlap } => account.record.map(|record| {
                let from = position.cursor.map_or(record.start, |cursor| cursor - overlap);
                PollRequest::Incremental { from: from.max(record.start).floor_second() }
            }),
            StreamKind::Recent => {
                let due = account.recently_ended.due(vendor_now, PROBE);
                due.map(|(kind, ids)| PollRequest::Probe { kind, ids })
            }
            StreamKind::Waiting => {
                let calls = account.sla_deadlines.is_due(EntityKind::Call, vendor_now);
                let chats = account.sla_deadlines.is_due(EntityKind::Chat, vendor_now);
                (calls || chats).then_some(PollRequest::Waiting { calls, chats })
            }
        })
    }
}
