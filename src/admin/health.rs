//! The health of the bridge: written by the parts that do the work, read by the admin pages.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::delivery::ShardState;
use crate::model::{AccountName, StreamName, Timestamp};

/// After this long without a heartbeat the engine counts as stuck.
const STUCK_AFTER: Duration = Duration::from_mins(1);

/// The health of everything.
#[derive(Debug)]
pub struct Health {
    deployment: String,
    started_at: Timestamp,
    statuses: Mutex<Statuses>,
}

#[derive(Debug, Default)]
struct Statuses {
    accounts: BTreeMap<AccountName, AccountStatus>,
    kafka: Option<Result<(), String>>,
    schemas: Option<String>,
    publishes: bool,
    store_failed: Option<String>,
    shards: BTreeMap<i32, ShardStatus>,
}

#[derive(Debug, Default)]
struct ShardStatus {
    /// The state of its publisher; `None` before it starts, and in a dry run.
    state: Option<ShardState>,
    /// Why this bridge may not own it.
    refused: Option<String>,
    /// The engine's last heartbeat; `None` while there is no engine.
    alive_at: Option<Timestamp>,
    /// Kafka has committed no heartbeat for so long that polling is paused.
    lease_ended: bool,
    outbox: OutboxStatus,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct OutboxStatus {
    events: u64,
    bytes: u64,
    limit_bytes: u64,
    full: bool,
}

impl OutboxStatus {
    fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            events: sum.events + one.events,
            bytes: sum.bytes + one.bytes,
            limit_bytes: sum.limit_bytes + one.limit_bytes,
            full: sum.full || one.full,
        })
    }
}

#[derive(Debug, Default, Serialize)]
struct AccountStatus {
    #[serde(skip)]
    shard: i32,
    stopped: Option<String>,
    /// The headroom of the last plan; `None` before the account is polled.
    headroom_ratio: Option<f64>,
    streams: BTreeMap<String, StreamStatus>,
}

#[derive(Debug, Default, Serialize)]
struct StreamStatus {
    committed_at: Option<String>,
    events: u64,
    /// `None` before the account is polled, and for lookups, which are polled when one is due.
    planned_interval_seconds: Option<f64>,
    consecutive_failures: u32,
    last_error: Option<String>,
    #[serde(skip)]
    committed: Option<Timestamp>,
}

/// Writes the health of one account.
#[derive(Debug)]
pub struct AccountHealth<'a> {
    health: &'a Health,
    account: &'a AccountName,
}

/// Writes the health of one stream.
#[derive(Debug)]
pub struct StreamHealth<'a> {
    account: &'a AccountHealth<'a>,
    stream: &'a StreamName,
}

impl Health {
    /// The health of a bridge that has just started and is to poll these streams, each with the
    /// shard and the account it belongs to. `publishes` says whether it needs Kafka.
    #[must_use]
    pub fn new<'a>(
        deployment: &str,
        started_at: Timestamp,
        publishes: bool,
        streams: impl IntoIterator<Item = (i32, &'a AccountName, &'a StreamName)>,
    ) -> Self {
        let mut statuses = Statuses { publishes, ..Statuses::default() };
        for (shard, account, stream) in streams {
            statuses.shards.entry(shard).or_default();
            let account = statuses.accounts.entry(account.clone()).or_default();
            account.shard = shard;
            account.streams.entry(stream.to_string()).or_default();
        }
        Self { deployment: deployment.to_owned(), started_at, statuses: Mutex::new(statuses) }
    }

    fn lock(&self) -> MutexGuard<'_, Statuses> {
        // The values are independent: a panic while one was written leaves the others right.
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The health of one account.
    #[must_use]
    pub const fn account<'a>(&'a self, account: &'a AccountName) -> AccountHealth<'a> {
        AccountHealth { health: self, account }
    }

    fn shard(&self, shard: i32, write: impl FnOnce(&mut ShardStatus)) {
        write(self.lock().shards.entry(shard).or_default());
    }

    /// The engine of a shard responds.
    pub fn alive(&self, shard: i32, now: Timestamp) {
        self.shard(shard, |shard| shard.alive_at = Some(now));
    }

    /// The engine of a shard has ended.
    pub fn engine_ended(&self, shard: i32) {
        self.shard(shard, |shard| shard.alive_at = None);
    }

    /// The state of a shard's publisher.
    pub fn shard_state(&self, shard: i32, state: ShardState) {
        self.shard(shard, |shard| shard.state = Some(state));
    }

    /// This bridge may not own a shard until an operator has acted; why.
    pub fn refused(&self, shard: i32, reason: &str) {
        self.shard(shard, |shard| shard.refused = Some(reason.to_owned()));
    }

    /// Whether a shard's lease holds: without it no vendor requests are sent.
    pub fn leased(&self, shard: i32, holds: bool) {
        self.shard(shard, |shard| shard.lease_ended = !holds);
    }

    /// The store failed; why.
    pub fn store_failed(&self, reason: &str) {
        self.lock().store_failed.get_or_insert_with(|| reason.to_owned());
    }

    /// The store works again.
    pub fn store_works(&self) {
        self.lock().store_failed = None;
    }

    /// Whether Kafka answers, or why it does not.
    pub fn kafka(&self, connection: Result<(), String>) {
        self.lock().kafka = Some(connection);
    }

    /// Why events cannot be framed for the schema registry; `None` when they can.
    pub fn schemas(&self, problem: Option<&str>) {
        self.lock().schemas = problem.map(String::from);
    }

    /// The size of a shard's outbox, and its limit in bytes.
    pub fn outbox(&self, shard: i32, events: u64, bytes: u64, limit_bytes: u64) {
        let full = bytes >= limit_bytes;
        self.shard(shard, |shard| shard.outbox = OutboxStatus { events, bytes, limit_bytes, full });
    }

    /// Whether the engines respond.
    ///
    /// # Errors
    /// One line that says since when an engine does not respond.
    pub fn healthy(&self, now: Timestamp) -> Result<(), String> {
        let statuses = self.lock();
        let heartbeats = statuses.shards.values().filter_map(|shard| shard.alive_at);
        let silent = heartbeats.map(|alive_at| now.millis_since(alive_at)).max().unwrap_or(0);
        if silent > i64::try_from(STUCK_AFTER.as_millis()).unwrap_or(i64::MAX) {
            return Err(format!("an engine has not responded for {} s", silent / 1000));
        }
        Ok(())
    }

    /// Why the bridge is not ready, one line each; empty when it is. A standby is ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let statuses = self.lock();
        let mut reasons = Vec::new();
        if let Some(reason) = &statuses.store_failed {
            reasons.push(format!("store: {reason}"));
        }
        match &statuses.kafka {
            _ if !statuses.publishes => {}
            None => reasons.push(String::from("kafka: not connected yet")),
            Some(Err(reason)) => reasons.push(format!("kafka: {reason}")),
            Some(Ok(())) => {}
        }
        if let Some(problem) = &statuses.schemas {
            reasons.push(format!("schemas: {problem}"));
        }
        for (number, shard) in &statuses.shards {
            if let Some(reason) = &shard.refused {
                reasons.push(format!("shard {number}: {reason}"));
            }
            match &shard.state {
                Some(ShardState::TakingOver) => {
                    reasons.push(format!("shard {number}: taking over"));
                }
                Some(ShardState::Restoring { records, of }) => {
                    reasons.push(format!(
                        "shard {number}: restoring the store, {records} records of at most {of}"
                    ));
                }
                Some(ShardState::Owning) if shard.lease_ended => reasons.push(format!(
                    "shard {number}: no heartbeat committed to kafka for too long, polling is paused"
                )),
                Some(ShardState::Standby | ShardState::Owning) | None => {}
            }
            if shard.outbox.full {
                reasons.push(format!(
                    "outbox: full ({} of {} bytes), polling is paused until kafka accepts events again",
                    shard.outbox.bytes, shard.outbox.limit_bytes
                ));
            }
        }
        for (name, account) in &statuses.accounts {
            let state = statuses.shards.get(&account.shard).map(|shard| &shard.state);
            if !matches!(state, Some(None | Some(ShardState::Owning))) {
                continue;
            }
            if let Some(reason) = &account.stopped {
                reasons.push(format!("account {name}: stopped: {reason}"));
            } else if account.streams.values().all(|stream| stream.committed.is_none()) {
                let error = account.streams.values().find_map(|stream| stream.last_error.clone());
                let why = error.map_or_else(String::new, |error| format!(": {error}"));
                reasons.push(format!("account {name}: no poll committed yet{why}"));
            }
        }
        reasons
    }

    /// When a poll of each stream was last committed.
    pub fn each_stream(&self, mut visit: impl FnMut(&AccountName, &str, Option<Timestamp>)) {
        for (name, account) in &self.lock().accounts {
            for (stream, health) in &account.streams {
                visit(name, stream, health.committed);
            }
        }
    }

    /// All of it, as the JSON of `/status`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Value {
        let reasons = self.reasons();
        let statuses = self.lock();
        let kafka = match &statuses.kafka {
            _ if !statuses.publishes => json!("not used"),
            None => json!("not connected yet"),
            Some(Ok(())) => json!("connected"),
            Some(Err(reason)) => json!(reason),
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "deployment": self.deployment,
            "started_at": self.started_at.to_rfc3339(),
            "now": now.to_rfc3339(),
            "ready": reasons.is_empty(),
            "reasons": reasons,
            "kafka": kafka,
            "schemas": statuses.schemas.as_deref().unwrap_or("ok"),
            "store": statuses.store_failed.as_deref().unwrap_or("ok"),
            "shards": statuses.shards.iter().map(|(number, shard)| (number.to_string(), json!({
                "state": shard.state.as_ref().map_or("none", ShardState::as_str),
                "outbox": shard.outbox,
            }))).collect::<serde_json::Map<_, _>>(),
            "outbox": OutboxStatus::sum(statuses.shards.values().map(|shard| shard.outbox)),
            "accounts": statuses.accounts.iter().map(|(name, account)| (name.to_string(), json!(account)))
                .collect::<serde_json::Map<_, _>>(),
        })
    }
}

impl<'a> AccountHealth<'a> {
    /// The health of one stream.
    #[must_use]
    pub const fn stream(&'a self, stream: &'a StreamName) -> StreamHealth<'a> {
        StreamHealth { account: self, stream }
    }

    /// The account is polled.
    pub fn up(&self) {
        self.write(|account| account.stopped = None);
    }

    /// The account is no longer polled; why.
    pub fn stopped(&self, reason: &str) {
        self.write(|account| account.stopped = Some(reason.to_owned()));
    }

    /// How often its streams are to be polled, and with which headroom.
    pub fn planned<'s>(
        &self,
        headroom_ratio: f64,
        intervals: impl Iterator<Item = (&'s StreamName, Duration)>,
    ) {
        self.write(|account| {
            account.headroom_ratio = Some(headroom_ratio);
            for (stream, interval) in intervals {
                if let Some(stream) = account.streams.get_mut(stream.as_str()) {
                    stream.planned_interval_seconds = Some(interval.as_secs_f64());
                }
            }
        });
    }

    fn write(&self, write: impl FnOnce(&mut AccountStatus)) {
        if let Some(account) = self.health.lock().accounts.get_mut(self.account) {
            write(account);
        }
    }
}

impl StreamHealth<'_> {
    /// A poll was committed, with this many events.
    pub fn committed(&self, now: Timestamp, events: usize) {
        self.write(|stream| {
            stream.committed = Some(now);
            stream.committed_at = Some(now.to_rfc3339());
            stream.events += events as u64;
            stream.consecutive_failures = 0;
        });
    }

    /// A poll failed. The message holds no secret and no part of an answer.
    pub fn failed(&self, message: &str) {
        self.write(|stream| {
            stream.consecutive_failures += 1;
            stream.last_error = Some(message.to_owned());
        });
    }

    fn write(&self, write: impl FnOnce(&mut StreamStatus)) {
        self.account.write(|account| {
            if let Some(stream) = account.streams.get_mut(self.stream.as_str()) {
                write(stream);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: StreamName = StreamName::new("calls");

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn health(acme: &AccountName) -> Health {
        Health::new("bridge", at(0), true, [(0, acme, &CALLS)])
    }

    #[test]
    fn a_bridge_is_ready_when_kafka_answers_and_every_account_was_polled() {
        let acme = AccountName::new("acme").unwrap();
        let health = health(&acme);
        assert_eq!(
            health.reasons(),
            ["kafka: not connected yet", "account acme: no poll committed yet"]
        );
        health.kafka(Ok(()));
        health.account(&acme).stream(&CALLS).committed(at(1), 3);
        assert_eq!(health.reasons(), [""; 0]);
        assert_eq!(health.status(at(2))["ready"], true);
        assert_eq!(health.status(at(2))["accounts"]["acme"]["streams"]["calls"]["events"], 3);
    }

    #[test]
    fn the_status_shows_headroom_and_planned_intervals() {
        let acme = AccountName::new("acme").unwrap();
        let health = health(&acme);
        let status = &health.status(at(1))["accounts"]["acme"];
        assert!(status["headroom_ratio"].is_null());
        let intervals = [(&CALLS, Duration::from_millis(2_500))];
        health.account(&acme).planned(-0.25, intervals.into_iter());
        let status = &health.status(at(1))["accounts"]["acme"];
        assert_eq!(status["headroom_ratio"], -0.25);
        assert_eq!(status["streams"]["calls"]["planned_interval_seconds"], 2.5);
    }

    #[test]
    fn each_problem_is_a_reason_of_its_own() {
        let acme = AccountName::new("acme").unwrap();
        let health = health(&acme);
        health.kafka(Err("1 broker is down".into()));
        health.schemas(Some("refused"));
        health.store_failed("disk full");
        health.outbox(0, 9, 100, 100);
        health.account(&acme).stopped("401");
        let reasons = health.reasons();
        assert_eq!(reasons[0], "store: disk full");
        assert_eq!(reasons[1], "kafka: 1 broker is down");
        assert_eq!(reasons[2], "schemas: refused");
        assert!(reasons[3].starts_with("outbox: full"), "{reasons:?}");
        assert_eq!(reasons[4], "account acme: stopped: 401");
        health.schemas(None);
        health.account(&acme).up();
        health.account(&acme).stream(&CALLS).failed("timed out");
        assert_eq!(health.reasons()[3], "account acme: no poll committed yet: timed out");
    }

    #[test]
    fn an_engine_that_does_not_respond_is_not_healthy() {
        let acme = AccountName::new("acme").unwrap();
        let health = health(&acme);
        assert_eq!(health.healthy(at(600)), Ok(()));
        health.alive(0, at(600));
        assert_eq!(health.healthy(at(660)), Ok(()));
        assert!(health.healthy(at(661)).is_err());
        health.alive(0, at(661));
        assert_eq!(health.healthy(at(670)), Ok(()));
        health.engine_ended(0);
        assert_eq!(health.healthy(at(1000)), Ok(()));
    }

    #[test]
    fn a_standby_is_ready_and_a_bridge_that_restores_its_store_is_not() {
        let acme = AccountName::new("acme").unwrap();
        let health = health(&acme);
        health.kafka(Ok(()));
        health.shard_state(0, ShardState::Standby);
        assert_eq!(health.reasons(), [""; 0]);
        health.shard_state(0, ShardState::Restoring { records: 3, of: 9 });
        assert_eq!(health.reasons(), ["shard 0: restoring the store, 3 records of at most 9"]);
        health.shard_state(0, ShardState::Owning);
        health.leased(0, false);
        assert_eq!(
            health.reasons(),
            [
                "shard 0: no heartbeat committed to kafka for too long, polling is paused",
                "account acme: no poll committed yet"
            ]
        );
        assert_eq!(health.status(at(2))["shards"]["0"]["state"], "owning");
    }
}
