//! What can go wrong with a request to a vendor, and the one table of what follows from it.

use std::fmt;
use std::time::Duration;

/// How a vendor refused a request: the status code and, where the vendor's own error is known, its
/// meaning in our words. The vendor's text is shown nowhere: it may contain personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status code. Some vendors refuse with that of a success.
    pub status: u16,
    /// What the vendor's own error means, such as `1014: the session has ended`.
    pub meaning: Option<&'static str>,
}

impl Refusal {
    /// A refusal of which only the status code is known.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Self { status, meaning: None }
    }

    /// A refusal whose meaning is known.
    #[must_use]
    pub const fn known(status: u16, meaning: &'static str) -> Self {
        Self { status, meaning: Some(meaning) }
    }

    /// What to check first when nothing but the refusal is known.
    const fn advice(&self) -> &'static str {
        match self.meaning {
            Some(_) => "",
            None => ": check the account's base_url, and its path where the vendor has one",
        }
    }
}

/// As `401`, or `200; 1014: the session has ended`.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        self.meaning.map_or(Ok(()), |meaning| write!(formatter, "; {meaning}"))
    }
}

/// Why a request failed. No error holds a body, a query or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke before the answer was complete.
    #[error("no connection to {host}: {problem}")]
    Disconnected {
        /// The vendor's host.
        host: String,
        /// The system's error, without the URL.
        problem: String,
    },
    /// The answer took too long.
    #[error("{host} did not answer within {} s ({phase})", .limit.as_secs())]
    TimedOut {
        /// The vendor's host.
        host: String,
        /// The phase that took too long.
        phase: &'static str,
        /// Its time limit.
        limit: Duration,
    },
    /// 429.
    #[error("the vendor refuses further requests for now (429)")]
    RateLimited,
    /// 401 or 403, or a vendor's own error that means the same.
    #[error("the vendor refused the credentials ({0}): check the account's credentials and rights")]
    Unauthorized(Refusal),
    /// 3xx. It is not followed, so that credentials go nowhere else.
    #[error("the vendor redirects ({status}) and is not followed: check the account's base_url")]
    Redirected {
        /// The status code.
        status: u16,
    },
    /// 5xx, or a vendor's own error that may pass.
    #[error("the vendor failed ({0})")]
    ServerError(Refusal),
    /// Any other status that is not a success, or a vendor's own error.
    #[error("the vendor refused the request ({refusal}){advice}", refusal = .0, advice = .0.advice())]
    Refused(Refusal),
    /// An answer beyond the limit.
    #[error("an answer of more than {limit} bytes ({what})")]
    TooLarge {
        /// Compressed or decompressed.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// An answer that is not what the vendor documents.
    #[error("an answer that cannot be read: {problem} (status {status}, {size} bytes)")]
    Undecodable {
        /// The kind of problem; never a part of the answer.
        problem: String,
        /// The status code.
        status: u16,
        /// The size of the body in bytes.
        size: usize,
        /// Whether it began as a list of rows, so that one of them may be the cause.
        in_rows: bool,
    },
    /// The client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// No request is sent while another bridge may own the account.
    #[error("no request sent: the ownership of the account is not confirmed")]
    NotOwner,
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorDisposition {
    /// Retry the request, after a backoff; each attempt spends from the budget.
    Retry,
    /// Give up this poll; the next one covers it.
    Skip,
    /// Stop the account: retries can lock it at the vendor.
    Stop,
}

impl Error {
    /// The one table of what each error means.
    #[must_use]
    pub const fn disposition(&self) -> ErrorDisposition {
        match self {
            // The network and the vendor's servers recover by themselves; 429 has paused the budget
            // already.
            Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::RateLimited
            | Self::ServerError(_) => ErrorDisposition::Retry,
            // The same request would get the same answer; a later poll makes another one.
            Self::Redirected { .. }
            | Self::Refused(_)
            | Self::TooLarge { .. }
            | Self::Undecodable { .. }
            | Self::NotOwner => ErrorDisposition::Skip,
            // Needs an operator.
            Self::Unauthorized(_) | Self::Client(_) => ErrorDisposition::Stop,
        }
    }

    /// The error as a bounded label.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Disconnected { .. } => "disconnected",
            Self::TimedOut { .. } => "timed_out",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized(_) => "unauthorized",
            Self::Redirected { .. } => "redirected",
            Self::ServerError(_) => "server_error",
            Self::Refused(_) => "refused",
            Self::TooLarge { .. } => "too_large",
            Self::Undecodable { .. } => "undecodable",
            Self::Client(_) => "client",
            Self::NotOwner => "not_owner",
        }
    }
}
