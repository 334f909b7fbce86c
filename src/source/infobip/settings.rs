//! The settings of an account of this vendor.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::Infobip;
use crate::secret::{Environment, SecretSource};
use crate::source::http::Authorization;
use crate::source::{Access, ConnectError, Connection, PollSettings, SettingsReader, Source};

/// The vendor's URL in its document.
const BASE_URL: &str = "https://api.infobip.com";

/// How an account of this vendor is reached.
#[derive(Clone, Debug)]
pub(super) struct InfobipSettings {
    /// The vendor's URL; newer accounts have one of their own.
    pub(super) base_url: Url,
    /// The credentials.
    pub(super) credentials: CredentialSource,
}

/// The credentials: of a user, or a key.
#[derive(Clone, Debug)]
pub(super) enum CredentialSource {
    User { username: String, password: SecretSource },
    Key { api_key: SecretSource },
}

/// Reads the keys `base_url`, and `username` and `password` or `api_key`.
pub(super) fn read(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
    let base_url = keys.base_url(Some(BASE_URL), None);
    let credentials = credentials(keys);
    Some(Arc::new(InfobipSettings { base_url: base_url?, credentials: credentials? }))
}

fn credentials(keys: &mut dyn SettingsReader) -> Option<CredentialSource> {
    let api_key = keys.secret("api_key");
    let username = keys.text("username");
    let password = keys.secret("password");
    match (keys.is_there("api_key"), keys.is_there("username"), keys.is_there("password")) {
        (true, false, false) => Some(CredentialSource::Key { api_key: api_key? }),
        (false, true, true) => {
            Some(CredentialSource::User { username: username?, password: password? })
        }
        (true, ..) => {
            let remedy = "one of them is enough: leave it, or username and password, out";
            keys.mistake("api_key", "set together with username or password", remedy);
            None
        }
        (false, true, false) => {
            keys.mistake("password", "missing, and there is a username", "add it");
            None
        }
        (false, false, true) => {
            keys.mistake("username", "missing, and there is a password", "add it");
            None
        }
        (false, false, false) => {
            let problem = "missing, and so are username and password";
            keys.mistake("api_key", problem, "set it, or both of them");
            None
        }
    }
}

impl fmt::Display for InfobipSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.base_url.as_str().trim_end_matches('/'))
    }
}

impl Access for InfobipSettings {
    fn secrets(&self) -> Vec<&SecretSource> {
        match &self.credentials {
            CredentialSource::User { password, .. } => vec![password],
            CredentialSource::Key { api_key } => vec![api_key],
        }
    }

    fn connect(
        &self,
        environment: &Environment,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let authorization = match &self.credentials {
            CredentialSource::User { username, password } => {
                Authorization::basic(username, &password.fetch(environment)?)?
            }
            CredentialSource::Key { api_key } => {
                Authorization::key("App", &api_key.fetch(environment)?)?
            }
        };
        let client = Infobip::new(&self.base_url, authorization, settings, connection)?;
        Ok(Source::new(client, settings))
    }
}
