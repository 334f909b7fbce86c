//! Privacy: which fields are personal data, and what is done with them.
//!
//! Closed by default, by a list of our own, because vendors mark personal data unevenly. It is
//! applied right after decoding, so that state, events and logs never hold more than the
//! configuration opens.

mod fields;
mod mode;
mod pseudonym;

pub use fields::{Personal, PersonalFields, personal_fields};
pub use mode::Mode;
pub use pseudonym::{PseudonymKey, ShortKey};

use self::fields::apply;
use self::mode::Class;
use super::{Activity, Agent, Call, Chat, Queue, Team};

/// What is done with each class of personal data.
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
    /// A number that differs when the settings do, to be stored beside the states written under
    /// them.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        1 | (self.agents.code().rotate_left(1))
            ^ (self.customers.code().rotate_left(2))
            ^ (self.content.code().rotate_left(3))
    }

    /// Applies the settings to an agent.
    pub fn agent(&self, agent: &mut Agent) {
        apply(fields::AGENT, agent, |class| self.mode(class));
    }

    /// Applies the settings to a row of the activity log.
    pub fn activity(&self, activity: &mut Activity) {
        apply(fields::ACTIVITY, activity, |class| self.mode(class));
    }

    /// Applies the settings to a queue.
    pub fn queue(&self, queue: &mut Queue) {
        apply(fields::QUEUE, queue, |class| self.mode(class));
    }

    /// Applies the settings to a team.
    pub fn team(&self, team: &mut Team) {
        apply(fields::TEAM, team, |class| self.mode(class));
    }

    /// Applies the settings to a call whose words are normalised: its direction says whose number
    /// `support_number` is.
    pub fn call(&self, call: &mut Call) {
        apply(fields::INTERACTION, &mut call.interaction, |class| self.mode(class));
        apply(fields::CALL, call, |class| self.mode(class));
    }

    /// Applies the settings to a chat.
    pub fn chat(&self, chat: &mut Chat) {
        apply(fields::INTERACTION, &mut chat.interaction, |class| self.mode(class));
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
