//! `floorcast state`: what the local store holds, and whether it agrees with the state topic.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::run::{kafka_settings, read_config};
use super::{Failure, say};
use crate::bridge::shards_of;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Environment};
use crate::model::{AccountName, EntityKind, Timestamp};
use crate::ownership::{StoreClaim, verify};
use crate::store::{Options, Store};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what the local store holds: counts and cursors, no personal data
    Show(StateArguments),
    /// Compare the local store with the state topic; exit status 1 when they differ
    Verify(StateArguments),
}

#[derive(Debug, Args)]
pub(super) struct StateArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) async fn state(command: Command, environment: &Environment) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show(&read_config(&arguments.config, environment)?),
        Command::Verify(arguments) => {
            let config = read_config(&arguments.config, environment)?;
            let settings = kafka_settings(&config, environment)?;
            let compared = tokio::task::spawn_blocking(move || compare(&config, &settings));
            compared.await.map_err(Failure::failed)?
        }
    }
}

/// Opens the store of a shard for reading only.
fn open(config: &Config, dir: &std::path::Path) -> Result<Store, Failure> {
    // The privacy settings matter only for writing.
    let options = Options { privacy: 0, now: SystemClock.now() };
    Store::open_existing(dir, options).map_err(Failure::failed)?.ok_or_else(|| {
        Failure::failed(format!(
            "there is no store of {} in {}; it is created when `floorcast run` owns the shard",
            config.kafka.deployment,
            dir.display()
        ))
    })
}

fn show(config: &Config) -> Result<(), Failure> {
    for (shard, dir) in shards_of(&config.state_dir, config.kafka.shards) {
        let store = open(config, &dir)?;
        say(format_args!("shard {shard} in {}", dir.display()));
        match StoreClaim::load(&store).map_err(Failure::failed)? {
            Some(ownership) => {
                let generation = ownership.held.map_or(0, |held| held.number);
                say(format_args!("  generation {generation}, lineage {}", ownership.lineage));
            }
            None => say("  no owner recorded"),
        }
        let level = store.outbox_level();
        say(format_args!(
            "  outbox: {} events in {} entries, {} bytes; newest entry {}",
            level.events,
            level.entries,
            level.bytes,
            store.newest_entry()
        ));
        for account in store.accounts().map_err(Failure::failed)? {
            say(format_args!("  account {account}"));
            for kind in EntityKind::ALL {
                let count = store.states::<Value>(&account, kind).count();
                if count > 0 {
                    say(format_args!("    {count} {kind}"));
                }
            }
            show_positions(&store, &account)?;
        }
    }
    Ok(())
}

fn show_positions(store: &Store, account: &AccountName) -> Result<(), Failure> {
    for position in store.cursors::<Value>(account) {
        let (stream, stored) = position.map_err(Failure::failed)?;
        let time = |name: &str| {
            let millis = stored.value[name].as_i64()?;
            Some(Timestamp::from_millis(millis).to_rfc3339())
        };
        let cursor = time("cursor").map_or_else(String::new, |at| format!(", cursor {at}"));
        let polled = time("asked_at").unwrap_or_else(|| String::from("never"));
        say(format_args!("    {stream}: last polled {polled}{cursor}"));
    }
    Ok(())
}

fn compare(config: &Config, settings: &crate::kafka::KafkaSettings) -> Result<(), Failure> {
    let mut differences = 0;
    for (shard, dir) in shards_of(&config.state_dir, config.kafka.shards) {
        let store = open(config, &dir)?;
        let found = verify(settings, shard, &store).map_err(Failure::failed)?;
        for difference in &found.differences {
            say(format_args!("✗ shard {shard}: {difference}"));
        }
        if found.further > 0 {
            say(format_args!("✗ shard {shard}: and {} more differences", found.further));
        }
        if found.agrees() {
            say(format_args!(
                "✓ shard {shard}: {} records agree with {}; {} outbox entries are not published yet",
                found.records,
                settings.state_topic(),
                found.waiting
            ));
        }
        differences += found.differences.len();
    }
    if differences > 0 {
        return Err(Failure::failed("the local store differs from the state topic, see above"));
    }
    Ok(())
}
