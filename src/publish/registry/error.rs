//! What can go wrong with a registry, and the one table of what follows from it.

use std::time::Duration;

/// Why the registry did not do what it was asked. No error holds a secret or a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke before the answer was whole.
    #[error("no connection to the schema registry {host}: {problem}")]
    Disconnected {
        /// Whom we asked.
        host: String,
        /// What the system says.
        problem: String,
    },
    /// The answer took too long.
    #[error("the schema registry {host} did not answer within {} s", .limit.as_secs())]
    TimedOut {
        /// Whom we asked.
        host: String,
        /// How long was waited.
        limit: Duration,
    },
    /// 429.
    #[error("the schema registry refuses further requests for now (429)")]
    RateLimited,
    /// 5xx.
    #[error("the schema registry failed ({status})")]
    ServerError {
        /// The status code.
        status: u16,
    },
    /// 401 or 403.
    #[error(
        "the schema registry refused the credentials ({status}): check username and password, or \
         token, and the rights under [registry]"
    )]
    Unauthorized {
        /// The status code.
        status: u16,
    },
    /// 3xx. It is not followed, so that credentials go nowhere else.
    #[error(
        "the schema registry redirects ({status}) and is not followed: check url under [registry]"
    )]
    Redirected {
        /// The status code.
        status: u16,
    },
    /// 409 or 422: the schema itself is refused.
    #[error(
        "the schema registry refused the schema of {subject} ({status}: {said}): compare it with \
         the registered versions, or change the compatibility level of the subject"
    )]
    Refused {
        /// The subject.
        subject: String,
        /// The status code.
        status: u16,
        /// What the registry said, shortened.
        said: String,
    },
    /// A check says that the schema would be refused.
    #[error("the registered versions do not allow the schema of {subject} ({said})")]
    Incompatible {
        /// The subject.
        subject: String,
        /// What the registry said, shortened.
        said: String,
    },
    /// The schema is not registered, and is not to be registered by itself.
    #[error(
        "the schema registry does not know the schema of {subject}: run `floorcast schemas \
         register`, or set auto_register = true"
    )]
    Missing {
        /// The subject.
        subject: String,
    },
    /// No schema of that number.
    #[error("the schema registry has no schema {id}")]
    NoSchema {
        /// The number.
        id: u32,
    },
    /// Any other status that is not a success.
    #[error(
        "no schema registry of this API answers ({status}): check url under [registry], with its \
         path"
    )]
    Foreign {
        /// The status code.
        status: u16,
    },
    /// An answer beyond the limit.
    #[error("the schema registry answered with more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An answer that is not of the API.
    #[error(
        "the schema registry's answer cannot be read (status {status}): check url under [registry]"
    )]
    Undecodable {
        /// The status code.
        status: u16,
    },
    /// The client cannot be made, or a secret not be fetched.
    #[error("the schema registry cannot be asked: {0}")]
    Client(String),
    /// An event was written with a schema that this version does not know.
    #[error(
        "an event waits that was written with another version's schema of {event} \
         ({fingerprint:016x}): start the version that wrote it once more"
    )]
    Foregone {
        /// Which event.
        event: &'static str,
        /// The schema's fingerprint.
        fingerprint: u64,
    },
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It passes by itself: ask again soon. Remembered ids hold meanwhile.
    Soon,
    /// Somebody has to look at the access: ask again slowly. Remembered ids hold meanwhile.
    Access,
    /// Somebody has to look at the schema: ask again slowly. What was remembered holds no more:
    /// readers could not find the schema.
    Schema,
}

impl Error {
    /// The one table of what each error means.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::RateLimited
            | Self::ServerError { .. } => Remedy::Soon,
            Self::Unauthorized { .. }
            | Self::Redirected { .. }
            | Self::Foreign { .. }
            | Self::TooLarge { .. }
            | Self::Undecodable { .. }
            | Self::Client(_) => Remedy::Access,
            Self::Refused { .. }
            | Self::Incompatible { .. }
            | Self::Missing { .. }
            | Self::NoSchema { .. }
            | Self::Foregone { .. } => Remedy::Schema,
        }
    }
}

/// The most that is shown of what a registry said.
const SHOWN: usize = 300;

/// What a registry said, for one line: no control characters, no long runs of blanks, shortened.
pub(super) fn sanitised(said: &str) -> String {
    let mut line = String::new();
    for word in said.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > SHOWN {
            let end = (0..=SHOWN).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    if line.is_empty() { String::from("no reason given") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_said_becomes_one_short_line() {
        let cases = [
            ("Incompatible schema", "Incompatible schema"),
            ("a\r\n\tb \u{1b}[31mred", "a b [31mred"),
            ("", "no reason given"),
        ];
        for (said, shown) in cases {
            assert_eq!(sanitised(said), shown);
        }
        let long = sanitised(&"ü".repeat(5000));
        assert!(long.len() <= SHOWN + 3 && long.ends_with('…'), "{}", long.len());
    }
}
