//! The local store: state, cursors and the outbox, in one sled tree.
//!
//! Every poll result is one atomic batch of all three. sled detects little of its own corruption (a
//! flipped bit may roll it back or bring old values back without an error), so each batch also writes a
//! checksum over all entries, which is verified when the store is opened, and a marker beside sled's
//! files says up to which batch the store was once durable. A store that fails a check is moved aside
//! and replaced: it is a cache.

mod batch;
mod durability;
mod entry;
mod error;
mod integrity;
mod key;
mod open;
mod panics;
mod records;
mod value;

pub use batch::Batch;
pub use entry::{NumberedEntry, OutboxEntry, OutboxEvent, StateRecord};
pub use error::Error;
pub use key::Key;
pub use open::{OpenOutcome, Options, UntrustedReason};
pub use records::is_cursor;
pub use value::Stored;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::failpoints::failpoint;
use crate::model::{AccountName, EntityId, EntityKind, MODEL_VERSION, Timestamp};
use batch::StateTarget;
use durability::DurabilityMarker;
use integrity::Checksum;
use panics::{Panicked, catch_panics};

/// The version of the store's format. A store of another version is replaced.
const FORMAT_VERSION: u8 = 2;

/// The size of the outbox, kept in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxLevel {
    /// Events that are not published yet.
    pub events: u64,
    /// Entries that are not published yet; some hold state alone.
    pub entries: u64,
    /// The entries' size in bytes.
    pub bytes: u64,
    /// When the oldest event was observed.
    pub oldest: Option<Timestamp>,
}

/// The store. Clones share it; one batch is applied at a time.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: sled::Db,
    privacy: u64,
    writer: Mutex<Writer>,
    marker: Mutex<DurabilityMarker>,
    failed: AtomicBool,
    outbox_events: AtomicU64,
    outbox_entries: AtomicU64,
    outbox_bytes: AtomicU64,
    outbox_oldest: AtomicI64,
}

/// What a batch continues from.
#[derive(Clone, Copy, Debug)]
struct Writer {
    checksum: Checksum,
    /// The number of the newest outbox entry the store ever had.
    newest_entry: u64,
    /// The number of the newest batch.
    batch: u64,
    /// The identity of this store.
    lineage: Uuid,
}

/// How many entries are searched for the oldest event: those before it hold state alone.
const OLDEST_EVENT_SEARCH: usize = 200;

/// Stands for "no oldest event" where a time is kept as a number.
const NO_TIME: i64 = i64::MIN;

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// When the store fails, or the value cannot be decoded, which closes the store.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Stored<T>>, Error> {
        let bytes = self.checked(|| Ok(self.shared.database.get(key.bytes())?))?;
        bytes.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// The model version under which a value was written; `None` where there is no value.
    ///
    /// # Errors
    /// When the store fails, or the value has another form.
    pub fn model_version(&self, key: &Key) -> Result<Option<u32>, Error> {
        let bytes = self.checked(|| Ok(self.shared.database.get(key.bytes())?))?;
        bytes.map(|bytes| value::model_version(&bytes).ok_or(Error::Damaged("a value"))).transpose()
    }

    /// All states of a kind, ordered by the bytes of their ids.
    pub fn states<T: DeserializeOwned>(
        &self,
        account: &AccountName,
        kind: EntityKind,
    ) -> impl Iterator<Item = Result<(EntityId, Stored<T>), Error>> {
        self.states_after(account, kind, None)
    }

    /// The states of a kind whose ids are greater than this one.
    pub fn states_after<T: DeserializeOwned>(
        &self,
        account: &AccountName,
        kind: EntityKind,
        after: Option<&EntityId>,
    ) -> impl Iterator<Item = Result<(EntityId, Stored<T>), Error>> {
        let prefix = key::states_prefix(account, kind);
        let mut from = prefix.clone();
        if let Some(after) = after {
            from.extend_from_slice(after.as_str().as_bytes());
            from.push(0);
        }
        let end = key::after_prefix(&prefix);
        let length = prefix.len();
        self.shared.database.range(from..end).map(move |entry| {
            let (key, value) = entry?;
            let id = String::from_utf8_lossy(&key[length..]).into_owned();
            Ok((EntityId::new(id), self.decode(&value)?))
        })
    }

    /// At most `most` deduplication keys of the activity log, of rows that started or ended before
    /// this time, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn activity_deduplication_keys_before(
        &self,
        account: &AccountName,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<Key>, Error> {
        let range = key::deduplication_keys_before(account, before);
        let keys = self.shared.database.range(range).keys().take(most);
        keys.map(|key| Ok(Key::raw(&key?))).collect()
    }

    /// Applies a batch: all of it, or, after an error, none of it.
    ///
    /// # Errors
    /// When the disk fails or is full. From then on the store refuses everything, until it is
    /// opened again, so that nothing is built on a batch that may not be there.
    pub fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.checked(|| {
            let mut writer = self.lock_writer();
            let mut next = writer.next();
            let mut writes = sled::Batch::default();
            let (mut events, mut entries, mut bytes, mut oldest) = (0_u64, 0_u64, 0_u64, None);
            let (puts, new_entries) = batch.into_parts();
            for (key, value) in puts {
                let before = self.shared.database.get(&key)?;
                next.checksum.change(&key, before.as_deref(), value.as_deref());
                match value {
                    Some(json) => writes.insert(key, json),
                    None => writes.remove(key),
                }
            }
            for entry in new_entries {
                next.newest_entry += 1;
                let value = entry::encode(&entry);
                entries += 1;
                events += entry.events.len() as u64;
                bytes += value.len() as u64;
                if let Some(event) = entry.events.first() {
                    oldest.get_or_insert(event.observed_at);
                }
                let key = key::outbox(next.newest_entry);
                next.checksum.change(&key, None, Some(&value));
                writes.insert(key, value);
            }
            failpoint("store::before_apply");
            next.write_checksum(&mut writes);
            self.shared.database.apply_batch(writes)?;
            *writer = next;
            failpoint("store::after_apply");
            self.shared.outbox_events.fetch_add(events, Ordering::Relaxed);
            self.shared.outbox_entries.fetch_add(entries, Ordering::Relaxed);
            self.shared.outbox_bytes.fetch_add(bytes, Ordering::Relaxed);
            if let Some(oldest) = oldest {
                let _ = self.shared.outbox_oldest.compare_exchange(
                    NO_TIME,
                    oldest.millis(),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
            }
            Ok(())
        })
    }

    /// Makes every batch that was applied before this call durable.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub fn flush(&self) -> Result<(), Error> {
        self.checked(|| {
            let batch = self.lock_writer().batch;
            self.shared.database.flush()?;
            failpoint("store::after_flush");
            let mut marker = self.shared.marker.lock().unwrap_or_else(PoisonError::into_inner);
            marker.advance(batch).map_err(Error::Io)
        })
    }

    /// The outbox entries after a number, in order: at most `most_entries`, and at most `most_bytes`
    /// of them, but at least one where there is one.
    ///
    /// # Errors
    /// When the store fails, or an entry cannot be decoded.
    pub fn outbox_after(
        &self,
        number: u64,
        most_entries: usize,
        most_bytes: usize,
    ) -> Result<Vec<NumberedEntry>, Error> {
        self.checked(|| {
            let mut entries = Vec::new();
            let mut bytes = 0;
            let Some(from) = number.checked_add(1) else { return Ok(entries) };
            for item in self.shared.database.range(key::outbox(from)..key::outbox_end()) {
                let (key, value) = item?;
                bytes += value.len();
                if !entries.is_empty() && bytes > most_bytes {
                    break;
                }
                let number = key::outbox_number(&key).ok_or(Error::Damaged("an outbox key"))?;
                let entry = entry::decode(&value).ok_or(Error::Damaged("an outbox entry"))?;
                entries.push(NumberedEntry { number, entry });
                if entries.len() == most_entries {
                    break;
                }
            }
            Ok(entries)
        })
    }

    /// Removes the outbox entries up to and including a number.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub fn outbox_remove_through(&self, number: u64) -> Result<(), Error> {
        self.checked(|| {
            let mut writer = self.lock_writer();
            let mut next = writer.next();
            let mut writes = sled::Batch::default();
            let (mut events, mut entries, mut bytes) = (0_u64, 0_u64, 0_u64);
            for item in self.shared.database.range(key::outbox(0)..=key::outbox(number)) {
                let (key, value) = item?;
                next.checksum.change(&key, Some(&value), None);
                events += entry::event_count(&value).ok_or(Error::Damaged("an outbox entry"))?;
                entries += 1;
                bytes += value.len() as u64;
                writes.remove(key);
            }
            if entries == 0 {
                return Ok(());
            }
            next.write_checksum(&mut writes);
            self.shared.database.apply_batch(writes)?;
            *writer = next;
            self.shared.outbox_events.fetch_sub(events, Ordering::Relaxed);
            self.shared.outbox_entries.fetch_sub(entries, Ordering::Relaxed);
            self.shared.outbox_bytes.fetch_sub(bytes, Ordering::Relaxed);
            let mut oldest = NO_TIME;
            let left = self.shared.database.range(key::outbox(0)..key::outbox_end());
            for item in left.take(OLDEST_EVENT_SEARCH) {
                let entry = entry::decode(&item?.1).unwrap_or_default();
                if let Some(event) = entry.events.first() {
                    oldest = event.observed_at.millis();
                    break;
                }
            }
            self.shared.outbox_oldest.store(oldest, Ordering::Relaxed);
            Ok(())
        })
    }

    /// The size of the outbox.
    #[must_use]
    pub fn outbox_level(&self) -> OutboxLevel {
        let oldest = self.shared.outbox_oldest.load(Ordering::Relaxed);
        OutboxLevel {
            events: self.shared.outbox_events.load(Ordering::Relaxed),
            entries: self.shared.outbox_entries.load(Ordering::Relaxed),
            bytes: self.shared.outbox_bytes.load(Ordering::Relaxed),
            oldest: (oldest != NO_TIME).then(|| Timestamp::from_millis(oldest)),
        }
    }

    fn lock_writer(&self) -> std::sync::MutexGuard<'_, Writer> {
        self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an operation, unless an earlier one failed; a failure closes the store.
    fn checked<T>(&self, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        if self.shared.failed.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        let outcome = catch_panics(run)
            .unwrap_or_else(|Panicked| Err(Error::Damaged("sled panicked over its files")));
        if outcome.is_err() {
            self.shared.failed.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<Stored<T>, Error> {
        value::decode(bytes).ok_or_else(|| {
            self.shared.failed.store(true, Ordering::Relaxed);
            Error::Damaged("a value cannot be read")
        })
    }

    /// The fingerprint of the privacy settings that values are written under.
    #[must_use]
    pub fn privacy(&self) -> u64 {
        self.shared.privacy
    }

    /// An empty batch. What it writes is published as well.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch::new(MODEL_VERSION, self.shared.privacy, StateTarget::StoreAndTopic)
    }

    /// An empty batch that writes state to the store alone.
    #[must_use]
    pub fn local_batch(&self) -> Batch {
        Batch::new(MODEL_VERSION, self.shared.privacy, StateTarget::Store)
    }
}

impl Writer {
    /// For the batch that follows.
    const fn next(&self) -> Self {
        Self { batch: self.batch + 1, ..*self }
    }

    /// Writes the checksum record: the checksum over all other entries, the newest outbox number, the
    /// batch number and the lineage.
    fn write_checksum(&self, writes: &mut sled::Batch) {
        let mut value = self.checksum.to_bytes().to_vec();
        value.extend_from_slice(&self.newest_entry.to_be_bytes());
        value.extend_from_slice(&self.batch.to_be_bytes());
        value.extend_from_slice(self.lineage.as_bytes());
        writes.insert(key::checksum(), value);
    }
}

#[cfg(test)]
mod tests;
