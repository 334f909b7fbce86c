//! What the engine keeps in memory of one account: indexes of the store, rebuilt at start.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entity_quota::EntityQuota;
use super::recently_ended::RecentlyEnded;
use super::sla_deadlines::SlaDeadlines;
use crate::detect::{
    AgentState, DropConfirmation, PollContext, RemovalConfirmation, StatusDiscrepancy,
    StatusSource, Targets,
};
use crate::event::Topic;
use crate::model::{
    AccountName, EntityId, EntityKind, Presence, StreamName, Timestamp, Vocabulary,
};
use crate::source::stream::{ActivityEnds, AgentActivity, StreamType};
use crate::source::{FullScan, PollResult};

/// How long deduplication keys are kept behind the cursors of the log. A discrepancy makes the log
/// be read again from ten minutes back at most, so that a row that is read again always finds its
/// key.
pub(super) const DEDUPLICATION_KEPT: Duration = Duration::from_mins(15);
/// How long the log's deduplication keys are kept for a stream whose cursor does not move.
const LONGEST_KEPT: Duration = Duration::from_hours(24);

/// From when on an account's changes are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From the first poll on.
    Now,
    /// From this time on, in the vendor's clock: what happened since is backfilled.
    At(Timestamp),
}

/// An account that an engine owns.
#[derive(Clone, Debug)]
pub struct EngineAccount {
    /// Its name.
    pub name: AccountName,
    /// Its vendor's name.
    pub vendor: &'static str,
    /// What its vendor's words mean, for records that are read back from the store.
    pub vocabulary: &'static Vocabulary,
    /// The authority on its agents' statuses.
    pub status_source: StatusSource,
    /// From when on changes are published.
    pub start: Start,
    /// The service level targets of its queues, where the vendor does not say.
    pub targets: Targets,
}

/// What is stored of an account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AccountRecord {
    /// From when on changes are published, in the vendor's clock.
    pub(super) start: Timestamp,
    /// When the account was polled for the first time, in the vendor's clock.
    #[serde(rename = "first_look")]
    pub(super) baseline_at: Timestamp,
}

/// What is stored of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct StreamPosition {
    /// The cursor of an incremental poll, in the vendor's clock.
    pub(super) cursor: Option<Timestamp>,
    /// When the last committed poll was requested, in the vendor's clock.
    #[serde(rename = "asked_at")]
    pub(super) requested_at: Option<Timestamp>,
    /// Whether there was a complete full scan.
    #[serde(default)]
    pub(super) complete: bool,
    /// When the last complete full scan was requested, in the vendor's clock.
    #[serde(default, rename = "complete_asked_at")]
    pub(super) complete_requested_at: Option<Timestamp>,
}

impl StreamPosition {
    /// Records a full scan that was requested at this time.
    pub(super) fn scanned<T>(&mut self, scan: &FullScan<T>, requested_at: Timestamp) {
        if scan.is_complete() {
            self.complete = true;
            self.complete_requested_at = Some(requested_at);
        }
    }
}

/// The indexed fields of an agent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AgentBrief {
    pub(super) on_roster: bool,
    pub(super) on_hold: bool,
    pub(super) presence: Option<Presence>,
    pub(super) since: Option<Timestamp>,
}

impl AgentBrief {
    pub(super) fn of(state: &AgentState) -> Self {
        Self {
            on_roster: state.roster.is_some(),
            on_hold: state.hold.since.is_some(),
            presence: state.status.as_ref().map(|status| status.value.presence),
            since: state.status.as_ref().and_then(|status| status.since),
        }
    }

    /// Whether the agent is logged in, as far as it is known.
    pub(super) fn is_logged_in(&self) -> bool {
        self.presence.is_some_and(|presence| presence != Presence::Offline)
    }
}

/// One account's indexes of the store.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) name: AccountName,
    pub(super) vendor: &'static str,
    pub(super) vocabulary: &'static Vocabulary,
    pub(super) status_source: StatusSource,
    pub(super) start: Start,
    pub(super) record: Option<AccountRecord>,
    /// How far the vendor's clock is ahead of ours, by the answers since the start.
    offset: Option<i64>,
    pub(super) positions: HashMap<StreamName, StreamPosition>,
    /// When each stream's position was last published, in our clock.
    pub(super) positions_published: HashMap<StreamName, Timestamp>,
    pub(super) sequences: HashMap<Topic, u64>,
    pub(super) agents: HashMap<EntityId, AgentBrief>,
    pub(super) quota: EntityQuota,
    /// Queues, teams and statuses that exist.
    pub(super) defined: HashMap<EntityKind, HashSet<EntityId>>,
    /// Paths on which interactions wait.
    pub(super) queued_paths: HashSet<EntityId>,
    pub(super) removals: HashMap<EntityKind, RemovalConfirmation>,
    /// Confirms that agents are no longer logged in, and that nothing waits on paths any more.
    pub(super) drops: HashMap<EntityKind, DropConfirmation>,
    /// When the last poll that showed an entity was requested, since the engine's start.
    last_shown: HashMap<EntityKind, HashMap<EntityId, Timestamp>>,
    pub(super) targets: Targets,
    pub(super) sla_deadlines: SlaDeadlines,
    pub(super) discrepancies: HashMap<EntityId, StatusDiscrepancy>,
    pub(super) recently_ended: RecentlyEnded,
    /// When the log's last committed poll was requested, in the vendor's clock.
    pub(super) log_read_at: Option<Timestamp>,
    /// The first start that this poll requested: the log's incremental poll no longer shows rows
    /// that started earlier.
    pub(super) log_read_from: Option<Timestamp>,
}

impl AccountState {
    pub(super) fn new(owned: EngineAccount) -> Self {
        let EngineAccount { name, vendor, vocabulary, status_source, start, targets } = owned;
        Self {
            quota: EntityQuota::new(name.clone()),
            name,
            vendor,
            vocabulary,
            status_source,
            start,
            record: None,
            offset: None,
            positions: HashMap::new(),
            positions_published: HashMap::new(),
            sequences: HashMap::new(),
            agents: HashMap::new(),
            defined: HashMap::new(),
            queued_paths: HashSet::new(),
            removals: HashMap::new(),
            drops: HashMap::new(),
            last_shown: HashMap::new(),
            targets,
            sla_deadlines: SlaDeadlines::default(),
            discrepancies: HashMap::new(),
            recently_ended: RecentlyEnded::default(),
            log_read_at: None,
            log_read_from: None,
        }
    }

    /// The streams that read the activity log.
    pub(super) const LOG_STREAMS: [StreamName; 2] = [AgentActivity::NAME, ActivityEnds::NAME];

    /// The time before which no row of the log is read again, so that older deduplication keys are
    /// not needed. A stream whose polls fail holds it back for a day only.
    pub(super) fn deduplicated_from(&self) -> Option<Timestamp> {
        let (read_at, start) = (self.log_read_at?, self.record?.start);
        let streams = Self::LOG_STREAMS;
        let positions = streams.iter().filter_map(|stream| self.positions.get(stream));
        let reached = positions.map(|position| position.cursor.unwrap_or(start));
        Some(reached.fold(read_at, Timestamp::min).max(read_at - LONGEST_KEPT) - DEDUPLICATION_KEPT)
    }

    /// The starts that the log's incremental poll has passed and whose deduplication keys are kept.
    pub(super) fn passed_log_starts(&self) -> Option<Range<Timestamp>> {
        Some(self.deduplicated_from()?..self.log_read_from?)
    }

    /// The circumstances of a poll, in the vendor's clock, and the account's record. The first poll
    /// of an account creates the record.
    pub(super) fn context(&mut self, poll_result: &PollResult) -> (PollContext, AccountRecord) {
        if let Some(offset) = poll_result.clock_offset_millis {
            self.offset = Some(smoothed(self.offset, offset));
        }
        let position = self.positions.get(&poll_result.rows.stream()).copied().unwrap_or_default();
        let requested_at = poll_result.requested_at.plus_millis(self.offset_millis());
        // A correction of the offset does not set the stream's time back.
        let requested_at =
            position.requested_at.map_or(requested_at, |previous| requested_at.max(previous));
        let record = self.record.unwrap_or_else(|| {
            // Stamps are whole seconds: what happens within this second is after the start.
            let baseline_at = requested_at.floor_second();
            let start = match self.start {
                Start::Now => baseline_at,
                Start::At(time) => time,
            };
            AccountRecord { start, baseline_at }
        });
        let context = PollContext {
            requested_at,
            answered_at: poll_result
                .answered_at
                .plus_millis(self.offset_millis())
                .max(requested_at),
            previous_requested_at: position.requested_at,
            start: record.start,
            baseline_at: record.baseline_at,
            first_full_scan: !position.complete,
        };
        (context, record)
    }

    /// The context of an entity that a full scan shows: its changes happened after the last poll
    /// that showed it. A partial full scan may not have.
    pub(super) fn context_of(
        &self,
        stream: &StreamName,
        kind: EntityKind,
        id: &EntityId,
        context: &PollContext,
    ) -> PollContext {
        let complete = || self.positions.get(stream)?.complete_requested_at;
        let shown = self.shown_at(kind, id);
        // Partial full scans before the first complete one may have left this entity out.
        let previous = context.previous_requested_at.filter(|_| !context.first_full_scan);
        let previous_requested_at = shown.or_else(complete).or(previous);
        PollContext { previous_requested_at, ..*context }
    }

    /// The context of an entity that full scans no longer show: it was removed after the last one
    /// that did, if that is known. Those since then confirmed the removal.
    pub(super) fn context_of_removed(
        &self,
        kind: EntityKind,
        id: &EntityId,
        context: &PollContext,
    ) -> PollContext {
        PollContext { previous_requested_at: self.shown_at(kind, id), ..*context }
    }

    fn shown_at(&self, kind: EntityKind, id: &EntityId) -> Option<Timestamp> {
        self.last_shown.get(&kind)?.get(id).copied()
    }

    /// Records that a full scan that was requested at this time shows an entity.
    pub(super) fn set_shown(&mut self, kind: EntityKind, id: &EntityId, requested_at: Timestamp) {
        let shown = self.last_shown.entry(kind).or_default();
        // Entities beyond the quota are not remembered.
        let has_space = shown.len() <= self.quota.states(kind);
        match shown.get_mut(id) {
            Some(last) => *last = requested_at,
            None if has_space => {
                shown.insert(id.clone(), requested_at);
            }
            None => {}
        }
    }

    /// Forgets an entity that was removed.
    pub(super) fn forget_shown(&mut self, kind: EntityKind, id: &EntityId) {
        if let Some(shown) = self.last_shown.get_mut(&kind) {
            shown.remove(id);
        }
    }

    /// How far the vendor's clock is ahead of ours, in milliseconds, as far as it is known.
    pub(super) fn offset_millis(&self) -> i64 {
        self.offset.unwrap_or(0)
    }

    /// How many agents the roster shows.
    pub(super) fn agents_on_roster(&self) -> usize {
        self.agents.values().filter(|agent| agent.on_roster).count()
    }
}

/// The offset of the vendor's clock after another measurement. One measurement is up to half a
/// second off, because the vendor gives whole seconds; a jump of the clock is adopted at once.
fn smoothed(before: Option<i64>, measured: i64) -> i64 {
    match before {
        Some(before) if (measured - before).abs() < 5_000 => before + (measured - before) / 8,
        _ => measured,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stored_records_of_accounts_and_streams_keep_the_names_of_their_fields() {
        let at = Timestamp::from_millis;
        let record = AccountRecord { start: at(1), baseline_at: at(2) };
        let stored = json!({"start": 1, "first_look": 2});
        assert_eq!(serde_json::to_value(record).unwrap(), stored);
        assert_eq!(serde_json::from_value::<AccountRecord>(stored).unwrap(), record);

        let position = StreamPosition {
            cursor: Some(at(1)),
            requested_at: Some(at(2)),
            complete: true,
            complete_requested_at: Some(at(3)),
        };
        let stored = json!({
            "cursor": 1, "asked_at": 2, "complete": true, "complete_asked_at": 3,
        });
        assert_eq!(serde_json::to_value(position).unwrap(), stored);
        assert_eq!(serde_json::from_value::<StreamPosition>(stored).unwrap(), position);
    }

    #[test]
    fn the_clock_offset_is_averaged_and_follows_a_jump() {
        let mut offset = smoothed(None, 1_900);
        for measured in [1_100, 1_900, 1_100, 1_900].repeat(10) {
            offset = smoothed(Some(offset), measured);
        }
        assert!((1_400..=1_600).contains(&offset), "{offset}");
        assert_eq!(smoothed(Some(offset), 3_600_000), 3_600_000);
    }
}
