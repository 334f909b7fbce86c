//! What happens to a store while nobody has it open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Where sled's files lie in a state directory, and what is beside them: how far they were once
/// durable.
const FILES: &str = "store";
const MARK: &str = "mark";
/// How many bits are flipped.
const FLIPS: usize = 32;
/// How many entries are tampered with.
const ENTRIES: usize = 8;

/// Deletes everything.
pub(crate) fn delete(state: &Path) {
    match fs::remove_dir_all(state) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("not deleted: {error}"),
        _ => {}
    }
}

/// Copies the store as it lies there.
pub(crate) fn copy(state: &Path, to: &Path) {
    delete(to);
    fs::create_dir_all(to).expect("a temporary directory is writable");
    for part in [FILES, MARK] {
        let from = state.join(part);
        if from.exists() {
            copy_all(&from, &to.join(part)).expect("files of ours can be copied");
        }
    }
}

/// Puts a copy in the store's place.
pub(crate) fn replace(state: &Path, by: &Path) {
    delete(state);
    copy_all(by, state).expect("files of ours can be copied");
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
    fs::write(&file, bytes).expect("files of ours are writable");
}

/// Cuts off the end of its largest file: what was written last, or half of everything.
pub(crate) fn truncate(state: &Path, chance: u64) {
    let Some(file) = largest(&state.join(FILES)) else { return };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut random = StdRng::seed_from_u64(chance);
    let left = if random.random_bool(0.5) { length / 2 } else { length - length.min(40_000) };
    let file = fs::File::options().write(true).open(file).expect("files of ours are writable");
    file.set_len(left).expect("a file can be made shorter");
}

/// Takes some entries out of it, in good order and behind its back: as if sled had lost them.
pub(crate) fn tamper(state: &Path, chance: u64) {
    // It may be no store at all, or one that was damaged before.
    let Ok(database) = sled::Config::new().path(state.join(FILES)).open() else { return };
    let keys: Vec<_> = database.iter().keys().filter_map(Result::ok).collect();
    let mut random = StdRng::seed_from_u64(chance);
    for _ in 0..ENTRIES {
        // A short key is one of the store's own facts.
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
