//! The registry's interface: what is asked, and what each answer means. It depends on what every
//! registry does alike: status codes, and the numbers in the bodies of errors.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, RegistryCredentials, RegistrySettings};

/// The interface's media type; others answer with `application/json`.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const CONNECT: Duration = Duration::from_secs(3);
/// The whole of one attempt.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Attempts at one question.
const ATTEMPTS: u32 = 3;
/// The longest pause before the second one.
const PAUSE: Duration = Duration::from_millis(200);
/// The largest answer: a schema is a hundredth of it.
const LARGEST: usize = 4 << 20;
/// How much of the registry's own words is shown.
const SHOWN: usize = 300;

/// What the registry says of a schema beside those that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// There is nothing under this subject yet.
    New,
    /// It goes with them.
    Compatible,
    /// It does not.
    Incompatible,
}

/// A client of the registry.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: RegistrySettings,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client. Nothing is asked yet.
    ///
    /// # Errors
    /// When the credentials are no header, or the authority's certificates cannot be read.
    pub fn new(settings: &RegistrySettings) -> Result<Self, Error> {
        let header = |text: String| {
            let mut header = HeaderValue::try_from(text)
                .map_err(|_| Error::Client(String::from("the credentials are no header")))?;
            header.set_sensitive(true);
            Ok(header)
        };
        let authorization = match &settings.credentials {
            None => None,
            Some(RegistryCredentials::Basic { username, password }) => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                Some(header(format!("Basic {pair}"))?)
            }
            Some(RegistryCredentials::Bearer(token)) => {
                Some(header(format!("Bearer {}", token.expose()))?)
            }
        };
        // Only the first call of the process installs it; the others find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            // Credentials go nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ATTEMPT)
            .pool_max_idle_per_host(1);
        if let Some(authority) = &settings.authority {
            let unreadable = |_| Error::Client(String::from("ca_file holds no certificate (PEM)"));
            let certificates = Certificate::from_pem_bundle(authority).map_err(unreadable)?;
            if certificates.is_empty() {
                return Err(Error::Client(String::from("ca_file holds no certificate (PEM)")));
            }
            http = http.tls_certs_merge(certificates);
        }
        let http = http.build().map_err(|error| Error::Client(bare(&error)))?;
        Ok(Self { http, settings: settings.clone(), authorization })
    }

    /// What identifies the registry: its address, without credentials.
    pub(super) fn identity(&self) -> &str {
        self.settings.url.as_str()
    }

    /// The id of a schema under a subject: registers it where it is to be, else looks it up.
    ///
    /// # Errors
    /// When there is none.
    pub async fn id(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        if self.settings.auto_register {
            self.register(subject, schema).await
        } else {
            self.look_up(subject, schema).await
        }
    }

    /// Registers a schema under a subject; one that is there already keeps its id.
    ///
    /// # Errors
    /// When it is refused, or the registry does not answer.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        let body = json!({ "schema": schema });
        let (status, answer) =
            self.ask(Method::POST, &["subjects", subject, "versions"], Some(&body)).await?;
        self.id_of(status, &answer, subject)
    }

    /// The id that a schema has under a subject.
    ///
    /// # Errors
    /// When it has none, or the registry does not answer.
    pub async fn look_up(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        let body = json!({ "schema": schema });
        let (status, answer) = self.ask(Method::POST, &["subjects", subject], Some(&body)).await?;
        if is_unknown(status, &answer) {
            return Err(Error::Missing { subject: subject.to_owned() });
        }
        self.id_of(status, &answer, subject)
    }

    /// Whether a schema may follow those that are under a subject. Changes nothing.
    ///
    /// # Errors
    /// When the registry cannot tell, or does not answer.
    pub async fn compatibility(&self, subject: &str, schema: &str) -> Result<Compatibility, Error> {
        let body = json!({ "schema": schema });
        let path = ["compatibility", "subjects", subject, "versions", "latest"];
        let (status, answer) = self.ask(Method::POST, &path, Some(&body)).await?;
        if is_unknown(status, &answer) {
            return Ok(Compatibility::New);
        }
        match answer.get("is_compatible").and_then(Value::as_bool) {
            Some(true) if status.is_success() => Ok(Compatibility::Compatible),
            Some(false) if status.is_success() => Ok(Compatibility::Incompatible),
            _ => Err(self.refused(status, &answer, subject)),
        }
    }

    /// The text of a schema.
    ///
    /// # Errors
    /// When there is none of this id, or the registry does not answer.
    pub async fn schema(&self, id: u32) -> Result<String, Error> {
        let number = id.to_string();
        let (status, answer) = self.ask(Method::GET, &["schemas", "ids", &number], None).await?;
        if is_unknown(status, &answer) {
            return Err(Error::NoSuchId { id });
        }
        let text = answer.get("schema").and_then(Value::as_str).filter(|_| status.is_success());
        text.map(String::from).ok_or_else(|| self.no_registry(status))
    }

    /// Whether a registry answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> Result<(), Error> {
        let (status, answer) = self.ask(Method::GET, &["subjects"], None).await?;
        if status.is_success() && answer.is_array() {
            return Ok(());
        }
        Err(self.no_registry(status))
    }

    fn id_of(&self, status: StatusCode, answer: &Value, subject: &str) -> Result<u32, Error> {
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        match id {
            Some(id) if status.is_success() => Ok(id),
            _ => Err(self.refused(status, answer, subject)),
        }
    }

    /// An answer that is not what was asked for.
    fn refused(&self, status: StatusCode, answer: &Value, subject: &str) -> Error {
        let about_schemas = matches!(status.as_u16(), 409 | 422);
        let speaks = answer.get("error_code").is_some() && status.is_client_error();
        if !about_schemas && !speaks {
            return self.no_registry(status);
        }
        let words = answer.get("message").and_then(Value::as_str).unwrap_or("without a reason");
        let words = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let mut reason: String = words.clone().take(SHOWN).collect();
        if words.count() > SHOWN {
            reason.push('…');
        }
        Error::Refused { subject: subject.to_owned(), status: status.as_u16(), reason }
    }

    fn no_registry(&self, status: StatusCode) -> Error {
        Error::NoRegistry { host: self.host(), status: status.as_u16() }
    }

    fn host(&self) -> String {
        let url = &self.settings.url;
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Asks, and asks again where that may help.
    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(method.clone(), path, body).await {
                Err(Error::Away { .. }) if attempt < ATTEMPTS => {
                    let random = rand::random_range(0.5..1.0);
                    tokio::time::sleep(PAUSE.saturating_mul(attempt).mul_f64(random)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Error> {
        let away = |problem: String| Error::Away { host: self.host(), problem };
        let mut url = self.settings.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.http.request(method, url).header(ACCEPT, ACCEPTED);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body.to_string());
        }
        let mut response = request.send().await.map_err(|error| away(bare(&error)))?;
        let status = response.status();
        match status.as_u16() {
            401 | 403 => {
                return Err(Error::Unauthorized { host: self.host(), status: status.as_u16() });
            }
            429 | 500..=599 => return Err(away(format!("status {}", status.as_u16()))),
            _ => {}
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| away(bare(&error)))? {
            if answer.len() + chunk.len() > LARGEST {
                return Err(self.no_registry(status));
            }
            answer.extend_from_slice(&chunk);
        }
        // What is no JSON has no fields, and is then no answer of a registry.
        Ok((status, serde_json::from_slice(&answer).unwrap_or(Value::Null)))
    }
}

const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// The registry knows no such subject, version or schema: an answer of its own, with a number of
/// its own (40401 to 40403), and not that of a server that knows no such path.
fn is_unknown(status: StatusCode, answer: &Value) -> bool {
    let code = answer.get("error_code").and_then(Value::as_u64);
    status == StatusCode::NOT_FOUND && code.is_some_and(|code| code / 100 == 404)
}

/// An error's own words without the address.
fn bare(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut text =
        String::from(if error.is_timeout() { "it takes too long" } else { "no connection" });
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    if text.starts_with("invalid peer certificate") {
        text.push_str(" (is ca_file the authority that signed it?)");
    }
    text
}

#[cfg(test)]
mod tests;
