//! What librdkafka's errors mean, and what to do about them: one table.
//!
//! librdkafka describes a failed connection only in a text, and hides a refused password behind "all
//! brokers are down". Here codes and texts become a class, which the program acts on, and one line for
//! the operator.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What resolves a problem. Until then events wait in the outbox, and none is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Retry resolves it.
    Retry,
    /// It needs an operator.
    Operator,
}

/// What an error means for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// The TLS handshake failed.
    Tls,
    /// The credentials are refused.
    Authentication,
    /// The broker and the client have no SASL mechanism in common.
    SaslMechanism,
    /// A right on a topic or on the cluster is missing.
    AccessDenied,
    /// A right on the consumer group is missing.
    GroupAccessDenied,
    /// A right on the transactional id is missing.
    TransactionAccessDenied,
    /// There is no such topic.
    UnknownTopic,
    /// The broker creates no topic with these settings.
    TopicSettings,
    /// The broker refuses this message each time it is sent.
    MessageRefused,
    /// The broker refuses the message's timestamp.
    Timestamp,
    /// No broker can be reached.
    Unreachable,
    /// A broker or replica is not available at the moment.
    Unavailable,
    /// Another producer of the same transactional id has begun.
    Fenced,
    /// The client can never send again.
    ClientFailed,
    /// A topic of this name exists already.
    TopicExists,
    /// The client's own buffer is full.
    QueueFull,
    /// None of these.
    Other,
}

impl ErrorClass {
    /// The class of an error; `Other` where it has no code.
    pub(crate) fn of(error: &KafkaError) -> Self {
        error.rdkafka_error_code().map_or(Self::Other, Self::of_code)
    }

    /// The class of a code.
    pub(crate) fn of_code(code: Code) -> Self {
        let row = TABLE.iter().find(|row| row.codes.contains(&code));
        row.map_or(Self::Other, |row| row.class)
    }

    /// Whether the client that reports it cannot reach the cluster until it is resolved.
    pub(crate) const fn is_outage(self) -> bool {
        matches!(self, Self::Tls | Self::Authentication | Self::Unreachable | Self::ClientFailed)
    }
}

/// A line of the table.
struct Row {
    class: ErrorClass,
    codes: &'static [Code],
    /// Parts of librdkafka's texts about it, for where it gives no code.
    texts: &'static [&'static str],
    /// Its remedy and what to do; `None` where librdkafka's text is shown alone.
    advice: Option<Advice>,
}

#[derive(Clone, Copy)]
struct Advice {
    remedy: Remedy,
    text: &'static str,
}

const fn operator(text: &'static str) -> Advice {
    Advice { remedy: Remedy::Operator, text }
}

const fn retry(text: &'static str) -> Advice {
    Advice { remedy: Remedy::Retry, text }
}

const CHECK_TLS: &str = "check ssl.ca.location in [kafka.properties], and that the broker's \
                         certificate names this host";
const CHECK_SASL: &str =
    "check sasl.mechanism, sasl.username and sasl.password in [kafka.properties]";
const GRANT_RIGHTS: &str = "grant the rights that docs/kafka.md lists";
const CHECK_BROKER: &str = "is it running, and are bootstrap_servers and security.protocol right?";

/// Which codes belong to which class, and what to do. A text is explained by the first row that fits.
const TABLE: &[Row] = &[
    Row {
        class: ErrorClass::Tls,
        codes: &[Code::SSL],
        texts: &["SSL handshake failed", "certificate verify failed", "ssl.ca.location"],
        advice: Some(operator(CHECK_TLS)),
    },
    Row {
        class: ErrorClass::Authentication,
        codes: &[Code::Authentication, Code::SaslAuthenticationFailed],
        texts: &["SASL authentication error", "SASL mechanism"],
        advice: Some(operator(CHECK_SASL)),
    },
    Row {
        class: ErrorClass::SaslMechanism,
        codes: &[Code::UnsupportedSASLMechanism, Code::IllegalSASLState],
        texts: &[],
        advice: Some(operator(CHECK_SASL)),
    },
    Row {
        class: ErrorClass::AccessDenied,
        codes: &[Code::TopicAuthorizationFailed, Code::ClusterAuthorizationFailed],
        texts: &[],
        advice: Some(operator(GRANT_RIGHTS)),
    },
    Row {
        class: ErrorClass::GroupAccessDenied,
        codes: &[Code::GroupAuthorizationFailed],
        texts: &[],
        advice: Some(operator(GRANT_RIGHTS)),
    },
    Row {
        class: ErrorClass::TransactionAccessDenied,
        codes: &[Code::TransactionalIdAuthorizationFailed],
        texts: &[],
        advice: Some(operator(GRANT_RIGHTS)),
    },
    Row {
        class: ErrorClass::UnknownTopic,
        codes: &[Code::UnknownTopic, Code::UnknownTopicOrPartition],
        texts: &[],
        advice: Some(operator("create the topic, or set [kafka] create_topics = true and restart")),
    },
    Row {
        class: ErrorClass::TopicSettings,
        codes: &[
            Code::PolicyViolation,
            Code::InvalidReplicationFactor,
            Code::InvalidPartitions,
            Code::InvalidConfig,
        ],
        texts: &[],
        advice: Some(operator("correct partitions, replication_factor or retention in [kafka]")),
    },
    Row {
        class: ErrorClass::MessageRefused,
        codes: &[Code::MessageSizeTooLarge, Code::InvalidMessageSize],
        texts: &[],
        advice: Some(operator("raise max.message.bytes of the topic to 1 MiB at least")),
    },
    Row {
        class: ErrorClass::Timestamp,
        codes: &[Code::InvalidTimestamp],
        texts: &[],
        advice: Some(operator(
            "is this machine's clock right? A broker refuses times that are an hour ahead of its own",
        )),
    },
    Row {
        class: ErrorClass::Unreachable,
        codes: &[Code::AllBrokersDown, Code::BrokerTransportFailure, Code::Resolve],
        texts: &["might be caused by incorrect security.protocol"],
        advice: Some(retry(CHECK_BROKER)),
    },
    Row {
        class: ErrorClass::Unavailable,
        codes: &[
            Code::OperationTimedOut,
            Code::RequestTimedOut,
            Code::NotEnoughReplicas,
            Code::NotEnoughReplicasAfterAppend,
            Code::LeaderNotAvailable,
            Code::NotLeaderForPartition,
        ],
        texts: &[],
        advice: Some(retry(CHECK_BROKER)),
    },
    // Rows without advice: `explain` does not use them.
    Row {
        class: ErrorClass::MessageRefused,
        codes: &[Code::InvalidRecord],
        texts: &[],
        advice: None,
    },
    Row {
        class: ErrorClass::Fenced,
        codes: &[Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch],
        texts: &[],
        advice: None,
    },
    Row { class: ErrorClass::ClientFailed, codes: &[Code::Fatal], texts: &[], advice: None },
    Row {
        class: ErrorClass::TopicExists,
        codes: &[Code::TopicAlreadyExists],
        texts: &[],
        advice: None,
    },
    Row { class: ErrorClass::QueueFull, codes: &[Code::QueueFull], texts: &[], advice: None },
];

/// What is wrong, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaProblem {
    /// What is wrong and what to do. It holds no secret.
    pub text: String,
    /// What resolves it.
    pub remedy: Remedy,
}

/// Explains a code and librdkafka's text; both may be missing.
pub(crate) fn explain(code: Option<Code>, text: &str) -> KafkaProblem {
    let text = without_context(text);
    let fits_text = |row: &Row| {
        row.texts.iter().any(|known| text.contains(known))
            || row.codes.iter().any(|code| text.contains(description(*code).as_str()))
    };
    let fits_code = |row: &Row| code.is_some_and(|code| row.codes.contains(&code));
    let find = |fits: &dyn Fn(&Row) -> bool| {
        TABLE.iter().filter(|row| fits(row)).find_map(|row| row.advice)
    };
    // The text is more specific than a code that stands for several problems.
    let advice = find(&fits_text).or_else(|| find(&fits_code));
    let reason = match code {
        _ if !text.is_empty() => text.to_owned(),
        Some(code) => description(code),
        None => String::from("no reason given"),
    };
    match advice {
        Some(advice) => {
            KafkaProblem { text: format!("{reason}; {}", advice.text), remedy: advice.remedy }
        }
        None => KafkaProblem { text: reason, remedy: Remedy::Retry },
    }
}

/// Explains an error: by its code, or by its text where it has none.
pub(crate) fn explain_error(error: &KafkaError) -> KafkaProblem {
    match error.rdkafka_error_code() {
        Some(code) => explain(Some(code), ""),
        None => explain(None, &error.to_string()),
    }
}

/// A property that librdkafka refuses. librdkafka's own text would quote its value, which may be a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("kafka's client refuses the property {name:?}: correct it in [kafka.properties]")]
pub struct RefusedProperty {
    /// The property's name.
    pub name: String,
}

/// The property that librdkafka refuses, if that is the error.
pub(crate) fn refused_property(error: &KafkaError) -> Option<RefusedProperty> {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => Some(RefusedProperty { name: name.clone() }),
        _ => None,
    }
}

/// The description of a code: `Topic authorization failed`.
fn description(code: Code) -> String {
    // "Name (Broker: description)", or "Name (Local: description)".
    let name = code.to_string();
    let text = name.split_once(" (").map_or(name.as_str(), |(_, text)| text);
    let text = text.split_once(": ").map_or(text, |(_, text)| text);
    text.trim_end_matches(')').to_owned()
}

/// A logged connection error without the names of thread and connection before it:
/// `[thrd:sasl_ssl://h:9/bootstrap]: sasl_ssl://h:9/bootstrap: reason (after 3ms in state CONNECT)`.
pub(super) fn connection_error(message: &str) -> &str {
    message.rsplit_once("/bootstrap: ").map_or(message, |(_, reason)| reason)
}

/// The same, also without the state behind it.
fn without_context(text: &str) -> &str {
    let text = connection_error(text);
    let text = text.split_once(" (after ").map_or(text, |(reason, _)| reason);
    text.split_once(", 1 identical error").map_or(text, |(reason, _)| reason).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_one_line_that_says_what_to_do() {
        let bootstrap = "[thrd:sasl_ssl://b:9/bootstrap]: sasl_ssl://b:9/bootstrap: ";
        let cases = [
            (
                None,
                format!(
                    "{bootstrap}SASL authentication error: Authentication failed during \
                authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 \
                (after 312ms in state AUTH_REQ)"
                ),
                Remedy::Operator,
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
                Remedy::Operator,
                "certificate verify failed; check ssl.ca.location",
            ),
            (
                Some(Code::TopicAuthorizationFailed),
                String::new(),
                Remedy::Operator,
                "Topic authorization failed; grant the rights that docs/kafka.md lists",
            ),
            (
                Some(Code::Fatal),
                String::from("Unable to send: Broker: Topic authorization failed"),
                Remedy::Operator,
                "Topic authorization failed; grant the rights",
            ),
            (
                Some(Code::UnknownTopicOrPartition),
                String::new(),
                Remedy::Operator,
                "create the topic",
            ),
            (Some(Code::MessageSizeTooLarge), String::new(), Remedy::Operator, "max.message.bytes"),
            (
                Some(Code::InvalidReplicationFactor),
                String::new(),
                Remedy::Operator,
                "correct partitions, replication_factor",
            ),
            (
                Some(Code::BrokerTransportFailure),
                String::from(
                    "b:9/bootstrap: Connect to \
                ipv4#127.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)",
                ),
                Remedy::Retry,
                "failed: Connection refused; is it running",
            ),
            (Some(Code::NotEnoughReplicas), String::new(), Remedy::Retry, "is it running"),
            (Some(Code::InvalidTimestamp), String::new(), Remedy::Operator, "this machine's clock"),
            (None, String::new(), Remedy::Retry, "no reason given"),
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

    #[test]
    fn each_code_has_one_class() {
        let codes: Vec<_> = TABLE.iter().flat_map(|row| row.codes).collect();
        for (index, code) in codes.iter().enumerate() {
            assert!(!codes[..index].contains(code), "{code} is in two rows");
        }
        let cases = [
            (Code::ProducerFenced, ErrorClass::Fenced),
            (Code::InvalidProducerEpoch, ErrorClass::Fenced),
            (Code::InvalidRecord, ErrorClass::MessageRefused),
            (Code::MessageSizeTooLarge, ErrorClass::MessageRefused),
            (Code::GroupAuthorizationFailed, ErrorClass::GroupAccessDenied),
            (Code::TopicAuthorizationFailed, ErrorClass::AccessDenied),
            (Code::NoError, ErrorClass::Other),
        ];
        for (code, expected) in cases {
            assert_eq!(ErrorClass::of_code(code), expected, "{code}");
        }
        let outages = [
            Code::AllBrokersDown,
            Code::BrokerTransportFailure,
            Code::Resolve,
            Code::Authentication,
            Code::SaslAuthenticationFailed,
            Code::SSL,
            Code::Fatal,
        ];
        for code in codes {
            let is_outage = ErrorClass::of_code(*code).is_outage();
            assert_eq!(is_outage, outages.contains(code), "{code}");
        }
    }
}
