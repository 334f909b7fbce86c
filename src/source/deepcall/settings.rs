//! The settings of an account of this vendor.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::secret::SecretSource;
use crate::source::{Access, SettingsReader};

/// Where the list of agents is, unless `path` says otherwise.
const PATH: &str = "/api/v2/Agent/list";

/// How an account of this vendor is reached.
#[derive(Clone, Debug)]
pub(super) struct DeepcallSettings {
    /// The URL of the brand that runs it.
    pub(super) base_url: Url,
    /// The path of the list of agents.
    pub(super) path: String,
    /// The credentials.
    pub(super) credentials: CredentialSource,
}

/// The credentials: a session, or a user with a token. The vendor accepts one of them, not both.
#[derive(Clone, Debug)]
pub(super) enum CredentialSource {
    Session { ssid: SecretSource },
    User { user_id: String, token: SecretSource },
}

/// Reads the keys `base_url`, `path`, and `ssid` or `user_id` and `token`.
pub(super) fn read(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
    let base_url = keys.base_url(None, Some("path"));
    let path = keys.text("path").unwrap_or_else(|| String::from(PATH));
    let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '?' | '#');
    if !path.starts_with('/') || !path.chars().all(plain) {
        keys.mistake(
            "path",
            "it is no path that starts with '/'",
            "such as \"/api/v2/Agent/list\"",
        );
    }
    let credentials = credentials(keys);
    Some(Arc::new(DeepcallSettings { base_url: base_url?, path, credentials: credentials? }))
}

fn credentials(keys: &mut dyn SettingsReader) -> Option<CredentialSource> {
    let ssid = keys.secret("ssid");
    let user_id = keys.text("user_id");
    let token = keys.secret("token");
    match (keys.is_there("ssid"), keys.is_there("user_id"), keys.is_there("token")) {
        (true, false, false) => Some(CredentialSource::Session { ssid: ssid? }),
        (false, true, true) => Some(CredentialSource::User { user_id: user_id?, token: token? }),
        (true, ..) => {
            let remedy = "the vendor takes either alone: leave it, or user_id and token, out";
            keys.mistake("ssid", "set together with user_id or token", remedy);
            None
        }
        (false, true, false) => {
            keys.mistake("token", "missing, and there is a user_id", "add it");
            None
        }
        (false, false, true) => {
            keys.mistake("user_id", "missing, and there is a token", "add it");
            None
        }
        (false, false, false) => {
            keys.mistake(
                "ssid",
                "missing, and so are user_id and token",
                "set it, or both of them",
            );
            None
        }
    }
}

impl fmt::Display for DeepcallSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_url, path, .. } = self;
        write!(out, "{}{path}", base_url.as_str().trim_end_matches('/'))
    }
}
