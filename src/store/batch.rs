//! A batch, and the form of its values: format, model version, privacy settings, then JSON.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entry::{OutboxEntry, OutboxEvent};
use super::key::Key;
use super::{Error, Stored};

/// The version of a value's form. It also stands on the state topic.
pub(super) const VALUE_VERSION: u8 = 1;

/// Format (1 byte), model version (4 bytes), privacy settings (8 bytes).
const HEADER: usize = 13;

/// Keys and what they become: `None` removes.
type Puts = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// Writes that are applied together. The last write to a key counts.
///
/// What is put and pushed between two calls of [`Batch::close_decision`] is published together.
#[derive(Debug, Default)]
pub struct Batch {
    model_version: u32,
    privacy: u64,
    /// Whether what is written is published as well.
    published: bool,
    puts: Puts,
    open: OutboxEntry,
    decisions: Vec<OutboxEntry>,
}

impl Batch {
    pub(super) fn new(model_version: u32, privacy: u64, published: bool) -> Self {
        Self { model_version, privacy, published, ..Self::default() }
    }

    /// Stores a value, here and on the state topic.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn put<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), Error> {
        let bytes = self.encode(value)?;
        self.write(key, Some(bytes));
        Ok(())
    }

    /// Stores a value that was read under this version of the model, and not beside a row since:
    /// what it does not hold is still not known.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn put_as_of<T: Serialize>(
        &mut self,
        key: Key,
        value: &T,
        model_version: u32,
    ) -> Result<(), Error> {
        if model_version >= self.model_version {
            return self.put(key, value);
        }
        let mut value = serde_json::to_value(value).map_err(|_| Error::Encode)?;
        leave_out_what_is_empty(&mut value);
        let current = std::mem::replace(&mut self.model_version, model_version);
        let bytes = self.encode(&value);
        self.model_version = current;
        self.write(key, Some(bytes?));
        Ok(())
    }

    /// Stores a value here alone.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn put_locally<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), Error> {
        let bytes = self.encode(value)?;
        self.puts.insert(key.into_bytes(), Some(bytes));
        Ok(())
    }

    fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(VALUE_VERSION);
        bytes.extend_from_slice(&self.model_version.to_be_bytes());
        bytes.extend_from_slice(&self.privacy.to_be_bytes());
        serde_json::to_writer(&mut bytes, value).map_err(|_| Error::Encode)?;
        Ok(bytes)
    }

    /// What this batch makes of a key: `None` when it leaves it alone, `Some(None)` when it removes
    /// it.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<Option<Stored<T>>> {
        Some(self.puts.get(key.bytes())?.as_deref().and_then(decode))
    }

    /// Removes a value, here and on the state topic.
    pub fn remove(&mut self, key: Key) {
        self.write(key, None);
    }

    fn write(&mut self, key: Key, value: Option<Vec<u8>>) {
        let key = key.into_bytes();
        if self.published {
            self.open.records.retain(|(written, _)| *written != key);
            self.open.records.push((key.clone(), value.clone()));
        }
        self.puts.insert(key, value);
    }

    /// Stores or removes a record as it came from the state topic, here alone.
    pub(super) fn take_over(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.puts.insert(key, value);
    }

    /// Adds an event to the end of the outbox.
    pub fn push(&mut self, event: OutboxEvent) {
        self.open.events.push(event);
    }

    /// What was put and pushed since the last call belongs together; what follows does not.
    pub fn close_decision(&mut self) {
        if !self.open.is_empty() {
            self.decisions.push(std::mem::take(&mut self.open));
        }
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.open.is_empty() && self.decisions.is_empty()
    }

    /// Whether it holds an event.
    #[must_use]
    pub fn has_events(&self) -> bool {
        let decisions = self.decisions.iter().chain([&self.open]);
        decisions.into_iter().any(|decision| !decision.events.is_empty())
    }

    pub(super) fn into_parts(mut self) -> (Puts, Vec<OutboxEntry>) {
        self.close_decision();
        (self.puts, self.decisions)
    }
}

/// Leaves the fields out that hold nothing: fields that an older model does not know read as that.
fn leave_out_what_is_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| {
                !value.is_null() && !value.as_array().is_some_and(Vec::is_empty)
            });
            fields.values_mut().for_each(leave_out_what_is_empty);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_what_is_empty),
        _ => {}
    }
}

/// The version of the model under which a value was stored.
pub(super) fn version(bytes: &[u8]) -> Option<u32> {
    let (header, _) = bytes.split_at_checked(HEADER)?;
    (header[0] == VALUE_VERSION).then_some(())?;
    Some(u32::from_be_bytes(header[1..5].try_into().ok()?))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<Stored<T>> {
    let (header, json) = bytes.split_at_checked(HEADER)?;
    (header[0] == VALUE_VERSION).then_some(())?;
    let model_version = u32::from_be_bytes(header[1..5].try_into().ok()?);
    let privacy = u64::from_be_bytes(header[5..13].try_into().ok()?);
    let value = serde_json::from_slice(json).ok()?;
    Some(Stored { value, model_version, privacy })
}
