//! Damage to a store while no process has it open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The sled database in a state directory, and the file beside it that records how far it was
/// durable.
const FILES: &str = "store";
const MARK: &str = "mark";
/// How many bits are flipped.
const FLIPS: usize = 32;
/// How many entries are removed.
const ENTRIES: usize = 8;

/// Deletes everything.
pub(crate) fn delete(state: &Path) {
    match fs::remove_dir_all(state) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("not deleted: {error}"),
        _ => {}
    }
}

/// Copies the store.
pub(crate) fn copy(state: &Path, to: &Path) {
    delete(to);
    fs::create_dir_all(to).expect("a temporary directory is writable");
    for part in [FILES, MARK] {
        let from = state.join(part);
        if from.exists() {
            copy_all(&from, &to.join(part)).expect("the files can be copied");
        }
    }
}

/// Replaces the store by a copy.
pub(crate) fn replace(state: &Path, by: &Path) {
    delete(state);
    copy_all(by, state).expect("the files can be copied");
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_file() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Flips bits of its largest file.
pub(crate) fn flip(state: &Path, chance: u64) {
    let Some(file) = largest(&state.join(FILES)) else { return };
    let mut bytes = fs::read(&file).expect("it was just found");
    if bytes.is_empty() {
        return;
    }
    let mut random = StdRng::seed_from_u64(chance);
    for _ in 0..FLIPS {
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
    }
    fs::write(&file, bytes).expect("the files are writable");
}

/// Truncates its largest file: what was written last, or half of the file.
pub(crate) fn truncate(state: &Path, chance: u64) {
    let Some(file) = largest(&state.join(FILES)) else { return };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut random = StdRng::seed_from_u64(chance);
    let left = if random.random_bool(0.5) { length / 2 } else { length - length.min(40_000) };
    let file = fs::File::options().write(true).open(file).expect("the files are writable");
    file.set_len(left).expect("a file can be made shorter");
}

/// Removes some entries by sled itself, as if sled had lost them.
pub(crate) fn tamper(state: &Path, chance: u64) {
    // There may be no store, or one that was damaged before.
    let Ok(database) = sled::Config::new().path(state.join(FILES)).open() else { return };
    let keys: Vec<_> = database.iter().keys().filter_map(Result::ok).collect();
    let mut random = StdRng::seed_from_u64(chance);
    for _ in 0..ENTRIES {
        // A short key belongs to the store itself.
        let Some(key) = keys.get(random.random_range(0..keys.len().max(1))) else { continue };
        if key.len() > 6 {
            let _ = database.remove(key);
        }
    }
    let _ = database.flush();
}

fn largest(directory: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(directory).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    files.filter(|path| path.is_file()).max_by_key(|path| path.metadata().map_or(0, |of| of.len()))
}
