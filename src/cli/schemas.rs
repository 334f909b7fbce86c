//! `floorcast schemas`: the catalogue.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, say};
use crate::event::{EventType, NAMESPACE};
use crate::publish::avro::{joined_files, schema};

#[derive(Debug, Args)]
pub(super) struct SchemasArguments {
    #[command(subcommand)]
    command: SchemasCommand,
}

#[derive(Debug, Subcommand)]
enum SchemasCommand {
    /// One line an event: its name, its topic, its schema's fingerprint (CRC-64-AVRO)
    List,
    /// Write one self-contained schema an event
    Export {
        /// Where to; it is made if it is not there
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Write the files with shared records by reference instead, for code generators
        #[arg(long)]
        joined: bool,
    },
}

pub(super) fn schemas(arguments: &SchemasArguments) -> Result<(), Failure> {
    match &arguments.command {
        SchemasCommand::List => {
            for event in EventType::ALL {
                let (_, fingerprint) = schema(*event).map_err(Failure::failed)?;
                let fingerprint = u64::from_le_bytes(fingerprint);
                let topic = match event {
                    EventType::EventOmitted => "(any)",
                    event => event.topic().as_str(),
                };
                say(format_args!("{:<24} {topic:<8} {fingerprint:016x}", event.as_str()));
            }
            Ok(())
        }
        SchemasCommand::Export { dir, joined } => {
            let unwritable =
                |error: std::io::Error| Failure::failed(format!("{}: {error}", dir.display()));
            fs::create_dir_all(dir).map_err(unwritable)?;
            let mut count = 0;
            let mut write = |name: &str, text: &str| {
                count += 1;
                fs::write(dir.join(format!("{NAMESPACE}.{name}.avsc")), text).map_err(unwritable)
            };
            if *joined {
                for (name, text) in joined_files() {
                    write(name, text)?;
                }
            } else {
                for event in EventType::ALL {
                    let (json, _) = schema(*event).map_err(Failure::failed)?;
                    write(event.as_str(), &format!("{json:#}\n"))?;
                }
            }
            say(format_args!("{count} schemas in {}", dir.display()));
            Ok(())
        }
    }
}
