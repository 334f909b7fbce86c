//! Standby: waits until the shard may be taken over.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rand::Rng;

use super::inbox::{Inbox, Wait};
use super::interruption::Interruption;
use super::publisher_parts::PublisherParts;
use crate::delivery::ShardState;
use crate::kafka::BrokerConnection;
use crate::model::AccountName;
use crate::ownership::{
    Generation, OwnerLiveness, OwnerRecord, StandbyDecision, StateReader, StateTopicError,
    StateTopicRecord, orphans,
};

/// How often a standby bridge reads the state topic, on average.
const READ_INTERVAL: Duration = Duration::from_secs(2);

/// When a shard is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakeoverMode {
    /// At once.
    Immediate,
    /// When its owner has left or sends no heartbeats.
    WhenFree,
}

/// Waits until the shard may be taken over, and returns the last owner record.
pub(super) fn wait_for_takeover(
    parts: &PublisherParts,
    inbox: &mut Inbox,
    mode: TakeoverMode,
    own: Option<Generation>,
) -> Result<Option<OwnerRecord>, Interruption> {
    let PublisherParts { shard, observer, .. } = parts;
    let reader = StateReader::new(&parts.settings, *shard)?;
    let mut liveness = OwnerLiveness::new(own, Instant::now());
    let (mut last, mut next) = reader.last_owner(inbox.deadline())?;
    let mut logged = false;
    loop {
        observer.connection(&BrokerConnection::Up);
        refuse_orphans(parts, last.as_ref())?;
        if mode == TakeoverMode::Immediate
            || liveness.decide(last.as_ref(), Instant::now()) == StandbyDecision::TakeOver
        {
            return Ok(last);
        }
        if !logged {
            tracing::info!("standby: another bridge owns shard {shard}");
            logged = true;
        }
        observer.shard_state(*shard, ShardState::Standby);
        // Liveness is decided after successful reads only: while the topic cannot be read, heartbeats
        // may be on it.
        next = loop {
            // The random part keeps two bridges that started together from deciding together.
            let interval = READ_INTERVAL.mul_f64(rand::rng().random_range(0.5..1.5));
            if inbox.wait(interval) == Wait::Finish {
                return Err(Interruption::Finish);
            }
            let read = reader.read(next, inbox.deadline(), |record| {
                if let StateTopicRecord::Owner(owner) = record {
                    last = Some(owner);
                }
                ControlFlow::Continue(())
            });
            match read {
                Ok(read) => break read.next_offset(),
                Err(StateTopicError::Kafka(reason)) => {
                    observer.connection(&BrokerConnection::Down(reason));
                }
                Err(error) => return Err(error.into()),
            }
        };
    }
}

/// Refuses a shard that holds state of accounts that this configuration does not have.
fn refuse_orphans(parts: &PublisherParts, last: Option<&OwnerRecord>) -> Result<(), Interruption> {
    let Some(owner) = last else { return Ok(()) };
    let orphans = orphans(&owner.accounts, &parts.accounts, &parts.retired);
    if orphans.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = orphans.iter().map(AccountName::as_str).collect();
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    Err(Interruption::Refused(format!(
        "the deployment {} owns accounts that this configuration does not have: {}; add them, \
         choose another deployment, or delete their state: [kafka] retire = [{}]",
        parts.settings.deployment,
        names.join(", "),
        quoted.join(", ")
    )))
}
