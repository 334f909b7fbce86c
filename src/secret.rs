//! Secrets: texts that are used and never printed or logged. The configuration names where they are;
//! they are read when they are needed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The environment variables, passed in.
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
    /// The configuration key that names it.
    key: String,
    location: SecretLocation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SecretLocation {
    Variable(String),
    File(PathBuf),
}

/// Why there is no secret. It never holds one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("{key}: the variable {variable} is not set; set it to the secret")]
    NotSet {
        /// The configuration key.
        key: String,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("{key}: the file {} cannot be read: {source}", .file.display())]
    Unreadable {
        /// The configuration key.
        key: String,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is empty.
    #[error("{key}: the secret is empty")]
    Empty {
        /// The configuration key.
        key: String,
    },
}

impl SecretSource {
    pub(crate) const fn variable(key: String, variable: String) -> Self {
        Self { key, location: SecretLocation::Variable(variable) }
    }

    pub(crate) const fn file(key: String, file: PathBuf) -> Self {
        Self { key, location: SecretLocation::File(file) }
    }

    /// Reads the secret, without the newline at its end.
    ///
    /// # Errors
    /// When it is missing, unreadable or empty.
    pub fn fetch(&self, environment: &Environment) -> Result<Secret, SecretError> {
        let key = || self.key.clone();
        let text = match &self.location {
            SecretLocation::Variable(variable) => environment
                .get(variable)
                .cloned()
                .ok_or_else(|| SecretError::NotSet { key: key(), variable: variable.clone() })?,
            SecretLocation::File(file) => std::fs::read_to_string(file).map_err(|source| {
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
