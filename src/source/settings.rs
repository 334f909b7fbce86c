//! What a vendor's own settings are read with, and what they lead to.
//!
//! The configuration knows accounts; what an account of a vendor needs besides, the vendor's folder
//! knows: it reads its own keys and makes a client of them.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::account_source::Source;
use super::error::Error;
use super::http::Connection;
use crate::model::Privacy;
use crate::secret::{Environment, SecretError, SecretSource};

/// Reads the keys of an account, and notes what is wrong with them.
pub trait SettingsReader {
    /// A text that is not empty.
    fn text(&mut self, name: &str) -> Option<String>;
    /// The same, which has to be there; `what` says what it is.
    fn required_text(&mut self, name: &str, what: &str) -> Option<String>;
    /// A secret, by name.
    fn secret(&mut self, name: &str) -> Option<SecretSource>;
    /// The same, which has to be there.
    fn required_secret(&mut self, name: &str) -> Option<SecretSource>;
    /// Whether a key is there.
    fn is_there(&self, name: &str) -> bool;
    /// Notes a mistake: what is wrong and what to do.
    fn mistake(&mut self, name: &str, problem: &str, remedy: &str);
    /// The address under `base_url`, without a path, which stands in another key, or in none. Where
    /// there is a usual one, it need not be there.
    fn base_url(&mut self, usual: Option<&str>, path_stands_in: Option<&str>) -> Option<Url>;
}

/// What holds for every account, of whatever vendor.
#[derive(Clone, Copy, Debug)]
pub struct PollSettings {
    /// What becomes of personal data.
    pub privacy: Privacy,
    /// How many minutes a service level looks back.
    pub service_level_minutes: i64,
    /// How far before its cursor a tail asks again; `None` for the vendor's default.
    pub overlap: Option<Duration>,
}

/// How an account is reached: a vendor's settings, with secrets that are only named. It is shown
/// as the address that is asked.
pub trait Access: fmt::Debug + fmt::Display + Send + Sync {
    /// The secrets that it names, at least one.
    fn secrets(&self) -> Vec<&SecretSource>;

    /// A client, with the secrets as they are now. Nothing is asked yet.
    ///
    /// # Errors
    /// When a secret is not there, or cannot be sent.
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
    /// A secret is not there.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The client cannot be made.
    #[error(transparent)]
    Source(#[from] Error),
}
