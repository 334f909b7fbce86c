//! The topics: made at the start where that is wanted, or named one by one where they are missing.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::kafka::Settings;
use crate::event::Topic;

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
}

/// Why topics are not there.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The broker does not answer.
    #[error("kafka at {servers} does not answer: {source}")]
    Unreachable {
        /// Where it was looked for.
        servers: String,
        /// Why.
        source: KafkaError,
    },
    /// Topics are missing and may not be made.
    #[error("missing topics: {}; make them, or set [kafka] create_topics = true", .0.join(", "))]
    Missing(Vec<String>),
    /// The broker refused to make them.
    #[error("topics cannot be made: {}", .0.join("; "))]
    Refused(Vec<String>),
}

/// Sees to it that every topic is there. Topics that exist are left as they are.
///
/// # Errors
/// When the broker does not answer, refuses, or topics are missing that may not be made.
pub async fn ensure_topics(
    settings: &Settings,
    plan: &TopicPlan,
) -> Result<Vec<String>, TopicsError> {
    let unreachable =
        |source| TopicsError::Unreachable { servers: settings.bootstrap_servers.clone(), source };
    let admin: AdminClient<DefaultClientContext> =
        settings.client().create().map_err(unreachable)?;
    let names: Vec<_> =
        Topic::ALL.iter().map(|topic| topic.full_name(&settings.topic_prefix)).collect();
    let (admin, there) = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE);
        let there = metadata.map(|metadata| {
            let topics = metadata.topics().iter();
            topics
                .filter(|topic| !topic.partitions().is_empty())
                .map(|topic| topic.name().to_owned())
                .collect::<Vec<_>>()
        });
        (admin, there)
    })
    .await
    .map_err(|_| unreachable(KafkaError::Canceled))?;
    let there = there.map_err(unreachable)?;
    let missing: Vec<_> = names.into_iter().filter(|name| !there.contains(name)).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    if !plan.create {
        return Err(TopicsError::Missing(missing));
    }
    let retention = plan.retention.as_millis().to_string();
    let new: Vec<_> = missing
        .iter()
        .map(|name| {
            let replication = TopicReplication::Fixed(plan.replication_factor);
            NewTopic::new(name, plan.partitions, replication).set("retention.ms", &retention)
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = admin.create_topics(&new, &options).await.map_err(unreachable)?;
    let refused: Vec<_> = made
        .into_iter()
        .filter_map(Result::err)
        .filter(|(_, code)| *code != RDKafkaErrorCode::TopicAlreadyExists)
        .map(|(name, code)| format!("{name}: {code}"))
        .collect();
    if refused.is_empty() { Ok(missing) } else { Err(TopicsError::Refused(refused)) }
}
