//! The arguments of `floorcast tail`, and the records they select.

use std::num::NonZeroU64;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use url::Url;

use crate::consume::{Cluster, ReadFrom};
use crate::event::{EventType, Topic};
use crate::model::{AccountName, EntityKind, Timestamp};

/// The broker when neither the command line nor a configuration names one.
const DEFAULT_BROKERS: &str = "localhost:9092";
/// The prefix of topics when neither the command line nor a configuration names one.
const DEFAULT_PREFIX: &str = "floor";
const EXAMPLES: &str = "\
Examples:
  floorcast tail --config floorcast.toml                      new events as they come
  floorcast tail --topic calls --entity 4711 --until-end      all events of a call
  floorcast tail --topic agents --format json --max 10        ten events as JSON";

/// Where the topics are.
#[derive(Clone, Debug)]
pub struct TopicSource {
    /// The brokers, and the properties of the connection.
    pub cluster: Cluster,
    /// The prefix of the topics' names, before the dot.
    pub prefix: String,
}

/// How an event is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One readable line
    #[default]
    Line,
    /// The whole event as a JSON object on one line, with its position under `_kafka`
    Json,
}

/// Selects the events of an entity: `kind:id`, or an id of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityFilter {
    kind: Option<EntityKind>,
    id: String,
}

/// Print events from the topics, decoded, one per line.
#[derive(Clone, Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct TailArguments {
    /// The Kafka brokers [default: the configuration's, or localhost:9092]
    #[arg(long, value_name = "HOST:PORT")]
    pub brokers: Option<String>,
    /// Take brokers, credentials, prefix and registry from this configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The schema registry whose ids the events carry [default: the configuration's]
    #[arg(long, value_name = "URL", value_parser = registry)]
    pub registry: Option<Url>,
    /// The prefix of the topics' names [default: the configuration's, or floor]
    #[arg(long)]
    pub prefix: Option<String>,
    /// Only this topic, such as agents; may be repeated [default: all that exist]
    #[arg(long = "topic", value_name = "TOPIC", value_parser = topic)]
    pub topics: Vec<Topic>,
    /// Only this type of event, such as `CallFinished`; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    pub types: Vec<EventType>,
    /// Only this account
    #[arg(long, value_parser = account)]
    pub account: Option<AccountName>,
    /// Only this entity: call:4711, or 4711 for an id of any kind
    #[arg(long, value_name = "[KIND:]ID", value_parser = entity)]
    pub entity: Option<EntityFilter>,
    /// Where to start: beginning, end, or a time such as 2026-03-01T08:00:00Z
    /// [default: end; with --until-end, beginning]
    #[arg(long, value_name = "WHERE", value_parser = start)]
    pub from: Option<ReadFrom>,
    /// End after this many lines
    #[arg(long, value_name = "N")]
    pub max: Option<NonZeroU64>,
    /// Print the existing events, one partition after the other, then exit
    #[arg(long)]
    pub until_end: bool,
    /// The form of a line
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl TailArguments {
    /// Where to read: the command line's arguments before the configuration's before the defaults.
    #[must_use]
    pub fn source(&self, configured: Option<TopicSource>) -> TopicSource {
        let mut source = configured.unwrap_or_else(|| TopicSource {
            cluster: Cluster {
                bootstrap_servers: String::from(DEFAULT_BROKERS),
                properties: vec![],
            },
            prefix: String::from(DEFAULT_PREFIX),
        });
        if let Some(brokers) = &self.brokers {
            source.cluster.bootstrap_servers.clone_from(brokers);
        }
        if let Some(prefix) = &self.prefix {
            source.prefix.clone_from(prefix);
        }
        source
    }

    /// Whether the filters select records with this key, `account:kind:id`.
    pub(super) fn wants_key(&self, key: &str) -> bool {
        let mut parts = key.splitn(3, ':');
        let (account, kind, id) = (parts.next(), parts.next(), parts.next());
        let right_account =
            self.account.as_ref().is_none_or(|wanted| account == Some(wanted.as_str()));
        let right_entity = self.entity.as_ref().is_none_or(|wanted| {
            id == Some(&wanted.id) && wanted.kind.is_none_or(|wanted| kind == Some(wanted.as_str()))
        });
        right_account && right_entity
    }
}

fn topic(name: &str) -> Result<Topic, String> {
    let found = Topic::ALL.iter().find(|topic| topic.as_str() == name);
    found.copied().ok_or_else(|| {
        let all: Vec<_> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
        format!("the topics are {}, without the prefix", all.join(", "))
    })
}

fn event_type(name: &str) -> Result<EventType, String> {
    let found = EventType::ALL.iter().find(|event| event.as_str() == name);
    found.copied().ok_or_else(|| {
        let likeness = |event: &EventType| strsim::jaro_winkler(event.as_str(), name);
        let all = EventType::ALL.iter().copied();
        match all.max_by(|one, other| likeness(one).total_cmp(&likeness(other))) {
            Some(near) if likeness(&near) > 0.8 => format!("did you mean {}?", near.as_str()),
            _ => String::from("`floorcast schemas list` shows all types"),
        }
    })
}

fn registry(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.ok_or_else(|| {
        String::from(
            "write it such as http://localhost:8081; credentials are set in the file of --config",
        )
    })
}

fn account(name: &str) -> Result<AccountName, String> {
    AccountName::new(name).map_err(|error| error.to_string())
}

// Infallible, but clap wants a result.
#[allow(clippy::unnecessary_wraps)]
fn entity(text: &str) -> Result<EntityFilter, String> {
    let kind = |name| EntityKind::deserialize(StrDeserializer::<ValueError>::new(name)).ok();
    // The text before the colon is part of the id unless it is a kind.
    let known = text.split_once(':').and_then(|(name, id)| Some((kind(name)?, id)));
    Ok(match known {
        Some((kind, id)) => EntityFilter { kind: Some(kind), id: id.to_owned() },
        None => EntityFilter { kind: None, id: text.to_owned() },
    })
}

fn start(text: &str) -> Result<ReadFrom, String> {
    match text {
        "beginning" => Ok(ReadFrom::Beginning),
        "end" => Ok(ReadFrom::End),
        time => DateTime::parse_from_rfc3339(time)
            .ok()
            .and_then(|time| Timestamp::from_utc(time.with_timezone(&Utc)))
            .map(ReadFrom::At)
            .ok_or_else(|| {
                String::from("write beginning, end, or a time such as 2026-03-01T08:00:00Z")
            }),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn parse(words: &[&str]) -> Result<TailArguments, String> {
        let command = TailArguments::augment_args(clap::Command::new("tail").no_binary_name(true));
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        TailArguments::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    fn wanted(words: &[&str], keys: &[&'static str]) -> Vec<&'static str> {
        let arguments = parse(&[&["--brokers", "localhost:9092"], words].concat()).unwrap();
        keys.iter().copied().filter(|key| arguments.wants_key(key)).collect()
    }

    #[test]
    fn filters_compare_the_parts_of_the_key() {
        let keys = &[
            "acme:call:1",
            "acme:chat:1",
            "acme:agent:call:1",
            "acme-2:call:1",
            "acme:call:11",
            "",
        ];
        assert_eq!(wanted(&[], keys), *keys);
        assert_eq!(
            wanted(&["--account", "acme"], keys),
            ["acme:call:1", "acme:chat:1", "acme:agent:call:1", "acme:call:11"]
        );
        assert_eq!(
            wanted(&["--entity", "1"], keys),
            ["acme:call:1", "acme:chat:1", "acme-2:call:1"]
        );
        assert_eq!(wanted(&["--entity", "call:1"], keys), ["acme:call:1", "acme-2:call:1"]);
        assert_eq!(wanted(&["--entity", "agent:call:1"], keys), ["acme:agent:call:1"]);
        assert_eq!(wanted(&["--entity", "call:1", "--account", "acme-2"], keys), ["acme-2:call:1"]);
    }

    #[test]
    fn an_id_may_hold_a_colon() {
        assert_eq!(wanted(&["--entity", "sip:7"], &["acme:agent:sip:7"]), ["acme:agent:sip:7"]);
    }

    #[test]
    fn a_start_is_the_beginning_the_end_or_a_time() {
        let from = |text| parse(&["--brokers", "a:1", "--from", text]).map(|all| all.from);
        assert_eq!(from("beginning"), Ok(Some(ReadFrom::Beginning)));
        assert_eq!(from("end"), Ok(Some(ReadFrom::End)));
        let time = ReadFrom::At(Timestamp::from_millis(1_772_352_000_250));
        assert_eq!(from("2026-03-01T09:00:00.250+01:00"), Ok(Some(time)));
        assert!(from("yesterday").unwrap_err().contains("2026-03-01T08:00:00Z"));
    }

    #[test]
    fn a_wrong_argument_is_answered_with_the_valid_ones() {
        let problem = |words: &[&str]| parse(words).unwrap_err();
        assert!(problem(&["--brokers", "a:1", "--topic", "floor.calls"]).contains("agents, calls"));
        assert!(problem(&["--brokers", "a:1", "--type", "CallFinish"]).contains("CallFinished?"));
        assert!(problem(&["--brokers", "a:1", "--type", "Weather"]).contains("schemas list"));
        assert!(problem(&["--brokers", "a:1", "--max", "0"]).contains("--max"));
    }

    #[test]
    fn the_command_line_overrides_the_configuration() {
        let configured = TopicSource {
            cluster: Cluster {
                bootstrap_servers: String::from("configured:9092"),
                properties: vec![(String::from("security.protocol"), String::from("ssl"))],
            },
            prefix: String::from("acme"),
        };
        let source = |words: &[&str], configured: Option<&TopicSource>| {
            let source = parse(words).unwrap().source(configured.cloned());
            (source.cluster.bootstrap_servers, source.prefix, source.cluster.properties.len())
        };
        let file = &["--config", "floorcast.toml"];
        assert_eq!(source(file, Some(&configured)), ("configured:9092".into(), "acme".into(), 1));
        assert_eq!(
            source(
                &[&file[..], &["--brokers", "b:1", "--prefix", "p"]].concat(),
                Some(&configured)
            ),
            ("b:1".into(), "p".into(), 1)
        );
        assert_eq!(source(&["--brokers", "b:1"], None), ("b:1".into(), "floor".into(), 0));
        assert_eq!(source(&[], None), ("localhost:9092".into(), "floor".into(), 0));
    }
}
