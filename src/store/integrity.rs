//! The checksum over all entries: a sum of one hash per entry, so that it does not depend on their order,
//! and a change costs only the entries that change.

use xxhash_rust::xxh3::Xxh3;

/// A 128-bit sum of the entries' hashes (XXH3), and their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    sum: u128,
    count: u64,
}

impl Checksum {
    /// The length of [`Checksum::to_bytes`].
    pub(super) const BYTES: usize = 24;

    /// The value of an entry changes from `before` to `after`.
    pub(super) fn change(&mut self, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        if let Some(before) = before {
            self.sum = self.sum.wrapping_sub(hash(key, before));
            self.count = self.count.wrapping_sub(1);
        }
        if let Some(after) = after {
            self.sum = self.sum.wrapping_add(hash(key, after));
            self.count = self.count.wrapping_add(1);
        }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.sum.to_be_bytes());
        bytes[16..].copy_from_slice(&self.count.to_be_bytes());
        bytes
    }
}

fn hash(key: &[u8], value: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    // The key's length keeps (ab, c) and (a, bc) apart.
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.digest128()
}
