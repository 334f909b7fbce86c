//! An entry of the outbox: an event that was decided, ready to be sent, in a form of its own.

use uuid::Uuid;

use crate::event::{EventType, Topic};
use crate::model::Timestamp;

/// The version of an entry's form.
const VERSION: u8 = 1;

/// A decided event: all that sending it needs. Its bytes never change again, so that sending it
/// twice sends the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its topic.
    pub topic: Topic,
    /// The account it was read from.
    pub account: String,
    /// Its key: `{account}:{kind}:{id}`.
    pub key: String,
    /// Its type.
    pub event_type: EventType,
    /// The fingerprint of the schema it was written with, as it stands before a single object.
    pub fingerprint: [u8; 8],
    /// Its id.
    pub event_id: Uuid,
    /// Its place among the account's events on the topic.
    pub sequence: u64,
    /// Its place among the entity's changes.
    pub revision: u64,
    /// When it happened, in the vendor's clock.
    pub occurred_at: Timestamp,
    /// When it was read, in our clock.
    pub observed_at: Timestamp,
    /// The Avro datum, without any framing.
    pub datum: Vec<u8>,
}

/// An event and its number in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Counts all entries there ever were, from 1.
    pub number: u64,
    /// The event.
    pub event: OutboxEvent,
}

pub(super) fn encode(event: &OutboxEvent) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(event.datum.len() + 160);
    bytes.push(VERSION);
    for text in [event.topic.as_str(), event.event_type.as_str(), &event.account, &event.key] {
        field(&mut bytes, text.as_bytes());
    }
    bytes.extend_from_slice(&event.fingerprint);
    bytes.extend_from_slice(event.event_id.as_bytes());
    for number in [event.sequence, event.revision] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    for time in [event.occurred_at, event.observed_at] {
        bytes.extend_from_slice(&time.millis().to_be_bytes());
    }
    bytes.extend_from_slice(&event.datum);
    bytes
}

fn field(bytes: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text);
}

/// The event, or `None` when the bytes are not of a form this version reads.
pub(super) fn decode(bytes: &[u8]) -> Option<OutboxEvent> {
    let mut rest = bytes;
    (take(&mut rest, 1)? == [VERSION]).then_some(())?;
    let topic = text(&mut rest)?;
    let topic = *Topic::ALL.iter().find(|known| known.as_str() == topic)?;
    let event_type = text(&mut rest)?;
    let event_type = *EventType::ALL.iter().find(|known| known.as_str() == event_type)?;
    let account = String::from(text(&mut rest)?);
    let key = String::from(text(&mut rest)?);
    let fingerprint = take(&mut rest, 8)?.try_into().ok()?;
    let event_id = Uuid::from_slice(take(&mut rest, 16)?).ok()?;
    let mut number = || Some(u64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?));
    let (sequence, revision) = (number()?, number()?);
    let mut time =
        || Some(Timestamp::from_millis(i64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?)));
    let (occurred_at, observed_at) = (time()?, time()?);
    Some(OutboxEvent {
        topic,
        account,
        key,
        event_type,
        fingerprint,
        event_id,
        sequence,
        revision,
        occurred_at,
        observed_at,
        datum: rest.to_vec(),
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_be_bytes(take(rest, 4)?.try_into().ok()?);
    std::str::from_utf8(take(rest, usize::try_from(length).ok()?)?).ok()
}
