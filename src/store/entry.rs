//! The entries of the outbox: events that were emitted together and the records of state that belong to
//! them, ready to be sent, in a binary form.

use uuid::Uuid;

use crate::event::{EventType, Topic};
use crate::model::Timestamp;

/// The version of an entry's form.
const VERSION: u8 = 2;

/// An emitted event: all that sending it needs. It never changes, so that sending it twice sends the
/// same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its topic.
    pub topic: Topic,
    /// Its account.
    pub account: String,
    /// Its key: `{account}:{kind}:{id}`.
    pub key: String,
    /// Its type.
    pub event_type: EventType,
    /// The fingerprint of its schema, as single-object encoding has it.
    pub fingerprint: [u8; 8],
    /// Its id.
    pub event_id: Uuid,
    /// Counts the account's events on the topic.
    pub sequence: u64,
    /// Counts the entity's changes.
    pub revision: u64,
    /// When it happened, in the vendor's clock.
    pub occurred_at: Timestamp,
    /// When a poll result showed it, in our clock.
    pub observed_at: Timestamp,
    /// The Avro datum, without any framing.
    pub datum: Vec<u8>,
}

/// A key of the store and its new value; `None` removes it. It is published on the state topic as it
/// is.
pub type StateRecord = (Vec<u8>, Option<Vec<u8>>);

/// One change of one entity: its events and the state after them. It is published whole or not at all,
/// so that the published state always agrees with the published events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The events, in order.
    pub events: Vec<OutboxEvent>,
    /// The records of state, as they stand after these events.
    pub records: Vec<StateRecord>,
}

impl OutboxEntry {
    /// Whether there is nothing to publish.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty() && self.records.is_empty()
    }
}

/// An entry and its number in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEntry {
    /// Counts all entries the store ever had, from 1.
    pub number: u64,
    /// The entry.
    pub entry: OutboxEntry,
}

pub(super) fn encode(entry: &OutboxEntry) -> Vec<u8> {
    let size: usize = entry.events.iter().map(|event| event.datum.len() + 200).sum();
    let mut bytes = Vec::with_capacity(size + 64);
    bytes.push(VERSION);
    count(&mut bytes, entry.events.len());
    for event in &entry.events {
        let mut encoded = Vec::with_capacity(event.datum.len() + 200);
        encode_event(&mut encoded, event);
        field(&mut bytes, &encoded);
    }
    count(&mut bytes, entry.records.len());
    for (key, value) in &entry.records {
        field(&mut bytes, key);
        bytes.push(u8::from(value.is_some()));
        if let Some(value) = value {
            field(&mut bytes, value);
        }
    }
    bytes
}

fn encode_event(bytes: &mut Vec<u8>, event: &OutboxEvent) {
    for text in [event.topic.as_str(), event.event_type.as_str(), &event.account, &event.key] {
        field(bytes, text.as_bytes());
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
}

fn count(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn field(bytes: &mut Vec<u8>, text: &[u8]) {
    count(bytes, text.len());
    bytes.extend_from_slice(text);
}

/// The entry; `None` when the bytes are not of this version's form.
pub(super) fn decode(bytes: &[u8]) -> Option<OutboxEntry> {
    let mut rest = bytes;
    (take(&mut rest, 1)? == [VERSION]).then_some(())?;
    let mut entry = OutboxEntry::default();
    for _ in 0..length(&mut rest)? {
        entry.events.push(decode_event(bytes_field(&mut rest)?)?);
    }
    for _ in 0..length(&mut rest)? {
        let key = bytes_field(&mut rest)?.to_vec();
        let value = match take(&mut rest, 1)? {
            [0] => None,
            [1] => Some(bytes_field(&mut rest)?.to_vec()),
            _ => return None,
        };
        entry.records.push((key, value));
    }
    rest.is_empty().then_some(entry)
}

/// How many events an entry has, without decoding them.
pub(super) fn event_count(bytes: &[u8]) -> Option<u64> {
    let mut rest = bytes;
    (take(&mut rest, 1)? == [VERSION]).then_some(())?;
    length(&mut rest).map(u64::from)
}

fn decode_event(bytes: &[u8]) -> Option<OutboxEvent> {
    let mut rest = bytes;
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

fn length(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(take(rest, 4)?.try_into().ok()?))
}

fn bytes_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(rest)?;
    take(rest, usize::try_from(length).ok()?)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(bytes_field(rest)?).ok()
}
