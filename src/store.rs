//! The local store: state, cursors and the outbox, in one sled tree.
//!
//! Every reading is one atomic batch of all three. sled detects little of its own corruption (a
//! flipped bit may roll it back or bring old values back without an error), so each batch also
//! carries a running hash over all entries, which is checked when the store is opened, and a mark
//! beside its files says how far it was once durable. Any doubt, and the files are set aside and
//! the store begun anew: the store is a cache.

mod batch;
mod entry;
mod guard;
mod integrity;
mod key;
mod mark;
mod open;
mod records;

pub use batch::Batch;
pub use entry::{NumberedEntry, OutboxEntry, OutboxEvent, StateRecord};
pub use key::Key;
pub use open::{Opened, Options, Reason};
pub use records::is_position;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::failpoints::passing;
use crate::model::{AccountName, EntityId, EntityKind, MODEL_VERSION, Timestamp};
use guard::{Panicked, catching};
use integrity::Checksum;
use mark::Mark;

/// The version of the store's form. Another one is not read: the store begins anew.
const FORMAT_VERSION: u8 = 2;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the directory open.
    #[error("another process has the state directory {0} open: end it, or set another [state] dir")]
    Locked(String),
    /// The directory cannot be made or written.
    #[error("the state directory {dir} cannot be used: {source}")]
    Directory {
        /// Which.
        dir: String,
        /// Why.
        source: std::io::Error,
    },
    /// The disk failed or is full. What was committed before is kept.
    #[error(
        "the state directory cannot be written: {0}; free space or mend the disk, then restart"
    )]
    Io(#[source] std::io::Error),
    /// The store found damage while it was open.
    #[error("the local store is damaged ({0}); restart to begin it anew")]
    Damaged(&'static str),
    /// A value could not be written as JSON; that is a fault of this program. `serde_json`'s own
    /// words are left out: they may quote the value.
    #[error("a value cannot be stored: it has no form in JSON")]
    Encode,
    /// A record of the state topic has a form that this version does not read.
    #[error(
        "the state topic holds records that this version does not read: was it written by a newer \
         one?"
    )]
    Foreign,
    /// An earlier failure closed the store.
    #[error("the local store was closed after an earlier failure")]
    Closed,
}

impl From<sled::Error> for Error {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io(error),
            // sled's own words may show stored values.
            sled::Error::Corruption { .. } => Self::Damaged("sled found corruption"),
            sled::Error::ReportableBug(_) => Self::Damaged("sled found a fault of its own"),
            sled::Error::Unsupported(_) => Self::Damaged("sled does not support its files"),
            sled::Error::CollectionNotFound(_) => Self::Damaged("sled misses its tree"),
        }
    }
}

/// A stored value, and what it was made under.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// The model's version it was made under.
    pub model_version: u32,
    /// The fingerprint of the privacy settings it was made under.
    pub privacy: u64,
}

/// What is in the outbox, to be looked at without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxLevel {
    /// Events that are not published yet.
    pub events: u64,
    /// Entries that are not published yet; some hold state alone.
    pub entries: u64,
    /// Their size in bytes.
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
    mark: Mutex<Mark>,
    failed: AtomicBool,
    outbox_events: AtomicU64,
    outbox_entries: AtomicU64,
    outbox_bytes: AtomicU64,
    outbox_oldest: AtomicI64,
}

/// What only the one who writes knows.
#[derive(Clone, Copy, Debug)]
struct Writer {
    tally: Checksum,
    /// The number of the newest outbox entry ever.
    newest: u64,
    /// The number of the newest batch.
    batch: u64,
    /// Which store this is, among all that were ever begun.
    lineage: Uuid,
}

/// How many entries are searched for the oldest event: those before it hold state alone.
const SEARCHED_FOR_OLDEST: usize = 200;

/// Stands for "no oldest entry" where a time is kept as a number.
const NO_TIME: i64 = i64::MIN;

impl Store {
    /// The value under a key.
    ///
    /// # Errors
    /// When the store fails, or the value cannot be read.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Stored<T>>, Error> {
        let bytes = self.checked(|| Ok(self.shared.database.get(key.bytes())?))?;
        bytes.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// The version of the model under which a value was stored; `None` where there is none.
    ///
    /// # Errors
    /// When the store fails, or the value is of another form.
    pub fn model_version(&self, key: &Key) -> Result<Option<u32>, Error> {
        let bytes = self.checked(|| Ok(self.shared.database.get(key.bytes())?))?;
        bytes.map(|bytes| batch::version(&bytes).ok_or(Error::Damaged("a value"))).transpose()
    }

    /// All states of a kind, in the order of their ids' bytes.
    pub fn states<T: DeserializeOwned>(
        &self,
        account: &AccountName,
        kind: EntityKind,
    ) -> impl Iterator<Item = Result<(EntityId, Stored<T>), Error>> {
        self.states_after(account, kind, None)
    }

    /// The states of a kind whose ids come after this one.
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

    /// The keys of marks of rows that started before this time, oldest first, at most `most`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn activity_deduplication_keys_before(
        &self,
        account: &AccountName,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<Key>, Error> {
        let range = key::marks_before(account, before);
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
            let (puts, decisions) = batch.into_parts();
            for (key, value) in puts {
                let before = self.shared.database.get(&key)?;
                next.tally.change(&key, before.as_deref(), value.as_deref());
                match value {
                    Some(json) => writes.insert(key, json),
                    None => writes.remove(key),
                }
            }
            for decision in decisions {
                next.newest += 1;
                let value = entry::encode(&decision);
                entries += 1;
                events += decision.events.len() as u64;
                bytes += value.len() as u64;
                if let Some(event) = decision.events.first() {
                    oldest.get_or_insert(event.observed_at);
                }
                let key = key::outbox(next.newest);
                next.tally.change(&key, None, Some(&value));
                writes.insert(key, value);
            }
            passing("store::before_apply");
            next.seal(&mut writes);
            self.shared.database.apply_batch(writes)?;
            *writer = next;
            passing("store::after_apply");
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

    /// Makes a batch that was applied before this call durable.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub fn flush(&self) -> Result<(), Error> {
        self.checked(|| {
            let batch = self.lock_writer().batch;
            self.shared.database.flush()?;
            passing("store::after_flush");
            let mut mark = self.shared.mark.lock().unwrap_or_else(PoisonError::into_inner);
            mark.advance(batch).map_err(Error::Io)
        })
    }

    /// The outbox's entries after a number, in order: at most `most_entries`, and at most
    /// `most_bytes` of them, but at least one where there is one.
    ///
    /// # Errors
    /// When the store fails, or an entry cannot be read.
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
                let decision = entry::decode(&value).ok_or(Error::Damaged("an outbox entry"))?;
                entries.push(NumberedEntry { number, decision });
                if entries.len() == most_entries {
                    break;
                }
            }
            Ok(entries)
        })
    }

    /// Removes the outbox's entries up to and including a number.
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
                next.tally.change(&key, Some(&value), None);
                events += entry::events_in(&value).ok_or(Error::Damaged("an outbox entry"))?;
                entries += 1;
                bytes += value.len() as u64;
                writes.remove(key);
            }
            if entries == 0 {
                return Ok(());
            }
            next.seal(&mut writes);
            self.shared.database.apply_batch(writes)?;
            *writer = next;
            self.shared.outbox_events.fetch_sub(events, Ordering::Relaxed);
            self.shared.outbox_entries.fetch_sub(entries, Ordering::Relaxed);
            self.shared.outbox_bytes.fetch_sub(bytes, Ordering::Relaxed);
            let mut oldest = NO_TIME;
            let left = self.shared.database.range(key::outbox(0)..key::outbox_end());
            for item in left.take(SEARCHED_FOR_OLDEST) {
                let decision = entry::decode(&item?.1).unwrap_or_default();
                if let Some(event) = decision.events.first() {
                    oldest = event.observed_at.millis();
                    break;
                }
            }
            self.shared.outbox_oldest.store(oldest, Ordering::Relaxed);
            Ok(())
        })
    }

    /// What is in the outbox.
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

    /// Runs one operation, unless an earlier one failed; a failure closes the store.
    fn checked<T>(&self, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        if self.shared.failed.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        // sled may panic over a damaged file; that is damage, and no reason to die.
        let outcome = catching(run)
            .unwrap_or_else(|Panicked| Err(Error::Damaged("sled panicked over its files")));
        if outcome.is_err() {
            self.shared.failed.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<Stored<T>, Error> {
        batch::decode(bytes).ok_or_else(|| {
            self.shared.failed.store(true, Ordering::Relaxed);
            Error::Damaged("a value cannot be read")
        })
    }

    /// The fingerprint of the privacy settings that values are written under.
    #[must_use]
    pub fn privacy(&self) -> u64 {
        self.shared.privacy
    }

    /// An empty batch that writes values under this store's settings, to be published.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch::new(MODEL_VERSION, self.shared.privacy, true)
    }

    /// The same, whose states are stored here alone.
    #[must_use]
    pub fn local_batch(&self) -> Batch {
        Batch::new(MODEL_VERSION, self.shared.privacy, false)
    }
}

impl Writer {
    /// The writer of the batch that follows.
    const fn next(&self) -> Self {
        Self { batch: self.batch + 1, ..*self }
    }

    /// Puts the hash over all entries, the newest outbox number, the batch's own number and the
    /// lineage into the batch.
    fn seal(&self, writes: &mut sled::Batch) {
        let mut value = self.tally.to_bytes().to_vec();
        value.extend_from_slice(&self.newest.to_be_bytes());
        value.extend_from_slice(&self.batch.to_be_bytes());
        value.extend_from_slice(self.lineage.as_bytes());
        writes.insert(key::seal(), value);
    }
}

#[cfg(test)]
mod tests;
