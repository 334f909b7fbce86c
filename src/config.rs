//! The configuration: a TOML file and the environment, read into a [`Config`] that is valid
//! because it exists. Nothing here touches disk or network; secrets are only named.
//!
//! Every mistake is one line: where, what, what to do. All of a file's mistakes are reported at once.

mod mistakes;
mod privacy;
mod reader;
mod registry;
mod tree;
mod values;

pub use crate::secret::{Environment, SecretError, SecretSource};
pub use mistakes::{Mistake, MistakeLocation, Mistakes};
pub use privacy::{PrivacyError, PrivacyMode, PrivacySettings};
pub use registry::{CredentialsConfig, RegistryConfig};

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::reader::Section;
use crate::delivery::Delivery;
use crate::engine::Start;
use crate::model::{AccountName, Timestamp};
use crate::source::{Access, SettingsReader, VENDORS, Vendor};

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
    /// What a second of delay of one of its events costs, beside other streams' events.
    pub weight: Option<f64>,
    /// The longest time from one poll to the next, unless the account is saturated.
    pub max_interval: Option<Duration>,
}

/// Properties of librdkafka that delivery depends on, and why they cannot be set.
const OWN_PROPERTIES: &[(&str, &str)] = &[
    ("bootstrap.servers", "set [kafka] bootstrap_servers"),
    ("metadata.broker.list", "set [kafka] bootstrap_servers"),
    ("enable.idempotence", "order and single delivery depend on it"),
    ("acks", "an event is published when all in-sync replicas have it"),
    ("request.required.acks", "an event is published when all in-sync replicas have it"),
    ("max.in.flight.requests.per.connection", "order depends on it"),
    ("max.in.flight", "order depends on it"),
    ("message.timeout.ms", "an event never expires"),
    ("delivery.timeout.ms", "an event never expires"),
    ("transactional.id", "it is derived from topic_prefix and deployment"),
    ("partitioner", "consumers that join by key depend on it"),
    ("queue.buffering.max.kbytes", "it bounds memory"),
    ("message.max.bytes", "the broker's limits decide what is too large"),
    ("enable.gapless.guarantee", "order depends on it"),
    ("retries", "an event is sent until it is acknowledged"),
    ("message.send.max.retries", "an event is sent until it is acknowledged"),
    ("queuing.strategy", "order depends on it"),
    ("delivery.report.only.error", "an event leaves the outbox when it is reported"),
    ("transaction.timeout.ms", "delivery depends on it"),
    ("isolation.level", "only committed records are read"),
    ("allow.auto.create.topics", "[kafka] create_topics decides whether topics are created"),
    ("client.id", "it is derived from deployment"),
];

impl Config {
    /// Reads a configuration from the text of a file and the environment. `file` only names the file
    /// in mistakes.
    ///
    /// # Errors
    /// All mistakes, in the order of their lines.
    pub fn read(file: &str, text: &str, environment: &Environment) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let root = tree::read(file, text, environment, &mut mistakes);
        let config = root.and_then(|root| {
            let mut section = Section::root(&root, &mut mistakes);
            let config = Self::of(&mut section);
            section.finish();
            config
        });
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes.sorted()),
        }
    }

    fn of(root: &mut Section) -> Option<Self> {
        let mut warnings = Vec::new();
        let kafka = root.required_section(
            "kafka",
            "add [kafka] with bootstrap_servers and deployment",
            kafka,
        );
        let registry =
            root.section("registry", |section| Some(registry::read(section, &mut warnings)));
        let state_dir = root
            .section("state", |state| Some(state.text("dir").map(PathBuf::from)))
            .flatten()
            .unwrap_or_else(|| PathBuf::from("state"));
        let admin_listen = root
            .section("admin", |admin| {
                Some(admin.parsed("listen", "an address such as \"127.0.0.1:9464\"", |text| {
                    text.parse().ok()
                }))
            })
            .flatten()
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9464)));
        let privacy = root.section("privacy", |section| Some(privacy(section))).unwrap_or_default();
        let accounts = root.tables(
            "account",
            "add at least one [[account]] with name, vendor and what the vendor needs",
            |section| account(section, &mut warnings),
        );
        let mut names: Vec<_> = accounts.iter().map(|account| account.name.clone()).collect();
        names.sort();
        for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
            root.mistake(
                "account",
                &format!("two accounts are named {}", pair[0]),
                "give each its own name",
            );
        }
        let registry = match registry {
            Some(valid) => Some(valid?),
            None => None,
        };
        Some(Self { kafka: kafka?, registry, state_dir, admin_listen, privacy, accounts, warnings })
    }
}

fn kafka(section: &mut Section) -> Option<KafkaConfig> {
    let bootstrap_servers = section
        .required_text("bootstrap_servers", "the broker's address, such as \"localhost:9092\"");
    let deployment = section
        .required_text("deployment", "the name under which this bridge owns its accounts")
        .filter(|name| section.check_name("deployment", name));
    let topic_prefix = section.text("topic_prefix").unwrap_or_else(|| String::from("floor"));
    section.check_name("topic_prefix", &topic_prefix);
    let delivery = match section.choice("delivery", &["exactly_once", "at_least_once"]) {
        Some("at_least_once") => Delivery::AtLeastOnce,
        _ => Delivery::ExactlyOnce,
    };
    let standby = section.flag("standby").unwrap_or(false);
    if standby && delivery == Delivery::AtLeastOnce {
        section.mistake(
            "standby",
            "with \"at_least_once\" nothing keeps two bridges from owning the same accounts",
            "leave delivery out, which means \"exactly_once\"",
        );
    }
    let shards = section.whole("shards", 1, 1_000).unwrap_or(1);
    let mut retire = Vec::new();
    for name in section.texts("retire") {
        match AccountName::new(name) {
            Ok(name) => retire.push(name),
            Err(error) => section.mistake("retire", &error.to_string(), "correct the name"),
        }
    }
    let create_topics = section.flag("create_topics").unwrap_or(true);
    let partitions = section.whole("partitions", 1, 10_000).unwrap_or(6);
    let replication_factor = section.whole("replication_factor", -1, 100).unwrap_or(-1);
    let retention = section.duration("retention").unwrap_or_else(|| Duration::from_hours(7 * 24));
    let outbox_limit = section.size("outbox_limit").unwrap_or(1 << 30);
    let properties = section
        .section("properties", |properties| {
            // librdkafka reports unknown properties itself.
            properties.accept_unknown();
            let mut all = BTreeMap::new();
            for name in properties.names() {
                let own = OWN_PROPERTIES.iter().find(|(own, _)| *own == name);
                if let Some((_, reason)) = own {
                    properties.mistake(&name, "this property cannot be set", reason);
                } else if properties.is_table(&name) || is_secret_property(&name) {
                    if let Some(source) = properties.secret(&name) {
                        all.insert(name, Property::Secret(source));
                    }
                } else if let Some(text) = properties.any_text(&name) {
                    all.insert(name, Property::Plain(text));
                }
            }
            Some(all)
        })
        .unwrap_or_default();
    Some(KafkaConfig {
        bootstrap_servers: bootstrap_servers?,
        deployment: deployment?,
        standby,
        delivery,
        shards: u32::try_from(shards).unwrap_or(1),
        retire,
        topic_prefix,
        create_topics,
        partitions: i32::try_from(partitions).unwrap_or(6),
        replication_factor: i32::try_from(replication_factor).unwrap_or(-1),
        retention,
        outbox_limit,
        properties,
    })
}

/// Properties whose value is always a secret.
fn is_secret_property(name: &str) -> bool {
    name.ends_with("password") || name.ends_with("ssl.key.pem") || name.ends_with("client.secret")
}

fn privacy(section: &mut Section) -> PrivacySettings {
    let default = PrivacySettings::default();
    let mut mode =
        |name: &str, default| match section.choice(name, &["drop", "keep", "pseudonymise"]) {
            Some("drop") => PrivacyMode::Drop,
            Some("keep") => PrivacyMode::Keep,
            Some(_) => PrivacyMode::Pseudonymise,
            None => default,
        };
    let (agents, customers, content) = (
        mode("agents", default.agents),
        mode("customers", default.customers),
        mode("content", default.content),
    );
    let key = section.secret("pseudonym_key");
    let wanted = [agents, customers, content].contains(&PrivacyMode::Pseudonymise);
    if wanted && !section.names().iter().any(|name| name == "pseudonym_key") {
        section.mistake(
            "pseudonym_key",
            "missing, and a class is pseudonymised",
            "name a secret of at least 16 bytes, such as { file = \"/run/secrets/pseudonym-key\" }",
        );
    }
    PrivacySettings { agents, customers, content, pseudonym_key: key.filter(|_| wanted) }
}

fn account(section: &mut Section, warnings: &mut Vec<String>) -> Option<AccountConfig> {
    let name =
        section.required_text("name", "a-z, 0-9 and '-'; it is part of every key and metric");
    let name = name.and_then(|name| match AccountName::new(name) {
        Ok(name) => Some(name),
        Err(error) => {
            section.mistake("name", &error.to_string(), "choose another one");
            None
        }
    });
    let vendors: Vec<_> = VENDORS.iter().map(|vendor| vendor.name).collect();
    let vendor = section.required_choice("vendor", &vendors, "which system it is");
    let vendor = VENDORS.iter().find(|known| Some(known.name) == vendor).copied();
    let longest_pause = section.duration("longest_pause").unwrap_or(Duration::from_mins(1));
    let requests_per_second = section.number("requests_per_second", 0.001, 1000.0);
    let start = section
        .parsed("start", "\"now\" or a time such as \"2026-03-01T08:00:00Z\"", |text| {
            if text == "now" {
                return Some(Start::Now);
            }
            let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            Timestamp::from_utc(time.into()).map(Start::At)
        })
        .unwrap_or(Start::Now);
    let mut service_level = ServiceLevelSettings::default();
    section.section("sla", |sla| {
        service_level.target_seconds = sla.whole("target_seconds", 1, 86_400);
        service_level.target_percent = sla.number("target_percent", 0.0, 100.0);
        service_level.minutes = sla.whole("minutes", 1, 1_440).unwrap_or(service_level.minutes);
        Some(())
    });
    // The vendor decides which other keys are valid.
    let Some(vendor) = vendor else {
        section.accept_unknown();
        return None;
    };
    let streams = section
        .section("streams", |streams| {
            let known: Vec<_> =
                vendor.streams().iter().map(|stream| stream.name.as_str()).collect();
            let mut all = BTreeMap::new();
            for name in known {
                if let Some(stream) = streams.section(name, |stream| Some(self::stream(stream))) {
                    all.insert(String::from(name), stream);
                }
            }
            Some(all)
        })
        .unwrap_or_default();
    let overlap = overlap(section, &vendor);
    let access = (vendor.settings)(&mut AccountKeys { section, warnings });
    Some(AccountConfig {
        name: name?,
        vendor,
        access: access?,
        requests_per_second: requests_per_second.unwrap_or(vendor.requests_per_second),
        longest_pause,
        start,
        overlap,
        service_level,
        streams,
    })
}

/// Every incremental poll reads its overlap again, and the deduplication keys of emitted rows are kept
/// for 15 minutes only.
const LONGEST_OVERLAP: Duration = Duration::from_mins(5);

fn overlap(section: &mut Section, vendor: &Vendor) -> Option<Duration> {
    let overlap = section.duration("overlap")?;
    if !vendor.streams().iter().any(|stream| stream.overlap.is_some()) {
        let problem = "this vendor has no stream that begins at a cursor";
        section.mistake("overlap", problem, "leave it out");
        return None;
    }
    if !(Duration::from_secs(1)..=LONGEST_OVERLAP).contains(&overlap) {
        section.mistake("overlap", "it is not between 1s and 5m", "such as \"10s\"");
        return None;
    }
    Some(overlap)
}

fn stream(section: &mut Section) -> StreamConfig {
    StreamConfig {
        disabled: section.flag("enabled") == Some(false),
        weight: section.number("weight", 0.001, 1000.0),
        max_interval: section.duration("max_interval"),
    }
}

/// The vendor's own keys of an account.
struct AccountKeys<'k, 's> {
    section: &'k mut Section<'s>,
    warnings: &'k mut Vec<String>,
}

impl SettingsReader for AccountKeys<'_, '_> {
    fn text(&mut self, name: &str) -> Option<String> {
        self.section.text(name)
    }

    fn required_text(&mut self, name: &str, what: &str) -> Option<String> {
        self.section.required_text(name, what)
    }

    fn secret(&mut self, name: &str) -> Option<SecretSource> {
        self.section.secret(name)
    }

    fn required_secret(&mut self, name: &str) -> Option<SecretSource> {
        self.section.required_secret(name)
    }

    fn is_there(&self, name: &str) -> bool {
        self.section.names().iter().any(|known| known == name)
    }

    fn mistake(&mut self, name: &str, problem: &str, remedy: &str) {
        self.section.mistake(name, problem, remedy);
    }

    fn base_url(&mut self, usual: Option<&str>, path_stands_in: Option<&str>) -> Option<Url> {
        let what = "the vendor's address, such as \"https://acme.example.com\"";
        let text = match (self.section.text("base_url"), usual) {
            (None, Some(usual)) if !self.is_there("base_url") => Some(usual.to_owned()),
            (None, None) => self.section.required_text("base_url", what),
            (text, _) => text,
        };
        let url = match values::address(&text?) {
            Ok(url) if url.path() == "/" => url,
            Ok(_) => {
                let remedy = path_stands_in.map_or_else(
                    || String::from("leave it out: the path is always the same"),
                    |key| format!("set {key} beside it"),
                );
                self.section.mistake("base_url", "it holds a path", &remedy);
                return None;
            }
            Err((problem, remedy)) => {
                self.section.mistake("base_url", problem, remedy);
                return None;
            }
        };
        if values::is_unencrypted(&url) {
            let host = url.host_str().unwrap_or_default();
            self.warnings.push(format!(
                "plain http to {host}: anyone on the network path can read the credentials"
            ));
        }
        Some(url)
    }
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

#[cfg(test)]
mod tests;
