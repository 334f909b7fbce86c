//! The settings of an account of this vendor.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::Maqsam;
use crate::secret::{Environment, SecretSource};
use crate::source::http::Authorization;
use crate::source::{Access, ConnectError, Connection, PollSettings, SettingsReader, Source};

/// The vendor's URL in its document.
const BASE_URL: &str = "https://api.maqsam.com";

/// How an account of this vendor is reached.
#[derive(Clone, Debug)]
pub(super) struct MaqsamSettings {
    /// The vendor's URL.
    pub(super) base_url: Url,
    /// The id of the access key.
    pub(super) username: String,
    /// The access secret.
    pub(super) password: SecretSource,
}

/// Reads the keys `base_url`, `username` and `password`.
pub(super) fn read(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
    let base_url = keys.base_url(Some(BASE_URL), None);
    let username = keys.required_text("username", "the id of the access key");
    let password = keys.required_secret("password");
    Some(Arc::new(MaqsamSettings { base_url: base_url?, username: username?, password: password? }))
}

impl fmt::Display for MaqsamSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.base_url.as_str().trim_end_matches('/'))
    }
}

impl Access for MaqsamSettings {
    fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.password]
    }

    fn connect(
        &self,
        environment: &Environment,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let password = self.password.fetch(environment)?;
        let authorization = Authorization::basic(&self.username, &password)?;
        let client = Maqsam::new(&self.base_url, authorization, settings, connection)?;
        Ok(Source::new(client, settings))
    }
}
