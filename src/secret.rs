//! Secrets: texts that can be used, and neither printed nor logged; named in the configuration,
//! fetched when they are needed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The environment, as it was handed in.
pub type Environment = BTreeMap<String, String>;

/// A text that `Debug` and `Display` never show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// The key of the configuration that names it.
    key: String,
    place: SecretPlace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SecretPlace {
    Variable(String),
    File(PathBuf),
}

/// Why a secret cannot be had. Never the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("{key}: the variable {variable} is not set; set it to the secret")]
    NotSet {
        /// The key of the configuration.
        key: String,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("{key}: the file {} cannot be read: {source}", .file.display())]
    Unreadable {
        /// The key of the configuration.
        key: String,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is empty.
    #[error("{key}: the secret is empty")]
    Empty {
        /// The key of the configuration.
        key: String,
    },
}

impl SecretSource {
    pub(crate) const fn variable(key: String, variable: String) -> Self {
        Self { key, place: SecretPlace::Variable(variable) }
    }

    pub(crate) const fn file(key: String, file: PathBuf) -> Self {
        Self { key, place: SecretPlace::File(file) }
    }

    /// Fetches the secret; a newline at its end is cut off.
    ///
    /// # Errors
    /// When it is not there, or empty.
    pub fn fetch(&self, environment: &Environment) -> Result<Secret, SecretError> {
        let key = || self.key.clone();
        let text = match &self.place {
            SecretPlace::Variable(variable) => environment
                .get(variable)
                .cloned()
                .ok_or_else(|| SecretError::NotSet { key: key(), variable: variable.clone() })?,
            SecretPlace::File(file) => std::fs::read_to_string(file).map_err(|source| {
                SecretError::Unreadable { key: key(), file: file.clone(), source }
            })?,
        };
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return Err(SecretError::Empty { key: key() });
        }
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
    }
}
