//! The schema registry: where it is and how it knows us.

use std::path::PathBuf;

use url::Url;

use super::reader::Section;
use super::secret::SecretSource;
use super::values;

/// A schema registry.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Its address, with a path where it has one.
    pub url: Url,
    /// How it knows us.
    pub access: RegistryAccess,
    /// PEM certificates that alone are trusted, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether schemas are registered, or only looked up.
    pub auto_register: bool,
}

/// How the registry knows us.
#[derive(Clone, Debug)]
pub enum RegistryAccess {
    /// It does not ask.
    Open,
    /// By HTTP basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// By a bearer token.
    Bearer(SecretSource),
}

pub(super) fn registry(section: &mut Section, warnings: &mut Vec<String>) -> Option<Registry> {
    let url = section.required_text("url", "where it is, such as \"http://localhost:8081\"");
    let url = url.and_then(|text| match values::registry_url(&text) {
        Ok(url) => Some(url),
        Err((problem, remedy)) => {
            section.mistake("url", problem, remedy);
            None
        }
    });
    let has = |section: &Section, name: &str| section.names().iter().any(|there| there == name);
    let (named, passworded) = (has(section, "username"), has(section, "password"));
    let tokened = has(section, "token");
    let username = section.text("username");
    let password = section.secret("password");
    let token = section.secret("token");
    if tokened && (named || passworded) {
        let remedy = "leave out either token, or username and password";
        section.mistake("token", "the registry knows us in one way", remedy);
    } else if named != passworded {
        let (there, missing) =
            if named { ("username", "password") } else { ("password", "username") };
        section.mistake(there, &format!("it stands without {missing}"), "set both, or neither");
    }
    let access = match (username, password, token) {
        (Some(username), Some(password), None) => RegistryAccess::Basic { username, password },
        (None, None, Some(token)) => RegistryAccess::Bearer(token),
        // Whatever else there is has been told already.
        _ => RegistryAccess::Open,
    };
    let ca_file = section.text("ca_file").map(PathBuf::from);
    let auto_register = section.flag("auto_register").unwrap_or(true);
    let url = url?;
    if ca_file.is_some() && url.scheme() != "https" {
        section.mistake("ca_file", "the url is not https", "write https://…, or leave it out");
    }
    if values::is_open_to_others(&url) && !matches!(access, RegistryAccess::Open) {
        let host = url.host_str().unwrap_or_default();
        warnings.push(format!(
            "the schema registry {host} is asked over plain http: everybody on the way can read \
             the credentials"
        ));
    }
    Some(Registry { url, access, ca_file, auto_register })
}
