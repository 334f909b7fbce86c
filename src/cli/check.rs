//! `floorcast check`: is the configuration right, and does everything answer?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::run::{account_parts, kafka_settings, read_config, registry_settings, topic_plan};
use super::schemas::{Standing, standings};
use super::{Failure, say};
use crate::clock::{Clock, SystemClock};
use crate::config::Environment;
use crate::delivery::{TopicPlan, TopicsError, ensure_topics, preflight, registry};
use crate::model::EntityKind;
use crate::ownership::Lease;
use crate::poll::Budget;
use crate::source::{Connection, Limits, PollRequest, RowMemory, StreamKind};
use crate::store::{Options, Store};
use crate::telemetry::Metrics;

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the file only; ask nobody
    #[arg(long)]
    offline: bool,
}

/// One line with its mark.
fn mark(what: &str, outcome: Result<String, String>, failed: &mut bool) {
    match outcome {
        Ok(text) => say(format_args!("✓ {what}: {text}")),
        Err(text) => {
            *failed = true;
            say(format_args!("✗ {what}: {text}"));
        }
    }
}

pub(super) async fn check(
    arguments: &CheckArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let config = read_config(&arguments.config, environment)?;
    let mut failed = false;
    mark("configuration", Ok(format!("{} account(s)", config.accounts.len())), &mut failed);
    for warning in &config.warnings {
        say(format_args!("! {warning}"));
    }
    if arguments.offline {
        say(config.to_string().trim_end());
        return Ok(());
    }
    let environment = Arc::new(environment.clone());
    // Without its key nothing else is asked: what an answer holds could not be closed.
    let privacy = config.privacy.resolve(&environment);
    let privacy = privacy.map_err(|error| Failure::Misused(error.to_string()))?;
    for account in &config.accounts {
        let what = format!("account {}", account.name);
        let outcome = match account_parts(account, &environment) {
            Ok(parts) => one_request(parts, privacy).await,
            Err(Failure::Misused(text) | Failure::Failed(text)) => Err(text),
        };
        mark(&what, outcome, &mut failed);
    }
    // While topics are still to be made there is nothing to own.
    let mut topics_are_there = false;
    let kafka = match kafka_settings(&config, &environment) {
        Ok(settings) => {
            // A check makes nothing: it says what is missing and whether it would be made.
            let plan = TopicPlan { create: false, ..topic_plan(&config) };
            match ensure_topics(&settings, &plan).await {
                Ok(topics) => {
                    topics_are_there = true;
                    for difference in topics.differences {
                        say(format_args!("! {difference}"));
                    }
                    Ok(String::from("answers, all topics are there"))
                }
                Err(TopicsError::Missing { topics, .. }) if config.kafka.create_topics => {
                    Ok(format!("answers; to be made at the start: {}", topics.join(", ")))
                }
                Err(error) => Err(error.to_string()),
            }
        }
        Err(Failure::Misused(text) | Failure::Failed(text)) => Err(text),
    };
    mark("kafka", kafka, &mut failed);
    if topics_are_there && let Ok(settings) = kafka_settings(&config, &environment) {
        let (shards, delivery) = (config.kafka.shards, config.kafka.delivery);
        let examined = tokio::task::spawn_blocking(move || {
            preflight(&settings, shards, delivery, &SystemClock)
        });
        mark("ownership", examined.await.map_err(Failure::failed)?, &mut failed);
    }
    match registry_settings(&config, &environment) {
        Ok(None) => {}
        Ok(Some(settings)) => {
            let prefix = &config.kafka.topic_prefix;
            mark("registry", registry_holds(&settings, prefix).await, &mut failed);
        }
        Err(Failure::Misused(text) | Failure::Failed(text)) => {
            mark("registry", Err(text), &mut failed);
        }
    }
    let state = if config.state_dir.exists() {
        let options = Options { privacy: privacy.fingerprint(), ..Options::default() };
        match Store::check(&config.state_dir, options) {
            Ok(()) => Ok(format!("{} can be opened", config.state_dir.display())),
            Err(error) => Err(error.to_string()),
        }
    } else {
        Ok(format!("{} will be made", config.state_dir.display()))
    };
    mark("state", state, &mut failed);
    if failed { Err(Failure::failed("not everything is right, see above")) } else { Ok(()) }
}

/// Whether the registry answers and takes every schema.
async fn registry_holds(
    settings: &registry::RegistrySettings,
    prefix: &str,
) -> Result<String, String> {
    let client = registry::Client::new(settings).map_err(|error| error.to_string())?;
    client.answers().await.map_err(|error| error.to_string())?;
    let standings = standings(&client, prefix).await.map_err(|error| error.to_string())?;
    let count = |wanted: fn(&Standing) -> bool| {
        standings.iter().filter(|(_, standing)| wanted(standing)).count()
    };
    let refused = standings.iter().find(|(_, standing)| *standing == Standing::Incompatible);
    if let Some((subject, _)) = refused {
        let others = count(|standing| *standing == Standing::Incompatible) - 1;
        let more = if others > 0 { format!(" and {others} others") } else { String::new() };
        return Err(format!(
            "the schema of {subject}{more} does not go with those that are there: look at the \
             subject's versions and its compatibility rule"
        ));
    }
    let there = count(|standing| matches!(standing, Standing::Registered(_)));
    let missing = standings.len() - there;
    match (missing, settings.auto_register) {
        (0, _) => Ok(format!("answers, all {there} schemas are there")),
        (_, true) => Ok(format!("answers; {missing} schemas are to be registered at the start")),
        (_, false) => Err(format!(
            "{missing} of {} schemas are missing: run `floorcast schemas register`, or set \
             auto_register = true",
            standings.len()
        )),
    }
}

/// One request with the account's credentials.
async fn one_request(
    parts: crate::shard::AccountParts,
    privacy: crate::model::Privacy,
) -> Result<String, String> {
    let connection = Connection {
        account: parts.name.clone(),
        budget: Arc::new(Budget::new(parts.budget)),
        lease: Arc::new(Lease::unlimited()),
        metrics: Arc::new(Metrics::new().map_err(|error| error.to_string())?),
        clock: Arc::new(SystemClock),
        limits: Limits { head: Duration::from_secs(10), ..Limits::default() },
    };
    let source = parts.connect(privacy, connection).map_err(|error| error.to_string())?;
    // The cheapest question there is: one answer without pages.
    let streams = parts.streams;
    let gauge = streams.iter().find(|stream| stream.kind == StreamKind::Snapshot);
    let stream = gauge.or(streams.first()).ok_or("no stream is enabled")?;
    let poll_request = match stream.kind {
        StreamKind::Snapshot => PollRequest::Snapshot,
        StreamKind::FullScan => PollRequest::FullScan,
        StreamKind::Incremental { .. } | StreamKind::LogEnds { .. } => {
            PollRequest::Incremental { from: SystemClock.now() }
        }
        StreamKind::Recent => PollRequest::Probe { kind: EntityKind::Call, ids: Vec::new() },
        StreamKind::Waiting => PollRequest::Waiting { calls: true, chats: false },
    };
    let poll_result = source.read(&stream.name, &poll_request, &RowMemory::default()).await;
    let poll_result = poll_result.map_err(|error| error.to_string())?;
    let offset = poll_result.clock_offset_millis.map_or_else(String::new, |millis| {
        format!(", its clock is {:+.1} s off ours", seconds(millis))
    });
    Ok(format!("answers{offset}"))
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
