//! The placeholder of an event that the broker refuses permanently.

use crate::event::avro::{Decoder, Encoders, Error, single_object};
use crate::event::body::OmittedEvent;
use crate::event::{Body, EventMeta, EventType, event_id};
use crate::model::{AccountName, EntityId, EntityKey, EntityKind};
use crate::store::OutboxEvent;

/// An `EventOmitted` with the key, revision and sequence of this event, so that a
/// consumer that checks sequences finds no gap.
///
/// # Errors
/// When the event cannot be decoded, which does not happen to one that was encoded here.
pub(super) fn placeholder_of(event: &OutboxEvent, reason: &str) -> Result<OutboxEvent, Error> {
    let name = event.event_type.as_str();
    let unreadable =
        |problem: &str| Error::Decode { event: String::from(name), problem: String::from(problem) };
    let (_, value) = Decoder::new()?.decode(&single_object(event.fingerprint, &event.datum))?;
    let mut meta: EventMeta =
        serde_json::from_value(value["meta"].clone()).map_err(|_| unreadable("no meta"))?;
    let entity = entity_of(event).ok_or_else(|| unreadable("its key names no entity"))?;
    let event_type = EventType::EventOmitted;
    meta.event_id = event_id(&entity, event.revision, event_type.as_str());
    let body = Body::EventOmitted(OmittedEvent {
        event_type: String::from(name),
        reason: String::from(reason),
        size: i64::try_from(event.datum.len()).unwrap_or(i64::MAX),
    });
    let encoders = Encoders::new()?;
    Ok(OutboxEvent {
        event_type,
        fingerprint: encoders.fingerprint(event_type),
        event_id: meta.event_id,
        datum: encoders.datum(&meta, &body)?,
        ..event.clone()
    })
}

/// The entity that a key names: `{account}:{kind}:{id}`.
fn entity_of(event: &OutboxEvent) -> Option<EntityKey> {
    let mut parts = event.key.splitn(3, ':');
    let account = AccountName::new(parts.next()?).ok()?;
    let kind = EntityKind::parse(parts.next()?)?;
    Some(EntityKey { account, kind, id: EntityId::new(parts.next()?) })
}
