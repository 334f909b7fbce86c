//! Opening the store: trust is checked, not assumed.
//!
//! In the state directory lie `store` (sled's files), `mark` (how far they were once durable) and
//! what was set aside. The directory itself is never moved: it may be where a volume is mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;

use super::guard::{Panicked, catching};
use super::integrity::Checksum;
use super::mark::{Durable, Mark};
use super::{Error, FORMAT_VERSION, NO_TIME, Shared, Store, Writer, entry, key};
use crate::failpoints::planted;
use crate::model::Timestamp;

/// sled's page cache. Its own default is 1 GiB.
const CACHE_BYTES: u64 = 8 << 20;
/// How often sled writes to the disk by itself, in milliseconds. What must be durable at a point
/// is flushed there.
const FLUSH_EVERY_MS: u64 = 500;
/// How often, and how far apart, a lock that somebody holds is tried again.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_WAIT: Duration = Duration::from_millis(100);
/// Where sled's files lie in the state directory, and where the mark.
const FILES: &str = "store";
const MARK: &str = "mark";
/// How the names begin of what was set aside, and how many of them are kept.
const DAMAGED: &str = "damaged-";
const DAMAGED_KEPT: usize = 3;
/// A batch's number and the lineage, in the seal behind the hash and the outbox number.
const SEAL_BYTES: usize = Checksum::BYTES + 8 + 8 + 16;

/// How the store is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The fingerprint of the privacy settings that values are made under.
    pub privacy: u64,
    /// Now, for the name of a directory that is set aside.
    pub now: Timestamp,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// There was no store.
    Fresh,
    /// The store that was there, whole.
    Kept,
    /// The store that was there is not to be trusted; a new one was begun.
    Replaced {
        /// Why.
        reason: Reason,
        /// Where the old one lies.
        moved_to: PathBuf,
    },
}

/// Why a store is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It does not open.
    Unreadable,
    /// It has another format.
    Format,
    /// The hash over its entries does not match.
    Integrity,
    /// It is empty, older than it was once known to be, or another one than the mark beside it
    /// speaks of.
    RolledBack,
    /// Its files are gone; only the mark is left.
    Lost,
}

impl Reason {
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
    /// Opens the store in this directory, or begins it. A store that is not to be trusted is set
    /// aside, within the directory, and begun anew.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it open, [`Error::Directory`] when the directory
    /// cannot be written: then nothing is moved.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Opened), Error> {
        let directory = |source| Error::Directory { dir: dir.display().to_string(), source };
        fs::create_dir_all(dir).map_err(directory)?;
        probe_writable(dir).map_err(directory)?;
        let found = match (dir.join(FILES).join("db").exists(), dir.join(MARK).exists()) {
            (false, false) => return Ok((begin(dir, options)?, Opened::Fresh)),
            (false, true) => Err(Refusal::Untrusted(Reason::Lost)),
            (true, _) => open_existing(dir, options),
        };
        match found {
            Ok(store) => Ok((store, Opened::Kept)),
            Err(Refusal::Fatal(error)) => Err(error),
            Err(Refusal::Untrusted(reason)) => {
                let moved_to = set_aside(dir, options.now).map_err(directory)?;
                Ok((begin(dir, options)?, Opened::Replaced { reason, moved_to }))
            }
        }
    }

    /// Takes the store in this directory away, for one that is to be filled anew. It must not be
    /// open.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn discard(dir: &Path) -> Result<(), Error> {
        let directory = |source| Error::Directory { dir: dir.display().to_string(), source };
        // The mark first: a store without one is not trusted, should this be interrupted.
        match fs::remove_file(dir.join(MARK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(directory(error)),
            _ => {}
        }
        match fs::remove_dir_all(dir.join(FILES)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(directory(error)),
            _ => Ok(()),
        }
    }

    /// Opens the store in this directory to look at it. Nothing is moved, and nothing is begun:
    /// `None` where there is none.
    ///
    /// # Errors
    /// When it is locked, unreadable or not to be trusted.
    pub fn look(dir: &Path, options: Options) -> Result<Option<Self>, Error> {
        match (dir.join(FILES).join("db").exists(), dir.join(MARK).exists()) {
            (false, false) => Ok(None),
            (false, true) => Err(Error::Damaged(Reason::Lost.as_str())),
            (true, _) => match open_existing(dir, options) {
                Ok(store) => Ok(Some(store)),
                Err(Refusal::Fatal(error)) => Err(error),
                Err(Refusal::Untrusted(reason)) => Err(Error::Damaged(reason.as_str())),
            },
        }
    }

    /// Whether the store in this directory can be opened and is whole. Nothing is moved, and
    /// nothing is begun where there is none.
    ///
    /// # Errors
    /// When it is locked, unreadable or not to be trusted.
    pub fn check(dir: &Path, options: Options) -> Result<(), Error> {
        Self::look(dir, options).map(drop)
    }
}

enum Refusal {
    Fatal(Error),
    Untrusted(Reason),
}

/// Begins a store where there is none.
fn begin(dir: &Path, options: Options) -> Result<Store, Error> {
    let refused = |refusal| match refusal {
        Refusal::Fatal(error) => error,
        Refusal::Untrusted(_) => Error::Damaged("a new store cannot be opened"),
    };
    let database = open_database(dir).map_err(refused)?;
    let durable = Durable { lineage: Uuid::new_v4(), batch: 1 };
    let mut writer = Writer {
        tally: Checksum::default(),
        newest: 0,
        batch: durable.batch,
        lineage: durable.lineage,
    };
    let mut batch = sled::Batch::default();
    writer.tally.change(&key::format(), None, Some(&[FORMAT_VERSION]));
    batch.insert(key::format(), &[FORMAT_VERSION]);
    writer.seal(&mut batch);
    database.apply_batch(batch)?;
    database.flush()?;
    let mark = Mark::begin(&dir.join(MARK), durable)
        .map_err(|source| Error::Directory { dir: dir.display().to_string(), source })?;
    let found = Found::empty(writer);
    Ok(Store { shared: Arc::new(found.into_shared(database, mark, options)) })
}

/// Opens a store that is there, if it can be trusted.
fn open_existing(dir: &Path, options: Options) -> Result<Store, Refusal> {
    let database = open_database(dir)?;
    let found = match catching(|| check(&database)) {
        Ok(found) => found.map_err(Refusal::Untrusted)?,
        Err(Panicked) => return Err(Refusal::Untrusted(Reason::Unreadable)),
    };
    let mark = Mark::open(&dir.join(MARK)).map_err(|source| {
        Refusal::Fatal(Error::Directory { dir: dir.display().to_string(), source })
    })?;
    let mark = mark.filter(|mark| {
        let durable = mark.durable();
        let fits = durable.lineage == found.writer.lineage && durable.batch <= found.writer.batch;
        fits || planted("integrity_ignored")
    });
    let mark = mark.ok_or(Refusal::Untrusted(Reason::RolledBack))?;
    Ok(Store { shared: Arc::new(found.into_shared(database, mark, options)) })
}

fn open_database(dir: &Path) -> Result<sled::Db, Refusal> {
    let open = || {
        sled::Config::new()
            .path(dir.join(FILES))
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .mode(sled::Mode::LowSpace)
            .open()
    };
    let mut attempts = LOCK_ATTEMPTS;
    let opened = loop {
        match catching(open) {
            // sled gives its lock up a moment after the last handle is gone.
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
            Err(Refusal::Fatal(Error::Locked(dir.display().to_string())))
        }
        Ok(Err(sled::Error::Io(source))) if is_environment(&source) => {
            let dir = dir.display().to_string();
            Err(Refusal::Fatal(Error::Directory { dir, source }))
        }
        Ok(Err(_)) | Err(Panicked) => Err(Refusal::Untrusted(Reason::Unreadable)),
    }
}

/// What a check over all entries found.
struct Found {
    writer: Writer,
    outbox_events: u64,
    outbox_entries: u64,
    outbox_bytes: u64,
    outbox_oldest: Option<Timestamp>,
}

impl Found {
    const fn empty(writer: Writer) -> Self {
        Self { writer, outbox_events: 0, outbox_entries: 0, outbox_bytes: 0, outbox_oldest: None }
    }

    fn into_shared(self, database: sled::Db, mark: Mark, options: Options) -> Shared {
        let oldest = self.outbox_oldest.map_or(NO_TIME, Timestamp::millis);
        Shared {
            database,
            privacy: options.privacy,
            writer: Mutex::new(self.writer),
            mark: Mutex::new(mark),
            failed: AtomicBool::new(false),
            outbox_events: AtomicU64::new(self.outbox_events),
            outbox_entries: AtomicU64::new(self.outbox_entries),
            outbox_bytes: AtomicU64::new(self.outbox_bytes),
            outbox_oldest: AtomicI64::new(oldest),
        }
    }
}

/// Reads every entry and holds the sum of their hashes against the stored one.
fn check(database: &sled::Db) -> Result<Found, Reason> {
    let unreadable = |_| Reason::Unreadable;
    if database.is_empty() {
        // A store that was begun has its format in it: this one was emptied.
        return Err(Reason::RolledBack);
    }
    let format = database.get(key::format()).map_err(unreadable)?;
    if format.as_deref() != Some(&[FORMAT_VERSION]) {
        return Err(Reason::Format);
    }
    let (mut tally, mut seal) = (Checksum::default(), None);
    let (mut outbox_events, mut outbox_entries, mut outbox_bytes) = (0, 0, 0);
    let mut outbox_oldest = None;
    for entry in database.iter() {
        let (key, value) = entry.map_err(unreadable)?;
        if *key == *key::seal() {
            seal = Some(value);
            continue;
        }
        tally.change(&key, None, Some(&value));
        if key::outbox_number(&key).is_some() {
            let events = entry::events_in(&value).ok_or(Reason::Format)?;
            outbox_events += events;
            outbox_entries += 1;
            outbox_bytes += value.len() as u64;
            if outbox_oldest.is_none() && events > 0 {
                let decision = entry::decode(&value).ok_or(Reason::Format)?;
                outbox_oldest = decision.events.first().map(|event| event.observed_at);
            }
        }
    }
    let writer = seal.and_then(|seal| unseal(&seal, tally)).ok_or(Reason::Integrity)?;
    Ok(Found { writer, outbox_events, outbox_entries, outbox_bytes, outbox_oldest })
}

/// What a seal says, if it was made over these entries.
fn unseal(seal: &[u8], tally: Checksum) -> Option<Writer> {
    let seal: &[u8; SEAL_BYTES] = seal.try_into().ok()?;
    let (sealed, rest) = seal.split_at(Checksum::BYTES);
    let (newest, rest) = rest.split_at(8);
    let (batch, lineage) = rest.split_at(8);
    (sealed == tally.to_bytes() || planted("integrity_ignored")).then_some(())?;
    Some(Writer {
        tally,
        newest: u64::from_be_bytes(newest.try_into().ok()?),
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

fn probe_writable(dir: &Path) -> io::Result<()> {
    let probe = dir.join(".writable");
    fs::write(&probe, b"floorcast")?;
    fs::remove_file(probe)
}

/// Moves files and mark aside, and keeps only the newest few of those that were.
fn set_aside(dir: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let name = format!("{DAMAGED}{:016}", now.millis());
    let mut target = dir.join(&name);
    let mut attempt = 0;
    while target.exists() {
        attempt += 1;
        target = dir.join(format!("{name}-{attempt}"));
    }
    fs::create_dir(&target)?;
    for part in [FILES, MARK] {
        match fs::rename(dir.join(part), target.join(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut damaged: Vec<_> = fs::read_dir(dir)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(DAMAGED))
        .map(|entry| entry.path())
        .collect();
    damaged.sort();
    for old in damaged.iter().rev().skip(DAMAGED_KEPT) {
        fs::remove_dir_all(old)?;
    }
    Ok(target)
}
