//! The publisher of a shard: standby, takeover, the outbox relay, and standby again when another owner
//! has taken over.
//!
//! It runs on a thread of its own, because the store and librdkafka block. It reports each
//! [`OwnershipChange`] to the rest of the shard: polling starts after [`OwnershipChange::Owning`], and
//! after [`OwnershipChange::Left`] the thread waits until the store is no longer in use.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::inbox::{Inbox, Wait};
use super::interruption::Interruption;
use super::publisher_parts::{OwnershipChange, PublisherParts};
use super::standby::{TakeoverMode, wait_for_takeover};
use super::takeover::{OwnedShard, take_over};
use crate::delivery::{
    OutboxNotifier, OutboxRelay, OutboxRelayParts, RelayEnd, ShardState, Signal,
};
use crate::kafka::BrokerConnection;
use crate::store;

/// The wait after Kafka did not answer or the store failed.
const RETRY_WAIT: Duration = Duration::from_secs(2);
/// How long the thread may take beyond the grace time: a flush of the store, the release.
const FINISH_TIMEOUT: Duration = Duration::from_secs(4);

/// The publisher of a shard.
#[derive(Debug)]
pub struct Publisher {
    signals: Sender<Signal>,
    /// Closes when the thread ends, however it ends.
    ended: Receiver<()>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(parts: PublisherParts) -> io::Result<Self> {
        let (signals, inbox) = channel();
        let (ending, ended) = channel();
        let name = format!("publisher-{}", parts.shard);
        std::thread::Builder::new().name(name).spawn(move || {
            let _ending: Sender<()> = ending;
            PublisherThread { parts, inbox: Inbox::new(inbox), last_reason: String::new() }.run();
        })?;
        Ok(Self { signals, ended })
    }

    /// Wakes the publisher when the outbox has grown.
    #[must_use]
    pub fn notifier(&self) -> OutboxNotifier {
        OutboxNotifier::new(self.signals.clone())
    }

    /// Sends what is in the outbox, releases the shard, and ends, within the grace time. Blocks.
    pub fn finish(self, grace: Duration) {
        let _ = self.signals.send(Signal::Finish(Instant::now() + grace));
        if self.ended.recv_timeout(grace + FINISH_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the publisher did not stop in time; abandoned");
        }
    }
}

struct PublisherThread {
    parts: PublisherParts,
    inbox: Inbox,
    /// Why Kafka is not ready, as it was logged last.
    last_reason: String,
}

impl PublisherThread {
    fn run(mut self) {
        let mut mode =
            if self.parts.standby { TakeoverMode::WhenFree } else { TakeoverMode::Immediate };
        let mut own = None;
        loop {
            let seen = wait_for_takeover(&self.parts, &mut self.inbox, mode, own);
            let owned = seen.and_then(|seen| {
                take_over(&self.parts, self.inbox.deadline(), mode, seen.as_ref())
            });
            let interruption = match owned {
                Ok(owned) => {
                    self.last_reason.clear();
                    own = Some(owned.owner.generation);
                    match self.publish(owned) {
                        Ok(()) => return,
                        Err(interruption) => interruption,
                    }
                }
                Err(interruption) => interruption,
            };
            match interruption {
                Interruption::Finish => return,
                Interruption::Fenced => {
                    tracing::warn!(
                        shard = self.parts.shard,
                        "ownership lost: another bridge of this deployment has taken over; standby"
                    );
                    mode = TakeoverMode::WhenFree;
                }
                Interruption::Retry(reason) => {
                    if reason != self.last_reason {
                        tracing::warn!(
                            %reason,
                            "kafka is not ready; polling has not started"
                        );
                        self.last_reason.clone_from(&reason);
                    }
                    self.parts.observer.connection(&BrokerConnection::Down(reason));
                    if self.inbox.wait(RETRY_WAIT) == Wait::Finish {
                        return;
                    }
                }
                Interruption::ReopenStore(error) => {
                    let shard = self.parts.shard;
                    tracing::error!(shard, %error, "the local store failed; reopening it");
                    self.parts.observer.shard_state(shard, ShardState::TakingOver);
                    if self.inbox.wait(RETRY_WAIT) == Wait::Finish {
                        return;
                    }
                }
                Interruption::Refused(reason) => {
                    let _ = self.parts.changes.send(OwnershipChange::Refused(reason));
                    return;
                }
                Interruption::Store(error) => {
                    self.parts.observer.store_failed(&error);
                    tracing::error!(%error, "publishing ends: the local store failed");
                    return;
                }
            }
        }
    }

    /// Publishes until a stop is requested (`Ok`), the shard is lost, or the store fails.
    fn publish(&self, owned: OwnedShard) -> Result<(), Interruption> {
        let OwnedShard { store, producer, owner, state_offset } = owned;
        let PublisherParts { shard, standby, observer, lease, changes, .. } = &self.parts;
        tracing::info!(
            shard,
            generation = owner.generation.number,
            waiting = store.outbox_level().events,
            "ownership acquired"
        );
        observer.shard_state(*shard, ShardState::Owning);
        // With standby the lease begins with the relay's first heartbeat.
        if !standby {
            lease.renew(None);
        }
        if changes.send(OwnershipChange::Owning(store.clone())).is_err() {
            return Ok(());
        }
        let relay = OutboxRelay::new(OutboxRelayParts {
            store,
            settings: &self.parts.settings,
            delivery: self.parts.delivery,
            shard: *shard,
            registry: self.parts.registry.clone(),
            runtime: &self.parts.runtime,
            producer,
            owner,
            state_offset,
            lease,
            standby: *standby,
            clock: self.parts.clock.as_ref(),
            observer,
        });
        let end = relay.run(self.inbox.signals());
        lease.end();
        let interruption = match end {
            RelayEnd::Finished => return Ok(()),
            RelayEnd::ShardLost => Interruption::Fenced,
            RelayEnd::StoreFailed(error @ (store::Error::Damaged(_) | store::Error::Closed)) => {
                Interruption::ReopenStore(error)
            }
            RelayEnd::StoreFailed(error) => Interruption::Store(error),
        };
        let (left, answered) = channel();
        if changes.send(OwnershipChange::Left(left)).is_ok() {
            // A closed channel also means that the store is no longer in use.
            let _ = answered.recv();
        }
        Err(interruption)
    }
}
