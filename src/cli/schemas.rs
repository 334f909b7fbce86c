//! `floorcast schemas`: lists the events, exports their schemas, registers them.
//!
//! The exported self-contained schema of an event is the one whose fingerprint its messages carry.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::run::{read_config, registry_settings};
use super::{Failure, say};
use crate::config::Environment;
use crate::delivery::registry::{self, Compatibility};
use crate::event::avro;
use crate::event::{EventType, NAMESPACE, Topic};

/// A command on the schemas.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// List the events: type, topic, and the fingerprint of the schema (CRC-64-AVRO).
    ///
    /// The fingerprint is a hexadecimal number. A message has it behind the bytes C3 01, least
    /// significant byte first.
    List,
    /// Write the schemas to a directory, one self-contained file for each event.
    Export {
        /// The directory. It is created if it is missing; files of the same names are replaced.
        directory: PathBuf,
        /// Write one file for each record instead, with references, for code generators.
        #[arg(long)]
        joined: bool,
    },
    /// Register the schemas of all events with the configured schema registry.
    Register {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Register nothing: show which schemas are registered, new or incompatible
        #[arg(long)]
        check: bool,
    },
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A schema of this program is invalid, which a test rules out.
    #[error(transparent)]
    Catalogue(#[from] avro::Error),
    /// A file or the directory cannot be written.
    #[error("cannot write {}: {source}; name a directory that can be written", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write to the output: {0}")]
    Output(#[from] io::Error),
}

/// The status of a subject's schema in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubjectStatus {
    /// It is registered under this id.
    Registered(u32),
    /// It is not registered, and can be.
    New,
    /// It is not compatible with the registered versions.
    Incompatible,
}

/// The status of each schema, by its subject. Changes nothing.
pub(super) async fn subject_statuses(
    client: &registry::Client,
    prefix: &str,
) -> Result<Vec<(String, SubjectStatus)>, registry::Error> {
    let mut all = Vec::new();
    for (subject, schema) in subject_schemas(prefix) {
        let status = match client.look_up(&subject, &schema).await {
            Ok(id) => SubjectStatus::Registered(id),
            Err(registry::Error::Missing { .. }) => {
                match client.compatibility(&subject, &schema).await? {
                    Compatibility::New | Compatibility::Compatible => SubjectStatus::New,
                    Compatibility::Incompatible => SubjectStatus::Incompatible,
                }
            }
            Err(error) => return Err(error),
        };
        all.push((subject, status));
    }
    Ok(all)
}

/// Every subject with its schema.
fn subject_schemas(prefix: &str) -> Vec<(String, String)> {
    let text = |(topic, event): (String, EventType)| {
        let (_, fingerprint) = avro::schema(event).ok()?;
        Some((registry::subject(&topic, event), avro::text_of(event, fingerprint)?))
    };
    registry::subjects(prefix).into_iter().filter_map(text).collect()
}

/// Registers every schema; with `check`, only shows the status of each. Prints a line for each.
pub(super) async fn register(
    config: &Path,
    check: bool,
    environment: &Environment,
) -> Result<(), Failure> {
    let config = read_config(config, environment)?;
    let Some(settings) = registry_settings(&config, environment)? else {
        let help = "there is no [registry] in the configuration; add it with url";
        return Err(Failure::Usage(String::from(help)));
    };
    let client = registry::Client::new(&settings).map_err(Failure::failed)?;
    let prefix = &config.kafka.topic_prefix;
    let mut refused = 0;
    if check {
        for (subject, status) in subject_statuses(&client, prefix).await.map_err(Failure::failed)? {
            match status {
                SubjectStatus::Registered(id) => say(format_args!("✓ {subject}: {id}")),
                SubjectStatus::New => say(format_args!("+ {subject}: new")),
                SubjectStatus::Incompatible => {
                    refused += 1;
                    say(format_args!("✗ {subject}: incompatible with the registered versions"));
                }
            }
        }
    } else {
        for (subject, schema) in subject_schemas(prefix) {
            match client.register(&subject, &schema).await {
                Ok(id) => say(format_args!("✓ {subject}: {id}")),
                Err(error @ registry::Error::Refused { .. }) => {
                    refused += 1;
                    say(format_args!("✗ {subject}: {error}"));
                }
                Err(error) => return Err(Failure::failed(error)),
            }
        }
    }
    if refused == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!("{refused} schemas are refused, see above")))
}

impl Command {
    /// Runs the command and prints its result to `out`. `Register` does nothing here: it needs a
    /// configuration and the network.
    ///
    /// # Errors
    /// When a file or the output cannot be written.
    pub fn run(&self, out: &mut impl Write) -> Result<(), Error> {
        match self {
            Self::Register { .. } => Ok(()),
            Self::List => list(out),
            Self::Export { directory, joined } => {
                let files = if *joined { joined_files() } else { self_contained_files()? };
                write_files(directory, &files)?;
                for (release, files) in released_files()? {
                    write_files(&directory.join(format!("released/{release}")), &files)?;
                }
                Ok(writeln!(out, "{} schemas written to {}", files.len(), directory.display())?)
            }
        }
    }
}

/// A header, then one line for each event.
fn list(out: &mut impl Write) -> Result<(), Error> {
    let width = EventType::ALL.iter().map(|event| event.as_str().len()).max().unwrap_or_default();
    let topics = Topic::ALL.iter().map(|topic| topic.as_str().len()).max().unwrap_or_default();
    writeln!(out, "{:width$}  {:topics$}  FINGERPRINT", "EVENT", "TOPIC")?;
    for event in EventType::ALL {
        let (_, fingerprint) = avro::schema(*event)?;
        let topic = match event {
            // It replaces another event, on the topic of that one.
            EventType::EventOmitted => "any",
            event => event.topic().as_str(),
        };
        let fingerprint = u64::from_le_bytes(fingerprint);
        writeln!(out, "{:width$}  {topic:topics$}  {fingerprint:016x}", event.as_str())?;
    }
    Ok(())
}

/// Name and text of a file for each event, with every record defined where it is first used.
fn self_contained_files() -> Result<Vec<(String, String)>, Error> {
    let file = |event: &EventType| {
        let (schema, _) = avro::schema(*event)?;
        Ok((format!("{NAMESPACE}.{}.avsc", event.as_str()), format!("{schema:#}\n")))
    };
    EventType::ALL.iter().map(file).collect()
}

/// The files of released schemas that differ from the current ones, by release.
fn released_files() -> Result<BTreeMap<u32, Vec<(String, String)>>, Error> {
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for old in avro::released()? {
        let name = format!("{NAMESPACE}.{}.avsc", old.event.as_str());
        files.entry(old.release).or_default().push((name, format!("{:#}\n", old.json)));
    }
    Ok(files)
}

/// Name and text of a file for each record, as in `schemas/`. The names hold the namespace: that is how
/// readers such as fastavro's `load_schema` find a record that another one references.
fn joined_files() -> Vec<(String, String)> {
    let file = |(name, text)| (format!("{NAMESPACE}.{name}.avsc"), String::from(text));
    avro::joined_files().map(file).collect()
}

fn write_files(directory: &Path, files: &[(String, String)]) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::File { path, source }
    };
    std::fs::create_dir_all(directory).map_err(failed(directory))?;
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use apache_avro::Schema;

    use super::*;

    fn run(command: &Command) -> String {
        let mut out = Vec::new();
        command.run(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The files of a directory, without its subdirectories.
    fn directory_files(path: &Path) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(path).unwrap().map(io::Result::unwrap);
        let files = entries.filter(|entry| entry.path().is_file());
        files
            .map(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect()
    }

    #[test]
    fn the_list_has_one_aligned_line_for_each_event() {
        let list = run(&Command::List);
        let lines: Vec<_> = list.lines().collect();
        assert_eq!(lines.len(), EventType::ALL.len() + 1);
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        assert_eq!(words(lines[0]), ["EVENT", "TOPIC", "FINGERPRINT"]);
        let queued = lines.iter().find(|line| line.starts_with("CallQueued ")).unwrap();
        let golden = include_str!("../../tests/avro/golden/fingerprints.txt");
        let golden = golden.lines().find(|line| line.starts_with("CallQueued ")).unwrap();
        let fingerprint = golden.rsplit(' ').next().unwrap();
        assert_eq!(words(queued), ["CallQueued", "calls", fingerprint]);
        assert_eq!(queued.find(fingerprint), lines[0].find("FINGERPRINT"));
        assert_eq!(words(lines.last().unwrap())[..2], ["EventOmitted", "any"]);
    }

    #[test]
    fn an_exported_file_needs_no_other_and_is_the_same_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = directory.path().join("first/new");
        let command = Command::Export { directory: first.clone(), joined: false };
        let output = run(&command);
        let count = EventType::ALL.len();
        assert_eq!(output, format!("{count} schemas written to {}\n", first.display()));
        let files = directory_files(&first);
        assert_eq!(files.len(), count);
        for (name, text) in &files {
            let schema = Schema::parse_str(text).unwrap();
            assert_eq!(format!("{}.avsc", schema.name().unwrap()), *name);
        }
        run(&command);
        assert_eq!(directory_files(&first), files);
    }

    #[test]
    fn joined_files_are_those_of_the_schemas_folder() {
        let directory = tempfile::tempdir().unwrap();
        run(&Command::Export { directory: directory.path().to_path_buf(), joined: true });
        let files = directory_files(directory.path());
        let kept: BTreeMap<_, _> = avro::joined_files().collect();
        assert!(files.values().eq(kept.values()));
        for (name, text) in &files {
            let schema: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(*name, format!("floorcast.v1.{}.avsc", schema["name"].as_str().unwrap()));
        }
        // Together they define all that they name.
        assert!(Schema::parse_list(files.values()).is_ok());
    }

    #[test]
    fn a_changed_released_schema_is_exported_beside_the_current_one() {
        let directory = tempfile::tempdir().unwrap();
        run(&Command::Export { directory: directory.path().to_path_buf(), joined: false });
        let now = directory_files(directory.path());
        let released = directory_files(&directory.path().join("released/1"));
        // Agents have more fields now.
        let names: Vec<_> = released.keys().map(|name| name.rsplit('.').nth(1).unwrap()).collect();
        assert_eq!(names, ["AgentAdded", "AgentRemoved", "AgentUpdated"]);
        let form = |text: &str| Schema::parse_str(text).unwrap().canonical_form();
        assert!(released.iter().all(|(name, text)| form(text) != form(&now[name])));
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let command = Command::Export { directory: file.path().join("below"), joined: false };
        let error = command.run(&mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(&file.path().join("below").display().to_string()), "{error}");
    }
}
