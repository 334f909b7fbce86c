//! `floorcast schemas register`: every subject at the registry, by hand or by a pipeline, so that
//! the bridge itself needs no right to write there.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::run::{read_config, registry_settings};
use super::{Failure, say};
use crate::bridge::RegistrySettings;
use crate::config::Environment;
use crate::publish::avro;
use crate::publish::registry::{self, Client, Compatibility, Error, Remedy};

#[derive(Debug, Args)]
pub(super) struct RegisterArguments {
    /// The configuration file, with [registry]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only ask whether the schemas are compatible; change nothing
    #[arg(long)]
    check: bool,
}

pub(super) async fn register(
    arguments: &RegisterArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let config = read_config(&arguments.config, &environment)?;
    let Some(registry) = registry_settings(&config, &Arc::new(environment))? else {
        let file = arguments.config.display();
        return Err(Failure::Misused(format!(
            "{file}: there is no [registry]; add it with its url"
        )));
    };
    let client = registry.client;
    let subjects = registry::subjects(&config.kafka.topic_prefix);
    let (mut done, mut refused) = (0, 0);
    for (subject, event) in &subjects {
        let (schema, _) = avro::schema(*event).map_err(Failure::failed)?;
        let outcome = one(&client, subject, &schema.to_string(), arguments.check).await;
        match outcome {
            Ok(text) => {
                done += 1;
                say(format_args!("✓ {subject}: {text}"));
            }
            // What is wrong with one schema says nothing of the others.
            Err(error) if error.remedy() == Remedy::Schema => {
                refused += 1;
                say(format_args!("✗ {subject}: {error}"));
            }
            Err(error) => return Err(Failure::failed(error)),
        }
    }
    let what = if arguments.check { "can be registered" } else { "are registered" };
    say(format_args!("{done} of {} schemas {what} at {}", subjects.len(), client.identity()));
    if refused > 0 {
        return Err(Failure::failed(format_args!("{refused} schemas were refused, see above")));
    }
    Ok(())
}

async fn one(client: &Client, subject: &str, schema: &str, check: bool) -> Result<String, Error> {
    if !check {
        return Ok(format!("id {}", client.register(subject, schema).await?));
    }
    match client.compatibility(subject, schema).await? {
        Compatibility::New => Ok(String::from("new")),
        Compatibility::Compatible => Ok(String::from("compatible")),
        Compatibility::Incompatible(said) => {
            Err(Error::Incompatible { subject: subject.to_owned(), said })
        }
    }
}

/// Whether the registry answers, and knows the schemas. Changes nothing.
pub(super) async fn ask(registry: &RegistrySettings, prefix: &str) -> Result<String, String> {
    let subjects = registry::subjects(prefix);
    let mut missing = Vec::new();
    for (subject, event) in &subjects {
        let (schema, _) = avro::schema(*event).map_err(|error| error.to_string())?;
        let found = registry.client.look_up(subject, &schema.to_string()).await;
        if found.map_err(|error| error.to_string())?.is_none() {
            missing.push(subject.as_str());
        }
    }
    match (missing.as_slice(), registry.auto_register) {
        ([], _) => Ok(String::from("answers, all schemas are registered")),
        (missing, true) => Ok(format!(
            "answers; {} of {} schemas are to be registered when they are first needed",
            missing.len(),
            subjects.len()
        )),
        ([first, rest @ ..], false) => {
            let more =
                if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            let missing = Error::Missing { subject: (*first).to_owned() };
            Err(format!("{missing}{more}"))
        }
    }
}
