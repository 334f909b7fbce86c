//! A batch, and the form of its values: format, model version, privacy settings, then JSON.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entry::OutboxEvent;
use super::key::Key;
use super::{Error, FORMAT_VERSION, Stored};

/// Format (1 byte), model version (4 bytes), privacy settings (8 bytes).
const HEADER: usize = 13;

/// Keys and what they become: `None` removes.
type Puts = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// Writes that are applied together. The last write to a key counts.
#[derive(Debug, Default)]
pub struct Batch {
    model_version: u32,
    privacy: u64,
    puts: Puts,
    pushes: Vec<OutboxEvent>,
}

impl Batch {
    pub(super) fn new(model_version: u32, privacy: u64) -> Self {
        Self { model_version, privacy, puts: Puts::new(), pushes: Vec::new() }
    }

    /// Stores a value.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn put<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(FORMAT_VERSION);
        bytes.extend_from_slice(&self.model_version.to_be_bytes());
        bytes.extend_from_slice(&self.privacy.to_be_bytes());
        serde_json::to_writer(&mut bytes, value).map_err(|_| Error::Encode)?;
        self.puts.insert(key.into_bytes(), Some(bytes));
        Ok(())
    }

    /// What this batch makes of a key: `None` when it leaves it alone, `Some(None)` when it removes
    /// it.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<Option<Stored<T>>> {
        Some(self.puts.get(key.bytes())?.as_deref().and_then(decode))
    }

    /// Removes a value.
    pub fn remove(&mut self, key: Key) {
        self.puts.insert(key.into_bytes(), None);
    }

    /// Adds an event to the end of the outbox.
    pub fn push(&mut self, event: OutboxEvent) {
        self.pushes.push(event);
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.pushes.is_empty()
    }

    pub(super) fn into_parts(self) -> (Puts, Vec<OutboxEvent>) {
        (self.puts, self.pushes)
    }
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<Stored<T>> {
    let (header, json) = bytes.split_at_checked(HEADER)?;
    (header[0] == FORMAT_VERSION).then_some(())?;
    let model_version = u32::from_be_bytes(header[1..5].try_into().ok()?);
    let privacy = u64::from_be_bytes(header[5..13].try_into().ok()?);
    let value = serde_json::from_slice(json).ok()?;
    Some(Stored { value, model_version, privacy })
}
