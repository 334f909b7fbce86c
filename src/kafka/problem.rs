//! What Kafka's client says when something is wrong, and what to do about it: one table.
//!
//! librdkafka tells of a failed connection in words alone, and hides a password that was refused
//! behind "all brokers are down". Here words and codes become one line each.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::RDKafkaErrorCode as Code;

/// Who mends it. Whoever does: events wait meanwhile, and none is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Time does.
    Time,
    /// Somebody has to look.
    Person,
}

/// A line of the table.
struct Row {
    /// What the client calls it.
    codes: &'static [Code],
    /// What it says of it where it has no code.
    words: &'static [&'static str],
    remedy: Remedy,
    /// What to do.
    advice: &'static str,
}

/// The one table of what each trouble means. The first row that fits counts.
const TABLE: &[Row] = &[
    Row {
        codes: &[Code::SSL],
        words: &["SSL handshake failed", "certificate verify failed", "ssl.ca.location"],
        remedy: Remedy::Person,
        advice: "check ssl.ca.location in [kafka.properties], and that the broker's certificate \
                 names this host",
    },
    Row {
        codes: &[
            Code::Authentication,
            Code::SaslAuthenticationFailed,
            Code::UnsupportedSASLMechanism,
            Code::IllegalSASLState,
        ],
        words: &["SASL authentication error", "SASL mechanism"],
        remedy: Remedy::Person,
        advice: "check sasl.mechanism, sasl.username and sasl.password in [kafka.properties]",
    },
    Row {
        codes: &[
            Code::TopicAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::GroupAuthorizationFailed,
            Code::TransactionalIdAuthorizationFailed,
        ],
        words: &[],
        remedy: Remedy::Person,
        advice: "grant the rights that docs/kafka.md lists",
    },
    Row {
        codes: &[Code::UnknownTopic, Code::UnknownTopicOrPartition],
        words: &[],
        remedy: Remedy::Person,
        advice: "make the topic, or set [kafka] create_topics = true and restart",
    },
    Row {
        codes: &[
            Code::PolicyViolation,
            Code::InvalidReplicationFactor,
            Code::InvalidPartitions,
            Code::InvalidConfig,
        ],
        words: &[],
        remedy: Remedy::Person,
        advice: "correct partitions, replication_factor or retention in [kafka]",
    },
    Row {
        codes: &[Code::MessageSizeTooLarge, Code::InvalidMessageSize],
        words: &[],
        remedy: Remedy::Person,
        advice: "raise max.message.bytes of the topic to 1 MiB at least",
    },
    Row {
        codes: &[Code::InvalidTimestamp],
        words: &[],
        remedy: Remedy::Person,
        advice: "is this machine's clock right? A broker refuses times that are an hour ahead of its \
                 own",
    },
    Row {
        codes: &[
            Code::AllBrokersDown,
            Code::BrokerTransportFailure,
            Code::Resolve,
            Code::OperationTimedOut,
            Code::RequestTimedOut,
            Code::NotEnoughReplicas,
            Code::NotEnoughReplicasAfterAppend,
            Code::LeaderNotAvailable,
            Code::NotLeaderForPartition,
        ],
        words: &["might be caused by incorrect security.protocol"],
        remedy: Remedy::Time,
        advice: "is it running, and are bootstrap_servers and security.protocol right?",
    },
];

/// What is wrong, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaProblem {
    /// What is wrong and what to do. It holds no secret.
    pub text: String,
    /// Who mends it.
    pub remedy: Remedy,
}

/// Explains what the client says.
pub(crate) fn explain(code: Option<Code>, words: &str) -> KafkaProblem {
    let words = without_place(words);
    // Words know more than a code that stands for several things.
    let names = |code: &Code| words.contains(description(*code).as_str());
    let by_words = |row: &&Row| {
        row.words.iter().any(|known| words.contains(known)) || row.codes.iter().any(names)
    };
    let by_code = |row: &&Row| code.is_some_and(|code| row.codes.contains(&code));
    let row = TABLE.iter().find(by_words).or_else(|| TABLE.iter().find(by_code));
    let said = match code {
        _ if !words.is_empty() => words.to_owned(),
        Some(code) => description(code),
        None => String::from("it says nothing"),
    };
    match row {
        Some(row) => KafkaProblem { text: format!("{said}; {}", row.advice), remedy: row.remedy },
        None => KafkaProblem { text: said, remedy: Remedy::Time },
    }
}

/// A code in words: `Topic authorization failed`.
fn description(code: Code) -> String {
    // "Name (Broker: words)", or "Name (Local: words)".
    let text = code.to_string();
    let words = text.split_once(" (").map_or(text.as_str(), |(_, words)| words);
    let words = words.split_once(": ").map_or(words, |(_, words)| words);
    words.trim_end_matches(')').to_owned()
}

/// The words without the names of connections before them and the state behind them:
/// `[thrd:sasl_ssl://h:9/bootstrap]: sasl_ssl://h:9/bootstrap: reason (after 3ms in state CONNECT)`.
fn without_place(words: &str) -> &str {
    let words = words.rsplit_once("/bootstrap: ").map_or(words, |(_, reason)| reason);
    let words = words.split_once(" (after ").map_or(words, |(reason, _)| reason);
    words.split_once(", 1 identical error").map_or(words, |(reason, _)| reason).trim()
}

/// Remembers the last thing that went wrong with a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionLog {
    last: Arc<Mutex<Option<String>>>,
}

impl ConnectionLog {
    /// What went wrong, explained; `code` is what the call itself says.
    pub(crate) fn explain(&self, code: Option<Code>) -> KafkaProblem {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        explain(code, &last.unwrap_or_default())
    }
}

impl ClientContext for ConnectionLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // The reason why a connection fails is told by a log line alone.
        if facility == "FAIL" {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(message.to_owned());
        }
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for ConnectionLog {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_one_line_that_says_what_to_do() {
        let bootstrap = "[thrd:sasl_ssl://b:9/bootstrap]: sasl_ssl://b:9/bootstrap: ";
        let cases = [
            (
                None,
                format!(
                    "{bootstrap}SASL authentication error: Authentication failed during \
                authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 \
                (after 312ms in state AUTH_REQ)"
                ),
                Remedy::Person,
                "SASL authentication error: \
                Authentication failed during authentication due to invalid credentials with SASL \
                mechanism SCRAM-SHA-512; check sasl.mechanism, sasl.username and sasl.password",
            ),
            (
                Some(Code::AllBrokersDown),
                format!(
                    "{bootstrap}SSL handshake failed: certificate \
                verify failed (after 3ms in state SSL_HANDSHAKE, 1 identical error(s) suppressed)"
                ),
                Remedy::Person,
                "certificate verify failed; check ssl.ca.location",
            ),
            (
                Some(Code::TopicAuthorizationFailed),
                String::new(),
                Remedy::Person,
                "Topic authorization failed; grant the rights that docs/kafka.md lists",
            ),
            (
                Some(Code::Fatal),
                String::from("Unable to send: Broker: Topic authorization failed"),
                Remedy::Person,
                "Topic authorization failed; grant the rights",
            ),
            (Some(Code::UnknownTopicOrPartition), String::new(), Remedy::Person, "make the topic"),
            (Some(Code::MessageSizeTooLarge), String::new(), Remedy::Person, "max.message.bytes"),
            (
                Some(Code::InvalidReplicationFactor),
                String::new(),
                Remedy::Person,
                "correct partitions, replication_factor",
            ),
            (
                Some(Code::BrokerTransportFailure),
                String::from(
                    "b:9/bootstrap: Connect to \
                ipv4#127.0.0.1:9 failed: BrokerConnection refused (after 0ms in state CONNECT)",
                ),
                Remedy::Time,
                "failed: BrokerConnection refused; is it running",
            ),
            (Some(Code::NotEnoughReplicas), String::new(), Remedy::Time, "is it running"),
            (Some(Code::InvalidTimestamp), String::new(), Remedy::Person, "this machine's clock"),
            (None, String::new(), Remedy::Time, "it says nothing"),
        ];
        for (code, words, remedy, expected) in cases {
            let problem = explain(code, &words);
            assert_eq!(problem.remedy, remedy, "{problem:?}");
            assert!(problem.text.contains(expected), "{problem:?}");
            assert!(
                !problem.text.contains("thrd") && !problem.text.contains("after"),
                "{problem:?}"
            );
        }
    }
}
