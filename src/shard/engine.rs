//! The engine: one reading in, one batch of state, cursor and events out.
//!
//! It is synchronous and has one owner. What it keeps in memory are indexes over the store; they
//! are right because they change only together with it, and after any error of the store the
//! engine refuses everything, so that nothing is built on a batch that may not be there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::{Account, AccountRecord, AgentBrief, Position, Start};
use super::output::{EngineError, Output};
use super::readings::{activities, calls, current_statuses, roster};
use super::writing::{Held, Writing};
use crate::detect::{AgentState, CallState, HORIZON, settle};
use crate::event::Topic;
use crate::model::{AccountName, EntityId, EntityKey, EntityKind, StreamName, Timestamp};
use crate::publish::avro::Encoders;
use crate::source::{Question, Reading, Rows, StreamKind};
use crate::store::{Key, Store};
use crate::telemetry::Metrics;

/// How long the marks of rows that were told are kept behind the cursor. A dispute may look back
/// no further than [`LOOK_BACK`], so a row that is read again always finds its mark.
const MARKS_KEPT: Duration = Duration::from_mins(15);
/// How far a dispute makes the log be read again.
const LOOK_BACK: Duration = Duration::from_mins(10);
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
    accounts: HashMap<AccountName, Account>,
    failed: Option<String>,
    forgetting: HashMap<AccountName, Option<EntityId>>,
}

impl Engine {
    /// An engine over an opened store, which owns these accounts (name, vendor, start).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(
        store: Store,
        encoders: Arc<Encoders>,
        metrics: Arc<Metrics>,
        output: Output,
        accounts: impl IntoIterator<Item = (AccountName, &'static str, Start)>,
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
        for (name, vendor, start) in accounts {
            let account = engine.load(Account::new(name.clone(), vendor, start))?;
            engine.accounts.insert(name, account);
        }
        Ok(engine)
    }

    /// Rebuilds an account's indexes from the store.
    fn load(&self, mut account: Account) -> Result<Account, EngineError> {
        let name = account.name.clone();
        let record = self.store.get::<AccountRecord>(&Key::Account(&name))?;
        account.record = record.map(|stored| stored.value);
        for topic in Topic::ALL {
            if let Some(last) = self.store.get::<u64>(&Key::Sequence(&name, *topic))? {
                account.sequences.insert(*topic, last.value);
            }
        }
        for entry in self.store.states::<Held<AgentState>>(&name, EntityKind::Agent) {
            let (id, stored) = entry?;
            account.agents.insert(id, AgentBrief::of(&stored.value.state));
        }
        for entry in self.store.states::<Held<CallState>>(&name, EntityKind::Call) {
            let (id, stored) = entry?;
            account.calls += 1;
            let state = stored.value.state;
            if let (Some(ended_at), Some(_)) = (state.ended_at, &state.record) {
                // Read again soon, wherever the last reading was.
                account.recent.saw(&id, ended_at, ended_at);
            }
        }
        Ok(account)
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
        let key = Key::Cursor(name, stream);
        let stored = self.store.get::<Position>(&key)?;
        let position = stored.map(|stored| stored.value).unwrap_or_default();
        self.account(name)?.positions.insert(stream.clone(), position);
        Ok(position)
    }

    fn account(&mut self, name: &AccountName) -> Result<&mut Account, EngineError> {
        self.accounts.get_mut(name).ok_or_else(|| EngineError::UnknownAccount(name.clone()))
    }

    /// What to ask of a stream now; `None` when there is nothing to ask yet: a tail waits for the
    /// first look, a probe for an interaction that ended.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn question(
        &mut self,
        name: &AccountName,
        stream: &StreamName,
        kind: StreamKind,
        now: Timestamp,
    ) -> Result<Option<Question>, EngineError> {
        self.refuse_after_failure()?;
        let position = self.position(name, stream)?;
        let account = self.account(name)?;
        let vendor_now = now.plus_millis(account.offset_millis);
        Ok(match kind {
            StreamKind::Sweep => Some(Question::Sweep),
            StreamKind::Gauge => Some(Question::Gauge),
            StreamKind::Tail { overlap, log } => account.record.map(|record| {
                let mut from = position.cursor.map_or(record.start, |cursor| cursor - overlap);
                let disputed =
                    account.disputes.values().filter_map(|dispute| dispute.claim.since).min();
                if let (true, Some(since), Some(cursor)) = (log, disputed, position.cursor) {
                    // The row may have come later than the overlap reaches.
                    from = from.min(since - overlap).max(cursor - LOOK_BACK);
                }
                Question::Tail { from: from.max(record.start).floor_second() }
            }),
            StreamKind::Recent => {
                let ids = account.recent.due(vendor_now, PROBE);
                (!ids.is_empty()).then_some(Question::Probe { ids })
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
        reading: Reading,
        asked: &Question,
    ) -> Result<Applied, EngineError> {
        self.refuse_after_failure()?;
        self.position(name, &reading.stream)?;
        let applied = self.commit(name, reading, asked);
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
        reading: Reading,
        asked: &Question,
    ) -> Result<Applied, EngineError> {
        let account =
            self.accounts.get_mut(name).ok_or_else(|| EngineError::UnknownAccount(name.clone()))?;
        let (look, record) = account.look(&reading);
        let stream = reading.stream.clone();
        let mut position = account.positions.get(&stream).copied().unwrap_or_default();
        position.asked_at = Some(look.asked_at);
        let mut writing = Writing::new(
            &self.store,
            &self.encoders,
            &self.output,
            &self.metrics,
            account,
            stream.clone(),
            reading.answered_at,
        );
        let mut ask_log_now = false;
        match reading.rows {
            Rows::Agents(sweep) => {
                position.complete |= sweep.is_complete();
                ask_log_now = roster(&mut writing, &sweep, &look)?;
            }
            Rows::AgentStatuses(sweep) => {
                position.complete |= sweep.is_complete();
                ask_log_now = current_statuses(&mut writing, &sweep, &look)?;
            }
            Rows::Activities(tail) => {
                position.cursor = position.cursor.max(tail.cursor);
                activities(&mut writing, tail, &look)?;
            }
            Rows::Calls(tail) => {
                position.cursor = position.cursor.max(tail.cursor);
                calls(&mut writing, tail.rows, &look)?;
            }
            Rows::CallsById(rows) => {
                if let Question::Probe { ids } = asked {
                    writing.account.recent.asked(ids, look.asked_at);
                }
                calls(&mut writing, rows, &look)?;
            }
        }
        if writing.account.record.is_none() {
            writing.put(Key::Account(name), &record)?;
        }
        writing.put(Key::Cursor(name, &stream), &position)?;
        writing.commit()?;
        let events = writing.events;
        account.record = Some(record);
        account.positions.insert(stream, position);
        let agents = account.agents_on_roster();
        self.metrics.entities(name, EntityKind::Agent, agents);
        self.metrics.entities(name, EntityKind::Call, account.calls);
        #[allow(clippy::cast_precision_loss, reason = "an offset of days is far below 2^52 ms")]
        self.metrics.clock_offset(name, account.offset_millis as f64 / 1000.0);
        Ok(Applied { events, ask_log_now })
    }

    /// Forgets what is no longer needed: the records of calls that ended half an hour ago, the
    /// marks of old rows, and calls whose state is older than the horizon. A little at a time.
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
        let now = now.plus_millis(account.offset_millis);
        let mut batch = self.store.batch();
        let key = |id: EntityId| {
            Key::State(&EntityKey { account: name.clone(), kind: EntityKind::Call, id })
        };
        for id in account.recent.expired(now) {
            let key = key(id);
            if let Some(stored) = self.store.get::<Held<CallState>>(&key)? {
                let Held { revision, state } = stored.value;
                batch.put(key, &Held { revision, state: settle(&state) })?;
            }
        }
        if let Some(read_at) = account.log_read_at {
            let old = read_at - MARKS_KEPT;
            for key in self.store.activity_marks_before(name, old, FORGET_AT_ONCE)? {
                batch.remove(key);
            }
        }
        // The next entries after the last round's, so that a round costs the same however many
        // calls there are.
        let from = self.forgetting.entry(name.clone()).or_default();
        let mut last = None;
        let mut seen = 0;
        for entry in
            self.store.states_after::<Held<CallState>>(name, EntityKind::Call, from.as_ref())
        {
            let (id, stored) = entry?;
            seen += 1;
            let state = stored.value.state;
            let touched = state.ended_at.or(state.updated_at);
            if touched.is_some_and(|touched| touched + HORIZON < now) {
                batch.remove(key(id.clone()));
                account.calls = account.calls.saturating_sub(1);
            }
            last = Some(id);
            if seen == FORGET_AT_ONCE {
                break;
            }
        }
        *from = if seen == FORGET_AT_ONCE { last } else { None };
        if !batch.is_empty() {
            self.store.apply(batch)?;
        }
        Ok(())
    }

    /// The store, for those who read it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
