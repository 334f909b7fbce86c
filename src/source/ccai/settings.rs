//! The settings of an account of this vendor.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::secret::SecretSource;
use crate::source::{Access, SettingsReader};

/// How an account of this vendor is reached.
#[derive(Clone, Debug)]
pub(super) struct CcaiSettings {
    /// `https://{subdomain}.{domain}`.
    pub(super) base_url: Url,
    /// The path before the endpoints.
    pub(super) api_prefix: String,
    /// The subdomain.
    pub(super) username: String,
    /// The token.
    pub(super) password: SecretSource,
}

/// Reads the keys `base_url`, `api_prefix`, `username` and `password`.
pub(super) fn read(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
    let base_url = keys.base_url(None, Some("api_prefix"));
    let api_prefix = keys.text("api_prefix").unwrap_or_else(|| String::from("/manager/api/v1"));
    if !api_prefix.starts_with('/') {
        keys.mistake("api_prefix", "it does not start with '/'", "such as \"/manager/api/v1\"");
    }
    let username = keys.required_text("username", "at CCAI, the subdomain");
    let password = keys.required_secret("password");
    let (base_url, username, password) = (base_url?, username?, password?);
    Some(Arc::new(CcaiSettings { base_url, api_prefix, username, password }))
}

impl fmt::Display for CcaiSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_url, api_prefix, .. } = self;
        write!(out, "{}{api_prefix}", base_url.as_str().trim_end_matches('/'))
    }
}
