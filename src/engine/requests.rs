//! What to poll next: the request to make of a stream, from its position.

use std::time::Duration;

use super::apply::Engine;
use super::output::EngineError;
use crate::model::{AccountName, EntityKind, StreamName, Timestamp};
use crate::source::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};

/// How far a status discrepancy makes the log be read again.
const LOOK_BACK: Duration = Duration::from_mins(10);
/// How many interactions are requested by one lookup: one page.
const MOST_IDS: usize = 100;

/// A poll request that the engine chooses.
pub trait ChooseRequest: Sized + Send + 'static {
    /// What it depends on besides the engine's state.
    type Parameters: Send + 'static;

    /// The request to make of a stream now; `None` when there is nothing to request yet.
    ///
    /// # Errors
    /// When the account is not owned, or the store fails.
    fn choose(
        engine: &mut Engine,
        account: &AccountName,
        stream: &StreamName,
        parameters: Self::Parameters,
        now: Timestamp,
    ) -> Result<Option<Self>, EngineError>;
}

impl Engine {
    /// The request to make of a stream now; `None` when there is nothing to request yet: an
    /// incremental poll waits for the baseline, a lookup for an interaction that ended.
    ///
    /// # Errors
    /// When the engine has stopped, the account is not owned, or the store fails.
    pub fn request<R: ChooseRequest>(
        &mut self,
        account: &AccountName,
        stream: &StreamName,
        parameters: R::Parameters,
        now: Timestamp,
    ) -> Result<Option<R>, EngineError> {
        self.refuse_after_failure()?;
        self.account(account)?;
        R::choose(self, account, stream, parameters, now)
    }

    fn vendor_now(
        &mut self,
        account: &AccountName,
        now: Timestamp,
    ) -> Result<Timestamp, EngineError> {
        Ok(now.plus_millis(self.account(account)?.offset_millis()))
    }
}

impl ChooseRequest for FullScanRequest {
    type Parameters = ();

    fn choose(
        _: &mut Engine,
        _: &AccountName,
        _: &StreamName,
        (): (),
        _: Timestamp,
    ) -> Result<Option<Self>, EngineError> {
        Ok(Some(Self))
    }
}

impl ChooseRequest for SnapshotRequest {
    type Parameters = ();

    fn choose(
        _: &mut Engine,
        _: &AccountName,
        _: &StreamName,
        (): (),
        _: Timestamp,
    ) -> Result<Option<Self>, EngineError> {
        Ok(Some(Self))
    }
}

impl ChooseRequest for IncrementalRequest {
    /// The overlap.
    type Parameters = Duration;

    fn choose(
        engine: &mut Engine,
        account: &AccountName,
        stream: &StreamName,
        overlap: Duration,
        _: Timestamp,
    ) -> Result<Option<Self>, EngineError> {
        let position = engine.position(account, stream)?;
        let record = engine.account(account)?.record;
        Ok(record.map(|record| {
            let from = position.cursor.map_or(record.start, |cursor| cursor - overlap);
            Self { from: from.max(record.start).floor_second() }
        }))
    }
}

impl ChooseRequest for ActivityLogRequest {
    /// The overlap.
    type Parameters = Duration;

    fn choose(
        engine: &mut Engine,
        account: &AccountName,
        stream: &StreamName,
        overlap: Duration,
        _: Timestamp,
    ) -> Result<Option<Self>, EngineError> {
        let position = engine.position(account, stream)?;
        let account = engine.account(account)?;
        let discrepancy = account.discrepancies.values().filter_map(|open| open.shown.since).min();
        Ok(account.record.map(|record| {
            let mut from = position.cursor.map_or(record.start, |cursor| cursor - overlap);
            if let (Some(since), Some(cursor)) = (discrepancy, position.cursor) {
                // The row may have come later than the overlap reaches.
                from = from.min(since - overlap).max(cursor - LOOK_BACK);
            }
            Self { from: from.max(record.start).floor_second() }
        }))
    }
}

impl ChooseRequest for LookupRequest {
    type Parameters = ();

    fn choose(
        engine: &mut Engine,
        account: &AccountName,
        _: &StreamName,
        (): (),
        now: Timestamp,
    ) -> Result<Option<Self>, EngineError> {
        let vendor_now = engine.vendor_now(account, now)?;
        let due = engine.account(account)?.recently_ended.due(vendor_now, MOST_IDS);
        Ok(due.map(|(kind, ids)| match kind {
            EntityKind::Chat => Self::Chats(ids),
            _ => Self::Calls(ids),
        }))
    }
}

impl ChooseRequest for WaitingRequest {
    type Parameters = ();

    fn choose(
        engine: &mut Engine,
        account: &AccountName,
        _: &StreamName,
        (): (),
        now: Timestamp,
    ) -> Result<Option<Self>, EngineError> {
        let vendor_now = engine.vendor_now(account, now)?;
        let deadlines = &engine.account(account)?.sla_deadlines;
        let calls = deadlines.is_due(EntityKind::Call, vendor_now);
        let chats = deadlines.is_due(EntityKind::Chat, vendor_now);
        Ok(match (calls, chats) {
            (true, true) => Some(Self::CallsAndChats),
            (true, false) => Some(Self::Calls),
            (false, true) => Some(Self::Chats),
            (false, false) => None,
        })
    }
}
