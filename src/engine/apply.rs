//! The engine: it applies a poll result as one batch of state, cursor and events.
//!
//! Its memory holds indexes of the store, which change only together with it. After any error of
//! the store the engine refuses every call, so that nothing depends on a batch that may not have
//! been written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::{AccountRecord, AccountState, AgentBrief, EngineAccount, StreamPosition};
use super::output::{EngineError, Output};
use super::privacy_migration::migrate_privacy;
use super::rows::{
    LogPoll, activities, activity_ends, current_statuses, interactions, looked_up, quarantined,
    queue_statuses, records, roster, service_levels, waiting,
};
use super::unit_of_work::UnitOfWork;
use super::versioned_state::VersionedState;
use crate::detect::{
    AgentState, Interaction, InteractionState, LevelState, Record, RecordState, SlaDeadline,
};
use crate::event::Topic;
use crate::event::avro::Encoders;
use crate::model::{
    AccountName, Call, Chat, EntityId, EntityKind, Queue, StatusDefinition, StreamName, Team,
    Timestamp,
};
use crate::source::{LookupRows, PollResult, Rows, WaitingRows};
use crate::store::{Key, Store};
use crate::telemetry::Metrics;

/// How often a cursor is published that moved without an event.
const PUBLISH_CURSOR_EVERY: Duration = Duration::from_secs(30);

/// The outcome of a committed poll result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many events were emitted.
    pub events: usize,
    /// Whether a snapshot disagrees with the log: the log is to be polled now.
    pub poll_log_now: bool,
}

/// The engine of one shard.
#[derive(Debug)]
pub struct Engine {
    pub(super) store: Store,
    pub(super) encoders: Arc<Encoders>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) output: Output,
    pub(super) accounts: HashMap<AccountName, AccountState>,
    pub(super) failed: Option<String>,
    /// Where the last round of retention stopped.
    pub(super) retention: HashMap<(AccountName, EntityKind), EntityId>,
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
            retention: HashMap::new(),
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
        migrate_privacy(&self.store, &name, account.vocabulary)?;
        let record = self.store.get::<AccountRecord>(&Key::account(&name))?;
        account.record = record.map(|stored| stored.value);
        for topic in Topic::ALL {
            if let Some(last) = self.store.get::<u64>(&Key::sequence(&name, *topic))? {
                account.sequences.insert(*topic, last.value);
            }
        }
        for stream in AccountState::LOG_STREAMS {
            if let Some(position) =
                self.store.get::<StreamPosition>(&Key::cursor(&name, &stream))?
            {
                account.positions.insert(stream, position.value);
            }
        }
        for entry in self.store.states::<VersionedState<AgentState>>(&name, EntityKind::Agent) {
            let (id, stored) = entry?;
            account.quota.added(EntityKind::Agent);
            account.agents.insert(id, AgentBrief::of(&stored.value.state));
        }
        self.load_interactions::<Call>(&mut account)?;
        self.load_interactions::<Chat>(&mut account)?;
        self.load_records::<Queue>(&mut account)?;
        self.load_records::<Team>(&mut account)?;
        self.load_records::<StatusDefinition>(&mut account)?;
        for entry in self.store.states::<VersionedState<LevelState>>(&name, EntityKind::QueuePath) {
            let (id, stored) = entry?;
            account.quota.added(EntityKind::QueuePath);
            if stored.value.state.depth.is_some_and(|depth| depth != 0) {
                account.queued_paths.insert(id);
            }
        }
        for entry in self.store.states::<VersionedState<LevelState>>(&name, EntityKind::QueueGroup)
        {
            entry?;
            account.quota.added(EntityKind::QueueGroup);
        }
        for entry in self.store.states::<VersionedState<Timestamp>>(&name, EntityKind::Record) {
            entry?;
            account.quota.added(EntityKind::Record);
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
            account.quota.added(I::KIND);
            let mut state = stored.value.state;
            state.normalise(account.vocabulary);
            let Some(record) = &state.record else { continue };
            account.targets.learn(&**record);
            if let Some(ended_at) = state.ended_at {
                // Read at its end as far as lookups go, so that the first one is due at once.
                account.recently_ended.read(I::KIND, &id, ended_at, ended_at);
            }
            let deadline = SlaDeadline::of(&**record, &account.targets);
            let open = deadline.filter(|deadline| !deadline.is_emitted(&state));
            account.sla_deadlines.set(I::KIND, &id, open.map(|deadline| deadline.overdue_at));
        }
        Ok(())
    }

    fn load_records<R: Record>(&self, account: &mut AccountState) -> Result<(), EngineError> {
        for entry in self.store.states::<VersionedState<RecordState<R>>>(&account.name, R::KIND) {
            let (id, stored) = entry?;
            account.quota.added(R::KIND);
            if stored.value.state.record.is_some() {
                account.defined.entry(R::KIND).or_default().insert(id);
            }
        }
        Ok(())
    }

    pub(super) fn position(
        &mut self,
        name: &AccountName,
        stream: &StreamName,
    ) -> Result<StreamPosition, EngineError> {
        let account = self.account(name)?;
        if let Some(position) = account.positions.get(stream) {
            return Ok(*position);
        }
        let key = Key::cursor(name, stream);
        let stored = self.store.get::<StreamPosition>(&key)?;
        let position = stored.map(|stored| stored.value).unwrap_or_default();
        self.account(name)?.positions.insert(stream.clone(), position);
        Ok(position)
    }

    pub(super) fn account(&mut self, name: &AccountName) -> Result<&mut AccountState, EngineError> {
        self.accounts.get_mut(name).ok_or_else(|| EngineError::UnknownAccount(name.clone()))
    }

    /// Detects what a poll result changed and commits it.
    ///
    /// # Errors
    /// When the store failed, now or before; then nothing of the poll result may count as
    /// committed, and polling has to stop.
    pub fn apply(
        &mut self,
        name: &AccountName,
        poll_result: PollResult,
    ) -> Result<Applied, EngineError> {
        self.refuse_after_failure()?;
        self.position(name, &poll_result.rows.stream())?;
        let applied = self.commit(name, poll_result);
        if let Err(error) = &applied {
            self.failed = Some(error.to_string());
        }
        applied
    }

    pub(super) fn refuse_after_failure(&self) -> Result<(), EngineError> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(EngineError::Stopped(why.clone())))
    }

    fn commit(
        &mut self,
        name: &AccountName,
        poll_result: PollResult,
    ) -> Result<Applied, EngineError> {
        let account =
            self.accounts.get_mut(name).ok_or_else(|| EngineError::UnknownAccount(name.clone()))?;
        let (context, record) = account.context(&poll_result);
        let stream = poll_result.rows.stream();
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
        let mut log_poll = LogPoll::WhenDue;
        match poll_result.rows {
            Rows::Agents(scan) => {
                position.scanned(&scan, context.requested_at);
                log_poll = roster(&mut work, &scan, &context)?;
            }
            Rows::AgentStatuses(scan) => {
                position.scanned(&scan, context.requested_at);
                log_poll = current_statuses(&mut work, &scan, &context)?;
            }
            Rows::AgentActivity(incremental) => {
                position.cursor = position.cursor.max(incremental.cursor);
                work.account.log_read_from = Some(incremental.from);
                activities(&mut work, incremental, &context)?;
            }
            Rows::ActivityEnds(incremental) => {
                position.cursor = position.cursor.max(incremental.cursor);
                let passed = work.account.passed_log_starts();
                activity_ends(&mut work, incremental, passed, &context)?;
            }
            Rows::Calls(incremental) => {
                position.cursor = position.cursor.max(incremental.cursor);
                interactions(&mut work, &incremental.rows, &context)?;
            }
            Rows::Chats(incremental) => {
                position.cursor = position.cursor.max(incremental.cursor);
                interactions(&mut work, &incremental.rows, &context)?;
            }
            Rows::Recent(LookupRows::Calls(calls)) => looked_up(&mut work, &calls, &context)?,
            Rows::Recent(LookupRows::Chats(chats)) => looked_up(&mut work, &chats, &context)?,
            Rows::Waiting(WaitingRows { calls, chats }) => {
                if let Some(calls) = calls {
                    waiting(&mut work, &calls, &context)?;
                }
                if let Some(chats) = chats {
                    waiting(&mut work, &chats, &context)?;
                }
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
            Rows::ServiceLevels(levels) | Rows::QueueGroupServiceLevels(levels) => {
                position.complete = true;
                service_levels(&mut work, &levels, &context)?;
            }
        }
        quarantined(&mut work, &stream, &poll_result.quarantined, &context)?;
        if work.account.record.is_none() {
            work.put(Key::account(name), &record)?;
        }
        let published_at = work.account.positions_published.get(&stream).copied();
        let due = published_at.is_none_or(|last| {
            poll_result.answered_at < last || last + PUBLISH_CURSOR_EVERY <= poll_result.answered_at
        });
        if work.put_position(Key::cursor(name, &stream), &position, due)? {
            work.account.positions_published.insert(stream.clone(), poll_result.answered_at);
        }
        work.commit()?;
        let events = work.events;
        account.record = Some(record);
        account.positions.insert(stream, position);
        let agents = account.agents_on_roster();
        self.metrics.entities(name, EntityKind::Agent, agents);
        for kind in [EntityKind::Call, EntityKind::Chat] {
            self.metrics.entities(name, kind, account.quota.states(kind));
        }
        for (kind, ids) in &account.defined {
            self.metrics.entities(name, *kind, ids.len());
        }
        #[allow(clippy::cast_precision_loss, reason = "an offset of days is far below 2^52 ms")]
        self.metrics.clock_offset(name, account.offset_millis() as f64 / 1000.0);
        Ok(Applied { events, poll_log_now: log_poll == LogPoll::Now })
    }

    /// Sets other entity quotas.
    #[cfg(test)]
    pub(super) fn limit(&mut self, most: fn(EntityKind) -> usize) {
        for account in self.accounts.values_mut() {
            account.quota.limit(most);
        }
    }

    /// The store, to be read.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
