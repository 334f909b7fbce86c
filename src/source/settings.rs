//! The settings of an account that differ by vendor, and the client that they make.
//!
//! The configuration knows what all accounts have. Keys that only one vendor has are read by that
//! vendor's folder, which makes a client of them.

use std::fmt;

use url::Url;

use super::account_source::Source;
use super::error::Error;
use super::http::Connection;
use super::poll_settings::PollSettings;
use crate::secret::{Environment, SecretError, SecretSource};

/// Reads the keys of an account, and collects mistakes in them.
pub trait SettingsReader {
    /// A string that is not empty.
    fn text(&mut self, name: &str) -> Option<String>;
    /// The same; when it is missing, that is a mistake. `what` describes it.
    fn required_text(&mut self, name: &str, what: &str) -> Option<String>;
    /// Where a secret is.
    fn secret(&mut self, name: &str) -> Option<SecretSource>;
    /// The same; when it is missing, that is a mistake.
    fn required_secret(&mut self, name: &str) -> Option<SecretSource>;
    /// Whether a key exists.
    fn is_there(&self, name: &str) -> bool;
    /// Adds a mistake: what is wrong and what to do.
    fn mistake(&mut self, name: &str, problem: &str, remedy: &str);
    /// The URL under `base_url`, which may have no path; `path_key` is the key for that, if there
    /// is one. Without a default, a missing URL is a mistake.
    fn base_url(&mut self, default: Option<&str>, path_key: Option<&str>) -> Option<Url>;
}

/// How an account is reached: a vendor's settings, with references to secrets but no secrets. Its
/// `Display` is the URL that is polled.
pub trait Access: fmt::Debug + fmt::Display + Send + Sync {
    /// Where its secrets are; at least one.
    fn secrets(&self) -> Vec<&SecretSource>;

    /// A client, with the secrets as they are now. No request is sent yet.
    ///
    /// # Errors
    /// When a secret is missing, or cannot be sent.
    fn connect(
        &self,
        environment: &Environment,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Source, ConnectError>;
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A secret is missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The client cannot be made.
    #[error(transparent)]
    Source(#[from] Error),
}
