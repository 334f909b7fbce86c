//! The settings of a valid configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::privacy::PrivacySettings;
use super::registry::RegistryConfig;
use crate::delivery::Delivery;
use crate::engine::Start;
use crate::model::AccountName;
use crate::secret::SecretSource;
use crate::source::{Access, Vendor};

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The broker, the topics, the delivery.
    pub kafka: KafkaConfig,
    /// The schema registry; without one events are in Avro single-object encoding.
    pub registry: Option<RegistryConfig>,
    /// The directory of the local store.
    pub state_dir: PathBuf,
    /// The address of the admin pages.
    pub admin_listen: SocketAddr,
    /// Which personal data is kept, dropped or pseudonymised.
    pub privacy: PrivacySettings,
    /// The accounts, at least one.
    pub accounts: Vec<AccountConfig>,
    /// Valid settings that are risky, one line each.
    pub warnings: Vec<String>,
}

/// The broker, the topics, the delivery.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// The name under which this bridge owns its accounts.
    pub deployment: String,
    /// Whether this bridge starts as a standby while another one of its deployment is the owner.
    pub standby: bool,
    /// How events are delivered.
    pub delivery: Delivery,
    /// Number of shards: the partitions of the state topic.
    pub shards: u32,
    /// Accounts that were removed from the configuration and whose state is to be deleted.
    pub retire: Vec<AccountName>,
    /// The prefix of the topics' names.
    pub topic_prefix: String,
    /// Whether missing topics are created.
    pub create_topics: bool,
    /// Partitions of a created topic.
    pub partitions: i32,
    /// Replicas of a created topic; -1 for the broker's default.
    pub replication_factor: i32,
    /// How long a created topic keeps events.
    pub retention: Duration,
    /// Bytes of events in the outbox above which polling is paused.
    pub outbox_limit: u64,
    /// Further properties of librdkafka.
    pub properties: BTreeMap<String, Property>,
}

/// A property of librdkafka.
#[derive(Clone, Debug)]
pub enum Property {
    /// Its value.
    Plain(String),
    /// Where its value is.
    Secret(SecretSource),
}

/// An account: one set of credentials at one vendor.
#[derive(Clone, Debug)]
pub struct AccountConfig {
    /// Its name.
    pub name: AccountName,
    /// Its vendor.
    pub vendor: Vendor,
    /// Address, credentials and the vendor's own settings.
    pub access: Arc<dyn Access>,
    /// The vendor's limit, in requests per second.
    pub requests_per_second: f64,
    /// Upper limit of the pause that a vendor's `Retry-After` imposes.
    pub longest_pause: Duration,
    /// The time from which on changes are read.
    pub start: Start,
    /// How far before its cursor an incremental poll begins; `None` for the vendor's default.
    pub overlap: Option<Duration>,
    /// Targets of its queues, where the vendor names none.
    pub service_level: ServiceLevelSettings,
    /// Streams whose settings differ from their defaults.
    pub streams: BTreeMap<String, StreamConfig>,
}

/// Targets of queues, where the vendor names none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceLevelSettings {
    /// Seconds within which an interaction is to be answered.
    pub target_seconds: Option<i64>,
    /// Percent of interactions to be answered in that time.
    pub target_percent: Option<f64>,
    /// The window of a service level, in minutes.
    pub minutes: i64,
}

impl Default for ServiceLevelSettings {
    fn default() -> Self {
        Self { target_seconds: None, target_percent: None, minutes: 30 }
    }
}

/// Settings of a stream that differ from its defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StreamConfig {
    /// Whether it is polled.
    pub disabled: bool,
    /// Its share of the budget relative to the other streams'.
    pub weight: Option<f64>,
    /// It is polled before other streams once its last poll is this old.
    pub max_interval: Option<Duration>,
}

/// The settings in force, without any secret.
impl fmt::Display for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kafka = &self.kafka;
        writeln!(out, "kafka      {} as {}", kafka.bootstrap_servers, kafka.deployment)?;
        let how = match kafka.delivery {
            Delivery::ExactlyOnce => "exactly once",
            Delivery::AtLeastOnce => "at least once",
        };
        let standby = if kafka.standby { ", with standby" } else { "" };
        writeln!(out, "topics     {}.*, {how}{standby}", kafka.topic_prefix)?;
        if let Some(registry) = &self.registry {
            let url = registry.url.as_str().trim_end_matches('/');
            let how = if registry.auto_register { "registers" } else { "looks up" };
            writeln!(out, "registry   {url}, {how} schemas")?;
        }
        writeln!(out, "state      {}", self.state_dir.display())?;
        writeln!(out, "admin      http://{}", self.admin_listen)?;
        for account in &self.accounts {
            writeln!(
                out,
                "account    {} ({}) at {}, {} requests/s",
                account.name, account.vendor.name, account.access, account.requests_per_second,
            )?;
        }
        Ok(())
    }
}
