//! The client: a request, its limits, and what each answer means.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::error::{Error, Remedy, sanitised};
use super::{Credentials, Settings, identity};

/// Media types of the API. Answers are taken under any, because registries differ there.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json";
/// For a connection to stand, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// For the whole of an answer.
const ANSWER: Duration = Duration::from_secs(15);
/// The largest answer. The largest schema of the catalogue has less than a twentieth of it.
const LARGEST: usize = 2 << 20;

/// How often, and how far apart, a request is sent that may succeed the next time.
#[derive(Clone)]
pub struct Retries {
    /// How often in all.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles with each further one.
    pub pause: Duration,
    /// A number from 0 to 1: the part of the longest pause that is waited.
    pub random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl std::fmt::Debug for Retries {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Retries").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 3,
            pause: Duration::from_millis(500),
            random: Arc::new(|| rand::Rng::random_range(&mut rand::rng(), 0.0..1.0)),
        }
    }
}

impl Retries {
    fn pause(&self, attempt: u32) -> Duration {
        let longest = self.pause.saturating_mul(1 << attempt.saturating_sub(1).min(6));
        longest.mul_f64((self.random)().clamp(0.0, 1.0))
    }
}

/// Whether a schema may become the next version of its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// There is no version that it could break.
    New,
    /// It may.
    Compatible,
    /// It may not; what the registry said.
    Incompatible(String),
}

/// A client of one registry.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
    retries: Retries,
}

/// What an answer says when it is no success.
#[derive(Default, Deserialize)]
struct Complaint {
    error_code: Option<u32>,
    #[serde(default)]
    message: String,
}

impl Client {
    /// A client.
    ///
    /// # Errors
    /// [`Error::Client`] when the certificates cannot be used.
    pub fn new(settings: Settings, retries: Retries) -> Result<Self, Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(1);
        if let Some(pem) = &settings.certificates {
            let unusable = "registry.ca_file holds no certificate that can be used; name a file of \
                            PEM certificates";
            let certificates = Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| Error::Client(String::from(unusable)))?;
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|error| Error::Client(bare(&error)))?;
        Ok(Self { http, settings, retries })
    }

    /// Which registry it is: its address, without credentials.
    #[must_use]
    pub fn identity(&self) -> &str {
        identity(&self.settings.url)
    }

    /// Registers a schema, and gives its id; one that is registered keeps its id.
    ///
    /// # Errors
    /// [`Error::Refused`] when it breaks the subject's compatibility or is not valid.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        let path = ["subjects", subject, "versions"];
        let answer = self.ask(Method::POST, &path, Some(schema)).await?;
        match answer.status {
            status if status.is_success() => answer.id(),
            _ => Err(answer.refused(subject)),
        }
    }

    /// The id of a schema under a subject; `None` when it is not registered there.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn look_up(&self, subject: &str, schema: &str) -> Result<Option<u32>, Error> {
        let answer = self.ask(Method::POST, &["subjects", subject], Some(schema)).await?;
        match answer.status {
            status if status.is_success() => answer.id().map(Some),
            StatusCode::NOT_FOUND if answer.is_of_the_api() => Ok(None),
            _ => Err(answer.refused(subject)),
        }
    }

    /// Whether a schema may become the next version of a subject. Changes nothing.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn compatibility(&self, subject: &str, schema: &str) -> Result<Compatibility, Error> {
        #[derive(Deserialize)]
        struct Judgement {
            is_compatible: bool,
            #[serde(default)]
            messages: Vec<String>,
        }
        let path = ["compatibility", "subjects", subject, "versions", "latest"];
        let answer = self.ask(Method::POST, &path, Some(schema)).await?;
        match answer.status {
            status if status.is_success() => {
                let judgement: Judgement = answer.read()?;
                Ok(match judgement.is_compatible {
                    true => Compatibility::Compatible,
                    false => Compatibility::Incompatible(sanitised(&judgement.messages.join(" "))),
                })
            }
            StatusCode::NOT_FOUND if answer.is_of_the_api() => Ok(Compatibility::New),
            _ => Err(answer.refused(subject)),
        }
    }

    /// The text of a schema.
    ///
    /// # Errors
    /// [`Error::NoSchema`] when there is none of that id.
    pub async fn schema(&self, id: u32) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Registered {
            schema: String,
        }
        let number = id.to_string();
        let answer = self.ask(Method::GET, &["schemas", "ids", &number], None).await?;
        match answer.status {
            status if status.is_success() => Ok(answer.read::<Registered>()?.schema),
            StatusCode::NOT_FOUND if answer.is_of_the_api() => Err(Error::NoSchema { id }),
            status => Err(Error::Foreign { status: status.as_u16() }),
        }
    }

    /// Asks, and asks again where that may help.
    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        schema: Option<&str>,
    ) -> Result<Answer, Error> {
        let url = below(&self.settings.url, path)?;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(method.clone(), url.clone(), schema).await {
                Err(error) if error.remedy() == Remedy::Soon => error,
                done => return done,
            };
            if attempt >= self.retries.attempts {
                return Err(error);
            }
            tracing::debug!(%error, attempt, "asking the schema registry again");
            tokio::time::sleep(self.retries.pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        method: Method,
        url: Url,
        schema: Option<&str>,
    ) -> Result<Answer, Error> {
        let host = self.settings.url.host_str().unwrap_or_default().to_owned();
        let mut request = self
            .http
            .request(method, url)
            .header(ACCEPT, ACCEPTED)
            .header(USER_AGENT, concat!("floorcast/", env!("CARGO_PKG_VERSION")));
        request = self.authorised(request)?;
        if let Some(schema) = schema {
            let body = json!({ "schema": schema }).to_string();
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body);
        }
        let answered = async {
            let response = request.send().await.map_err(Problem::Broken)?;
            let status = response.status();
            Ok((status, read(response).await?))
        };
        let (status, body) = tokio::time::timeout(ANSWER, answered)
            .await
            .map_err(|_| Error::TimedOut { host: host.clone(), limit: ANSWER })?
            .map_err(|problem| match problem {
                Problem::Broken(error) if error.is_timeout() => {
                    Error::TimedOut { host, limit: CONNECT }
                }
                Problem::Broken(error) => Error::Disconnected { host, problem: bare(&error) },
                Problem::TooLarge => Error::TooLarge { limit: LARGEST },
            })?;
        match status.as_u16() {
            429 => Err(Error::RateLimited),
            status @ (401 | 403) => Err(Error::Unauthorized { status }),
            status @ 300..=399 => Err(Error::Redirected { status }),
            status @ 500..=599 => Err(Error::ServerError { status }),
            _ => Ok(Answer { status, body }),
        }
    }

    fn authorised(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        use base64::Engine as _;
        let text = match (self.settings.credentials)().map_err(Error::Client)? {
            Credentials::None => return Ok(request),
            Credentials::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Credentials::Bearer(token) => format!("Bearer {}", token.expose()),
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| Error::Client(String::from("the credentials are no header")))?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }
}

/// A whole answer.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    fn read<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Error> {
        let undecodable = |_| Error::Undecodable { status: self.status.as_u16() };
        serde_json::from_slice(&self.body).map_err(undecodable)
    }

    fn id(&self) -> Result<u32, Error> {
        let id = self.read::<Value>()?["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or(Error::Undecodable { status: self.status.as_u16() })
    }

    fn complaint(&self) -> Complaint {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether a registry said this, and not whoever else listens at a wrong address.
    fn is_of_the_api(&self) -> bool {
        self.complaint().error_code.is_some()
    }

    fn refused(&self, subject: &str) -> Error {
        let status = self.status.as_u16();
        let complaint = self.complaint();
        match status {
            409 | 422 => Error::Refused {
                subject: subject.to_owned(),
                status,
                said: sanitised(&complaint.message),
            },
            status => Error::Foreign { status },
        }
    }
}

enum Problem {
    Broken(reqwest::Error),
    TooLarge,
}

async fn read(mut response: Response) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Problem::Broken)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Problem::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An address below the registry's, each part escaped.
fn below(url: &Url, path: &[&str]) -> Result<Url, Error> {
    let mut url = url.clone();
    url.path_segments_mut()
        .map_err(|()| Error::Client(String::from("registry.url is no address")))?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

/// An error's own words without the address.
fn bare(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut text = String::from("the connection failed");
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    sanitised(&text)
}

#[cfg(test)]
mod tests;
