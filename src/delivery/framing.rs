//! What stands before each event: the fingerprint of its schema, or the id that a registry gave it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::observer::Observer;
use super::registry::{self, FramingError, SchemaIds};
use crate::event::avro::single_object;
use crate::kafka::Remedy;
use crate::store::{self, OutboxEvent, Store};

/// How long to wait before a registry that did not answer is asked again.
const AWAY: Duration = Duration::from_secs(2);
/// How long to wait where somebody has to look.
const REFUSED: Duration = Duration::from_secs(10);

enum Form {
    /// Avro single objects.
    SingleObject,
    /// A registry that was not asked yet.
    Unprepared(registry::RegistrySettings),
    /// A registry.
    Registry(Box<SchemaIds>),
}

/// Frames events. It blocks: it belongs to the thread of the drain.
pub(super) struct Framing<'a> {
    form: Form,
    store: Store,
    topic_prefix: &'a str,
    observer: &'a Arc<dyn Observer>,
    /// Why events cannot be framed, as it was told last.
    problem: Option<registry::Error>,
}

impl<'a> Framing<'a> {
    pub(super) fn new(
        registry: Option<registry::RegistrySettings>,
        store: Store,
        topic_prefix: &'a str,
        observer: &'a Arc<dyn Observer>,
    ) -> Self {
        let form = registry.map_or(Form::SingleObject, Form::Unprepared);
        Self { form, store, topic_prefix, observer, problem: None }
    }

    /// Makes the client of the registry, and has it ask for all ids. Whether events can be framed
    /// at all.
    pub(super) fn prepare(&mut self) -> Result<bool, store::Error> {
        if let Form::Unprepared(settings) = &self.form {
            match SchemaIds::new(settings, self.store.clone(), self.topic_prefix) {
                Ok(ids) => self.form = Form::Registry(Box::new(ids)),
                Err(error) => {
                    self.wait(error);
                    return Ok(false);
                }
            }
        }
        if let Form::Registry(ids) = &mut self.form
            && !ids.is_prepared()
        {
            // Events whose schemas are right go their way; the others wait when they come.
            if let [first, rest @ ..] = &ids.prepare(Instant::now())?[..] {
                tracing::warn!(error = %first, further = rest.len(), "not every schema has an id");
            }
            if ids.is_prepared() {
                tracing::info!("the registry was asked for every schema");
            }
        }
        Ok(true)
    }

    /// The event as it is sent, or nothing while it cannot be framed.
    pub(super) fn frame(&mut self, event: &OutboxEvent) -> Result<Option<Vec<u8>>, store::Error> {
        let ids = match &mut self.form {
            Form::Registry(ids) => ids,
            Form::SingleObject | Form::Unprepared(_) => {
                return Ok(Some(single_object(event.fingerprint, &event.datum)));
            }
        };
        let topic = event.topic.full_name(self.topic_prefix);
        match ids.frame(&topic, event, Instant::now()) {
            Ok(payload) => {
                if self.problem.take().is_some() {
                    tracing::info!("events are sent again: their schemas have ids");
                    self.observer.schemas(None);
                }
                Ok(Some(payload))
            }
            Err(FramingError::Store(error)) => Err(error),
            Err(FramingError::Registry(error)) => {
                self.wait(error);
                Ok(None)
            }
        }
    }

    /// How long to wait before what could not be framed is tried again.
    pub(super) fn rest(&self) -> Duration {
        match self.problem.as_ref().map(registry::Error::remedy) {
            Some(Remedy::Person) => REFUSED,
            Some(Remedy::Time) | None => AWAY,
        }
    }

    fn wait(&mut self, error: registry::Error) {
        if !self.problem.as_ref().is_some_and(|told| told.says_the_same(&error)) {
            tracing::error!(%error, "events wait for a schema");
            self.observer.schemas(Some(&error.to_string()));
            self.problem = Some(error);
        }
    }
}
