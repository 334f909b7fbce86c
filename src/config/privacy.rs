//! `[privacy]`: which personal data is kept, dropped or pseudonymised. The key of the pseudonyms is a
//! secret that is read when the bridge starts.

use crate::model::{Mode, Privacy, PseudonymKey, ShortKey};
use crate::secret::{Environment, SecretError, SecretSource};

/// How a class of fields is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivacyMode {
    /// Published as they are.
    Keep,
    /// Not published and not stored.
    Drop,
    /// Replaced by pseudonyms.
    Pseudonymise,
}

/// How each class of fields is treated, see [`Privacy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacySettings {
    /// Names, e-mail addresses, numbers and pictures of agents.
    pub agents: PrivacyMode,
    /// Identifiers and telephone numbers of customers.
    pub customers: PrivacyMode,
    /// Recordings, messages, pictures, notes and other free text.
    pub content: PrivacyMode,
    /// Where the key of the pseudonyms is; `Some` exactly when a class is pseudonymised.
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

/// Why there is no key of pseudonyms. Never holds the key.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// It cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It is too short.
    #[error("privacy.pseudonym_key: {0}; name a longer secret")]
    Short(#[from] ShortKey),
}

impl PrivacySettings {
    /// The settings with their key read.
    ///
    /// # Errors
    /// When a class is pseudonymised and the key is missing or too short.
    pub fn resolve(&self, environment: &Environment) -> Result<Privacy, PrivacyError> {
        let key = match &self.pseudonym_key {
            Some(source) => Some(PseudonymKey::new(&source.fetch(environment)?)?),
            None => None,
        };
        let mode = |mode| match (mode, key) {
            (PrivacyMode::Keep, _) => Mode::Keep,
            (PrivacyMode::Pseudonymise, Some(key)) => Mode::Pseudonymise(key),
            // A configuration without the key is refused before this.
            (PrivacyMode::Drop | PrivacyMode::Pseudonymise, _) => Mode::Drop,
        };
        Ok(Privacy {
            agents: mode(self.agents),
            customers: mode(self.customers),
            content: mode(self.content),
        })
    }
}
