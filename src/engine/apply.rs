//! The engine: one reading in, one batch of state, cursor and events out.
//!
//! It is synchronous and has one owner. What it keeps in memory are indexes over the store; they
//! are right because they change only together with it, and after any error of the store the
//! engine refuses everything, so that nothing is built on a batch that may not be there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::account::{AccountRecord, AccountState, AgentBrief, EngineAccount, Position};
use super::output::{EngineError, Output};
use super::privacy_migration::migrate_privacy;
use super::rows::{
    activities, activity_ends, current_statuses, interactions, quarantined, queue_statuses,
    records, roster, service_levels,
};
use super::unit_of_work::{UnitOfWork, VersionedState};
use crate::detect::{
    AgentState, HORIZON, Interaction, InteractionState, LevelState, Record, RecordState,
    SlaDeadline, settle,
};
use crate::event::Topic;
use crate::event::avro::Encoders;
use crate::model::{
    AccountName, Call, Chat, EntityId, EntityKey, EntityKind, Queue, StatusDefinition, StreamName,
    Team, Timestamp,
};
use crate::source::{PollRequest, PollResult, Rows, StreamKind};
use crate::store::{Batch, Key, Store};
use crate::telemetry::Metrics;

/// How long the marks of rows that were told are kept behind the cursors of the log. A dispute may
/// look back no further than [`LOOK_BACK`], so a row that is read again always finds its mark.
pub(super) const DEDUPLICATION_KEPT: Duration = Duration::from_mins(15);
/// How far a dispute makes the log be read again.
const LOOK_BACK: Duration = Duration::from_mins(10);
/// How often a position that moved alone is published.
const CARRY_POSITIONS: Duration = Duration::from_secs(30);
/// How many interactions are asked for at once: one page.
const PROBE: usize = 100;
/// How many entries one round of forgetting looks at.
const FORGET_AT_ONCE: usize = 500;

/// What a committed reading led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many events were decided.
    pub events: usize,
    /// A snapshot disagrees with the log: the log is to be asked now.
    pub ask_log_now: bool,
}

/// The engine of one shard.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    encoders: Arc<Encoders>,
    metrics: Arc<Metrics>,
    output: Output,
    accounts: HashMap<AccountName, AccountState>,
    failed: Option<String>,
    /// How far each round of forgetting came.
    forgetting: HashMap<(AccountName, EntityKind), EntityId>,
}

impl Engine {
    /// An engine over an opened store, which owns these accounts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(
        store: Store,
        encoders: Arc<Encoders>,
        metrics: Arc<Metrics>,
        output: Output,
        accounts: impl IntoIterator<Item = EngineAccount>,
    ) -> Result<Self, EngineError> {
        let mut engine = Self {
            store,
            encoders,
            metrics,
            output,
            accounts: HashMap::new(),
            failed: None,
            forgetting: HashMap::new(),
        };
        for owned in accounts {
            let account = engine.load(AccountState::new(owned))?;
            engine.accounts.insert(account.name.clone(), account);
        }
        Ok(engine)
    }

    /// Rebuilds an account's indexes from the store.
    fn load(&self, mut account: AccountState) -> Result<AccountState, EngineError> {
        let name = account.name.clone();
        migrate_privacy(&self.store, &name)?;
        let record = self.store.get::<AccountRecord>(&Key::account(&name))?;
        account.record = record.map(|stored| stored.value);
        for topic in Topic::ALL {
            if let Some(last) = self.store.get::<u64>(&Key::sequence(&name, *topic))? {
                account.sequences.insert(*topic, last.value);
            }
        }
        for stream in account.log_streams() {
            if let Some(position) = self.store.get::<Position>(&Key::cursor(&name, &stream))? {
                account.positions.insert(stream, position.value);
            }
        }
        for entry in self.store.states::<VersionedState<AgentState>>(&name, EntityKind::Agent) {
            let (id, stored) = entry?;
            account.room.came(EntityKind::Agent);
            account.agents.insert(id, AgentBrief::of(&stored.value.state));
        }
        self.load_interactions::<Call>(&mut account)?;
        self.load_interactions::<Chat>(&mut account)?;
        self.load_records::<Queue>(&mut account)?;
        self.load_records::<Team>(&mut account)?;
        self.load_records::<StatusDefinition>(&mut account)?;
        for entry in self.store.states::<VersionedState<LevelState>>(&name, EntityKind::QueuePath) {
            let (id, stored) = entry?;
            account.room.came(EntityKind::QueuePath);
            if stored.value.state.depth.is_some_and(|depth| depth != 0) {
                account.queued_paths.insert(id);
            }
        }
        for entry in self.store.states::<VersionedState<LevelState>>(&name, EntityKind::QueueGroup)
        {
            entry?;
            account.room.came(EntityKind::QueueGroup);
        }
        for entry in self.store.states::<VersionedState<Timestamp>>(&name, EntityKind::Record) {
            entry?;
            account.room.came(EntityKind::Record);
        }
        Ok(account)
    }

    fn load_interactions<I: Interaction>(
        &self,
        account: &mut AccountState,
    ) -> Result<(), EngineError> {
        for entry in
            self.store.states::<VersionedState<InteractionState<I>>>(&account.name, I::KIND)
        {
            let (id, stored) = entry?;
            account.room.came(I::KIND);
            let state = stored.value.state;
            let Some(record) = &state.record else { continue };
            account.targets.learn(&**record);
            if let Some(ended_at) = state.ended_at {
                // Read again soon, wherever the last reading was.
                account.recent.saw(I::KIND, &id, ended_at, ended_at);
            }
            let wait =
                SlaDeadline::of(&**record, &account.targets).filter(|wait| !wait.is_told(&state));
            account.waits.set(I::KIND, &id, wait.map(|wait| wait.overdue_at));
        }
        Ok(())
    }

    fn load_records<R: Record>(&self, account: &mut AccountState) -> Result<(), EngineError> {
        for entry in self.store.states::<VersionedState<RecordState<R>>>(&account.name, R::KIND) {
            let (id, stored) = entry?;
            account.room.came(R::KIND);
            if stored.value.state.record.is_some() {
                account.defined.entry(R::KIND).or_default().insert(id);
            }
        }
        Ok(())
    }

    fn position(
        &mut self,
        name: &AccountName,
        stream: &StreamName,
    ) -> Result<Position, EngineError> {
        let account = self.account(name)?;
        if let Some(position) = account.positions.get(stream) {
            return Ok(*position);
        }
        let key = Key::cursor(name, stream);
        let stored = self.store.get::<Position>(&key)?;
        let position = stored.map(|stored| stored.value).unwrap_or_default();
        self.account(name)?.positions.insert(stream.clone(), position);
        Ok(position)
    }

    fn account(&mut self, name: &AccountName) -> Result<&mut AccountState, EngineError> {
        self.accounts.get_mut(name).ok_or_else(|| EngineError::UnknownAccount(name.clone()))
    }

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
                    account.disputes.values().filter_map(|dispute| dispute.claim.since).min();
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

    /// Detects what a reading changed and commits it.
    ///
    /// # Errors
    /// When the store failed, now or before; then nothing of the reading is believed and polling
    /// has to stop.
    pub fn apply(
        &mut self,
        name: &AccountName,
        poll_result: PollResult,
        asked: &PollRequest,
    ) -> Result<Applied, EngineError> {
        self.refuse_after_failure()?;
        self.position(name, &poll_result.stream)?;
        let applied = self.commit(name, poll_result, asked);
        if let Err(error) = &applied {
            self.failed = Some(error.to_string());
        }
        applied
    }

    fn refuse_after_failure(&self) -> Result<(), EngineError> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(EngineError::Stopped(why.clone())))
    }

    fn commit(
        &mut self,
        name: &AccountName,
        poll_result: PollResult,
        asked: &PollRequest,
    ) -> Result<Applied, EngineError> {
        let account =
            self.accounts.get_mut(name).ok_or_else(|| EngineError::UnknownAccount(name.clone()))?;
        let (context, record) = account.context(&poll_result);
        let stream = poll_result.stream.clone();
        let mut position = account.positions.get(&stream).copied().unwrap_or_default();
        position.requested_at = Some(context.requested_at);
        let mut work = UnitOfWork::new(
            &self.store,
            &self.encoders,
            &self.output,
            &self.metrics,
            account,
            stream.clone(),
            poll_result.answered_at,
        );
        let mut ask_log_now = false;
        match poll_result.rows {
            Rows::Agents(scan) => {
                position.scanned(&scan, context.requested_at);
                ask_log_now = roster(&mut work, &scan, &context)?;
            }
            Rows::AgentStatuses(scan) => {
                position.scanned(&scan, context.requested_at);
                ask_log_now = current_statuses(&mut work, &scan, &context)?;
            }
            Rows::Activities(tail) => {
                position.cursor = position.cursor.max(tail.cursor);
                if let PollRequest::Incremental { from } = asked {
                    work.account.log_read_from = Some(*from);
                }
                activities(&mut work, tail, &context)?;
            }
            Rows::ActivityEnds(tail) => {
                position.cursor = position.cursor.max(tail.cursor);
                let passed = work.account.passed_by_the_log();
                activity_ends(&mut work, tail, passed, &context)?;
            }
            Rows::Calls(tail) => {
                position.cursor = position.cursor.max(tail.cursor);
                interactions(&mut work, &tail.rows, &context)?;
            }
            Rows::Chats(tail) => {
                position.cursor = position.cursor.max(tail.cursor);
                interactions(&mut work, &tail.rows, &context)?;
            }
            Rows::CallsById(rows) => interactions(&mut work, &rows, &context)?,
            Rows::ChatsById(rows) => interactions(&mut work, &rows, &context)?,
            Rows::Waiting { calls, chats } => {
                interactions(&mut work, &calls, &context)?;
                interactions(&mut work, &chats, &context)?;
            }
            Rows::Queues(scan) => {
                position.scanned(&scan, context.requested_at);
                records(&mut work, &scan, &context)?;
            }
            Rows::Teams(scan) => {
                position.scanned(&scan, context.requested_at);
                records(&mut work, &scan, &context)?;
            }
            Rows::StatusDefinitions(scan) => {
                position.scanned(&scan, context.requested_at);
                records(&mut work, &scan, &context)?;
            }
            Rows::QueueStatuses(scan) => {
                position.scanned(&scan, context.requested_at);
                queue_statuses(&mut work, &scan, &context)?;
            }
            Rows::ServiceLevels(levels) => {
                position.complete = true;
                service_levels(&mut work, &levels, &context)?;
            }
        }
        match asked {
            PollRequest::Probe { kind, ids } => {
                work.account.recent.asked(*kind, ids, context.requested_at);
            }
            PollRequest::Waiting { calls, chats } => {
                for (kind, was_asked) in [(EntityKind::Call, *calls), (EntityKind::Chat, *chats)] {
                    if was_asked {
                        work.account.waits.answered(kind, context.requested_at);
                    }
                }
            }
            _ => {}
        }
        quarantined(&mut work, &stream, &poll_result.quarantined, &context)?;
        if work.account.record.is_none() {
            work.put(Key::account(name), &record)?;
        }
        let carried = work.account.carried.get(&stream).copied();
        let due = carried.is_none_or(|last| {
            poll_result.answered_at < last || last + CARRY_POSITIONS <= poll_result.answered_at
        });
        if work.put_position(Key::cursor(name, &stream), &position, due)? {
            work.account.carried.insert(stream.clone(), poll_result.answered_at);
        }
        work.commit()?;
        let events = work.events;
        account.record = Some(record);
        account.positions.insert(stream, position);
        let agents = account.agents_on_roster();
        self.metrics.entities(name, EntityKind::Agent, agents);
        for kind in [EntityKind::Call, EntityKind::Chat] {
            self.metrics.entities(name, kind, account.room.states(kind));
        }
        for (kind, ids) in &account.defined {
            self.metrics.entities(name, *kind, ids.len());
        }
        #[allow(clippy::cast_precision_loss, reason = "an offset of days is far below 2^52 ms")]
        self.metrics.clock_offset(name, account.offset_millis() as f64 / 1000.0);
        Ok(Applied { events, ask_log_now })
    }

    /// Forgets what is no longer needed: the records of interactions that ended half an hour ago, the
    /// marks of old rows, and states older than the horizon. A little at a time.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub fn forget(&mut self, now: Timestamp) -> Result<(), EngineError> {
        self.refuse_after_failure()?;
        let names: Vec<_> = self.accounts.keys().cloned().collect();
        for name in names {
            if let Err(error) = self.forget_of(&name, now) {
                self.failed = Some(error.to_string());
                return Err(error);
            }
        }
        Ok(())
    }

    fn forget_of(&mut self, name: &AccountName, now: Timestamp) -> Result<(), EngineError> {
        let Some(account) = self.accounts.get_mut(name) else { return Ok(()) };
        let now = now.plus_millis(account.offset_millis());
        let mut batch = self.output.batch(&self.store);
        for (kind, id) in account.recent.expired(now) {
            match kind {
                EntityKind::Chat => settle_record::<Chat>(&self.store, name, id, &mut batch)?,
                _ => settle_record::<Call>(&self.store, name, id, &mut batch)?,
            }
        }
        if let Some(old) = account.told_and_passed() {
            for key in self.store.activity_deduplication_keys_before(name, old, FORGET_AT_ONCE)? {
                batch.remove(key);
            }
        }
        self.forget_interactions::<Call>(name, now, &mut batch)?;
        self.forget_interactions::<Chat>(name, now, &mut batch)?;
        let told = |versioned: &VersionedState<Timestamp>| Some(versioned.state);
        self.forget_old(name, EntityKind::Record, now, &mut batch, told)?;
        self.forget_records::<Queue>(name, now, &mut batch)?;
        self.forget_records::<Team>(name, now, &mut batch)?;
        self.forget_records::<StatusDefinition>(name, now, &mut batch)?;
        for kind in [EntityKind::QueuePath, EntityKind::QueueGroup] {
            if self.is_crowded(name, kind) {
                let shown = |versioned: &VersionedState<LevelState>| versioned.touched_at;
                self.forget_old(name, kind, now, &mut batch, shown)?;
            }
        }
        if self.is_crowded(name, EntityKind::Agent) {
            let left = |versioned: &VersionedState<AgentState>| {
                versioned.touched_at.filter(|_| versioned.state.roster.is_none())
            };
            self.forget_old(name, EntityKind::Agent, now, &mut batch, left)?;
        }
        if !batch.is_empty() {
            self.store.apply(batch)?;
        }
        Ok(())
    }

    fn is_crowded(&self, name: &AccountName, kind: EntityKind) -> bool {
        self.accounts.get(name).is_some_and(|account| account.room.is_crowded(kind))
    }

    fn forget_interactions<I: Interaction>(
        &mut self,
        name: &AccountName,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        let ended = |versioned: &VersionedState<InteractionState<I>>| {
            versioned.state.ended_at.or(versioned.state.updated_at).or(versioned.touched_at)
        };
        self.forget_old(name, I::KIND, now, batch, ended)
    }

    fn forget_records<R: Record>(
        &mut self,
        name: &AccountName,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        if !self.is_crowded(name, R::KIND) {
            return Ok(());
        }
        let removed = |versioned: &VersionedState<RecordState<R>>| {
            versioned.touched_at.filter(|_| versioned.state.record.is_none())
        };
        self.forget_old(name, R::KIND, now, batch, removed)
    }

    /// Removes the states of a kind that were last touched before the horizon: the next entries
    /// after the last round's, so that a round costs the same however many there are. What has no
    /// such time stays.
    fn forget_old<S: DeserializeOwned>(
        &mut self,
        name: &AccountName,
        kind: EntityKind,
        now: Timestamp,
        batch: &mut Batch,
        touched: impl Fn(&VersionedState<S>) -> Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let round = (name.clone(), kind);
        let from = self.forgetting.remove(&round);
        let (mut seen, mut gone, mut last) = (0, Vec::new(), None);
        for entry in self.store.states_after::<VersionedState<S>>(name, kind, from.as_ref()) {
            let (id, stored) = entry?;
            seen += 1;
            if touched(&stored.value).is_some_and(|touched| touched + HORIZON < now) {
                batch.remove(state_key(name, kind, id.clone()));
                gone.push(id.clone());
            }
            last = Some(id);
            if seen == FORGET_AT_ONCE {
                break;
            }
        }
        if let Some(last) = last.filter(|_| seen == FORGET_AT_ONCE) {
            self.forgetting.insert(round, last);
        }
        if let Some(account) = self.accounts.get_mut(name) {
            account.room.went(kind, gone.len());
            for id in &gone {
                match kind {
                    EntityKind::Agent => {
                        account.agents.remove(id);
                    }
                    EntityKind::QueuePath => {
                        account.queued_paths.remove(id);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Lets an account remember no more entities than this.
    #[cfg(test)]
    pub(super) fn limit(&mut self, most: fn(EntityKind) -> usize) {
        for account in self.accounts.values_mut() {
            account.room.limit(most);
        }
    }

    /// The store, for those who read it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

fn state_key(name: &AccountName, kind: EntityKind, id: EntityId) -> Key {
    Key::state(&EntityKey { account: name.clone(), kind, id })
}

/// Gives up the record of an interaction that ended.
fn settle_record<I: Interaction>(
    store: &Store,
    name: &AccountName,
    id: EntityId,
    batch: &mut Batch,
) -> Result<(), EngineError> {
    let key = state_key(name, I::KIND, id);
    if let Some(stored) = store.get::<VersionedState<InteractionState<I>>>(&key)? {
        let VersionedState { revision, state, touched_at, .. } = stored.value;
        let versioned =
            VersionedState { touched_at, ..VersionedState::new(revision, settle(&state)) };
        batch.put_as_of(key, &versioned, stored.model_version)?;
    }
    Ok(())
}
