//! The durability marker: a small file beside sled's that records a batch up to which the store was
//! durable.
//!
//! sled, when its log is damaged, may open an older state of itself, or an empty one, without an error
//! and with a checksum that fits. The marker shows that something is missing. It is written after sled's
//! flush and synced only when it is created: after a power loss it may be behind, which is harmless, and
//! is never ahead. Its two slots are written in turn, so that a torn write leaves the other one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// Lineage (16 bytes), batch (8 bytes), their hash (8 bytes).
const SLOT: usize = 32;

/// The content of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DurableBatch {
    /// The store's identity.
    pub(super) lineage: Uuid,
    /// The number of a batch that was durable, and all before it.
    pub(super) batch: u64,
}

/// The open marker of a store.
#[derive(Debug)]
pub(super) struct DurabilityMarker {
    file: File,
    durable: DurableBatch,
    /// The slot that was written last: 0 or 1.
    slot: u64,
}

impl DurabilityMarker {
    /// Creates a marker and makes it durable.
    pub(super) fn create(path: &Path, durable: DurableBatch) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut marker = Self { file, durable, slot: 1 };
        marker.write(durable)?;
        marker.file.sync_all()?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(marker)
    }

    /// Opens a marker. `None` when it is missing, or neither slot is whole.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::with_capacity(2 * SLOT);
        Read::by_ref(&mut file).take(2 * SLOT as u64).read_to_end(&mut bytes)?;
        let newest = (0..)
            .zip(bytes.chunks_exact(SLOT))
            .filter_map(|(slot, bytes)| Some((slot, decode(bytes)?)))
            .max_by_key(|(_, durable)| durable.batch);
        Ok(newest.map(|(slot, durable)| Self { file, durable, slot }))
    }

    pub(super) const fn durable(&self) -> DurableBatch {
        self.durable
    }

    /// The store is durable up to this batch.
    pub(super) fn advance(&mut self, batch: u64) -> io::Result<()> {
        if batch <= self.durable.batch {
            return Ok(());
        }
        self.write(DurableBatch { batch, ..self.durable })
    }

    fn write(&mut self, durable: DurableBatch) -> io::Result<()> {
        let mut bytes = [0; SLOT];
        bytes[..16].copy_from_slice(durable.lineage.as_bytes());
        bytes[16..24].copy_from_slice(&durable.batch.to_be_bytes());
        let hash = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&hash.to_be_bytes());
        // The slot of the write before stays until this one is whole.
        self.slot = 1 - self.slot;
        self.file.seek(SeekFrom::Start(self.slot * SLOT as u64))?;
        self.file.write_all(&bytes)?;
        self.durable = durable;
        Ok(())
    }
}

fn decode(slot: &[u8]) -> Option<DurableBatch> {
    let (content, hash) = slot.split_at_checked(24)?;
    (hash == xxh3_64(content).to_be_bytes()).then_some(())?;
    let (lineage, batch) = content.split_at_checked(16)?;
    Some(DurableBatch {
        lineage: Uuid::from_slice(lineage).ok()?,
        batch: u64::from_be_bytes(batch.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_write_leaves_the_slot_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("marker");
        let lineage = Uuid::from_u128(5);
        assert!(DurabilityMarker::open(&path).unwrap().is_none());
        let mut marker =
            DurabilityMarker::create(&path, DurableBatch { lineage, batch: 1 }).unwrap();
        for batch in 2..7 {
            marker.advance(batch).unwrap();
            let whole = std::fs::read(&path).unwrap();
            let reopened = DurabilityMarker::open(&path).unwrap().unwrap();
            assert_eq!(reopened.durable(), DurableBatch { lineage, batch });
            let mut torn = whole.clone();
            let start = usize::try_from(reopened.slot).unwrap() * SLOT;
            torn[start + 20..start + SLOT].fill(0);
            std::fs::write(&path, &torn).unwrap();
            let before = DurabilityMarker::open(&path).unwrap().unwrap();
            assert_eq!(before.durable(), DurableBatch { lineage, batch: batch - 1 });
            std::fs::write(&path, &whole).unwrap();
            marker = DurabilityMarker::open(&path).unwrap().unwrap();
        }
        std::fs::write(&path, [1; 2 * SLOT]).unwrap();
        assert!(DurabilityMarker::open(&path).unwrap().is_none());
    }
}
