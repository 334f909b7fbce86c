//! The ids of schemas, as the outbox relay needs them: requested once and kept in the store, so that a
//! restart goes on while the registry is down.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{Client, Error, RegistrySettings, subject, subjects};
use crate::event::EventType;
use crate::event::avro;
use crate::store::{self, Key, OutboxEvent, Store};

/// The wait after the registry did not answer.
const RETRY_WAIT: Duration = Duration::from_secs(10);
/// How long the relay waits for an id. Meanwhile it handles neither reports nor a signal to finish.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long ids are requested ahead of their events before the relay goes on.
const PREPARATION_SLICE: Duration = Duration::from_millis(200);

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

/// What a schema id belongs to: a topic, an event type, and the fingerprint of the schema.
type SchemaUse = (String, EventType, [u8; 8]);

#[derive(Clone, Copy, Debug)]
struct KnownId {
    id: u32,
    /// Whether the registry has confirmed it since the start.
    confirmed: bool,
}

/// The ids of schemas. It blocks: it belongs to the thread of the outbox relay.
#[derive(Debug)]
pub(in crate::delivery) struct SchemaIds {
    client: Arc<Client>,
    /// Runs the requests; this thread waits for them.
    runtime: Handle,
    store: Store,
    known: HashMap<SchemaUse, KnownId>,
    outage: Option<Outage>,
    /// What was not requested yet, the last first.
    pending: Vec<(String, EventType)>,
}

/// The registry did not answer.
#[derive(Debug)]
struct Outage {
    /// No request is sent before this time.
    until: Instant,
    error: Error,
    /// Whether it was logged that stored ids are used.
    logged: bool,
}

impl SchemaIds {
    pub(in crate::delivery) fn new(
        settings: &RegistrySettings,
        store: Store,
        topic_prefix: &str,
        runtime: Handle,
    ) -> Result<Self, Error> {
        let client = {
            // The HTTP client needs a runtime when it is created.
            let _runtime = runtime.enter();
            Arc::new(Client::new(settings)?)
        };
        let pending = subjects(topic_prefix);
        Ok(Self { client, runtime, store, known: HashMap::new(), outage: None, pending })
    }

    /// Requests the ids of all events, so that a refusal is known before its event comes, and a
    /// restart while the registry is down finds every id in the store. Some at a time, because the
    /// relay waits meanwhile: to be called until [`Self::is_prepared`]. Returns refusals.
    pub(in crate::delivery) fn prepare(
        &mut self,
        now: Instant,
    ) -> Result<Vec<Error>, store::Error> {
        let mut problems = Vec::new();
        let begun = Instant::now();
        while self.current_outage(now).is_none() && begun.elapsed() < PREPARATION_SLICE {
            let Some((topic, event)) = self.pending.pop() else { break };
            let Ok((_, fingerprint)) = avro::schema(event) else { continue };
            match self.id(&topic, event, fingerprint, now) {
                Err(FramingError::Store(error)) => return Err(error),
                Err(FramingError::Registry(error)) if !error.keeps_known_ids() => {
                    problems.push(error);
                }
                Ok(_) | Err(FramingError::Registry(_)) => {}
            }
            if self.outage.is_some() {
                self.pending.push((topic, event));
            }
        }
        Ok(problems)
    }

    /// Whether the ids of all events were requested.
    pub(in crate::delivery) const fn is_prepared(&self) -> bool {
        self.pending.is_empty()
    }

    /// Why no request is sent now, if that is so.
    fn current_outage(&self, now: Instant) -> Option<&Error> {
        self.outage.as_ref().filter(|outage| now < outage.until).map(|outage| &outage.error)
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
        let schema_use = (topic.to_owned(), event, fingerprint);
        let known = self.known.get(&schema_use).copied();
        if let Some(KnownId { id, confirmed: true }) = known {
            return Ok(id);
        }
        if let Some(error) = self.current_outage(now).cloned() {
            return self.stored_id(schema_use, known, error);
        }
        let schema = avro::text_of(event, fingerprint)
            .ok_or(Error::UnknownSchema { event: event.as_str() })?;
        match self.request(subject(topic, event), schema) {
            Ok(id) => {
                if self.outage.take().is_some_and(|outage| outage.logged) {
                    tracing::info!("the schema registry answers again");
                }
                self.store_id(&schema_use, id)?;
                self.known.insert(schema_use, KnownId { id, confirmed: true });
                Ok(id)
            }
            Err(error) if error.keeps_known_ids() => {
                let logged = self.outage.as_ref().is_some_and(|outage| outage.logged);
                self.outage =
                    Some(Outage { until: now + RETRY_WAIT, error: error.clone(), logged });
                self.stored_id(schema_use, known, error)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Requests an id from the registry and waits for it.
    fn request(&self, subject: String, schema: String) -> Result<u32, Error> {
        let (answer, answered) = channel();
        let client = Arc::clone(&self.client);
        let request = self.runtime.spawn(async move {
            // The receiver is gone after the timeout.
            let _ = answer.send(client.id(&subject, &schema).await);
        });
        // It also ends when the runtime does, which drops the request.
        answered.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
            request.abort();
            let problem = format!("no answer within {} s", TIMEOUT.as_secs());
            Err(Error::Unavailable { host: self.client.identity().to_owned(), problem })
        })
    }

    /// The id that was known before, here or in the store; else the error.
    fn stored_id(
        &mut self,
        schema_use: SchemaUse,
        known: Option<KnownId>,
        error: Error,
    ) -> Result<u32, FramingError> {
        let id = match known {
            Some(known) => Some(known.id),
            None => match self.key(&schema_use) {
                Some(key) => self.store.get::<u32>(&key)?.map(|stored| stored.value),
                None => None,
            },
        };
        let Some(id) = id else { return Err(error.into()) };
        if let Some(outage) = self.outage.as_mut().filter(|outage| !outage.logged) {
            outage.logged = true;
            tracing::warn!(%error, "stored schema ids are used meanwhile");
        }
        self.known.insert(schema_use, KnownId { id, confirmed: false });
        Ok(id)
    }

    fn store_id(&self, schema_use: &SchemaUse, id: u32) -> Result<(), store::Error> {
        let Some(key) = self.key(schema_use) else { return Ok(()) };
        if self.store.get::<u32>(&key)?.is_some_and(|stored| stored.value == id) {
            return Ok(());
        }
        let mut batch = self.store.local_batch();
        batch.put_locally(key, &id)?;
        self.store.apply(batch)
    }

    /// An id belongs to a registry, a subject and the exact text of a schema.
    fn key(&self, (topic, event, fingerprint): &SchemaUse) -> Option<Key> {
        let schema = avro::text_of(*event, *fingerprint)?;
        let digest = Sha256::digest(schema.as_bytes());
        Some(Key::schema_id(self.client.identity(), &subject(topic, *event), &digest))
    }
}
