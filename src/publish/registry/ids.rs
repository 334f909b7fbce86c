//! The ids of the schemas, for the drain: asked for one by one, remembered in the store.
//!
//! The drain never waits for an answer: it asks, goes on with what is under way, and is woken by
//! the answer. Schemas that no event needs yet are asked for meanwhile, so that their ids are
//! remembered when they are needed. The first event of each schema asks the registry, so that one that was begun anew
//! is not spoken to in old numbers; while it is away, what was remembered holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{Client, Error, Remedy, framed, places, subject};
use crate::event::{EventType, Topic};
use crate::publish::avro;
use crate::store::{self, Key, OutboxEvent, Store};

/// How long it waits before it asks a registry again that was away; doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long it waits where somebody has to do something.
const SLOW_PAUSE: Duration = Duration::from_secs(10);

/// Which schema under which subject.
type Which = (Topic, EventType, [u8; 8]);

/// What the registry answered.
#[derive(Debug)]
pub struct Answer {
    which: Which,
    id: Result<u32, Error>,
}

/// A registry that schemas are published in.
#[derive(Clone, Debug)]
pub struct Registry {
    /// How it is asked.
    pub client: Client,
    /// Whether schemas are registered, or only looked up.
    pub auto_register: bool,
    /// The prefix of the topics' names.
    pub topic_prefix: String,
    /// Where questions run.
    pub runtime: Handle,
}

impl Registry {
    /// Where the id of a schema is remembered: by registry, subject and exact text.
    fn key(&self, subject: &str, schema: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.client.identity().as_bytes());
        hash.update([0]);
        hash.update(schema.as_bytes());
        Key::SchemaId(subject, &hash.finalize().into())
    }

    /// Asks without waiting.
    fn ask(&self, which: Which, schema: String, tell: Arc<dyn Fn(Answer) + Send + Sync>) {
        let registry = self.clone();
        self.runtime.spawn(async move {
            let (topic, event, _) = which;
            let subject = subject(topic, &registry.topic_prefix, event);
            let id = if registry.auto_register {
                registry.client.register(&subject, &schema).await
            } else {
                match registry.client.look_up(&subject, &schema).await {
                    Ok(found) => found.ok_or(Error::Missing { subject }),
                    Err(error) => Err(error),
                }
            };
            tell(Answer { which, id });
        });
    }
}

/// What the drain does with an event.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::publish) enum Framing {
    /// Sends this.
    Message(Vec<u8>),
    /// Waits until it is woken.
    Wait,
}

/// The ids that the drain knows.
pub(in crate::publish) struct Ids {
    registry: Registry,
    known: HashMap<Which, u32>,
    /// What no event needed yet.
    ahead: Vec<(Topic, EventType)>,
    asking: bool,
    /// Until then the registry is not asked again, and why.
    rest: Option<(Instant, Error)>,
    pause: Duration,
    /// What was told last.
    told: Option<Error>,
    tell: Arc<dyn Fn(Answer) + Send + Sync>,
    waits: bool,
}

impl Ids {
    pub(in crate::publish) fn new(
        registry: Registry,
        tell: Arc<dyn Fn(Answer) + Send + Sync>,
    ) -> Self {
        Self {
            registry,
            known: HashMap::new(),
            ahead: places(),
            asking: false,
            rest: None,
            pause: FIRST_PAUSE,
            told: None,
            tell,
            waits: false,
        }
    }

    /// Whether nothing can be framed before the registry answers or a pause is over.
    pub(in crate::publish) fn waits(&self, now: Instant) -> bool {
        self.waits && (self.asking || self.rest.as_ref().is_some_and(|(until, _)| now < *until))
    }

    /// Why nothing is sent, if that is so.
    pub(in crate::publish) fn trouble(&self) -> Option<&Error> {
        if self.waits { self.rest.as_ref().map(|(_, error)| error) } else { None }
    }

    /// Asks for the next schema that no event needed yet, if there is nothing better to do.
    pub(in crate::publish) fn look_ahead(&mut self, now: Instant) {
        if self.asking || self.rest.as_ref().is_some_and(|(until, _)| now < *until) {
            return;
        }
        while let Some((topic, event)) = self.ahead.pop() {
            let Ok((schema, fingerprint)) = avro::schema(event) else { continue };
            let which = (topic, event, fingerprint);
            if !self.known.contains_key(&which) {
                self.asking = true;
                self.registry.ask(which, schema.to_string(), Arc::clone(&self.tell));
                return;
            }
        }
    }

    /// The message of an event.
    pub(in crate::publish) fn frame(
        &mut self,
        store: &Store,
        event: &OutboxEvent,
        now: Instant,
    ) -> Result<Framing, store::Error> {
        let which = (event.topic, event.event_type, event.fingerprint);
        self.waits = false;
        if let Some(id) = self.known.get(&which) {
            return Ok(Framing::Message(framed(*id, &event.datum)));
        }
        let Some(schema) = avro::known_schema(event.event_type, event.fingerprint) else {
            let fingerprint = u64::from_le_bytes(event.fingerprint);
            let event = event.event_type.as_str();
            self.rest(Error::Foregone { event, fingerprint }, now);
            self.waits = true;
            return Ok(Framing::Wait);
        };
        if let Some((until, error)) = &self.rest
            && now < *until
        {
            // It was asked a moment ago.
            if error.remedy() != Remedy::Schema
                && let Some(id) = self.remembered(store, which, &schema)?
            {
                self.known.insert(which, id);
                return Ok(Framing::Message(framed(id, &event.datum)));
            }
            self.waits = true;
            return Ok(Framing::Wait);
        }
        self.waits = true;
        if !self.asking {
            self.asking = true;
            self.registry.ask(which, schema, Arc::clone(&self.tell));
        }
        Ok(Framing::Wait)
    }

    /// Takes an answer: an id is remembered, an error said once.
    pub(in crate::publish) fn hear(
        &mut self,
        store: &Store,
        answer: Answer,
        now: Instant,
    ) -> Result<(), store::Error> {
        self.asking = false;
        match answer.id {
            Ok(id) => {
                if self.told.take().is_some() {
                    tracing::info!("the schema registry answers again");
                }
                self.rest = None;
                self.pause = FIRST_PAUSE;
                self.known.insert(answer.which, id);
                let (topic, event, fingerprint) = answer.which;
                if let Some(schema) = avro::known_schema(event, fingerprint) {
                    let subject = subject(topic, &self.registry.topic_prefix, event);
                    let key = self.registry.key(&subject, &schema);
                    let before = store.get::<u32>(&key)?.map(|stored| stored.value);
                    if before.is_some_and(|before| before != id) {
                        tracing::warn!(subject, id, "the schema registry gives another id now");
                    }
                    if before != Some(id) {
                        let mut batch = store.batch();
                        batch.put(key, &id)?;
                        store.apply(batch)?;
                    }
                }
            }
            // Others may be right; this one is asked for again when an event needs it.
            Err(error) if error.remedy() == Remedy::Schema && !self.waits => {
                tracing::warn!(%error, "events of this type will wait in the outbox");
            }
            Err(error) => {
                let (topic, event, _) = answer.which;
                self.ahead.push((topic, event));
                self.rest(error, now);
            }
        }
        Ok(())
    }

    fn rest(&mut self, error: Error, now: Instant) {
        let pause = match error.remedy() {
            Remedy::Soon => self.pause,
            Remedy::Access | Remedy::Schema => SLOW_PAUSE,
        };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.told.as_ref() != Some(&error) {
            tracing::warn!(%error, "events wait in the outbox unless their schemas are remembered");
            self.told = Some(error.clone());
        }
        self.rest = Some((now + pause, error));
    }

    fn remembered(
        &self,
        store: &Store,
        (topic, event, _): Which,
        schema: &str,
    ) -> Result<Option<u32>, store::Error> {
        let subject = subject(topic, &self.registry.topic_prefix, event);
        Ok(store.get(&self.registry.key(&subject, schema))?.map(|stored| stored.value))
    }
}
