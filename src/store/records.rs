//! The records of state, which the store shares with the state topic, in the topic's form.

use serde::de::DeserializeOwned;

use super::key;
use super::value::VALUE_VERSION;
use super::{Error, Key, StateRecord, Store, Stored};
use crate::model::AccountName;

/// How many keys of a retired account are removed at once.
const KEYS_AT_ONCE: usize = 500;

impl Store {
    /// Writes records of the state topic, in their order.
    ///
    /// # Errors
    /// [`Error::Foreign`] when a record has a form that this version does not read; or the store fails.
    pub fn put_records(&self, records: Vec<StateRecord>) -> Result<(), Error> {
        let mut batch = self.local_batch();
        for (key, value) in records {
            if !key::is_published(&key) {
                return Err(Error::Foreign);
            }
            if value.as_deref().is_some_and(|value| value.first() != Some(&VALUE_VERSION)) {
                return Err(Error::Foreign);
            }
            batch.put_record(key, value);
        }
        self.apply(batch)
    }

    /// Numbers further outbox entries after this one, which another owner has published.
    ///
    /// # Errors
    /// When the store fails.
    pub fn number_entries_after(&self, newest: u64) -> Result<(), Error> {
        {
            let mut writer = self.lock_writer();
            writer.newest_entry = writer.newest_entry.max(newest);
        }
        // Every batch writes the number with the checksum.
        self.apply(self.local_batch())
    }

    /// The number of the newest outbox entry the store ever had.
    #[must_use]
    pub fn newest_entry(&self) -> u64 {
        self.lock_writer().newest_entry
    }

    /// Every record that is shared with the state topic, in the order of the keys.
    pub fn records(&self) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Error>> {
        let entries = self.shared.database.iter().map(|entry| {
            let (key, value) = entry?;
            Ok((key.to_vec(), value.to_vec()))
        });
        entries.filter(|entry| {
            entry.as_ref().map_or(true, |(key, _): &(Vec<u8>, Vec<u8>)| key::is_published(key))
        })
    }

    /// The cursors of an account's streams, by the stream's name.
    pub fn cursors<T: DeserializeOwned>(
        &self,
        account: &AccountName,
    ) -> impl Iterator<Item = Result<(String, Stored<T>), Error>> {
        let prefix = key::cursors_prefix(account);
        let length = prefix.len();
        self.shared.database.scan_prefix(prefix).map(move |entry| {
            let (key, value) = entry?;
            Ok((String::from_utf8_lossy(&key[length..]).into_owned(), self.decode(&value)?))
        })
    }

    /// The accounts of which there is a record.
    ///
    /// # Errors
    /// When the store fails.
    pub fn accounts(&self) -> Result<Vec<AccountName>, Error> {
        let keys = self.shared.database.range(key::accounts()).keys();
        let mut accounts = Vec::new();
        for key in keys {
            accounts.extend(key::account_of(&key?));
        }
        Ok(accounts)
    }

    /// Removes all records of an account, here and on the state topic.
    ///
    /// # Errors
    /// When the store fails.
    pub fn retire(&self, account: &AccountName) -> Result<(), Error> {
        for prefix in key::prefixes_of(account) {
            loop {
                let mut batch = self.batch();
                let keys = self.shared.database.scan_prefix(&prefix).keys();
                for key in keys.take(KEYS_AT_ONCE) {
                    batch.remove(Key::raw(&key?));
                }
                if batch.is_empty() {
                    break;
                }
                self.apply(batch)?;
            }
        }
        Ok(())
    }
}

/// Whether a record is the cursor of a stream, which is published later than it is stored.
#[must_use]
pub fn is_cursor(key: &[u8]) -> bool {
    key::is_cursor(key)
}
