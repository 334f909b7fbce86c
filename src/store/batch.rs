//! A batch of writes, which are applied together.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entry::{OutboxEntry, OutboxEvent};
use super::error::Error;
use super::key::Key;
use super::value::{self, Stored, decode};

/// Keys and their new values; `None` removes.
type Puts = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// Where a batch writes state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StateTarget {
    /// The store alone.
    #[default]
    Store,
    /// The store and, by way of the outbox, the state topic.
    StoreAndTopic,
}

/// Writes that are applied together. The last write to a key counts.
///
/// What is put and pushed between two calls of [`Batch::close_entry`] is one outbox entry.
#[derive(Debug, Default)]
pub struct Batch {
    model_version: u32,
    privacy: u64,
    target: StateTarget,
    puts: Puts,
    /// The outbox entry that is not closed yet.
    open: OutboxEntry,
    entries: Vec<OutboxEntry>,
}

impl Batch {
    pub(super) fn new(model_version: u32, privacy: u64, target: StateTarget) -> Self {
        Self { model_version, privacy, target, ..Self::default() }
    }

    /// Stores a value; on the state topic too, unless this is a local batch.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn put<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), Error> {
        let bytes = value::encode(value, self.model_version, self.privacy)?;
        self.write(key, Some(bytes));
        Ok(())
    }

    /// Stores a value that was built under this version of the model and not from a newer row: fields
    /// that this version does not know are still unknown.
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
        remove_empty_fields(&mut value);
        let bytes = value::encode(&value, model_version, self.privacy)?;
        self.write(key, Some(bytes));
        Ok(())
    }

    /// Stores a value in the store alone.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn put_locally<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), Error> {
        let bytes = value::encode(value, self.model_version, self.privacy)?;
        self.puts.insert(key.into_bytes(), Some(bytes));
        Ok(())
    }

    /// What this batch writes to a key: `None` when nothing, `Some(None)` when it removes it.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<Option<Stored<T>>> {
        Some(self.puts.get(key.bytes())?.as_deref().and_then(decode))
    }

    /// Removes a value; on the state topic too, unless this is a local batch.
    pub fn remove(&mut self, key: Key) {
        self.write(key, None);
    }

    fn write(&mut self, key: Key, value: Option<Vec<u8>>) {
        let key = key.into_bytes();
        if self.target == StateTarget::StoreAndTopic {
            self.open.records.retain(|(written, _)| *written != key);
            self.open.records.push((key.clone(), value.clone()));
        }
        self.puts.insert(key, value);
    }

    /// Writes a record of the state topic, as it is, into the store alone.
    pub(super) fn put_record(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.puts.insert(key, value);
    }

    /// Adds an event to the open outbox entry.
    pub fn push(&mut self, event: OutboxEvent) {
        self.open.events.push(event);
    }

    /// Closes the outbox entry: what follows belongs to the next one.
    pub fn close_entry(&mut self) {
        if !self.open.is_empty() {
            self.entries.push(std::mem::take(&mut self.open));
        }
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.open.is_empty() && self.entries.is_empty()
    }

    pub(super) fn into_parts(mut self) -> (Puts, Vec<OutboxEntry>) {
        self.close_entry();
        (self.puts, self.entries)
    }
}

/// Removes fields that are null or an empty list: that is what fields unknown to an older model read as.
fn remove_empty_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| {
                !value.is_null() && !value.as_array().is_some_and(Vec::is_empty)
            });
            fields.values_mut().for_each(remove_empty_fields);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_empty_fields),
        _ => {}
    }
}
