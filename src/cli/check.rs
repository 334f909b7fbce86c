//! `floorcast check`: validates the configuration and tests everything it names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::run::{account_parts, kafka_settings, read_config, registry_settings, topic_plan};
use super::schemas::{SubjectStatus, subject_statuses};
use super::{Failure, say};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Environment};
use crate::delivery::{TopicPlan, TopicsError, ensure_topics, preflight, registry};
use crate::kafka::KafkaSettings;
use crate::model::Privacy;
use crate::ownership::Lease;
use crate::poll::{AccountPermits, Budget};
use crate::source::{
    AccountStream, ActivityLogRequest, Connection, FullScanRequest, IncrementalRequest, Limits,
    LookupRequest, RowMemory, SnapshotRequest, StreamPoll, WaitingRequest,
};
use crate::store::{Options, Store};
use crate::telemetry::Metrics;

#[derive(Debug, Args)]
#[command(before_help = "Example: floorcast check --config floorcast.toml")]
pub(super) struct CheckArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Validate the file only; send no requests
    #[arg(long)]
    offline: bool,
}

/// Prints the result of each check on a line, and counts those that failed.
#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    fn add(&mut self, what: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(text) => say(format_args!("✓ {what}: {text}")),
            Err(text) => {
                self.failed += 1;
                say(format_args!("✗ {what}: {text}"));
            }
        }
    }
}

pub(super) async fn check(
    arguments: &CheckArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let config = read_config(&arguments.config, environment)?;
    let mut report = Report::default();
    report.add("configuration", Ok(format!("{} account(s)", config.accounts.len())));
    for warning in &config.warnings {
        say(format_args!("! {warning}"));
    }
    if arguments.offline {
        say(config.to_string().trim_end());
        return Ok(());
    }
    let environment = Arc::new(environment.clone());
    // No vendor request without the key of the pseudonyms: an answer could not be pseudonymised.
    let privacy = config.privacy.resolve(&environment);
    let privacy = privacy.map_err(|error| Failure::Usage(error.to_string()))?;
    for account in &config.accounts {
        let outcome = match account_parts(account, &environment) {
            Ok(parts) => one_request(parts, privacy).await,
            Err(Failure::Usage(text) | Failure::Failed(text)) => Err(text),
        };
        report.add(&format!("account {}", account.name), outcome);
    }
    match check_topics(&config, &environment).await {
        Ok(topics) => {
            report.add("kafka", Ok(topics.text));
            // Before the topics exist there is nothing to own.
            if let Some(settings) = topics.complete {
                report.add("ownership", check_ownership(&config, settings).await?);
            }
        }
        Err(text) => report.add("kafka", Err(text)),
    }
    match registry_settings(&config, &environment) {
        Ok(None) => {}
        Ok(Some(settings)) => {
            let prefix = &config.kafka.topic_prefix;
            report.add("registry", check_registry(&settings, prefix).await);
        }
        Err(Failure::Usage(text) | Failure::Failed(text)) => report.add("registry", Err(text)),
    }
    report.add("state", check_store(&config.state_dir, privacy));
    match report.failed {
        0 => Ok(()),
        1 => Err(Failure::failed("a check failed, see above")),
        more => Err(Failure::failed(format!("{more} checks failed, see above"))),
    }
}

/// The line about the topics, and the client's settings when all of them exist.
struct CheckedTopics {
    text: String,
    complete: Option<KafkaSettings>,
}

/// Whether Kafka answers and has the topics. Creates none, also where `run` would.
async fn check_topics(config: &Config, environment: &Environment) -> Result<CheckedTopics, String> {
    let settings = match kafka_settings(config, environment) {
        Ok(settings) => settings,
        Err(Failure::Usage(text) | Failure::Failed(text)) => return Err(text),
    };
    let plan = TopicPlan { create: false, ..topic_plan(config) };
    match ensure_topics(&settings, &plan).await {
        Ok(topics) => {
            for difference in topics.differences {
                say(format_args!("! {difference}"));
            }
            let text = String::from("answers, all topics are there");
            Ok(CheckedTopics { text, complete: Some(settings) })
        }
        Err(TopicsError::Missing { topics, .. }) if config.kafka.create_topics => {
            let topics = topics.join(", ");
            let text = format!("answers; missing topics are created at the start: {topics}");
            Ok(CheckedTopics { text, complete: None })
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Who owns the shards, and whether this bridge has the rights to.
async fn check_ownership(
    config: &Config,
    settings: KafkaSettings,
) -> Result<Result<String, String>, Failure> {
    let (shards, delivery) = (config.kafka.shards, config.kafka.delivery);
    let checked =
        tokio::task::spawn_blocking(move || preflight(&settings, shards, delivery, &SystemClock));
    checked.await.map_err(Failure::failed)
}

/// Whether the local store can be opened, if there is one.
fn check_store(dir: &Path, privacy: Privacy) -> Result<String, String> {
    if !dir.exists() {
        return Ok(format!("{} will be created", dir.display()));
    }
    let options = Options { privacy: privacy.fingerprint(), ..Options::default() };
    match Store::check(dir, options) {
        Ok(()) => Ok(format!("{} can be opened", dir.display())),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the registry answers, and has or accepts every schema.
async fn check_registry(
    settings: &registry::RegistrySettings,
    prefix: &str,
) -> Result<String, String> {
    let client = registry::Client::new(settings).map_err(|error| error.to_string())?;
    client.answers().await.map_err(|error| error.to_string())?;
    let statuses = subject_statuses(&client, prefix).await.map_err(|error| error.to_string())?;
    let with = |wanted: fn(&SubjectStatus) -> bool| {
        statuses.iter().filter(move |(_, status)| wanted(status)).map(|(subject, _)| subject)
    };
    let mut incompatible = with(|status| *status == SubjectStatus::Incompatible);
    if let Some(subject) = incompatible.next() {
        let others = incompatible.count();
        let more = if others > 0 { format!(" and {others} others") } else { String::new() };
        return Err(format!(
            "the schema of {subject}{more} is incompatible with the registered versions: look at \
             the subject's versions and its compatibility rule"
        ));
    }
    let registered = with(|status| matches!(status, SubjectStatus::Registered(_))).count();
    let missing = statuses.len() - registered;
    match (missing, settings.auto_register) {
        (0, _) => Ok(format!("answers, all {registered} schemas are there")),
        (_, true) => Ok(format!("answers; {missing} schemas are registered at the start")),
        (_, false) => Err(format!(
            "{missing} of {} schemas are missing: run `floorcast schemas register`, or set \
             auto_register = true",
            statuses.len()
        )),
    }
}

/// One request with the account's credentials.
async fn one_request(
    parts: crate::shard::AccountParts,
    privacy: Privacy,
) -> Result<String, String> {
    let connection = Connection {
        account: parts.name.clone(),
        permits: Arc::new(AccountPermits {
            budget: Arc::new(Budget::new(parts.budget)),
            lease: Arc::new(Lease::unlimited()),
        }),
        metrics: Arc::new(Metrics::new().map_err(|error| error.to_string())?),
        clock: Arc::new(SystemClock),
        limits: Limits { head: Duration::from_secs(10), ..Limits::default() },
    };
    let source = parts.connect(privacy, connection).map_err(|error| error.to_string())?;
    let enabled = |stream: &&AccountStream| parts.streams.iter().any(|it| it.name == stream.name);
    let streams: Vec<_> = source.streams().iter().filter(enabled).collect();
    // The cheapest poll there is: one answer without pages.
    let snapshot = streams.iter().find(|stream| matches!(stream.poll, StreamPoll::Snapshot(_)));
    let stream = snapshot.or(streams.first()).ok_or("no stream is enabled")?;
    let memory = RowMemory::default();
    let from = SystemClock.now();
    let poll_result = match &stream.poll {
        StreamPoll::FullScan(stream) => stream.poll(FullScanRequest, &memory).await,
        StreamPoll::Snapshot(stream) => stream.poll(SnapshotRequest, &memory).await,
        StreamPoll::Incremental { poll, .. } => {
            poll.poll(IncrementalRequest { from }, &memory).await
        }
        StreamPoll::ActivityLog { poll, .. } => {
            poll.poll(ActivityLogRequest { from }, &memory).await
        }
        StreamPoll::Lookup(stream) => stream.poll(LookupRequest::Calls(Vec::new()), &memory).await,
        StreamPoll::Waiting(stream) => stream.poll(WaitingRequest::Calls, &memory).await,
    };
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
