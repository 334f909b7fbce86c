//! One account's HTTP client: it spends the budget, keeps the limits, and sends credentials only to
//! the configured host.
//!
//! No redirect is followed. Every phase has a time limit: connecting, the head of the answer, the
//! whole body. Bodies are capped twice, over the wire and decompressed, so that neither an endless
//! answer nor a decompression bomb fills the memory; gzip is decoded here for that reason. Only one
//! large body of an account is held at a time; others wait.

mod encoding;
mod headers;
mod request;

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, USER_AGENT};
use reqwest::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use self::encoding::decompress;
use self::headers::{count, date, has_next, retry_after};
use self::request::Request;
use super::error::{Error, ErrorDisposition, Refusal};
use super::request_permits::RequestPermits;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::model::{AccountName, StreamName, Timestamp};
use crate::telemetry::{Metrics, RequestOutcome};

pub(super) use self::request::{Authorization, JsonBody};

/// How often one request is sent, at most.
const ATTEMPTS: u32 = 3;
/// Bytes of an error page that are read. Reading it keeps the connection, so that a refusal does
/// not cost another handshake, and it may contain the vendor's own error. It is never shown.
const ERROR_PAGE: usize = 64 << 10;

/// Bytes of a body above which it is large. Ordinary pages are smaller.
const LARGE: usize = 512 << 10;

/// Limits of time and size of a client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the request to the head of the answer. Vendors take many seconds for large pages.
    pub head: Duration,
    /// For the whole body.
    pub body: Duration,
    /// For an error page; after that its connection is closed.
    pub error_page: Duration,
    /// Bytes over the wire.
    pub compressed: usize,
    /// Bytes after decompression. A page of 100 calls has some hundred kilobytes.
    pub decompressed: usize,
    /// The longest wait before the second attempt; it doubles with each further one.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(20),
            body: Duration::from_mins(1),
            error_page: Duration::from_secs(1),
            compressed: 8 << 20,
            decompressed: 32 << 20,
            pause: Duration::from_millis(500),
        }
    }
}

/// What a client belongs to.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The account.
    pub account: AccountName,
    /// What permits each of its requests.
    pub permits: Arc<dyn RequestPermits>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The limits of time and size.
    pub limits: Limits,
}

/// Finds a vendor's own error in the body of an answer with any status code: an error with our
/// words and no text of the body. `None` where the body has none; the status code decides then.
pub(super) type FindError = fn(status: u16, body: &[u8]) -> Option<Error>;

/// A client for one account.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    authorization: Authorization,
    find_error: FindError,
    connection: Connection,
    /// The permit to hold a large body.
    large: Arc<Semaphore>,
}

/// A complete answer with a success status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// Held as long as a large body. Drop it before the next request.
    pub(super) large: Option<OwnedSemaphorePermit>,
    pub(super) status: u16,
    pub(super) requested_at: Timestamp,
    pub(super) answered_at: Timestamp,
    /// How far the vendor's clock is ahead of ours, in milliseconds, by the header `Date`.
    pub(super) clock_offset_millis: Option<i64>,
    /// How many entities there are in all, by the header `Total`.
    pub(super) total: Option<u64>,
    /// Whether the header `Total` is no number, or there are several that differ: there is a count,
    /// and it is not known.
    pub(super) count_unreadable: bool,
    /// Whether there is a further page, where the header `Link` says.
    pub(super) has_next: Option<bool>,
    /// How many requests it took.
    pub(super) requests: u32,
}

impl Client {
    /// A client. No request is sent yet.
    pub(super) fn new(
        connection: Connection,
        authorization: Authorization,
        find_error: FindError,
    ) -> Result<Self, Error> {
        // Only the first call of the process installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connection.limits.connect)
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(Duration::from_secs(90))
            .build()
            .map_err(|error| Error::Client(without_url(&error)))?;
        let large = Arc::new(Semaphore::new(1));
        Ok(Self { http, authorization, find_error, connection, large })
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The time by our clock.
    pub(super) fn now(&self) -> Timestamp {
        self.connection.clock.now()
    }

    /// Sends a GET request, and retries it where that may help.
    pub(super) async fn get(&self, stream: &StreamName, url: &Url) -> Result<Answer, Error> {
        self.request(stream, Request { url, body: None }).await
    }

    /// The same by POST with a body. The request must change nothing: it may be sent several times.
    pub(super) async fn post(
        &self,
        stream: &StreamName,
        url: &Url,
        body: &JsonBody,
    ) -> Result<Answer, Error> {
        self.request(stream, Request { url, body: Some(body) }).await
    }

    async fn request(&self, stream: &StreamName, request: Request<'_>) -> Result<Answer, Error> {
        let mut attempt = 1;
        let mut backoff = retry_backoff(self.connection.limits.pause);
        loop {
            let error = match self.attempt(stream, request).await {
                Ok(mut answer) => {
                    answer.requests = attempt;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if error.disposition() != ErrorDisposition::Retry || attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(stream = %stream, %error, attempt, "retrying a request");
            let random = rand::rng().random_range(0.0..1.0);
            tokio::time::sleep(backoff.next_part(random)).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, stream: &StreamName, request: Request<'_>) -> Result<Answer, Error> {
        self.connection.permits.acquire(stream).await?;
        let answer = self.send(request).await;
        let outcome = match &answer {
            Ok(_) => RequestOutcome::Answered,
            Err(Error::Disconnected { .. } | Error::Client(_)) => RequestOutcome::Disconnected,
            Err(Error::TimedOut { .. }) => RequestOutcome::TimedOut,
            Err(Error::RateLimited) => RequestOutcome::RateLimited,
            Err(Error::Unauthorized(_)) => RequestOutcome::Unauthorized,
            Err(Error::ServerError(_)) => RequestOutcome::ServerError,
            Err(Error::TooLarge { .. }) => RequestOutcome::TooLarge,
            Err(Error::Undecodable { .. }) => RequestOutcome::Undecodable,
            Err(Error::Redirected { .. } | Error::Refused(_) | Error::NotOwner) => {
                RequestOutcome::Refused
            }
        };
        self.connection.metrics.requested(&self.connection.account, stream, outcome);
        answer
    }

    async fn send(&self, request: Request<'_>) -> Result<Answer, Error> {
        let limits = self.connection.limits;
        let host = || request.url.host_str().unwrap_or_default().to_owned();
        let requested_at = self.connection.clock.now();
        let built = request
            .build(&self.http, &self.authorization)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "gzip")
            .header(USER_AGENT, concat!("floorcast/", env!("CARGO_PKG_VERSION")));
        let timed_out = |phase, limit| Error::TimedOut { host: host(), phase, limit };
        let disconnected = |error: reqwest::Error| {
            if error.is_timeout() {
                timed_out("connection", limits.connect)
            } else {
                Error::Disconnected { host: host(), problem: without_url(&error) }
            }
        };
        let response = tokio::time::timeout(limits.head, built.send())
            .await
            .map_err(|_| timed_out("head of the answer", limits.head))?
            .map_err(disconnected)?;
        let head_at = self.connection.clock.now();
        let status = response.status();
        if status == StatusCode::PARTIAL_CONTENT {
            return Err(Error::Undecodable {
                problem: String::from("it is a part that was not requested"),
                status: status.as_u16(),
                size: 0,
                in_rows: false,
            });
        }
        if !status.is_success() {
            return Err(self.error_of(response).await);
        }
        let headers = response.headers().clone();
        let (body, large) =
            tokio::time::timeout(limits.body, self.read(response, limits.compressed))
                .await
                .map_err(|_| timed_out("body", limits.body))?
                .map_err(|problem| match problem {
                    BodyProblem::Broken(error) => disconnected(error),
                    BodyProblem::TooLarge => {
                        Error::TooLarge { what: "over the wire", limit: limits.compressed }
                    }
                    BodyProblem::TinyPieces => Error::Undecodable {
                        problem: String::from("it comes in too many tiny pieces"),
                        status: status.as_u16(),
                        size: FREE_CHUNKS,
                        in_rows: false,
                    },
                })?;
        let (body, large) = match decompress(&body, &headers, status, LARGE) {
            Ok(None) => (body, large),
            Ok(Some(plain)) => (plain, large),
            Err(Error::TooLarge { .. }) => {
                let large = match large {
                    Some(large) => Some(large),
                    None => tokio::time::timeout(limits.body, self.large_body_permit())
                        .await
                        .map_err(|_| timed_out("body", limits.body))?,
                };
                let plain = decompress(&body, &headers, status, limits.decompressed)?;
                (plain.unwrap_or(body), large)
            }
            Err(error) => return Err(error),
        };
        // All vendors answer with a list or an object. A gateway's or a log-in page has a success
        // status, too.
        if !matches!(body.trim_ascii_start().first(), Some(b'[' | b'{')) {
            return Err(Error::Undecodable {
                problem: String::from("it is neither a list nor an object"),
                status: status.as_u16(),
                size: body.len(),
                in_rows: false,
            });
        }
        if let Some(error) = (self.find_error)(status.as_u16(), &body) {
            return Err(self.count_rate_limit(error, &headers));
        }
        let total = count(&headers);
        // The header has whole seconds: half a second is the expected value of what it cuts off.
        let clock_offset_millis = date(&headers).map(|date| {
            let middle = requested_at.plus_millis(head_at.millis_since(requested_at) / 2);
            date.plus_millis(500).millis_since(middle)
        });
        Ok(Answer {
            body,
            large,
            status: status.as_u16(),
            requested_at,
            answered_at: self.connection.clock.now(),
            clock_offset_millis,
            total: total.unwrap_or_default(),
            count_unreadable: total.is_err(),
            has_next: has_next(&headers),
            requests: 1,
        })
    }

    async fn large_body_permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.large).acquire_owned().await.ok()
    }

    /// The whole body, and the permit to hold it where it is large.
    async fn read(
        &self,
        mut response: Response,
        limit: usize,
    ) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), BodyProblem> {
        let mut body = Vec::new();
        let mut large = None;
        let mut chunks = 0;
        while let Some(chunk) = response.chunk().await.map_err(BodyProblem::Broken)? {
            if body.len() + chunk.len() > limit {
                return Err(BodyProblem::TooLarge);
            }
            body.extend_from_slice(&chunk);
            chunks += 1;
            if chunks > FREE_CHUNKS && body.len() < chunks * LEAST_CHUNK {
                return Err(BodyProblem::TinyPieces);
            }
            if large.is_none() && body.len() > LARGE {
                large = self.large_body_permit().await;
            }
        }
        Ok((body, large))
    }

    /// The error in an answer without a success status: the vendor's own one in the body where that
    /// is known, its status code otherwise.
    async fn error_of(&self, response: Response) -> Error {
        let (status, headers) = (response.status(), response.headers().clone());
        let page = self.read(response, ERROR_PAGE);
        let page = tokio::time::timeout(self.connection.limits.error_page, page).await;
        let by_status = by_status(status.as_u16());
        let error = match (by_status, page) {
            // 429 means a pause whatever the body says; a redirect's body is not the vendor's.
            (error @ (Error::RateLimited | Error::Redirected { .. }), _) => error,
            (by_status, Ok(Ok((body, _)))) => decompress(&body, &headers, status, ERROR_PAGE)
                .ok()
                .and_then(|plain| {
                    (self.find_error)(status.as_u16(), plain.as_ref().unwrap_or(&body))
                })
                .unwrap_or(by_status),
            (by_status, _) => by_status,
        };
        self.count_rate_limit(error, &headers)
    }

    /// Reports a refusal for too many requests to the budget.
    fn count_rate_limit(&self, error: Error, headers: &HeaderMap) -> Error {
        if matches!(error, Error::RateLimited) {
            let now = self.connection.clock.now();
            self.connection.permits.rate_limited(retry_after(headers, now));
        }
        error
    }
}

/// The error of a status code that is no success.
fn by_status(status: u16) -> Error {
    match status {
        429 => Error::RateLimited,
        401 | 403 => Error::Unauthorized(Refusal::of(status)),
        300..=399 => Error::Redirected { status },
        500..=599 => Error::ServerError(Refusal::of(status)),
        _ => Error::Refused(Refusal::of(status)),
    }
}

enum BodyProblem {
    Broken(reqwest::Error),
    TooLarge,
    TinyPieces,
}

/// Chunks of a body that may be of any size. More of them must have [`LEAST_CHUNK`] bytes on
/// average: a body in single bytes costs a thousand times its size in work.
const FREE_CHUNKS: usize = 4096;
/// Bytes.
const LEAST_CHUNK: usize = 16;

/// The text of an error without the URL, which contains the query.
fn without_url(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut text = String::from("the connection failed");
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}

/// The waits before further attempts, of which a random part is waited: clients that failed together
/// do not retry together.
fn retry_backoff(first: Duration) -> Backoff {
    Backoff::new(first, first.saturating_mul(64))
}

#[cfg(test)]
mod tests;
