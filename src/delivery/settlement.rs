//! Settles a delivery whose outcome is not known: a new producer ends the open transaction, and the
//! state topic then shows whether it was committed.

use std::ops::ControlFlow;

use rdkafka::error::KafkaError;

use super::producer::{Delivery, Producer};
use crate::clock::Deadline;
use crate::failpoints::fault_enabled;
use crate::kafka::{ErrorClass, KafkaSettings};
use crate::ownership::{OwnerRecord, StateReader, StateTopicRecord};

/// What a new producer found.
pub(super) enum Settlement {
    /// The shard is still owned, and its outbox published up to `progress`.
    Settled { producer: Producer, progress: u64 },
    /// Another owner has the shard.
    ShardLost,
}

/// A delivery whose outcome is not known.
pub(super) struct UnknownDelivery<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) delivery: Delivery,
    pub(super) shard: i32,
    /// The owner record as it is known to be committed.
    pub(super) owner: &'a OwnerRecord,
    /// An offset of the state topic at or before that record's.
    pub(super) state_offset: i64,
    pub(super) deadline: Deadline,
}

impl UnknownDelivery<'_> {
    /// Settles it. Blocks for some seconds at most.
    ///
    /// # Errors
    /// When Kafka does not answer: it may be tried again.
    pub(super) fn settle(&self) -> Result<Settlement, KafkaError> {
        if self.delivery == Delivery::AtLeastOnce {
            let producer = Producer::new(self.settings, self.delivery, self.shard)?;
            return Ok(Settlement::Settled { producer, progress: self.owner.progress });
        }
        let ignore_others = fault_enabled("fencing_ignored");
        // Checked before fencing, so that a new owner is not fenced, and again after it, when no other
        // producer can write any more.
        if !ignore_others && self.last_owner()?.generation != self.owner.generation {
            return Ok(Settlement::ShardLost);
        }
        let producer = match Producer::new(self.settings, self.delivery, self.shard) {
            Err(error) if ErrorClass::of(&error) == ErrorClass::Fenced => {
                return Ok(Settlement::ShardLost);
            }
            created => created?,
        };
        let last = self.last_owner()?;
        if !ignore_others && last.generation != self.owner.generation {
            return Ok(Settlement::ShardLost);
        }
        Ok(Settlement::Settled { producer, progress: self.owner.progress.max(last.progress) })
    }

    /// The owner record that is on the topic now.
    fn last_owner(&self) -> Result<OwnerRecord, KafkaError> {
        let mut last = None;
        let read = StateReader::new(self.settings, self.shard).and_then(|reader| {
            reader.read(self.state_offset, self.deadline, |record| {
                if let StateTopicRecord::Owner(owner) = record {
                    last = Some(owner);
                }
                ControlFlow::Continue(())
            })
        });
        match (read, last) {
            (Ok(_), Some(owner)) => Ok(owner),
            (Ok(_), None) => Ok(self.owner.clone()),
            (Err(error), _) => {
                tracing::debug!(%error, "what was committed cannot be read yet");
                Err(KafkaError::Canceled)
            }
        }
    }
}
