//! `floorcast run`: the bridge, from its configuration to its end by a signal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use clap::Args;

use super::{Failure, say, stop_signal};
use crate::bridge::{Bridge, BridgeParts, EventDestination, Publishing};
use crate::clock::SystemClock;
use crate::config::{self, Config, CredentialsConfig, Environment, Property};
use crate::delivery::{TopicPlan, registry};
use crate::kafka::KafkaSettings;
use crate::shard::AccountParts;
use crate::source::Limits;

#[derive(Debug, Args)]
#[command(before_help = "Example: floorcast run --config floorcast.toml")]
pub(super) struct RunArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print events as lines of JSON; use no Kafka and keep no state
    #[arg(long)]
    dry_run: bool,
    /// How long to go on sending events after SIGTERM or Ctrl-C; a second signal ends at once
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    grace: u64,
}

/// Reads and validates a configuration file.
pub(super) fn read_config(path: &Path, environment: &Environment) -> Result<Config, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{name}: cannot be read: {error}")))?;
    Config::read(&name, &text, environment).map_err(|mistakes| Failure::Usage(mistakes.to_string()))
}

/// The settings of the Kafka client, with the secrets read.
pub(super) fn kafka_settings(
    config: &Config,
    environment: &Environment,
) -> Result<KafkaSettings, Failure> {
    let mut properties = Vec::new();
    for (name, property) in &config.kafka.properties {
        let value = match property {
            Property::Plain(text) => text.clone(),
            Property::Secret(source) => {
                let secret =
                    source.fetch(environment).map_err(|error| Failure::Usage(error.to_string()))?;
                secret.expose().to_owned()
            }
        };
        properties.push((name.clone(), value));
    }
    Ok(KafkaSettings {
        bootstrap_servers: config.kafka.bootstrap_servers.clone(),
        client_id: format!("floorcast-{}", config.kafka.deployment),
        deployment: config.kafka.deployment.clone(),
        topic_prefix: config.kafka.topic_prefix.clone(),
        properties,
    })
}

/// The settings of the schema registry, with the secrets and the authority's certificates read.
pub(super) fn registry_settings(
    config: &Config,
    environment: &Environment,
) -> Result<Option<registry::RegistrySettings>, Failure> {
    let Some(settings) = &config.registry else { return Ok(None) };
    let fetch = |source: &config::SecretSource| {
        source.fetch(environment).map_err(|error| Failure::Usage(error.to_string()))
    };
    let credentials = match &settings.credentials {
        None => None,
        Some(CredentialsConfig::Basic { username, password }) => {
            let (username, password) = (username.clone(), fetch(password)?);
            Some(registry::RegistryCredentials::Basic { username, password })
        }
        Some(CredentialsConfig::Bearer(token)) => {
            Some(registry::RegistryCredentials::Bearer(fetch(token)?))
        }
    };
    let authority = match &settings.ca_file {
        None => None,
        Some(file) => Some(std::fs::read(file).map(Arc::from).map_err(|error| {
            let file = file.display();
            Failure::Usage(format!("registry.ca_file: {file} cannot be read: {error}"))
        })?),
    };
    let (url, auto_register) = (settings.url.clone(), settings.auto_register);
    Ok(Some(registry::RegistrySettings { url, credentials, authority, auto_register }))
}

/// Which topics there are to be, and how missing ones are created.
pub(super) fn topic_plan(config: &Config) -> TopicPlan {
    TopicPlan {
        create: config.kafka.create_topics,
        partitions: config.kafka.partitions,
        replication_factor: config.kafka.replication_factor,
        retention: config.kafka.retention,
        shards: config.kafka.shards,
    }
}

/// An account, ready to be connected.
pub(super) fn account_parts(
    account: &config::AccountConfig,
    environment: &Arc<Environment>,
) -> Result<AccountParts, Failure> {
    AccountParts::configured(account, environment)
        .map_err(|error| Failure::Usage(error.to_string()))
}

pub(super) async fn run(arguments: &RunArguments, environment: Environment) -> Result<(), Failure> {
    let config = read_config(&arguments.config, &environment)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let environment = Arc::new(environment);
    let accounts = config.accounts.iter().map(|account| account_parts(account, &environment));
    let accounts = accounts.collect::<Result<Vec<_>, _>>()?;
    let privacy =
        config.privacy.resolve(&environment).map_err(|error| Failure::Usage(error.to_string()))?;
    let registry = registry_settings(&config, &environment)?;
    let mut dry_dir = None;
    let mut printer = None;
    let (destination, state_dir) = if arguments.dry_run {
        let (lines, printed) = channel::<String>();
        printer = Some(std::thread::spawn(move || printed.iter().for_each(say)));
        let dir = std::env::temp_dir().join(format!("floorcast-dry-run-{}", std::process::id()));
        dry_dir = Some(dir.clone());
        (EventDestination::Lines(lines), dir)
    } else {
        let publishing = Publishing {
            settings: kafka_settings(&config, &environment)?,
            topics: Some(topic_plan(&config)),
            delivery: config.kafka.delivery,
            standby: config.kafka.standby,
            shards: config.kafka.shards,
            retired: config.kafka.retire.clone(),
        };
        (EventDestination::Kafka(Box::new(publishing)), config.state_dir.clone())
    };
    let parts = BridgeParts {
        deployment: config.kafka.deployment.clone(),
        accounts,
        destination,
        registry,
        state_dir,
        outbox_limit: config.kafka.outbox_limit,
        privacy,
        admin: Some(config.admin_listen),
        limits: Limits::default(),
        clock: Arc::new(SystemClock),
    };
    let bridge = Bridge::start(parts).await.map_err(Failure::failed)?;
    for line in config.to_string().lines() {
        tracing::info!("{line}");
    }
    if let Some(address) = bridge.admin_address() {
        tracing::info!("admin pages at http://{address}");
    }
    let failure = tokio::select! {
        () = stop_signal() => None,
        reason = bridge.failed() => Some(reason),
    };
    if let Some(reason) = failure {
        let _ = bridge.stop(Duration::from_secs(1)).await;
        return Err(Failure::Failed(reason));
    }
    tracing::info!(
        grace_s = arguments.grace,
        "stopping: polling has ended, sending the events in the outbox"
    );
    let stopped = tokio::select! {
        stopped = bridge.stop(Duration::from_secs(arguments.grace)) => stopped,
        () = stop_signal() => return Err(Failure::failed("stopped at once by the second signal; the outbox is kept")),
    };
    if let Some(printer) = printer {
        let _ = printer.join();
    }
    if let Some(dir) = dry_dir {
        let _ = std::fs::remove_dir_all(dir);
    }
    if stopped.remaining > 0 {
        tracing::warn!(
            events = stopped.remaining,
            "stopped with events in the outbox; the next start sends them"
        );
    } else {
        tracing::info!("stopped; the outbox is empty");
    }
    Ok(())
}
