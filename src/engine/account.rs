//! What the engine keeps in memory of one account: indexes over the store, rebuilt at start.

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
use crate::source::{FullScan, PollResult, VENDORS};

/// How long the marks of rows that were told are kept behind the cursors of the log. A dispute may
/// look back no further than ten minutes, so a row that is read again always finds its mark.
pub(super) const DEDUPLICATION_KEPT: Duration = Duration::from_mins(15);
/// How long the marks of the log wait for a stream that does not get on.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// From when on an account's changes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From the first look on.
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
    /// What tells of its agents' statuses.
    pub status_source: StatusSource,
    /// From when on changes are wanted.
    pub start: Start,
    /// How well its queues have to be served, where the vendor does not say.
    pub targets: Targets,
}

/// What is stored of an account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AccountRecord {
    /// From when on changes are wanted, in the vendor's clock.
    pub(super) start: Timestamp,
    /// When the account was looked at for the first time, in the vendor's clock.
    pub(super) baseline_at: Timestamp,
}

/// What is stored of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// A tail's cursor, in the vendor's clock.
    pub(super) cursor: Option<Timestamp>,
    /// When the last committed reading was asked, in the vendor's clock.
    pub(super) requested_at: Option<Timestamp>,
    /// Whether there was a complete sweep.
    #[serde(default)]
    pub(super) complete: bool,
    /// When the last complete sweep was asked, in the vendor's clock.
    #[serde(default)]
    pub(super) complete_requested_at: Option<Timestamp>,
}

impl Position {
    /// A sweep was read that began then.
    pub(super) fn scanned<T>(&mut self, scan: &FullScan<T>, requested_at: Timestamp) {
        if scan.is_complete() {
            self.complete = true;
            self.complete_requested_at = Some(requested_at);
        }
    }
}

/// What the index holds of an agent.
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

    /// Whether the agent is logged in, as far as is known.
    pub(super) fn is_logged_in(&self) -> bool {
        self.presence.is_some_and(|presence| presence != Presence::Offline)
    }
}

/// One account's indexes.
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
    pub(super) positions: HashMap<StreamName, Position>,
    /// When each stream's position was last published, in our clock.
    pub(super) carried: HashMap<StreamName, Timestamp>,
    pub(super) sequences: HashMap<Topic, u64>,
    pub(super) agents: HashMap<EntityId, AgentBrief>,
    /// How many entities there are states of.
    pub(super) room: EntityQuota,
    /// Queues, teams and statuses that are there.
    pub(super) defined: HashMap<EntityKind, HashSet<EntityId>>,
    /// Paths on which somebody waits.
    pub(super) queued_paths: HashSet<EntityId>,
    pub(super) absences: HashMap<EntityKind, RemovalConfirmation>,
    /// Who is logged in, and where somebody waits: what suspiciously much no longer is.
    pub(super) doubts: HashMap<EntityKind, DropConfirmation>,
    /// When the last reading was asked that showed an entity, since the start.
    shown: HashMap<EntityKind, HashMap<EntityId, Timestamp>>,
    pub(super) targets: Targets,
    pub(super) waits: SlaDeadlines,
    pub(super) disputes: HashMap<EntityId, StatusDiscrepancy>,
    pub(super) recent: RecentlyEnded,
    /// When the log's last committed reading was asked, in the vendor's clock.
    pub(super) log_read_at: Option<Timestamp>,
    /// From which start on that reading asked: what starts earlier the log's tail shows no more.
    pub(super) log_read_from: Option<Timestamp>,
}

impl AccountState {
    pub(super) fn new(owned: EngineAccount) -> Self {
        let EngineAccount { name, vendor, vocabulary, status_source, start, targets } = owned;
        Self {
            room: EntityQuota::new(name.clone()),
            name,
            vendor,
            vocabulary,
            status_source,
            start,
            record: None,
            offset: None,
            positions: HashMap::new(),
            carried: HashMap::new(),
            sequences: HashMap::new(),
            agents: HashMap::new(),
            defined: HashMap::new(),
            queued_paths: HashSet::new(),
            absences: HashMap::new(),
            doubts: HashMap::new(),
            shown: HashMap::new(),
            targets,
            waits: SlaDeadlines::default(),
            disputes: HashMap::new(),
            recent: RecentlyEnded::default(),
            log_read_at: None,
            log_read_from: None,
        }
    }

    /// The streams that read the activity log.
    pub(super) fn log_streams(&self) -> Vec<StreamName> {
        let vendor = VENDORS.iter().find(|vendor| vendor.name == self.vendor);
        let streams = vendor.into_iter().flat_map(|vendor| vendor.streams);
        streams.filter(|spec| spec.kind.reads_log()).map(|spec| spec.name.clone()).collect()
    }

    /// The time before which no row of the log is asked for again, so that nobody needs to know any
    /// more which were told. A stream that is never answered holds it back for a day only.
    pub(super) fn told_and_passed(&self) -> Option<Timestamp> {
        let (read_at, start) = (self.log_read_at?, self.record?.start);
        let streams = self.log_streams();
        let positions = streams.iter().filter_map(|stream| self.positions.get(stream));
        let reached = positions.map(|position| position.cursor.unwrap_or(start));
        Some(reached.fold(read_at, Timestamp::min).max(read_at - LONGEST_WAIT) - DEDUPLICATION_KEPT)
    }

    /// The starts that the log's tail has passed and whose rows are still known to be told or not.
    pub(super) fn passed_by_the_log(&self) -> Option<Range<Timestamp>> {
        Some(self.told_and_passed()?..self.log_read_from?)
    }

    /// The circumstances of a reading, in the vendor's clock, and the record they rest on. The
    /// first reading of an account makes the record.
    pub(super) fn context(&mut self, poll_result: &PollResult) -> (PollContext, AccountRecord) {
        if let Some(offset) = poll_result.clock_offset_millis {
            self.offset = Some(smoothed(self.offset, offset));
        }
        let position = self.positions.get(&poll_result.stream).copied().unwrap_or_default();
        let requested_at = poll_result.requested_at.plus_millis(self.offset_millis());
        // A correction of the offset does not turn the stream's time back.
        let requested_at =
            position.requested_at.map_or(requested_at, |previous| requested_at.max(previous));
        let record = self.record.unwrap_or_else(|| {
            // Stamps are whole seconds: what happened in this very second is after the start.
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

    /// The look at an entity that a sweep shows: what changed about it happened after the last
    /// reading that showed it. A partial one need not have.
    pub(super) fn context_at(
        &self,
        stream: &StreamName,
        kind: EntityKind,
        id: &EntityId,
        context: &PollContext,
    ) -> PollContext {
        let complete = || self.positions.get(stream)?.complete_requested_at;
        let shown = self.last_shown(kind, id);
        // As long as no sweep was complete, nobody knows whom the others left out.
        let previous = context.previous_requested_at.filter(|_| !context.first_full_scan);
        let previous_requested_at = shown.or_else(complete).or(previous);
        PollContext { previous_requested_at, ..*context }
    }

    /// The look at an entity that sweeps no longer show: it went after the last one that did, if
    /// that is known. Those since then led to the certainty.
    pub(super) fn context_at_absence(
        &self,
        kind: EntityKind,
        id: &EntityId,
        context: &PollContext,
    ) -> PollContext {
        PollContext { previous_requested_at: self.last_shown(kind, id), ..*context }
    }

    fn last_shown(&self, kind: EntityKind, id: &EntityId) -> Option<Timestamp> {
        self.shown.get(&kind)?.get(id).copied()
    }

    /// A sweep that was asked then shows an entity.
    pub(super) fn shows(&mut self, kind: EntityKind, id: &EntityId, requested_at: Timestamp) {
        let shown = self.shown.entry(kind).or_default();
        // Of those for whom there is no room nothing is remembered.
        let room = shown.len() <= self.room.states(kind);
        match shown.get_mut(id) {
            Some(last) => *last = requested_at,
            None if room => {
                shown.insert(id.clone(), requested_at);
            }
            None => {}
        }
    }

    /// An entity is gone.
    pub(super) fn forget_shown(&mut self, kind: EntityKind, id: &EntityId) {
        if let Some(shown) = self.shown.get_mut(&kind) {
            shown.remove(id);
        }
    }

    /// How far the vendor's clock is ahead of ours, in milliseconds, as far as is known.
    pub(super) fn offset_millis(&self) -> i64 {
        self.offset.unwrap_or(0)
    }

    /// How many agents the roster shows.
    pub(super) fn agents_on_roster(&self) -> usize {
        self.agents.values().filter(|agent| agent.on_roster).count()
    }
}

/// The offset of the vendor's clock after another measurement. One measurement is up to half a
/// second off, because the vendor tells whole seconds; a jump of the clock is taken over at once.
fn smoothed(before: Option<i64>, measured: i64) -> i64 {
    match before {
        Some(before) if (measured - before).abs() < 5_000 => before + (measured - before) / 8,
        _ => measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_offset_settles_between_its_measurements_and_follows_a_jump() {
        let mut offset = smoothed(None, 1_900);
        for measured in [1_100, 1_900, 1_100, 1_900].repeat(10) {
            offset = smoothed(Some(offset), measured);
        }
        assert!((1_400..=1_600).contains(&offset), "{offset}");
        assert_eq!(smoothed(Some(offset), 3_600_000), 3_600_000);
    }
}
