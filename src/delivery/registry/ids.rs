//! The ids of schemas, as the drain needs them: asked once, remembered in the store, so that a
//! restart goes on while the registry is away.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{Client, Error, RegistrySettings, subject, subjects};
use crate::event::EventType;
use crate::event::avro;
use crate::store::{self, Key, OutboxEvent, Store};

/// How long the registry is left alone after it did not answer.
const REST: Duration = Duration::from_secs(10);
/// How long the drain waits for an id. Meanwhile it hears neither the broker nor an order to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long ids are asked for ahead of their events before the drain goes on.
const AT_A_TIME: Duration = Duration::from_millis(200);

/// Why an event cannot be framed.
#[derive(Debug, thiserror::Error)]
pub(in crate::delivery) enum FramingError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] Error),
    /// The local store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// An id, and whether the registry has said it since the start.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: u32,
    confirmed: bool,
}

/// The ids of schemas. It blocks: it belongs to the thread of the drain.
#[derive(Debug)]
pub(in crate::delivery) struct SchemaIds {
    client: Client,
    runtime: tokio::runtime::Runtime,
    store: Store,
    known: HashMap<(String, EventType, [u8; 8]), Known>,
    away: Option<Away>,
    /// What was not asked yet, the last first.
    pending: Vec<(String, EventType)>,
}

/// The registry did not answer.
#[derive(Debug)]
struct Away {
    until: Instant,
    error: Error,
    /// Whether somebody was told that ids of earlier are used.
    told: bool,
}

impl SchemaIds {
    pub(in crate::delivery) fn new(
        settings: &RegistrySettings,
        store: Store,
        topic_prefix: &str,
    ) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Client(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        // Its parts need a runtime when they are made.
        let client = {
            let _inside = runtime.enter();
            Client::new(settings)?
        };
        let pending = subjects(topic_prefix);
        Ok(Self { client, runtime, store, known: HashMap::new(), away: None, pending })
    }

    /// Asks for all ids there may ever be, so that a refusal is known before its event comes, and
    /// a restart while the registry is away finds every id remembered. Some at a time, because the
    /// drain waits meanwhile: to be called until it is done. Returns what it was told.
    pub(in crate::delivery) fn prepare(
        &mut self,
        now: Instant,
    ) -> Result<Vec<Error>, store::Error> {
        let mut problems = Vec::new();
        let begun = Instant::now();
        while self.is_left_alone(now).is_none() && begun.elapsed() < AT_A_TIME {
            let Some((topic, event)) = self.pending.pop() else { break };
            let Ok((_, fingerprint)) = avro::schema(event) else { continue };
            match self.id(&topic, event, fingerprint, now) {
                Err(FramingError::Store(error)) => return Err(error),
                Err(FramingError::Registry(error)) if !error.leaves_ids_alone() => {
                    problems.push(error);
                }
                Ok(_) | Err(FramingError::Registry(_)) => {}
            }
            if self.away.is_some() {
                self.pending.push((topic, event));
            }
        }
        Ok(problems)
    }

    /// Whether every id was asked for that there may ever be.
    pub(in crate::delivery) const fn is_prepared(&self) -> bool {
        self.pending.is_empty()
    }

    /// Why the registry is not asked now, where it is not.
    fn is_left_alone(&self, now: Instant) -> Option<&Error> {
        self.away.as_ref().filter(|away| now < away.until).map(|away| &away.error)
    }

    /// An event with the id of its schema before it.
    pub(in crate::delivery) fn frame(
        &mut self,
        topic: &str,
        event: &OutboxEvent,
        now: Instant,
    ) -> Result<Vec<u8>, FramingError> {
        let id = self.id(topic, event.event_type, event.fingerprint, now)?;
        Ok(avro::framed(id, &event.datum))
    }

    fn id(
        &mut self,
        topic: &str,
        event: EventType,
        fingerprint: [u8; 8],
        now: Instant,
    ) -> Result<u32, FramingError> {
        let place = (topic.to_owned(), event, fingerprint);
        let known = self.known.get(&place).copied();
        if let Some(Known { id, confirmed: true }) = known {
            return Ok(id);
        }
        if let Some(error) = self.is_left_alone(now).cloned() {
            return self.remembered(place, known, error);
        }
        let schema = avro::text_of(event, fingerprint)
            .ok_or(Error::UnknownSchema { event: event.as_str() })?;
        let asked = self.runtime.block_on(async {
            let subject = subject(topic, event);
            let id = self.client.id(&subject, &schema);
            tokio::time::timeout(PATIENCE, id).await.unwrap_or_else(|_| {
                let problem = format!("no answer within {} s", PATIENCE.as_secs());
                Err(Error::Away { host: self.client.identity().to_owned(), problem })
            })
        });
        match asked {
            Ok(id) => {
                if self.away.take().is_some_and(|away| away.told) {
                    tracing::info!("the schema registry answers again");
                }
                self.remember(&place, id)?;
                self.known.insert(place, Known { id, confirmed: true });
                Ok(id)
            }
            Err(error) if error.leaves_ids_alone() => {
                let told = self.away.as_ref().is_some_and(|away| away.told);
                self.away = Some(Away { until: now + REST, error: error.clone(), told });
                self.remembered(place, known, error)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What was once known, where it was; else the error.
    fn remembered(
        &mut self,
        place: (String, EventType, [u8; 8]),
        known: Option<Known>,
        error: Error,
    ) -> Result<u32, FramingError> {
        let id = match known {
            Some(known) => Some(known.id),
            None => match self.key(&place) {
                Some(key) => self.store.get::<u32>(&key)?.map(|stored| stored.value),
                None => None,
            },
        };
        let Some(id) = id else { return Err(error.into()) };
        if let Some(away) = self.away.as_mut().filter(|away| !away.told) {
            away.told = true;
            tracing::warn!(%error, "ids of schemas that are remembered are used meanwhile");
        }
        self.known.insert(place, Known { id, confirmed: false });
        Ok(id)
    }

    fn remember(&self, place: &(String, EventType, [u8; 8]), id: u32) -> Result<(), store::Error> {
        let Some(key) = self.key(place) else { return Ok(()) };
        if self.store.get::<u32>(&key)?.is_some_and(|stored| stored.value == id) {
            return Ok(());
        }
        let mut batch = self.store.local_batch();
        batch.put_locally(key, &id)?;
        self.store.apply(batch)
    }

    /// An id belongs to a registry, a subject and the exact text of a schema.
    fn key(&self, (topic, event, fingerprint): &(String, EventType, [u8; 8])) -> Option<Key> {
        let schema = avro::text_of(*event, *fingerprint)?;
        let digest = Sha256::digest(schema.as_bytes());
        Some(Key::schema_id(self.client.identity(), &subject(topic, *event), &digest))
    }
}
