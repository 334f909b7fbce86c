//! What to poll next: the request to make of a stream, from its position.

use std::time::Duration;

use super::apply::Engine;
use super::output::EngineError;
use crate::model::{AccountName, EntityKind, StreamName, Timestamp};
use crate::source::{PollRequest, StreamKind};

/// How far a dispute makes the log be read again.
const LOOK_BACK: Duration = Duration::from_mins(10);
/// How many interactions are asked for at once: one page.
const PROBE: usize = 100;

impl Engine {
    /// What to ask of a stream now; `None` when there is nothing to ask yet: a tail waits for the
    /// first look, a probe for an interaction that ended.
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
                    account.disputes.values().filter_map(|dispute| dispute.shown.since).min();
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
                let due = account.recent.due(vendor_now, PROBE);
                due.map(|(kind, ids)| PollRequest::Probe { kind, ids })
            }
            StreamKind::Waiting => {
                let calls = account.waits.is_due(EntityKind::Call, vendor_now);
                let chats = account.waits.is_due(EntityKind::Chat, vendor_now);
                (calls || chats).then_some(PollRequest::Waiting { calls, chats })
            }
        })
    }
}
