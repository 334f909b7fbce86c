//! The mark: a small file beside sled's that says up to which batch the store was once durable.
//!
//! sled, when its log is damaged, may open an older state of itself, or none at all: consistent,
//! with a hash that fits. The mark shows that something is missing. It is written after sled's
//! flush and is itself synced only when it is begun: after a power loss it may be behind, which is
//! harmless, and is never ahead. Two slots are written in turn, so that a torn write leaves the
//! other.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// Lineage (16 bytes), batch (8 bytes), their hash (8 bytes).
const SLOT: usize = 32;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Durable {
    /// Which store it speaks of.
    pub(super) lineage: Uuid,
    /// Up to which batch that store was once durable.
    pub(super) batch: u64,
}

/// The open mark of a store.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    durable: Durable,
    /// The slot that was written last: 0 or 1.
    slot: u64,
}

impl Mark {
    /// Begins a mark, and makes it durable.
    pub(super) fn begin(path: &Path, durable: Durable) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut mark = Self { file, durable, slot: 1 };
        mark.write(durable)?;
        mark.file.sync_all()?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(mark)
    }

    /// Opens a mark. `None` when it is not there, or neither slot can be read.
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

    pub(super) const fn durable(&self) -> Durable {
        self.durable
    }

    /// The store is durable up to this batch.
    pub(super) fn advance(&mut self, batch: u64) -> io::Result<()> {
        if batch <= self.durable.batch {
            return Ok(());
        }
        self.write(Durable { batch, ..self.durable })
    }

    fn write(&mut self, durable: Durable) -> io::Result<()> {
        let mut bytes = [0; SLOT];
        bytes[..16].copy_from_slice(durable.lineage.as_bytes());
        bytes[16..24].copy_from_slice(&durable.batch.to_be_bytes());
        let hash = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&hash.to_be_bytes());
        // The slot that was written before is left alone until this one is whole.
        self.slot = 1 - self.slot;
        self.file.seek(SeekFrom::Start(self.slot * SLOT as u64))?;
        self.file.write_all(&bytes)?;
        self.durable = durable;
        Ok(())
    }
}

fn decode(slot: &[u8]) -> Option<Durable> {
    let (content, hash) = slot.split_at_checked(24)?;
    (hash == xxh3_64(content).to_be_bytes()).then_some(())?;
    let (lineage, batch) = content.split_at_checked(16)?;
    Some(Durable {
        lineage: Uuid::from_slice(lineage).ok()?,
        batch: u64::from_be_bytes(batch.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_write_leaves_what_was_said_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        let lineage = Uuid::from_u128(5);
        assert!(Mark::open(&path).unwrap().is_none());
        let mut mark = Mark::begin(&path, Durable { lineage, batch: 1 }).unwrap();
        for batch in 2..7 {
            mark.advance(batch).unwrap();
            let whole = std::fs::read(&path).unwrap();
            let reopened = Mark::open(&path).unwrap().unwrap();
            assert_eq!(reopened.durable(), Durable { lineage, batch });
            let mut torn = whole.clone();
            let start = usize::try_from(reopened.slot).unwrap() * SLOT;
            torn[start + 20..start + SLOT].fill(0);
            std::fs::write(&path, &torn).unwrap();
            let before = Mark::open(&path).unwrap().unwrap();
            assert_eq!(before.durable(), Durable { lineage, batch: batch - 1 });
            std::fs::write(&path, &whole).unwrap();
            mark = Mark::open(&path).unwrap().unwrap();
        }
        std::fs::write(&path, [1; 2 * SLOT]).unwrap();
        assert!(Mark::open(&path).unwrap().is_none());
    }
}
