//! `[registry]`: the schema registry that events are framed for.

use std::path::PathBuf;

use url::Url;

use super::reader::Section;
use super::values;
use crate::secret::SecretSource;

/// The schema registry, as configured.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Its address, with a path where it has one.
    pub url: Url,
    /// The credentials it needs.
    pub credentials: Option<CredentialsConfig>,
    /// A PEM file with the certificates of a private authority.
    pub ca_file: Option<PathBuf>,
    /// Whether missing schemas are registered.
    pub auto_register: bool,
}

/// Credentials for the registry, with the sources of their secrets.
#[derive(Clone, Debug)]
pub enum CredentialsConfig {
    /// HTTP basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A bearer token.
    Bearer(SecretSource),
}

/// Reads the section. `None` when it is wrong; the mistakes are noted then.
pub(super) fn read(section: &mut Section, warnings: &mut Vec<String>) -> Option<RegistryConfig> {
    let url = section.required_text("url", "its address, such as \"http://localhost:8081\"");
    let url = url.and_then(|text| match values::address(&text) {
        Ok(url) => Some(url),
        Err((problem, remedy)) => {
            section.mistake("url", problem, remedy);
            None
        }
    });
    let names = section.names();
    let is_there = |name: &str| names.iter().any(|known| known == name);
    let username = section.text("username");
    let password = section.secret("password");
    let token = section.secret("token");
    if is_there("token") && (is_there("username") || is_there("password")) {
        let remedy = "leave either it or username and password out";
        section.mistake("token", "there are two kinds of credentials", remedy);
    } else if is_there("username") && !is_there("password") {
        let remedy = "name its source, such as { env = \"REGISTRY_PASSWORD\" }";
        section.mistake("password", "missing, and there is a username", remedy);
    } else if is_there("password") && !is_there("username") {
        section.mistake("username", "missing, and there is a password", "add it");
    }
    let credentials = match (username, password, token) {
        (Some(username), Some(password), None) => {
            Some(CredentialsConfig::Basic { username, password })
        }
        (None, None, Some(token)) => Some(CredentialsConfig::Bearer(token)),
        _ => None,
    };
    if let Some(url) = &url
        && credentials.is_some()
        && values::is_unencrypted(url)
    {
        let host = url.host_str().unwrap_or_default();
        warnings.push(format!(
            "plain http to {host}: anyone on the network path can read the credentials"
        ));
    }
    let ca_file = section.text("ca_file").map(PathBuf::from);
    let auto_register = section.flag("auto_register").unwrap_or(true);
    Some(RegistryConfig { url: url?, credentials, ca_file, auto_register })
}
