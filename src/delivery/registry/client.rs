//! The registry's HTTP interface: its requests, and what each answer means. It relies on what all
//! registries have in common: status codes, and the error codes in the bodies.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, RegistryCredentials, RegistrySettings};
use crate::backoff::{self, Backoff};

/// The interface's media type.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Some registries answer with plain JSON.
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For the whole of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// Attempts at one request.
const ATTEMPTS: u32 = 3;
/// The wait before the second and before the last attempt.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_millis(400);
/// The largest answer in bytes: a hundred times the largest schema.
const LARGEST_ANSWER: usize = 4 << 20;
/// How many characters of a registry's error message are shown.
const LONGEST_REASON: usize = 300;

/// Whether a schema may be registered under a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// The subject has no schema yet.
    New,
    /// It is compatible with the subject's schemas.
    Compatible,
    /// It is not.
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
    /// A client. No request is sent yet.
    ///
    /// # Errors
    /// When the credentials do not fit into a header, or the authority's certificates cannot be read.
    pub fn new(settings: &RegistrySettings) -> Result<Self, Error> {
        let header = |text: String| {
            let mut header = HeaderValue::try_from(text).map_err(|_| {
                Error::Client(String::from("the credentials do not fit into a header"))
            })?;
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
        // Fails where it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            // A redirect must not take the credentials elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .pool_max_idle_per_host(1);
        if let Some(authority) = &settings.authority {
            let unreadable = |_| Error::Client(String::from("ca_file holds no certificate (PEM)"));
            let certificates = Certificate::from_pem_bundle(authority).map_err(unreadable)?;
            if certificates.is_empty() {
                return Err(Error::Client(String::from("ca_file holds no certificate (PEM)")));
            }
            http = http.tls_certs_merge(certificates);
        }
        let http = http.build().map_err(|error| Error::Client(cause(&error)))?;
        Ok(Self { http, settings: settings.clone(), authorization })
    }

    /// The registry's address, without credentials.
    pub(super) fn identity(&self) -> &str {
        self.settings.url.as_str()
    }

    /// The id of a schema under a subject: registers it if so configured, else looks it up.
    ///
    /// # Errors
    /// As [`Self::register`] and [`Self::look_up`].
    pub async fn id(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        if self.settings.auto_register {
            self.register(subject, schema).await
        } else {
            self.look_up(subject, schema).await
        }
    }

    /// Registers a schema under a subject; a registered one keeps its id.
    ///
    /// # Errors
    /// When it is refused, or the registry does not answer.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        let body = json!({ "schema": schema });
        let (status, answer) =
            self.request(Method::POST, &["subjects", subject, "versions"], Some(&body)).await?;
        self.id_of(status, &answer, subject)
    }

    /// The id of a registered schema under a subject.
    ///
    /// # Errors
    /// [`Error::Missing`] when it is not registered; or the registry does not answer.
    pub async fn look_up(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        let body = json!({ "schema": schema });
        let (status, answer) =
            self.request(Method::POST, &["subjects", subject], Some(&body)).await?;
        if is_unknown(status, &answer) {
            return Err(Error::Missing { subject: subject.to_owned() });
        }
        self.id_of(status, &answer, subject)
    }

    /// Whether a schema is compatible with the latest one of a subject. Registers nothing.
    ///
    /// # Errors
    /// When the registry does not say, or does not answer.
    pub async fn compatibility(&self, subject: &str, schema: &str) -> Result<Compatibility, Error> {
        let body = json!({ "schema": schema });
        let path = ["compatibility", "subjects", subject, "versions", "latest"];
        let (status, answer) = self.request(Method::POST, &path, Some(&body)).await?;
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
    /// [`Error::NoSuchId`] when there is none of this id; or the registry does not answer.
    pub async fn schema(&self, id: u32) -> Result<String, Error> {
        let number = id.to_string();
        let (status, answer) =
            self.request(Method::GET, &["schemas", "ids", &number], None).await?;
        if is_unknown(status, &answer) {
            return Err(Error::NoSuchId { id });
        }
        let text = answer.get("schema").and_then(Value::as_str).filter(|_| status.is_success());
        text.map(String::from).ok_or_else(|| self.no_registry(status))
    }

    /// Checks that a registry answers.
    ///
    /// # Errors
    /// When nothing answers, or something that is no registry.
    pub async fn answers(&self) -> Result<(), Error> {
        let (status, answer) = self.request(Method::GET, &["subjects"], None).await?;
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

    /// The error of an answer without the requested value.
    fn refused(&self, status: StatusCode, answer: &Value, subject: &str) -> Error {
        let is_about_schema = matches!(status.as_u16(), 409 | 422);
        let has_error_code = answer.get("error_code").is_some() && status.is_client_error();
        if !is_about_schema && !has_error_code {
            return self.no_registry(status);
        }
        let message = answer.get("message").and_then(Value::as_str).unwrap_or("without a reason");
        let message = message.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let mut reason: String = message.clone().take(LONGEST_REASON).collect();
        if message.count() > LONGEST_REASON {
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

    /// Sends a request, and again where that may help. An answer that is no JSON is `null`.
    async fn request(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Error> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut attempt = 1;
        loop {
            match self.attempt(method.clone(), path, body).await {
                Err(Error::Unavailable { .. }) if attempt < ATTEMPTS => {
                    let part = rand::random_range(backoff::JITTER);
                    tokio::time::sleep(backoff.next_part(part)).await;
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
        let unavailable = |problem: String| Error::Unavailable { host: self.host(), problem };
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
        let mut response = request.send().await.map_err(|error| unavailable(cause(&error)))?;
        let status = response.status();
        match status.as_u16() {
            401 | 403 => {
                return Err(Error::Unauthorized { host: self.host(), status: status.as_u16() });
            }
            429 | 500..=599 => return Err(unavailable(format!("status {}", status.as_u16()))),
            _ => {}
        }
        let mut answer = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| unavailable(cause(&error)))?
        {
            if answer.len() + chunk.len() > LARGEST_ANSWER {
                return Err(self.no_registry(status));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok((status, serde_json::from_slice(&answer).unwrap_or(Value::Null)))
    }
}

/// The registry knows no such subject, version or schema: its own answer with an error code (40401
/// to 40403), and not the 404 of a server that knows no such path.
fn is_unknown(status: StatusCode, answer: &Value) -> bool {
    let code = answer.get("error_code").and_then(Value::as_u64);
    status == StatusCode::NOT_FOUND && code.is_some_and(|code| code / 100 == 404)
}

/// An error's innermost cause: its full text would hold the address.
fn cause(error: &reqwest::Error) -> String {
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
