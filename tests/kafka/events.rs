//! A few events of a made-up contact centre, published as the bridge publishes them.

use std::time::Duration;

use floorcast::event::avro::{Encoders, single_object};
use floorcast::event::body::{
    AgentStatusChange, CallAssignment, CallEnd, InteractionContext, QueueReference, SlaBasis,
    SlaBreach, SlaScope, StatusValue,
};
use floorcast::event::{Body, Event, EventMeta, Origin, event_id};
use floorcast::model::{
    AccountName, Call, Direction, EntityId, EntityKey, EntityKind, Precision, Presence, Timestamp,
};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::util::Timeout;
use serde_json::{Value, json};

use super::broker::producer;
use crate::support::kafka::Broker;

/// An event, its topic and its key.
pub(super) struct Sample {
    pub(super) topic: String,
    pub(super) key: String,
    pub(super) event_type: &'static str,
    /// The event as plain JSON.
    pub(super) event: Value,
    /// As a single object.
    pub(super) value: Vec<u8>,
    pub(super) occurred_at: Timestamp,
}

/// 2026-03-01T08:00:00Z.
pub(super) const EIGHT: Timestamp = Timestamp::from_millis(1_772_352_000_000);

/// A status, an assignment, a breach and the end of a call: from small to large, with times,
/// enumerations, nulls, decimals and nested records. Five seconds lie between each and the next.
pub(super) fn samples(prefix: &str) -> Vec<Sample> {
    let call = || InteractionContext {
        id: EntityId::new("4711"),
        direction: Direction::Inbound,
        queue: Some(QueueReference {
            id: Some(EntityId::new("5")),
            path_id: None,
            path: Some(String::from("Support/Shipping")),
        }),
        agent_id: Some(EntityId::new("17")),
        language: Some(String::from("en")),
    };
    let status = |name: &str, presence| StatusValue {
        id: EntityId::new(name.to_lowercase()),
        name: Some(name.to_owned()),
        presence,
    };
    let bodies = [
        (
            EntityKind::Agent,
            "17",
            Body::AgentStatusChanged(AgentStatusChange {
                previous: Some(status("Available", Presence::Available)),
                current: status("Café", Presence::Break),
                previous_duration_ms: Some(61_000),
                activity_id: None,
                interaction: None,
            }),
        ),
        (
            EntityKind::Call,
            "4711",
            Body::CallAssigned(CallAssignment { call: call(), transfer_id: None }),
        ),
        (
            EntityKind::Call,
            "4711",
            Body::SlaBreached(SlaBreach {
                scope: SlaScope::Interaction,
                basis: SlaBasis::VendorVerdict,
                interaction: Some(call()),
                queue: None,
                group: None,
                language: None,
                channel: Some(String::from("call")),
                row_id: None,
                target_seconds: Some(20),
                target_percent: None,
                value: Some(31.5),
            }),
        ),
        (
            EntityKind::Call,
            "4711",
            Body::CallFinished(CallEnd { call: call(), after: Box::new(finished_call()) }),
        ),
    ];
    let encoders = Encoders::new().unwrap();
    let mut samples = vec![];
    for (revision, (kind, id, body)) in (1_u32..).zip(bodies) {
        let entity =
            EntityKey { account: AccountName::new("acme").unwrap(), kind, id: EntityId::new(id) };
        let event_type = body.event_type();
        let occurred_at = EIGHT + Duration::from_secs(5) * revision;
        let meta = EventMeta {
            event_id: event_id(&entity, revision.into(), event_type.as_str()),
            account: String::from("acme"),
            vendor: String::from("ccai"),
            entity_id: String::from(id),
            revision: revision.into(),
            sequence: revision.into(),
            stream: String::from("calls"),
            occurred_at,
            occurred_after: None,
            precision: Precision::Exact,
            observed_at: occurred_at.plus_millis(1200),
            origin: Origin::Live,
            late: false,
        };
        let datum = encoders.datum(&meta, &body).unwrap();
        samples.push(Sample {
            topic: event_type.topic().full_name(prefix),
            key: entity.to_string(),
            event_type: event_type.as_str(),
            event: serde_json::to_value(Event { meta: &meta, body: &body }).unwrap(),
            value: single_object(encoders.fingerprint(event_type), &datum),
            occurred_at,
        });
    }
    samples
}

/// Puts the samples on the topics.
pub(super) fn publish(broker: &Broker, samples: &[Sample]) {
    publish_at(broker.bootstrap(), samples);
}

/// Puts the samples on the topics, by way of this address.
pub(super) fn publish_at(address: &str, samples: &[Sample]) {
    let producer = producer(address);
    for sample in samples {
        let record = BaseRecord::to(&sample.topic)
            .key(&sample.key)
            .payload(&sample.value)
            .timestamp(sample.occurred_at.millis());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Timeout::After(Duration::from_secs(30))).unwrap();
}

fn finished_call() -> Call {
    let mut call = json!({
        "id": "4711",
        "status": "finished",
        "created_at": EIGHT,
        "ends_at": EIGHT.plus_millis(20_000),
    });
    // Every list is there, and empty.
    loop {
        match serde_json::from_value(call.clone()) {
            Ok(call) => return call,
            Err(error) => {
                let problem = error.to_string();
                let field = problem.split('`').nth(1).unwrap_or_default();
                assert!(problem.starts_with("missing field"), "{problem}");
                call[field] = json!([]);
            }
        }
    }
}
