//! What can be found out about a deployment without disturbing whoever owns it.

use super::producer::Producer;
use crate::clock::Clock;
use crate::kafka::{KafkaSettings, explain};
use crate::ownership::StateReader;

/// Who owns the shards of a deployment, in one line, after it was tried whether its state can be
/// read and transactions be begun. Nobody is fenced. Blocks for some seconds at most.
///
/// # Errors
/// One line that says what is wrong and what to do.
pub fn preflight(
    settings: &KafkaSettings,
    shards: u32,
    transactions: bool,
    clock: &dyn Clock,
) -> Result<String, String> {
    if transactions {
        Producer::may_transact(settings).map_err(|error| {
            let words =
                error.rdkafka_error_code().map_or_else(|| error.to_string(), |_| String::new());
            explain(error.rdkafka_error_code(), &words).text
        })?;
    }
    let (mut owned, mut released, mut free) = (Vec::new(), 0_u32, 0_u32);
    for shard in 0..shards {
        let shard = i32::try_from(shard).unwrap_or(i32::MAX);
        let reader = StateReader::new(settings, shard).map_err(|error| error.to_string())?;
        let (last, _) = reader.last_owner(&|| false).map_err(|error| error.to_string())?;
        match last {
            None => free += 1,
            Some(owner) if owner.released => released += 1,
            Some(owner) => {
                let seconds = clock.now().millis_since(owner.written_at()) / 1000;
                owned.push(format!("shard {shard} is owned (last word {seconds} s ago)"));
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
