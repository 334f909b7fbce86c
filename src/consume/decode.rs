//! Reading events of either framing: single objects by the schemas that are built in, and messages
//! that name a schema of a registry by that schema, fetched once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use apache_avro::Schema;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::event::EventType;
use crate::publish::avro::{self, Decoder};
use crate::publish::registry::{Client, Error, Remedy, unframed};

/// How many schemas are kept. There are far fewer, unless a topic holds something else.
const KEPT: usize = 500;
/// How long a registry that failed is not asked again.
const REST: Duration = Duration::from_secs(5);

/// What is known of an id.
enum Known {
    Schema(Box<Schema>),
    Refused(String),
}

/// Reads events of either framing.
pub struct Messages {
    decoder: Decoder,
    registry: Option<(Client, Handle)>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    known: HashMap<u32, Known>,
    rest: Option<(Instant, String)>,
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Messages").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Messages {
    /// Prepares the built-in schemas. The registry, if there is one, is asked on that runtime, and
    /// from outside of it.
    ///
    /// # Errors
    /// When a schema of this program is not right, which a test rules out.
    pub fn new(registry: Option<(Client, Handle)>) -> Result<Self, avro::Error> {
        Ok(Self { decoder: Decoder::new()?, registry, cache: Mutex::default() })
    }

    /// The event's type and its fields, as [`Decoder::decode`] gives them. Blocks while a schema is
    /// fetched.
    ///
    /// # Errors
    /// When its schema is not known, or it cannot be read by it.
    pub fn decode(&self, message: &[u8]) -> Result<(EventType, Value), avro::Error> {
        let Some((id, datum)) = unframed(message) else { return self.decoder.decode(message) };
        let Some((client, runtime)) = &self.registry else {
            let problem = format!("schema {id} of a registry; name it with --registry URL");
            return Err(avro::Error::Unknown(problem));
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if !cache.known.contains_key(&id) {
            if let Some((until, reason)) = &cache.rest
                && Instant::now() < *until
            {
                return Err(avro::Error::Unknown(reason.clone()));
            }
            cache.rest = None;
            match runtime.block_on(fetch(client, id)) {
                Ok(known) => {
                    if cache.known.len() >= KEPT {
                        cache.known.clear();
                    }
                    cache.known.insert(id, known);
                }
                Err(error) => {
                    cache.rest = Some((Instant::now() + REST, error.to_string()));
                    return Err(avro::Error::Unknown(error.to_string()));
                }
            }
        }
        match cache.known.get(&id) {
            Some(Known::Schema(schema)) => avro::decode_by(schema, datum),
            Some(Known::Refused(reason)) => Err(avro::Error::Unknown(reason.clone())),
            None => Err(avro::Error::Unknown(format!("schema {id}"))),
        }
    }
}

/// What the registry says of an id for good; an error is what may be otherwise in a moment.
async fn fetch(client: &Client, id: u32) -> Result<Known, Error> {
    match client.schema(id).await {
        Ok(text) => Ok(match Schema::parse_str(&text) {
            Ok(schema) => Known::Schema(Box::new(schema)),
            Err(_) => Known::Refused(format!("schema {id} is no self-contained Avro schema")),
        }),
        Err(error) if error.remedy() == Remedy::Schema => Ok(Known::Refused(error.to_string())),
        Err(error) => Err(error),
    }
}
