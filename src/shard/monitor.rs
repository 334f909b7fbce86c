//! The monitor of a shard while it is owned: it exports outbox, rate and staleness, and closes the poll
//! gate while the outbox is full or the lease has expired.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::admin::Health;
use crate::clock::Clock;
use crate::model::AccountName;
use crate::ownership::Lease;
use crate::poll::Budget;
use crate::store::Store;
use crate::telemetry::Metrics;

/// How often it runs.
const INTERVAL: Duration = Duration::from_millis(500);

/// What a monitor works with.
pub(super) struct Monitor {
    pub(super) shard: i32,
    pub(super) store: Store,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Arc<dyn Clock>,
    /// Bytes of events that may wait in the outbox.
    pub(super) outbox_limit: u64,
    pub(super) budgets: HashMap<AccountName, Arc<Budget>>,
    pub(super) lease: Arc<Lease>,
    /// Whether the shard's streams may be polled.
    pub(super) poll_gate: watch::Sender<bool>,
}

/// Whether the outbox may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutboxCapacity {
    Available,
    Full,
}

impl OutboxCapacity {
    /// The next state, at this size. A full outbox has capacity again once a tenth has been sent, and
    /// not after every single event.
    const fn next(self, bytes: u64, limit: u64) -> Self {
        if bytes >= limit {
            Self::Full
        } else if bytes < limit - limit / 10 {
            Self::Available
        } else {
            self
        }
    }
}

/// The lease as the monitor has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaseState {
    /// It was never held: a new owner has it with its first heartbeat.
    Pending,
    Held,
    Expired,
}

impl LeaseState {
    const fn next(self, holds: bool) -> Self {
        match (self, holds) {
            (_, true) => Self::Held,
            (Self::Pending, false) => Self::Pending,
            (Self::Held | Self::Expired, false) => Self::Expired,
        }
    }
}

impl Monitor {
    /// Runs until the future is dropped.
    pub(super) async fn run(self) {
        let (mut capacity, mut lease) = (OutboxCapacity::Available, LeaseState::Pending);
        loop {
            capacity = self.check_outbox(capacity);
            lease = self.check_lease(lease);
            let may_poll = capacity == OutboxCapacity::Available && lease == LeaseState::Held;
            self.poll_gate.send_replace(may_poll);
            self.export();
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn check_outbox(&self, before: OutboxCapacity) -> OutboxCapacity {
        let level = self.store.outbox_level();
        self.health.outbox(self.shard, level.events, level.bytes, self.outbox_limit);
        let now = self.clock.now();
        let oldest = level.oldest.map_or(0.0, |oldest| seconds(now.millis_since(oldest)));
        self.metrics.outbox(self.shard, level.events, level.bytes, oldest);
        let capacity = before.next(level.bytes, self.outbox_limit);
        match (before, capacity) {
            (OutboxCapacity::Available, OutboxCapacity::Full) => {
                tracing::warn!(bytes = level.bytes, "the outbox is full; polling pauses");
            }
            (OutboxCapacity::Full, OutboxCapacity::Available) => {
                tracing::info!("the outbox has capacity again; polling goes on");
            }
            _ => {}
        }
        capacity
    }

    fn check_lease(&self, before: LeaseState) -> LeaseState {
        let lease = before.next(self.lease.holds(Instant::now()));
        match (before, lease) {
            (LeaseState::Held, LeaseState::Expired) => tracing::warn!(
                shard = self.shard,
                "lease expired: kafka has committed no heartbeat; polling pauses"
            ),
            (LeaseState::Expired, LeaseState::Held) => {
                tracing::info!(shard = self.shard, "lease renewed; polling goes on");
            }
            _ => {}
        }
        self.health.leased(self.shard, lease != LeaseState::Expired);
        lease
    }

    fn export(&self) {
        for (account, budget) in &self.budgets {
            let state = budget.state();
            self.metrics.rate(account, state.working_rate, state.unspent);
        }
        let now = self.clock.now();
        self.health.each_stream(|account, stream, committed| {
            if let Some(committed) = committed {
                self.metrics.stale(account, stream, seconds(now.millis_since(committed)));
            }
        });
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outbox_has_capacity_again_once_a_tenth_has_been_sent() {
        use OutboxCapacity::{Available, Full};
        let sizes = [(0, Available), (999, Available), (1_000, Full), (950, Full), (900, Full)];
        let sizes = sizes.into_iter().chain([(899, Available), (950, Available), (2_000, Full)]);
        let mut capacity = Available;
        for (bytes, expected) in sizes {
            capacity = capacity.next(bytes, 1_000);
            assert_eq!(capacity, expected, "{bytes}");
        }
    }

    #[test]
    fn a_lease_that_was_never_held_has_not_expired() {
        use LeaseState::{Expired, Held, Pending};
        let rounds = [(false, Pending), (true, Held), (true, Held), (false, Expired)];
        let rounds = rounds.into_iter().chain([(false, Expired), (true, Held), (false, Expired)]);
        let mut lease = Pending;
        for (holds, expected) in rounds {
            lease = lease.next(holds);
            assert_eq!(lease, expected);
        }
    }
}
