//! What every request of an account needs before it is sent: the account's rate limit leaves room
//! for it, and this process owns the account.

use std::fmt;
use std::time::Duration;

use super::error::Error;
use super::future::BoxFuture;
use crate::model::StreamName;

/// Permits requests of one account. Every request needs one: pages, retries and lookups, too.
pub trait RequestPermits: fmt::Debug + Send + Sync {
    /// Waits until one request of this stream may be sent. Of the streams that wait at the same
    /// time the implementation decides which one goes first.
    ///
    /// Cancellation: dropping the future gives its place up; nothing is spent.
    ///
    /// # Errors
    /// [`Error::NotOwner`] when this process does not own the account at that moment. The permit is
    /// spent.
    fn acquire<'a>(&'a self, stream: &'a StreamName) -> BoxFuture<'a, Result<(), Error>>;

    /// The vendor refused a request because there were too many (429). `retry_after` is the wait
    /// that it asks for.
    fn rate_limited(&self, retry_after: Option<Duration>);
}
