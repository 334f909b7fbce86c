//! What can be checked about a deployment without fencing its owners.

use super::producer::{Delivery, Producer};
use crate::clock::{Clock, Deadline};
use crate::kafka::{KafkaSettings, explain_error};
use crate::ownership::StateReader;

/// Who owns the shards of a deployment, in one line, after checking that its state topic can be read
/// and, for exactly-once delivery, that transactions may be begun. Blocks for some seconds at most.
///
/// # Errors
/// One line that says what is wrong and what to do.
pub fn preflight(
    settings: &KafkaSettings,
    shards: u32,
    delivery: Delivery,
    clock: &dyn Clock,
) -> Result<String, String> {
    if delivery == Delivery::ExactlyOnce {
        Producer::check_transactions(settings).map_err(|error| explain_error(&error).text)?;
    }
    let (mut owned, mut released, mut free) = (Vec::new(), 0_u32, 0_u32);
    for shard in 0..shards {
        let shard = i32::try_from(shard).unwrap_or(i32::MAX);
        let reader = StateReader::new(settings, shard).map_err(|error| error.to_string())?;
        let (last, _) = reader.last_owner(Deadline::NONE).map_err(|error| error.to_string())?;
        match last {
            None => free += 1,
            Some(owner) if owner.released => released += 1,
            Some(owner) => {
                let seconds = clock.now().millis_since(owner.written_at()) / 1000;
                owned.push(format!("shard {shard} is owned (last heartbeat {seconds} s ago)"));
            }
        }
    }
    if released > 0 {
        owned.push(format!("{released} shard(s) released by their last owner"));
    }
    if free > 0 {
        owned.push(format!("{free} shard(s) never owned"));
    }
    Ok(owned.join(", "))
}
