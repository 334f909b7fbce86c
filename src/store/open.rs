//! Opening the store: trust is checked, not assumed.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::integrity::Tally;
use super::{Error, FORMAT_VERSION, NO_TIME, Shared, Store, Writer, entry, key};
use crate::model::Timestamp;

/// sled's page cache. Its own default is 1 GiB.
const CACHE_BYTES: u64 = 8 << 20;
/// How often sled writes to the disk by itself, in milliseconds. What must be durable at a point
/// is flushed there.
const FLUSH_EVERY_MS: u64 = 500;
/// How often, and how far apart, a lock that somebody holds is tried again.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_WAIT: Duration = Duration::from_millis(100);
/// How many damaged directories are kept beside the store.
const DAMAGED_KEPT: usize = 3;

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
}

impl Reason {
    /// The reason as a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Format => "format",
            Self::Integrity => "integrity",
        }
    }
}

impl Store {
    /// Opens the store in this directory, or begins it. A store that is not to be trusted is set
    /// aside, beside the directory, and begun anew.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it open, [`Error::Directory`] when the directory
    /// cannot be written: then nothing is moved.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Opened), Error> {
        let directory = |source| Error::Directory { dir: dir.display().to_string(), source };
        let existed = dir.join("db").exists() || dir.join("conf").exists();
        fs::create_dir_all(dir).map_err(directory)?;
        probe_writable(dir).map_err(directory)?;
        match try_open(dir, options) {
            Ok(store) => Ok((store, if existed { Opened::Kept } else { Opened::Fresh })),
            Err(Refusal::Fatal(error)) => Err(error),
            Err(Refusal::Untrusted(reason)) => {
                let moved_to = set_aside(dir, options.now).map_err(directory)?;
                let store = try_open(dir, options).map_err(|refusal| match refusal {
                    Refusal::Fatal(error) => error,
                    Refusal::Untrusted(_) => Error::Damaged(String::from("a new store is damaged")),
                })?;
                Ok((store, Opened::Replaced { reason, moved_to }))
            }
        }
    }
}

impl Store {
    /// Whether the store in this directory can be opened and is whole. Nothing is moved.
    ///
    /// # Errors
    /// When it is locked, unreadable or not to be trusted.
    pub fn check(dir: &Path, options: Options) -> Result<(), Error> {
        match try_open(dir, options) {
            Ok(_) => Ok(()),
            Err(Refusal::Fatal(error)) => Err(error),
            Err(Refusal::Untrusted(reason)) => Err(Error::Damaged(reason.as_str().to_owned())),
        }
    }
}

enum Refusal {
    Fatal(Error),
    Untrusted(Reason),
}

fn try_open(dir: &Path, options: Options) -> Result<Store, Refusal> {
    let open = || {
        sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .mode(sled::Mode::LowSpace)
            .open()
    };
    let mut attempts = LOCK_ATTEMPTS;
    let opened = loop {
        match catch(open) {
            // sled gives its lock up a moment after the last handle is gone.
            Ok(Err(sled::Error::Io(error))) if is_lock(&error) && attempts > 0 => {
                attempts -= 1;
                std::thread::sleep(LOCK_WAIT);
            }
            opened => break opened,
        }
    };
    let database = match opened {
        Ok(Ok(database)) => database,
        Ok(Err(sled::Error::Io(error))) if is_lock(&error) => {
            return Err(Refusal::Fatal(Error::Locked(dir.display().to_string())));
        }
        Ok(Err(sled::Error::Io(source))) if is_environment(&source) => {
            let dir = dir.display().to_string();
            return Err(Refusal::Fatal(Error::Directory { dir, source }));
        }
        Ok(Err(_)) | Err(_) => return Err(Refusal::Untrusted(Reason::Unreadable)),
    };
    match catch(|| check(&database)) {
        Ok(Ok(found)) => Ok(Store { shared: Arc::new(found.into_shared(database, options)) }),
        Ok(Err(reason)) => Err(Refusal::Untrusted(reason)),
        Err(_) => Err(Refusal::Untrusted(Reason::Unreadable)),
    }
}

/// What a check over all entries found.
#[derive(Default)]
struct Found {
    tally: Tally,
    newest: u64,
    outbox_events: u64,
    outbox_bytes: u64,
    outbox_oldest: Option<Timestamp>,
}

impl Found {
    fn into_shared(self, database: sled::Db, options: Options) -> Shared {
        let oldest = self.outbox_oldest.map_or(NO_TIME, Timestamp::millis);
        Shared {
            database,
            privacy: options.privacy,
            writer: Mutex::new(Writer { tally: self.tally, newest: self.newest }),
            failed: AtomicBool::new(false),
            outbox_events: AtomicU64::new(self.outbox_events),
            outbox_bytes: AtomicU64::new(self.outbox_bytes),
            outbox_oldest: AtomicI64::new(oldest),
        }
    }
}

/// Reads every entry and holds the sum of their hashes against the stored one.
fn check(database: &sled::Db) -> Result<Found, Reason> {
    let unreadable = |_| Reason::Unreadable;
    if database.is_empty() {
        let mut batch = sled::Batch::default();
        let mut writer = Writer { tally: Tally::default(), newest: 0 };
        writer.tally.change(&key::format(), None, Some(&[FORMAT_VERSION]));
        batch.insert(key::format(), &[FORMAT_VERSION]);
        writer.seal(&mut batch);
        database.apply_batch(batch).map_err(unreadable)?;
        database.flush().map_err(unreadable)?;
        return Ok(Found { tally: writer.tally, ..Found::default() });
    }
    let format = database.get(key::format()).map_err(unreadable)?;
    if format.as_deref() != Some(&[FORMAT_VERSION]) {
        return Err(Reason::Format);
    }
    let mut found = Found::default();
    let mut sealed = None;
    for entry in database.iter() {
        let (key, value) = entry.map_err(unreadable)?;
        if *key == *key::seal() {
            sealed = Some(value);
            continue;
        }
        found.tally.change(&key, None, Some(&value));
        if key::outbox_number(&key).is_some() {
            found.outbox_events += 1;
            found.outbox_bytes += value.len() as u64;
            if found.outbox_oldest.is_none() {
                let event = entry::decode(&value).ok_or(Reason::Format)?;
                found.outbox_oldest = Some(event.observed_at);
            }
        }
    }
    let sealed = sealed.ok_or(Reason::Integrity)?;
    let (tally, newest) = sealed.split_at_checked(Tally::BYTES).ok_or(Reason::Integrity)?;
    if tally != found.tally.to_bytes() {
        return Err(Reason::Integrity);
    }
    found.newest = u64::from_be_bytes(newest.try_into().map_err(|_| Reason::Integrity)?);
    Ok(found)
}

/// Runs something that may panic over damaged files. The panic's text is kept, its report is not
/// printed: whoever gets the error reports it.
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| String::from("unknown"))
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

/// Moves the directory aside and keeps only the newest few of those that were.
fn set_aside(dir: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let name = dir
        .file_name()
        .map_or_else(|| String::from("state"), |name| name.to_string_lossy().into_owned());
    let parent = dir.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let prefix = format!("{name}.damaged-");
    let mut target = parent.join(format!("{prefix}{:016}", now.millis()));
    let mut attempt = 0;
    while target.exists() {
        attempt += 1;
        target = parent.join(format!("{prefix}{:016}-{attempt}", now.millis()));
    }
    fs::rename(dir, &target)?;
    fs::create_dir_all(dir)?;
    let mut damaged: Vec<_> =
        fs::read_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { &parent })?
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path())
            .collect();
    damaged.sort();
    for old in damaged.iter().rev().skip(DAMAGED_KEPT) {
        fs::remove_dir_all(old)?;
    }
    Ok(target)
}
