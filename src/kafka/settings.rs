//! How a Kafka cluster is reached, and the names that this deployment uses there.

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

/// How the brokers are reached, and under which names.
#[derive(Clone)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// The name under which the brokers know this client.
    pub client_id: String,
    /// The name under which bridges own accounts; part of the events' source.
    pub deployment: String,
    /// The prefix of the topics' names.
    pub topic_prefix: String,
    /// Further properties of librdkafka, secrets resolved.
    pub properties: Vec<(String, String)>,
}

impl std::fmt::Debug for KafkaSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The properties may hold passwords.
        formatter
            .debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl KafkaSettings {
    /// The topic that keeps the state of the deployment.
    #[must_use]
    pub fn state_topic(&self) -> String {
        format!("{}.state.{}", self.topic_prefix, self.deployment)
    }

    /// The transactional id of a shard's owner: the same for all owners of the shard, so that a new
    /// one fences the one before.
    #[must_use]
    pub fn transactional_id(&self, shard: i32) -> String {
        format!("{}-{shard}", self.transactional_id_prefix())
    }

    /// The prefix of the transactional ids of all shards.
    pub(crate) fn transactional_id_prefix(&self) -> String {
        format!("{}-{}", self.topic_prefix, self.deployment)
    }

    /// The configuration that every client starts from.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", &self.client_id)
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}
