//! Python with the packages of `tests/kafka/requirements.txt`, in a virtual environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{cached, repository_file, run};

/// The interpreter, with the packages installed.
///
/// # Panics
/// When Python or its package installer is missing; with the packages to install.
#[track_caller]
pub(crate) fn interpreter() -> PathBuf {
    let requirements = repository_file("tests/kafka/requirements.txt");
    let input = std::fs::read_to_string(&requirements).expect("it is part of the repository");
    let made = cached("python", &input, |directory| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(directory))?;
        run(Command::new(directory.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&requirements))?;
        Ok(())
    });
    match made {
        Ok(directory) => directory.join("bin/python"),
        Err(reason) => panic!(
            "this test reads Kafka from Python too, and has none with the packages of \
             tests/kafka/requirements.txt. Install Python 3 with venv and pip (Debian: apt-get \
             install python3-venv python3-pip). What was tried: {reason}"
        ),
    }
}

/// Reads all topics that start with the prefix to their ends and decodes their records by the
/// self-contained schemas in the directory, files named `floorcast.v1.<Event>.avsc`. One JSON
/// object per record: `topic`, `partition`, `offset`, `key`, `headers`, `type`, `event`.
///
/// # Panics
/// When a record cannot be decoded.
#[track_caller]
pub(crate) fn read_all(bootstrap: &str, prefix: &str, schemas: &Path) -> Vec<serde_json::Value> {
    consume(bootstrap, prefix, schemas.as_os_str())
}

/// The same for records that are framed for this registry, by Confluent's deserializer.
///
/// # Panics
/// When a record cannot be decoded.
#[track_caller]
pub(crate) fn read_framed(bootstrap: &str, prefix: &str, registry: &str) -> Vec<serde_json::Value> {
    consume(bootstrap, prefix, registry.as_ref())
}

#[track_caller]
fn consume(bootstrap: &str, prefix: &str, schemas: &OsStr) -> Vec<serde_json::Value> {
    let lines = run(Command::new(interpreter())
        .arg(repository_file("tests/kafka/consume.py"))
        .args([bootstrap, prefix])
        .arg(schemas))
    .unwrap_or_else(|problem| panic!("{problem}"));
    lines.lines().map(|line| serde_json::from_str(line).expect("consume.py prints JSON")).collect()
}
