//! The topics: made at the start where that is wanted, or named one by one where they are missing.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use crate::event::Topic;
use crate::kafka::{ConnectionLog, KafkaProblem, KafkaSettings, explain};

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How topics are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Whether missing topics are made.
    pub create: bool,
    /// Partitions of a topic that is made.
    pub partitions: i32,
    /// Copies of a topic that is made.
    pub replication_factor: i32,
    /// How long a topic that is made keeps events.
    pub retention: Duration,
    /// Partitions of the state topic: they cannot be changed later.
    pub shards: u32,
}

/// What the state topic is made with: of each key the last record stays, and what was removed is
/// remembered for a week, so that a bridge which was away for less finds it out.
const STATE_CONFIG: [(&str, &str); 3] = [
    ("cleanup.policy", "compact"),
    ("delete.retention.ms", "604800000"),
    ("max.message.bytes", "10485760"),
];

/// What was found and made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Topics that were made.
    pub made: Vec<String>,
    /// Topics that exist otherwise than configured, a line each. They are left as they are.
    pub differences: Vec<String>,
}

/// Why topics are not there.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The broker does not answer, or does not let us in.
    #[error("kafka at {servers} does not answer: {}", .problem.text)]
    Unreachable {
        /// Where it was looked for.
        servers: String,
        /// Why.
        problem: KafkaProblem,
    },
    /// The client cannot be made. librdkafka's own words quote the value of a property.
    #[error("kafka's client takes no property {0:?}: correct it in [kafka.properties]")]
    Property(String),
    /// Topics are missing and may not be made.
    #[error(
        "missing topics: {}; set [kafka] create_topics = true, or make each: {how}",
        .topics.join(", ")
    )]
    Missing {
        /// Which.
        topics: Vec<String>,
        /// The command that makes one.
        how: String,
    },
    /// We may not see them.
    #[error("{} are not shown to us: {}", .topics.join(", "), .problem.text)]
    Hidden {
        /// Which.
        topics: Vec<String>,
        /// Why.
        problem: KafkaProblem,
    },
    /// The state topic has another number of partitions than there are shards. With another number
    /// accounts would be looked for in the wrong ones.
    #[error(
        "{topic} has {found} partition(s), and [kafka] shards is {wanted}: set shards = {found}, or \
         choose another deployment"
    )]
    Shards {
        /// The state topic.
        topic: String,
        /// Its partitions.
        found: usize,
        /// The configured shards.
        wanted: u32,
    },
    /// The broker refused to make them.
    #[error("topics cannot be made: {}", .0.join("; "))]
    Refused(Vec<String>),
}

/// What the broker says of a topic.
enum TopicPresence {
    There { partitions: usize, replicas: usize },
    Missing,
    Hidden(RDKafkaErrorCode),
}

/// Sees to it that every topic is there. Topics that exist are left as they are.
///
/// # Errors
/// When the broker does not answer, refuses, or topics are missing that may not be made.
pub async fn ensure_topics(
    settings: &KafkaSettings,
    plan: &TopicPlan,
) -> Result<Topics, TopicsError> {
    let servers = settings.bootstrap_servers.clone();
    let listener = ConnectionLog::default();
    let mut config = settings.client();
    // Asking for a topic must not make it. A consumer is asked because only a client that can be
    // polled tells why it gets no connection.
    config.set("allow.auto.create.topics", "false");
    let asking: BaseConsumer<ConnectionLog> =
        config.create_with_context(listener.clone()).map_err(|error| match error {
            KafkaError::ClientConfig(_, _, name, _) => TopicsError::Property(name),
            error => {
                let problem = explain(error.rdkafka_error_code(), &error.to_string());
                TopicsError::Unreachable { servers: servers.clone(), problem }
            }
        })?;
    let unreachable = |error: KafkaError| {
        let problem = listener.explain(error.rdkafka_error_code());
        TopicsError::Unreachable { servers: servers.clone(), problem }
    };
    let state = settings.state_topic();
    let mut names: Vec<_> =
        Topic::ALL.iter().map(|topic| topic.full_name(&settings.topic_prefix)).collect();
    names.push(state.clone());
    let found = tokio::task::spawn_blocking(move || {
        let found = look(&asking, &names);
        // The client tells its listener why it failed when it is polled, and only then.
        while found.is_err() && asking.poll(Duration::ZERO).is_some() {}
        found
    })
    .await
    .map_err(|_| unreachable(KafkaError::Canceled))?;
    let mut topics = Topics::default();
    let (mut missing, mut hidden) = (Vec::new(), Vec::new());
    for (name, found) in found.map_err(&unreachable)? {
        match found {
            TopicPresence::There { partitions, .. } if name == state => {
                let wanted = plan.shards;
                if u32::try_from(partitions) != Ok(wanted) {
                    return Err(TopicsError::Shards { topic: state, found: partitions, wanted });
                }
            }
            TopicPresence::There { partitions, replicas } => {
                topics.differences.extend(difference(&name, partitions, replicas, plan));
            }
            TopicPresence::Missing => missing.push(name),
            TopicPresence::Hidden(code) => hidden.push((name, code)),
        }
    }
    if let Some((_, code)) = hidden.first() {
        let problem = explain(Some(*code), "");
        let topics = hidden.into_iter().map(|(name, _)| name).collect();
        return Err(TopicsError::Hidden { topics, problem });
    }
    if missing.is_empty() {
        return Ok(topics);
    }
    let retention = plan.retention.as_millis().to_string();
    if !plan.create {
        let copies = match plan.replication_factor {
            ..=0 => String::new(),
            copies => format!(" --replication-factor {copies}"),
        };
        let make = |name: &str, partitions: &str, config: &[(&str, &str)]| {
            let config = config.iter().map(|(key, value)| format!(" --config {key}={value}"));
            format!(
                "kafka-topics --bootstrap-server {servers} --create --topic {name} --partitions \
                 {partitions}{copies}{}",
                config.collect::<String>()
            )
        };
        let (partitions, shards) = (plan.partitions.to_string(), plan.shards.to_string());
        let mut how = Vec::new();
        if missing.iter().any(|name| *name != state) {
            how.push(make("NAME", &partitions, &[("retention.ms", &retention)]));
        }
        if missing.contains(&state) {
            how.push(make(&state, &shards, &STATE_CONFIG));
        }
        let how = how.join("; ");
        return Err(TopicsError::Missing { topics: missing, how });
    }
    let new: Vec<_> = missing
        .iter()
        .map(|name| {
            let replication = TopicReplication::Fixed(plan.replication_factor);
            if *name == state {
                let shards = i32::try_from(plan.shards).unwrap_or(i32::MAX);
                let topic = NewTopic::new(name, shards, replication);
                return STATE_CONFIG
                    .iter()
                    .fold(topic, |topic, (key, value)| topic.set(key, value));
            }
            NewTopic::new(name, plan.partitions, replication).set("retention.ms", &retention)
        })
        .collect();
    let admin: AdminClient<ConnectionLog> =
        settings.client().create_with_context(listener.clone()).map_err(&unreachable)?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = admin.create_topics(&new, &options).await.map_err(&unreachable)?;
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, code) in made.into_iter().filter_map(Result::err) {
        if code != RDKafkaErrorCode::TopicAlreadyExists {
            refused.entry(explain(Some(code), "").text).or_default().push(name);
        }
    }
    if !refused.is_empty() {
        let why = |(why, names): (String, Vec<String>)| format!("{}: {why}", names.join(", "));
        return Err(TopicsError::Refused(refused.into_iter().map(why).collect()));
    }
    topics.made = missing;
    Ok(topics)
}

/// Asks for all topics first, which takes one answer, and then by name for those that are not
/// among them: a topic that we may not see is left out of the list without a word.
fn look(
    asking: &BaseConsumer<ConnectionLog>,
    names: &[String],
) -> Result<Vec<(String, TopicPresence)>, KafkaError> {
    let all = asking.fetch_metadata(None, PATIENCE)?;
    let mut found = Vec::new();
    for name in names {
        let listed = all.topics().iter().find(|topic| topic.name() == name);
        let state = match listed.map(MetadataTopic::partitions) {
            Some(partitions @ [first, ..]) => TopicPresence::There {
                partitions: partitions.len(),
                replicas: first.replicas().len(),
            },
            _ => {
                let asked = asking.fetch_metadata(Some(name), PATIENCE)?;
                let error = asked.topics().first().and_then(MetadataTopic::error);
                match error.map(RDKafkaErrorCode::from) {
                    Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed) => {
                        TopicPresence::Hidden(code)
                    }
                    _ => TopicPresence::Missing,
                }
            }
        };
        found.push((name.clone(), state));
    }
    Ok(found)
}

/// How a topic differs from what is configured; its retention is not looked at, which would need
/// a further right.
fn difference(name: &str, partitions: usize, replicas: usize, plan: &TopicPlan) -> Option<String> {
    let wanted = |number: i32| usize::try_from(number).ok().filter(|number| *number > 0);
    let mut parts = Vec::new();
    for (what, is, wanted) in [
        ("partitions", partitions, wanted(plan.partitions)),
        ("replicas", replicas, wanted(plan.replication_factor)),
    ] {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != is) {
            parts.push(format!("{is} {what} and not {wanted}"));
        }
    }
    (!parts.is_empty()).then(|| format!("{name} has {}; it is left as it is", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_exists_otherwise_is_told_and_the_brokers_defaults_are_no_wish() {
        let plan = |partitions, replication_factor| TopicPlan {
            create: true,
            partitions,
            replication_factor,
            retention: Duration::from_secs(1),
            shards: 1,
        };
        let cases = [
            (plan(6, 3), None),
            (plan(6, -1), None),
            (plan(3, 3), Some("floor.calls has 6 partitions and not 3; it is left as it is")),
            (
                plan(3, 1),
                Some({
                    "floor.calls has 6 partitions and not 3, 3 replicas and not 1; it is left as it is"
                }),
            ),
        ];
        for (plan, expected) in cases {
            assert_eq!(difference("floor.calls", 6, 3, &plan).as_deref(), expected);
        }
    }
}
