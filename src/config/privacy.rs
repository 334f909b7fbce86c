//! What becomes of personal data, as it is configured: the key of pseudonyms is a secret, which is
//! fetched when the bridge starts.

use super::{Environment, SecretError, SecretSource};
use crate::model::{Mode, Privacy, PseudonymKey, ShortKey};

/// What becomes of a class of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivacyMode {
    /// Kept as they are.
    Keep,
    /// Left out.
    Drop,
    /// Replaced by pseudonyms.
    Pseudonymise,
}

/// What becomes of each class, see [`Privacy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacySettings {
    /// Names, e-mail addresses, numbers and pictures of agents.
    pub agents: PrivacyMode,
    /// Identifiers and telephone numbers of customers.
    pub customers: PrivacyMode,
    /// Recordings, messages, pictures, notes and other free text.
    pub content: PrivacyMode,
    /// Where the key of pseudonyms is: there when a class is pseudonymised, and only then.
    pub pseudonym_key: Option<SecretSource>,
}

impl Default for PrivacySettings {
    fn default() -> Self {
        Self {
            agents: PrivacyMode::Keep,
            customers: PrivacyMode::Drop,
            content: PrivacyMode::Drop,
            pseudonym_key: None,
        }
    }
}

/// Why the key of pseudonyms cannot be had. Never the key.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// It cannot be fetched.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It is too short.
    #[error("privacy.pseudonym_key: {0}; name a longer secret")]
    Short(#[from] ShortKey),
}

impl PrivacySettings {
    /// The settings with their key.
    ///
    /// # Errors
    /// When a class is pseudonymised and the key is not there or too short.
    pub fn resolve(&self, environment: &Environment) -> Result<Privacy, PrivacyError> {
        let key = match &self.pseudonym_key {
            Some(source) => Some(PseudonymKey::new(&source.fetch(environment)?)?),
            None => None,
        };
        let mode = |mode| match (mode, key) {
            (PrivacyMode::Keep, _) => Mode::Keep,
            (PrivacyMode::Pseudonymise, Some(key)) => Mode::Pseudonymise(key),
            // Without a key there is no pseudonym; the configuration refuses it before.
            (PrivacyMode::Drop | PrivacyMode::Pseudonymise, _) => Mode::Drop,
        };
        Ok(Privacy {
            agents: mode(self.agents),
            customers: mode(self.customers),
            content: mode(self.content),
        })
    }
}
