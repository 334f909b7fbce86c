//! The records of state: what the store shares with the state topic, in the topic's own form.

use serde::de::DeserializeOwned;

use super::key;
use super::{Error, Key, StateRecord, Store, Stored, batch};
use crate::model::AccountName;

/// How many keys of an account that is retired are removed at once.
const RETIRED_AT_ONCE: usize = 500;

impl Store {
    /// Takes over records as they stand on the state topic, in their order.
    ///
    /// # Errors
    /// When the store fails, or a record's form is one that this version does not read.
    pub fn take_over(&self, records: Vec<StateRecord>) -> Result<(), Error> {
        let mut batch = self.local_batch();
        for (key, value) in records {
            if !key::is_published(&key) {
                return Err(Error::Foreign);
            }
            if value.as_deref().is_some_and(|value| value.first() != Some(&batch::VALUE_VERSION)) {
                return Err(Error::Foreign);
            }
            batch.take_over(key, value);
        }
        self.apply(batch)
    }

    /// Goes on after this outbox entry, which another owner has published.
    ///
    /// # Errors
    /// When the store fails.
    pub fn number_entries_after(&self, newest: u64) -> Result<(), Error> {
        {
            let mut writer = self.lock_writer();
            writer.newest = writer.newest.max(newest);
        }
        // The number is a part of every batch's seal.
        self.apply(self.local_batch())
    }

    /// The number of the newest outbox entry ever.
    #[must_use]
    pub fn newest_entry(&self) -> u64 {
        self.lock_writer().newest
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

    /// Where each stream of an account stands.
    pub fn positions<T: DeserializeOwned>(
        &self,
        account: &AccountName,
    ) -> impl Iterator<Item = Result<(String, Stored<T>), Error>> {
        let prefix = key::positions_prefix(account);
        let length = prefix.len();
        self.shared.database.scan_prefix(prefix).map(move |entry| {
            let (key, value) = entry?;
            Ok((String::from_utf8_lossy(&key[length..]).into_owned(), self.decode(&value)?))
        })
    }

    /// The accounts of which there is something.
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

    /// Forgets an account, here and on the state topic.
    ///
    /// # Errors
    /// When the store fails.
    pub fn retire(&self, account: &AccountName) -> Result<(), Error> {
        for prefix in key::prefixes_of(account) {
            loop {
                let mut batch = self.batch();
                let keys = self.shared.database.scan_prefix(&prefix).keys();
                for key in keys.take(RETIRED_AT_ONCE) {
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

/// Whether a record is the position of a stream, which the topic learns later than the store.
#[must_use]
pub fn is_position(key: &[u8]) -> bool {
    key::is_cursor(key)
}
