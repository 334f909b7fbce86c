//! The topics: created at the start if so configured, or named one by one where they are missing.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use crate::event::Topic;
use crate::kafka::{
    ErrorClass, KafkaContext, KafkaProblem, KafkaSettings, RefusedProperty, explain, explain_error,
    refused_property,
};

/// How long the broker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Whether missing topics are created.
    pub create: bool,
    /// Partitions of a topic that is created.
    pub partitions: i32,
    /// Replicas of a topic that is created; negative for the broker's default.
    pub replication_factor: i32,
    /// How long a topic that is created keeps events.
    pub retention: Duration,
    /// Partitions of the state topic: they cannot be changed later.
    pub shards: u32,
}

/// What the state topic is created with: compacted, and tombstones stay for a week, so that a bridge
/// which was down for less reads what was removed.
const STATE_CONFIG: [(&str, &str); 3] = [
    ("cleanup.policy", "compact"),
    ("delete.retention.ms", "604800000"),
    ("max.message.bytes", "10485760"),
];

/// What was found and created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Topics that were created.
    pub created: Vec<String>,
    /// Topics that differ from the configuration, a line each. They are not changed.
    pub differences: Vec<String>,
}

/// Why the topics do not all exist.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The broker does not answer, or refuses the connection.
    #[error("kafka at {servers} does not answer: {}", .problem.text)]
    Unreachable {
        /// The bootstrap servers.
        servers: String,
        /// Why.
        problem: KafkaProblem,
    },
    /// The client cannot be created.
    #[error(transparent)]
    Property(RefusedProperty),
    /// Topics are missing and may not be created.
    #[error(
        "missing topics: {}; set [kafka] create_topics = true, or create each: {how}",
        .topics.join(", ")
    )]
    Missing {
        /// Their names.
        topics: Vec<String>,
        /// The commands that create them.
        how: String,
    },
    /// The right to describe them is missing.
    #[error("{} are not visible to this client: {}", .topics.join(", "), .problem.text)]
    Hidden {
        /// Their names.
        topics: Vec<String>,
        /// Why.
        problem: KafkaProblem,
    },
    /// The state topic has another number of partitions than there are shards: accounts would be
    /// looked for in the wrong ones.
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
    /// The broker refused to create them.
    #[error("topics cannot be created: {}", .0.join("; "))]
    Refused(Vec<String>),
}

/// The broker's metadata of a topic.
enum TopicPresence {
    Exists { partitions: usize, replicas: usize },
    Missing,
    Hidden(RDKafkaErrorCode),
}

/// Ensures that every topic exists. Topics that exist are left as they are.
///
/// # Errors
/// When the broker does not answer or refuses, or topics are missing that may not be created.
pub async fn ensure_topics(
    settings: &KafkaSettings,
    plan: &TopicPlan,
) -> Result<Topics, TopicsError> {
    let context = KafkaContext::default();
    let unreachable = |error: KafkaError| TopicsError::Unreachable {
        servers: settings.bootstrap_servers.clone(),
        problem: context.explain(error.rdkafka_error_code()),
    };
    let consumer = metadata_client(settings, &context)?;
    let state = settings.state_topic();
    let mut names: Vec<_> =
        Topic::ALL.iter().map(|topic| topic.full_name(&settings.topic_prefix)).collect();
    names.push(state.clone());
    let found = tokio::task::spawn_blocking(move || {
        let found = describe(&consumer, &names);
        // The client logs why it failed only while it is polled.
        while found.is_err() && consumer.poll(Duration::ZERO).is_some() {}
        found
    })
    .await
    .map_err(|_| unreachable(KafkaError::Canceled))?;
    let mut topics = Topics::default();
    let (mut missing, mut hidden) = (Vec::new(), Vec::new());
    for (name, found) in found.map_err(unreachable)? {
        match found {
            TopicPresence::Exists { partitions, .. } if name == state => {
                let wanted = plan.shards;
                if u32::try_from(partitions) != Ok(wanted) {
                    return Err(TopicsError::Shards { topic: state, found: partitions, wanted });
                }
            }
            TopicPresence::Exists { partitions, replicas } => {
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
    if !plan.create {
        let how = creating_commands(settings, plan, &missing);
        return Err(TopicsError::Missing { topics: missing, how });
    }
    let admin: AdminClient<KafkaContext> =
        settings.client_config().create_with_context(context.clone()).map_err(unreachable)?;
    let retention = plan.retention.as_millis().to_string();
    let new = new_topics(plan, &missing, &state, &retention);
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    let created = admin.create_topics(&new, &options).await.map_err(unreachable)?;
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, code) in created.into_iter().filter_map(Result::err) {
        // Another bridge may have created it meanwhile.
        if ErrorClass::of_code(code) != ErrorClass::TopicExists {
            refused.entry(explain(Some(code), "").text).or_default().push(name);
        }
    }
    if !refused.is_empty() {
        let line =
            |(reason, names): (String, Vec<String>)| format!("{}: {reason}", names.join(", "));
        return Err(TopicsError::Refused(refused.into_iter().map(line).collect()));
    }
    topics.created = missing;
    Ok(topics)
}

/// A consumer to read metadata with: only a client that can be polled logs why it gets no connection.
fn metadata_client(
    settings: &KafkaSettings,
    context: &KafkaContext,
) -> Result<BaseConsumer<KafkaContext>, TopicsError> {
    let mut config = settings.client_config();
    // A request for a topic must not create it.
    config.set("allow.auto.create.topics", "false");
    config.create_with_context(context.clone()).map_err(|error| match refused_property(&error) {
        Some(property) => TopicsError::Property(property),
        None => TopicsError::Unreachable {
            servers: settings.bootstrap_servers.clone(),
            problem: explain_error(&error),
        },
    })
}

/// The topics as they are to be created.
fn new_topics<'a>(
    plan: &TopicPlan,
    missing: &'a [String],
    state: &str,
    retention: &'a str,
) -> Vec<NewTopic<'a>> {
    let new = |name: &'a String| {
        let replication = TopicReplication::Fixed(plan.replication_factor);
        if name == state {
            let shards = i32::try_from(plan.shards).unwrap_or(i32::MAX);
            let topic = NewTopic::new(name, shards, replication);
            return STATE_CONFIG.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        }
        NewTopic::new(name, plan.partitions, replication).set("retention.ms", retention)
    };
    missing.iter().map(new).collect()
}

/// The commands with which an operator creates missing topics.
fn creating_commands(settings: &KafkaSettings, plan: &TopicPlan, missing: &[String]) -> String {
    let servers = &settings.bootstrap_servers;
    let replication = match plan.replication_factor {
        ..=0 => String::new(),
        replicas => format!(" --replication-factor {replicas}"),
    };
    let command = |name: &str, partitions: &str, config: &[(&str, &str)]| {
        let config = config.iter().map(|(key, value)| format!(" --config {key}={value}"));
        format!(
            "kafka-topics --bootstrap-server {servers} --create --topic {name} --partitions \
             {partitions}{replication}{}",
            config.collect::<String>()
        )
    };
    let state = settings.state_topic();
    let retention = plan.retention.as_millis().to_string();
    let mut commands = Vec::new();
    if missing.iter().any(|name| *name != state) {
        let partitions = plan.partitions.to_string();
        commands.push(command("NAME", &partitions, &[("retention.ms", &retention)]));
    }
    if missing.contains(&state) {
        commands.push(command(&state, &plan.shards.to_string(), &STATE_CONFIG));
    }
    commands.join("; ")
}

/// Requests all topics first, which takes one answer, and then by name those that are not among
/// them: the list leaves out topics that this client may not describe.
fn describe(
    consumer: &BaseConsumer<KafkaContext>,
    names: &[String],
) -> Result<Vec<(String, TopicPresence)>, KafkaError> {
    let all = consumer.fetch_metadata(None, TIMEOUT)?;
    let mut found = Vec::new();
    for name in names {
        let listed = all.topics().iter().find(|topic| topic.name() == name);
        let presence = match listed.map(MetadataTopic::partitions) {
            Some(partitions @ [first, ..]) => TopicPresence::Exists {
                partitions: partitions.len(),
                replicas: first.replicas().len(),
            },
            _ => {
                let one = consumer.fetch_metadata(Some(name), TIMEOUT)?;
                let error = one.topics().first().and_then(MetadataTopic::error);
                match error.map(RDKafkaErrorCode::from) {
                    Some(code) if ErrorClass::of_code(code) == ErrorClass::AccessDenied => {
                        TopicPresence::Hidden(code)
                    }
                    _ => TopicPresence::Missing,
                }
            }
        };
        found.push((name.clone(), presence));
    }
    Ok(found)
}

/// How a topic differs from what is configured. Its retention is not compared: to read it would need
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
    fn a_topic_that_differs_from_its_configuration_is_reported_unless_the_brokers_default_is_configured()
     {
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
