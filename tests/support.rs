//! Shared parts of the integration tests.
//!
//! - [`kafka::shared`]: the broker that all tests share. Use unique topic names
//!   ([`kafka::unique_prefix`]).
//! - [`kafka::dedicated`]: a broker for one test, which may be stopped, killed and started again;
//!   [`kafka::behind_proxy`]: the same behind a [`proxy::Proxy`] that can cut the connection.
//! - [`registry::shared`]: the schema registry that all tests share.
//! - [`consumer`]: reads topics without the library; [`python`]: the same in Python.
//! - [`process::Floorcast`]: the built program as a process.
//! - [`wait_until`]: waits for a condition, not for a time.
//!
//! Every process that a test starts ends with it, also when the test binary is killed: see
//! [`guard`].

pub(crate) mod certificates;
pub(crate) mod consumer;
pub(crate) mod guard;
pub(crate) mod kafka;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod registry;
pub(crate) mod schemas;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Waits until the condition holds.
///
/// # Panics
/// When it does not hold within the deadline; with `what`, the description of the condition.
#[track_caller]
pub(crate) fn wait_until(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A directory below `target/` for downloads that are kept between runs.
pub(crate) fn cache_directory(name: &str) -> PathBuf {
    // Cargo provides integration tests with a temporary directory below the target directory, but
    // not programs.
    let directory = option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from);
    directory.unwrap_or_else(|| built_directory().join("../tmp")).join(name)
}

/// The directory of the built binaries, for a program beside the tests.
fn built_directory() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    // The program is in `examples` below it.
    program.parent().and_then(std::path::Path::parent).expect("cargo built it").to_owned()
}

/// The built program.
pub(crate) fn program() -> PathBuf {
    let program = option_env!("CARGO_BIN_EXE_floorcast").map(PathBuf::from);
    program.unwrap_or_else(|| built_directory().join("floorcast"))
}

/// A file of the repository.
pub(crate) fn repository_file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A directory that `make` fills once per input, also when several test binaries run at the same
/// time. It is kept until the input changes.
///
/// # Errors
/// The error of `make`, or that the directory cannot be written.
pub(crate) fn cached(
    name: &str,
    input: &str,
    make: impl FnOnce(&std::path::Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let directory = cache_directory(name);
    let not_writable =
        |error: std::io::Error| format!("{} is not writable: {error}", directory.display());
    std::fs::create_dir_all(cache_directory("")).map_err(not_writable)?;
    let lock =
        std::fs::File::create(cache_directory(&format!("{name}.lock"))).map_err(not_writable)?;
    lock.lock().map_err(not_writable)?;
    let stamp = directory.join("made-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == input) {
        return Ok(directory);
    }
    if directory.exists() {
        std::fs::remove_dir_all(&directory).map_err(not_writable)?;
    }
    std::fs::create_dir_all(&directory).map_err(not_writable)?;
    make(&directory)?;
    std::fs::write(&stamp, input).map_err(not_writable)?;
    Ok(directory)
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails: a line with the end of its output.
pub(crate) fn run(command: &mut std::process::Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let both = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let end: Vec<_> = both.lines().rev().take(15).collect();
    let end: Vec<_> = end.into_iter().rev().collect();
    Err(format!("{name}: {}: {}", output.status, end.join("\n")))
}
