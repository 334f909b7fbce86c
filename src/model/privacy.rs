//! Privacy: which fields tell of whom, and what becomes of them.
//!
//! Closed by default, with a list of our own, because the vendors' marks are uneven. It is applied
//! right after decoding, so that nothing behind that point (state, events, logs) ever holds more
//! than the configuration opens.

mod fields;
mod pseudonym;

pub use fields::{Personal, PersonalFields, personal_fields};
pub use pseudonym::{PseudonymKey, ShortKey};

use self::fields::Field;
use super::{Activity, Agent, Call, Chat, Queue, Team};

/// What becomes of a class of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Kept as they are.
    Keep,
    /// Left out.
    Drop,
    /// Each value is replaced by one that only the key's owner can connect with it: equal values
    /// of a class stay equal, and can be joined and counted.
    Pseudonymise(PseudonymKey),
}

/// Whom a field tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Agents,
    Customers,
    Content,
}

impl Class {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Customers => "customers",
            Self::Content => "content",
        }
    }
}

impl Mode {
    /// A number that tells modes apart, without telling a key.
    fn code(self) -> u64 {
        match self {
            Self::Drop => 0,
            Self::Keep => 1,
            Self::Pseudonymise(key) => {
                let code = key.code("fingerprint", "");
                code[..7].iter().fold(2, |number, byte| (number << 8) | u64::from(*byte))
            }
        }
    }
}

/// What becomes of each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Privacy {
    /// Names, e-mail addresses, numbers and pictures of agents.
    pub agents: Mode,
    /// Identifiers and telephone numbers of customers.
    pub customers: Mode,
    /// Recordings, messages, pictures, notes and other free text.
    pub content: Mode,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { agents: Mode::Keep, customers: Mode::Drop, content: Mode::Drop }
    }
}

impl Privacy {
    /// A number that differs when the settings do, to be stored beside what was made under them.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        1 | (self.agents.code().rotate_left(1))
            ^ (self.customers.code().rotate_left(2))
            ^ (self.content.code().rotate_left(3))
    }

    /// Applies the settings to an agent.
    pub fn agent(&self, agent: &mut Agent) {
        self.apply(fields::AGENT, agent);
    }

    /// Applies the settings to a row of the activity log.
    pub fn activity(&self, activity: &mut Activity) {
        self.apply(fields::ACTIVITY, activity);
    }

    /// Applies the settings to a queue.
    pub fn queue(&self, queue: &mut Queue) {
        self.apply(fields::QUEUE, queue);
    }

    /// Applies the settings to a team.
    pub fn team(&self, team: &mut Team) {
        self.apply(fields::TEAM, team);
    }

    /// Applies the settings to a call.
    pub fn call(&self, call: &mut Call) {
        self.apply(fields::CALL, call);
    }

    /// Applies the settings to a chat.
    pub fn chat(&self, chat: &mut Chat) {
        self.apply(fields::CHAT, chat);
    }

    fn apply<T>(&self, table: &[Field<T>], row: &mut T) {
        for field in table {
            let mode = self.mode(field.class);
            for place in (field.places)(row) {
                place.apply(mode, field.class);
            }
        }
    }

    const fn mode(&self, class: Class) -> Mode {
        match class {
            Class::Agents => self.agents,
            Class::Customers => self.customers,
            Class::Content => self.content,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn key(secret: &str) -> PseudonymKey {
        PseudonymKey::new(&Secret::new(secret)).unwrap()
    }

    #[test]
    fn settings_that_differ_have_different_fingerprints() {
        let modes = [
            Mode::Keep,
            Mode::Drop,
            Mode::Pseudonymise(key("sixteen bytes...")),
            Mode::Pseudonymise(key("sixteen others..")),
        ];
        let mut seen = std::collections::HashSet::new();
        for agents in modes {
            for customers in modes {
                for content in modes {
                    seen.insert(Privacy { agents, customers, content }.fingerprint());
                }
            }
        }
        assert_eq!(seen.len(), 64);
    }
}
