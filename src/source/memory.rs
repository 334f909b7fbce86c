//! Which rows were seen last time, by a fingerprint of their bytes: a row that has not changed by
//! a single byte is neither decoded nor compared again.
//!
//! A memory is only as good as what became of the rows: it may be used for the next reading only
//! after the reading it came from has been committed. It holds the rows of one reading, no more.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_128;

use crate::model::EntityId;

/// A 128-bit hash (XXH3) of a row's bytes as the vendor sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The fingerprint of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes))
    }
}

/// As 32 hexadecimal digits.
impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// The rows of the last committed reading of one stream.
#[derive(Clone, Debug, Default)]
pub struct RowMemory {
    rows: HashMap<Fingerprint, EntityId>,
    set_aside: HashSet<Fingerprint>,
}

impl RowMemory {
    /// Whose row had exactly these bytes.
    #[must_use]
    pub fn recall(&self, fingerprint: Fingerprint) -> Option<&EntityId> {
        self.rows.get(&fingerprint)
    }

    /// Remembers a row.
    pub fn remember(&mut self, fingerprint: Fingerprint, id: EntityId) {
        self.rows.insert(fingerprint, id);
    }

    /// Keeps the decoded rows of these ids alone.
    pub fn keep(&mut self, wanted: impl Fn(&EntityId) -> bool) {
        self.rows.retain(|_, id| wanted(id));
    }

    /// Whether a row of exactly these bytes was set aside, and told of, in the last reading.
    #[must_use]
    pub fn was_set_aside(&self, fingerprint: Fingerprint) -> bool {
        self.set_aside.contains(&fingerprint)
    }

    /// Remembers a row that was set aside, so that it is told of once while it is shown.
    pub fn remember_set_aside(&mut self, fingerprint: Fingerprint) {
        self.set_aside.insert(fingerprint);
    }

    /// How many decoded rows are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no decoded row is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
