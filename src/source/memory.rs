//! The rows of the last poll, by a fingerprint of their bytes: a row that has not changed by a
//! single byte is neither decoded nor compared again.
//!
//! A memory may be used for the next poll only after the result that it came with was committed. It
//! holds the rows of one result, no more.

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

/// The rows of the last committed result of one stream.
#[derive(Clone, Debug, Default)]
pub struct RowMemory {
    rows: HashMap<Fingerprint, EntityId>,
    quarantined: HashSet<Fingerprint>,
}

impl RowMemory {
    /// The id of the decoded row that had exactly these bytes.
    #[must_use]
    pub fn recall(&self, fingerprint: Fingerprint) -> Option<&EntityId> {
        self.rows.get(&fingerprint)
    }

    /// Remembers a decoded row.
    pub fn remember(&mut self, fingerprint: Fingerprint, id: EntityId) {
        self.rows.insert(fingerprint, id);
    }

    /// Forgets the decoded rows of all other ids.
    pub fn keep(&mut self, wanted: impl Fn(&EntityId) -> bool) {
        self.rows.retain(|_, id| wanted(id));
    }

    /// Whether a row of exactly these bytes was quarantined, and reported, in the last result.
    #[must_use]
    pub fn was_quarantined(&self, fingerprint: Fingerprint) -> bool {
        self.quarantined.contains(&fingerprint)
    }

    /// Remembers a quarantined row, so that it is reported once as long as the vendor shows it.
    pub fn remember_quarantined(&mut self, fingerprint: Fingerprint) {
        self.quarantined.insert(fingerprint);
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
