//! Privacy: which fields tell of whom, and what becomes of them.
//!
//! Closed by default, with a list of our own, because the vendors' marks are uneven. It is applied
//! right after decoding, so that nothing behind that point (state, events, logs) ever holds more
//! than the configuration opens.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{
    Activity, Agent, AgentReference, Call, Chat, Direction, EndUser, EntityId, Media, Participant,
    Queue, Team, Transfer,
};
use crate::secret::Secret;

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

/// The key of pseudonyms: SHA-256 of the configured secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PseudonymKey([u8; 32]);

/// A secret that is too short to be the key of pseudonyms: telephone numbers are few enough to try
/// them all, and so would be the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of pseudonyms has at least {} bytes", PseudonymKey::SHORTEST)]
pub struct ShortKey;

impl PseudonymKey {
    /// The shortest secret that is taken.
    pub const SHORTEST: usize = 16;

    /// The key from a secret text.
    ///
    /// # Errors
    /// [`ShortKey`] when it has fewer than [`PseudonymKey::SHORTEST`] bytes.
    pub fn new(secret: &Secret) -> Result<Self, ShortKey> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < Self::SHORTEST {
            return Err(ShortKey);
        }
        Ok(Self(Sha256::digest(bytes).into()))
    }

    /// `p:` and the first 16 bytes, in hexadecimal digits, of HMAC-SHA-256 over the class's name,
    /// a zero byte and the value. The class is in it, so that an agent's number and the same
    /// number of a customer have nothing in common.
    fn pseudonym(&self, class: Class, value: &str) -> String {
        let mut text = String::from("p:");
        for byte in &self.code(class.as_str(), value)[..16] {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        text
    }

    fn code(&self, class: &str, value: &str) -> [u8; 32] {
        // A key shorter than HMAC's block is filled up with zeros, by definition.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut code = Hmac::<Sha256>::new(&block.into());
        code.update(class.as_bytes());
        code.update(&[0]);
        code.update(value.as_bytes());
        code.finalize().into_bytes().into()
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PseudonymKey(…)")
    }
}

/// Whom a field tells of.
#[derive(Clone, Copy, Debug)]
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
    fn text(self, class: Class, field: &mut Option<String>) {
        match self {
            Self::Keep => {}
            Self::Drop => *field = None,
            Self::Pseudonymise(key) => {
                if let Some(value) = field {
                    *value = key.pseudonym(class, value);
                }
            }
        }
    }

    fn id(self, class: Class, field: &mut Option<EntityId>) {
        let mut text = field.take().map(|id| id.as_str().to_owned());
        self.text(class, &mut text);
        *field = text.map(EntityId::new);
    }

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
        for field in [
            &mut agent.email,
            &mut agent.name,
            &mut agent.first_name,
            &mut agent.middle_name,
            &mut agent.last_name,
            &mut agent.avatar_url,
            &mut agent.agent_number,
        ] {
            self.agents.text(Class::Agents, field);
        }
    }

    /// Applies the settings to a row of the activity log.
    pub fn activity(&self, activity: &mut Activity) {
        self.reference(activity.whodunnit.as_mut());
    }

    fn reference(&self, agent: Option<&mut AgentReference>) {
        let Some(agent) = agent else { return };
        for field in [
            &mut agent.name,
            &mut agent.last_name,
            &mut agent.first_name,
            &mut agent.agent_number,
            &mut agent.avatar_url,
        ] {
            self.agents.text(Class::Agents, field);
        }
    }

    /// Applies the settings to a queue.
    pub fn queue(&self, queue: &mut Queue) {
        for assignment in &mut queue.agent_assignments {
            self.reference(assignment.assignee.as_mut());
        }
        for assignment in &mut queue.team_assignments {
            if let Some(team) = &mut assignment.team {
                self.team(team);
            }
        }
    }

    /// Applies the settings to a team.
    pub fn team(&self, team: &mut Team) {
        for assignee in &mut team.assignees {
            self.reference(Some(assignee));
        }
    }

    /// Applies the settings to a call.
    pub fn call(&self, call: &mut Call) {
        self.handlers(call.agent_info.as_mut(), &mut call.transfers);
        self.customer(&mut call.end_user, &mut call.participants);
        self.media(&mut call.photos, &mut call.videos);
        let (mode, class) = (self.customers, Class::Customers);
        // The document does not say whose number it is. Closed by default.
        mode.text(class, &mut call.outbound_number);
        // The contact centre's own, where a customer called it; otherwise nobody says.
        if call.direction() != Direction::Inbound {
            mode.text(class, &mut call.support_number);
        }
        self.call_content(call);
    }

    /// Applies the settings to a chat.
    pub fn chat(&self, chat: &mut Chat) {
        self.handlers(chat.agent_info.as_mut(), &mut chat.transfers);
        self.customer(&mut chat.end_user, &mut chat.participants);
        self.media(&mut chat.photos, &mut chat.videos);
    }

    fn handlers(&self, agent: Option<&mut AgentReference>, transfers: &mut [Transfer]) {
        self.reference(agent);
        for transfer in transfers {
            self.reference(transfer.from_agent.as_mut());
            self.reference(transfer.to_agent.as_mut());
        }
    }

    fn customer(&self, customer: &mut Option<EndUser>, participants: &mut [Participant]) {
        let (mode, class) = (self.customers, Class::Customers);
        if mode == Mode::Drop {
            *customer = None;
        }
        if let Some(user) = customer {
            mode.id(class, &mut user.id);
            mode.text(class, &mut user.identifier);
            mode.text(class, &mut user.out_contact_id);
        }
        for participant in participants {
            mode.id(class, &mut participant.end_user_id);
        }
    }

    fn media(&self, photos: &mut Vec<Media>, videos: &mut Vec<Media>) {
        let (mode, class) = (self.content, Class::Content);
        if mode == Mode::Drop {
            photos.clear();
            videos.clear();
        }
        for media in photos.iter_mut().chain(videos) {
            mode.text(class, &mut media.url);
        }
    }

    fn call_content(&self, call: &mut Call) {
        let (mode, class) = (self.content, Class::Content);
        if mode == Mode::Drop {
            call.wait_time_sms.clear();
            call.in_call_sms.clear();
        }
        mode.text(class, &mut call.recording_url);
        mode.text(class, &mut call.fail_details);
        for message in call.wait_time_sms.iter_mut().chain(&mut call.in_call_sms) {
            let mut text = Some(std::mem::take(message));
            mode.text(class, &mut text);
            *message = text.unwrap_or_default();
        }
        for recording in &mut call.recordings {
            mode.text(class, &mut recording.conference_sid);
        }
        for disposition in &mut call.dispositions {
            mode.text(class, &mut disposition.code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> PseudonymKey {
        PseudonymKey::new(&Secret::new(secret)).unwrap()
    }

    #[test]
    fn a_pseudonym_is_the_same_for_the_same_value_class_and_key_alone() {
        let one = key("a secret of more than sixteen bytes");
        let pseudonym = one.pseudonym(Class::Agents, "Mira Sample");
        // As `hmac.new(sha256(secret).digest(), b"agents\0Mira Sample", "sha256")` in Python.
        assert_eq!(pseudonym, "p:15c3ac3510ea06946b070989432ce469");
        assert_ne!(one.pseudonym(Class::Customers, "Mira Sample"), pseudonym);
        assert_ne!(one.pseudonym(Class::Agents, "Mira Sampler"), pseudonym);
        assert_ne!(
            key("another secret, long enough").pseudonym(Class::Agents, "Mira Sample"),
            pseudonym
        );
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_ever_printed() {
        assert_eq!(PseudonymKey::new(&Secret::new("fifteen bytes..")), Err(ShortKey));
        let mode = Mode::Pseudonymise(key("sixteen bytes..."));
        assert_eq!(format!("{mode:?}"), "Pseudonymise(PseudonymKey(…))");
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
