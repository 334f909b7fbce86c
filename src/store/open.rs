//! Opening the store: its integrity is checked, not assumed.
//!
//! The state directory holds `store` (sled's files), `mark` (the durability marker) and copies of damaged
//! stores. The directory itself is never moved: it may be the mount point of a volume.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;

use super::durability::{DurabilityMarker, DurableBatch};
use super::integrity::Checksum;
use super::panics::{Panicked, catch_panics};
use super::{Error, FORMAT_VERSION, NO_TIME, Shared, Store, Writer, entry, key};
use crate::failpoints::fault_enabled;
use crate::model::Timestamp;

/// sled's page cache. Its default is 1 GiB.
const CACHE_BYTES: u64 = 8 << 20;
/// How often sled flushes by itself, in milliseconds. What must be durable at a point is flushed there.
const FLUSH_INTERVAL_MS: u64 = 500;
/// How often, and how far apart, a lock that is held is tried again.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_WAIT: Duration = Duration::from_millis(100);
/// sled's directory in the state directory, and the file of the durability marker.
const STORE_DIR: &str = "store";
const MARKER_FILE: &str = "mark";
/// The prefix of the directories that hold damaged stores, and how many of them are kept.
const DAMAGED_PREFIX: &str = "damaged-";
const DAMAGED_KEPT: usize = 3;
/// The checksum, the outbox number, the batch number and the lineage.
const CHECKSUM_RECORD_BYTES: usize = Checksum::BYTES + 8 + 8 + 16;

/// How the store is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The fingerprint of the privacy settings that values are written under.
    pub privacy: u64,
    /// Now, for the name of the directory to which a damaged store is moved.
    pub now: Timestamp,
}

/// How a store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenOutcome {
    /// There was none; an empty one was created.
    Created,
    /// The existing store is whole.
    Kept,
    /// The existing store cannot be trusted; it was moved aside and an empty one created.
    Replaced {
        /// Why.
        reason: UntrustedReason,
        /// Where the old one is now.
        moved_to: PathBuf,
    },
}

/// Why a store cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntrustedReason {
    /// It does not open.
    Unreadable,
    /// It has another format.
    Format,
    /// The checksum over its entries does not match.
    Integrity,
    /// It is empty, older than its durability marker, or another store than the marker's.
    RolledBack,
    /// Its files are gone; only the durability marker is left.
    Lost,
}

impl UntrustedReason {
    /// The reason as a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Format => "format",
            Self::Integrity => "integrity",
            Self::RolledBack => "rolled_back",
            Self::Lost => "lost",
        }
    }
}

impl Store {
    /// Opens the store in this directory, or creates it. A store that cannot be trusted is moved aside
    /// within the directory, and an empty one created.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it open, [`Error::Directory`] when the directory
    /// cannot be written: then nothing is moved.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, OpenOutcome), Error> {
        let unusable = |source| Error::Directory { dir: dir.display().to_string(), source };
        fs::create_dir_all(dir).map_err(unusable)?;
        check_writable(dir).map_err(unusable)?;
        match open_existing(dir, options) {
            Ok(Some(store)) => Ok((store, OpenOutcome::Kept)),
            Ok(None) => Ok((create(dir, options)?, OpenOutcome::Created)),
            Err(OpenFailure::Fatal(error)) => Err(error),
            Err(OpenFailure::Untrusted(reason)) => {
                let moved_to = move_aside(dir, options.now).map_err(unusable)?;
                Ok((create(dir, options)?, OpenOutcome::Replaced { reason, moved_to }))
            }
        }
    }

    /// Removes the store in this directory, so that an empty one can be restored. It must not be open.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn discard(dir: &Path) -> Result<(), Error> {
        let unusable = |source| Error::Directory { dir: dir.display().to_string(), source };
        // The marker first: a store without one is not trusted, should this be interrupted.
        match fs::remove_file(dir.join(MARKER_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        match fs::remove_dir_all(dir.join(STORE_DIR)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(error)),
            _ => Ok(()),
        }
    }

    /// Opens the store in this directory if there is one. Nothing is moved or created.
    ///
    /// # Errors
    /// When it is locked, unreadable or cannot be trusted.
    pub fn open_existing(dir: &Path, options: Options) -> Result<Option<Self>, Error> {
        open_existing(dir, options).map_err(|failure| match failure {
            OpenFailure::Fatal(error) => error,
            OpenFailure::Untrusted(reason) => Error::Damaged(reason.as_str()),
        })
    }

    /// Checks that the store in this directory, if there is one, can be opened and is whole. Nothing
    /// is moved or created.
    ///
    /// # Errors
    /// When it is locked, unreadable or cannot be trusted.
    pub fn check(dir: &Path, options: Options) -> Result<(), Error> {
        Self::open_existing(dir, options).map(drop)
    }
}

enum OpenFailure {
    /// Nothing is to be moved.
    Fatal(Error),
    Untrusted(UntrustedReason),
}

/// Creates a store where there is none.
fn create(dir: &Path, options: Options) -> Result<Store, Error> {
    let database = open_database(dir).map_err(|failure| match failure {
        OpenFailure::Fatal(error) => error,
        OpenFailure::Untrusted(_) => Error::Damaged("a new store cannot be opened"),
    })?;
    let durable = DurableBatch { lineage: Uuid::new_v4(), batch: 1 };
    let mut writer = Writer {
        checksum: Checksum::default(),
        newest_entry: 0,
        batch: durable.batch,
        lineage: durable.lineage,
    };
    let mut batch = sled::Batch::default();
    writer.checksum.change(&key::format(), None, Some(&[FORMAT_VERSION]));
    batch.insert(key::format(), &[FORMAT_VERSION]);
    writer.write_checksum(&mut batch);
    database.apply_batch(batch)?;
    database.flush()?;
    let marker = DurabilityMarker::create(&dir.join(MARKER_FILE), durable)
        .map_err(|source| Error::Directory { dir: dir.display().to_string(), source })?;
    let contents = Contents::empty(writer);
    Ok(Store { shared: Arc::new(contents.into_shared(database, marker, options)) })
}

/// Opens the store that exists, if there is one, and it can be trusted.
fn open_existing(dir: &Path, options: Options) -> Result<Option<Store>, OpenFailure> {
    match (dir.join(STORE_DIR).join("db").exists(), dir.join(MARKER_FILE).exists()) {
        (false, false) => return Ok(None),
        (false, true) => return Err(OpenFailure::Untrusted(UntrustedReason::Lost)),
        (true, _) => {}
    }
    let database = open_database(dir)?;
    let contents = match catch_panics(|| check(&database)) {
        Ok(contents) => contents.map_err(OpenFailure::Untrusted)?,
        Err(Panicked) => return Err(OpenFailure::Untrusted(UntrustedReason::Unreadable)),
    };
    let marker = DurabilityMarker::open(&dir.join(MARKER_FILE)).map_err(|source| {
        OpenFailure::Fatal(Error::Directory { dir: dir.display().to_string(), source })
    })?;
    let marker = marker.filter(|marker| {
        let (durable, writer) = (marker.durable(), &contents.writer);
        let fits = durable.lineage == writer.lineage && durable.batch <= writer.batch;
        fits || fault_enabled("integrity_ignored")
    });
    let marker = marker.ok_or(OpenFailure::Untrusted(UntrustedReason::RolledBack))?;
    Ok(Some(Store { shared: Arc::new(contents.into_shared(database, marker, options)) }))
}

fn open_database(dir: &Path) -> Result<sled::Db, OpenFailure> {
    let open = || {
        sled::Config::new()
            .path(dir.join(STORE_DIR))
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_INTERVAL_MS))
            .mode(sled::Mode::LowSpace)
            .open()
    };
    let mut attempts = LOCK_ATTEMPTS;
    let opened = loop {
        match catch_panics(open) {
            // sled releases its lock a moment after the last handle is dropped.
            Ok(Err(sled::Error::Io(error))) if is_lock(&error) && attempts > 0 => {
                attempts -= 1;
                std::thread::sleep(LOCK_WAIT);
            }
            opened => break opened,
        }
    };
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(sled::Error::Io(error))) if is_lock(&error) => {
            Err(OpenFailure::Fatal(Error::Locked(dir.display().to_string())))
        }
        Ok(Err(sled::Error::Io(source))) if is_environment(&source) => {
            let dir = dir.display().to_string();
            Err(OpenFailure::Fatal(Error::Directory { dir, source }))
        }
        Ok(Err(_)) | Err(Panicked) => Err(OpenFailure::Untrusted(UntrustedReason::Unreadable)),
    }
}

/// What a check over all entries found.
struct Contents {
    writer: Writer,
    outbox_events: u64,
    outbox_entries: u64,
    outbox_bytes: u64,
    outbox_oldest: Option<Timestamp>,
}

impl Contents {
    const fn empty(writer: Writer) -> Self {
        Self { writer, outbox_events: 0, outbox_entries: 0, outbox_bytes: 0, outbox_oldest: None }
    }

    fn into_shared(self, database: sled::Db, marker: DurabilityMarker, options: Options) -> Shared {
        let oldest = self.outbox_oldest.map_or(NO_TIME, Timestamp::millis);
        Shared {
            database,
            privacy: options.privacy,
            writer: Mutex::new(self.writer),
            marker: Mutex::new(marker),
            failed: AtomicBool::new(false),
            outbox_events: AtomicU64::new(self.outbox_events),
            outbox_entries: AtomicU64::new(self.outbox_entries),
            outbox_bytes: AtomicU64::new(self.outbox_bytes),
            outbox_oldest: AtomicI64::new(oldest),
        }
    }
}

/// Reads every entry and compares their checksum with the stored one.
fn check(database: &sled::Db) -> Result<Contents, UntrustedReason> {
    let unreadable = |_| UntrustedReason::Unreadable;
    if database.is_empty() {
        // Every store holds its format version from the beginning: this one was emptied.
        return Err(UntrustedReason::RolledBack);
    }
    let format = database.get(key::format()).map_err(unreadable)?;
    if format.as_deref() != Some(&[FORMAT_VERSION]) {
        return Err(UntrustedReason::Format);
    }
    let (mut checksum, mut stored) = (Checksum::default(), None);
    let (mut outbox_events, mut outbox_entries, mut outbox_bytes) = (0, 0, 0);
    let mut outbox_oldest = None;
    for item in database.iter() {
        let (key, value) = item.map_err(unreadable)?;
        if *key == *key::checksum() {
            stored = Some(value);
            continue;
        }
        checksum.change(&key, None, Some(&value));
        if key::outbox_number(&key).is_some() {
            let events = entry::event_count(&value).ok_or(UntrustedReason::Format)?;
            outbox_events += events;
            outbox_entries += 1;
            outbox_bytes += value.len() as u64;
            if outbox_oldest.is_none() && events > 0 {
                let entry = entry::decode(&value).ok_or(UntrustedReason::Format)?;
                outbox_oldest = entry.events.first().map(|event| event.observed_at);
            }
        }
    }
    let writer = stored.and_then(|stored| verified_writer(&stored, checksum));
    let writer = writer.ok_or(UntrustedReason::Integrity)?;
    Ok(Contents { writer, outbox_events, outbox_entries, outbox_bytes, outbox_oldest })
}

/// The writer of the newest batch, from the stored checksum record, if that is over these entries.
fn verified_writer(record: &[u8], checksum: Checksum) -> Option<Writer> {
    let record: &[u8; CHECKSUM_RECORD_BYTES] = record.try_into().ok()?;
    let (stored, rest) = record.split_at(Checksum::BYTES);
    let (newest_entry, rest) = rest.split_at(8);
    let (batch, lineage) = rest.split_at(8);
    (stored == checksum.to_bytes() || fault_enabled("integrity_ignored")).then_some(())?;
    Some(Writer {
        checksum,
        newest_entry: u64::from_be_bytes(newest_entry.try_into().ok()?),
        batch: u64::from_be_bytes(batch.try_into().ok()?),
        lineage: Uuid::from_slice(lineage).ok()?,
    })
}

fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock")
}

fn is_environment(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::StorageFull
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::QuotaExceeded
    )
}

fn check_writable(dir: &Path) -> io::Result<()> {
    let file = dir.join(".writable");
    fs::write(&file, b"floorcast")?;
    fs::remove_file(file)
}

/// Moves store and marker into a directory of their own, and keeps only the newest few of those.
fn move_aside(dir: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let name = format!("{DAMAGED_PREFIX}{:016}", now.millis());
    let mut target = dir.join(&name);
    let mut attempt = 0;
    while target.exists() {
        attempt += 1;
        target = dir.join(format!("{name}-{attempt}"));
    }
    fs::create_dir(&target)?;
    for part in [STORE_DIR, MARKER_FILE] {
        match fs::rename(dir.join(part), target.join(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut damaged: Vec<_> = fs::read_dir(dir)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(DAMAGED_PREFIX))
        .map(|entry| entry.path())
        .collect();
    damaged.sort();
    for old in damaged.iter().rev().skip(DAMAGED_KEPT) {
        fs::remove_dir_all(old)?;
    }
    Ok(target)
}
