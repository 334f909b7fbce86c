//! The bytes before each event: the fingerprint of its schema, or the id that a registry gave it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::observer::Observer;
use super::registry::{self, FramingError, SchemaIds};
use crate::event::avro::single_object;
use crate::kafka::Remedy;
use crate::store::{self, OutboxEvent, Store};

/// The wait before a registry that did not answer is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(2);
/// The same where an operator is needed.
const OPERATOR_WAIT: Duration = Duration::from_secs(10);

enum Form {
    /// Avro single objects.
    SingleObject,
    /// A registry whose client is not created yet.
    Unprepared(registry::RegistrySettings),
    /// A registry.
    Registry(Box<SchemaIds>),
}

/// Whether events can be framed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparation {
    Ready,
    /// Not now: to be tried again after [`Framing::wait`].
    Waiting,
}

/// Frames events. It blocks: it belongs to the thread of the outbox relay.
pub(super) struct Framing<'a> {
    form: Form,
    store: Store,
    topic_prefix: &'a str,
    observer: &'a Arc<dyn Observer>,
    /// Runs the registry's client.
    runtime: &'a Handle,
    /// Why events cannot be framed, as last reported.
    problem: Option<registry::Error>,
}

impl<'a> Framing<'a> {
    pub(super) fn new(
        registry: Option<registry::RegistrySettings>,
        store: Store,
        topic_prefix: &'a str,
        observer: &'a Arc<dyn Observer>,
        runtime: &'a Handle,
    ) -> Self {
        let form = registry.map_or(Form::SingleObject, Form::Unprepared);
        Self { form, store, topic_prefix, observer, runtime, problem: None }
    }

    /// Creates the registry's client, and requests the ids of all events, some at each call.
    pub(super) fn prepare(&mut self) -> Result<Preparation, store::Error> {
        if let Form::Unprepared(settings) = &self.form {
            let store = self.store.clone();
            match SchemaIds::new(settings, store, self.topic_prefix, self.runtime.clone()) {
                Ok(ids) => self.form = Form::Registry(Box::new(ids)),
                Err(error) => {
                    self.report(error);
                    return Ok(Preparation::Waiting);
                }
            }
        }
        if let Form::Registry(ids) = &mut self.form
            && !ids.is_prepared()
        {
            // Not fatal: only an event whose own schema has no id has to wait.
            if let [first, rest @ ..] = &ids.prepare(Instant::now())?[..] {
                tracing::warn!(error = %first, further = rest.len(), "not every schema has an id");
            }
            if ids.is_prepared() {
                tracing::info!("schema ids requested for every event type");
            }
        }
        Ok(Preparation::Ready)
    }

    /// The event as it is sent; `None` while it cannot be framed.
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
                self.report(error);
                Ok(None)
            }
        }
    }

    /// The wait before what could not be framed is tried again.
    pub(super) fn wait(&self) -> Duration {
        match self.problem.as_ref().map(registry::Error::remedy) {
            Some(Remedy::Operator) => OPERATOR_WAIT,
            Some(Remedy::Retry) | None => RETRY_WAIT,
        }
    }

    /// Reports why events wait, once per problem.
    fn report(&mut self, error: registry::Error) {
        if !self.problem.as_ref().is_some_and(|reported| reported.is_same_problem(&error)) {
            tracing::error!(%error, "events wait for a schema");
            self.observer.schemas(Some(&error.to_string()));
            self.problem = Some(error);
        }
    }
}
