//! The permits of an account's requests: a turn in its budget, and a lease that holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::Budget;
use crate::model::StreamName;
use crate::ownership::Lease;
use crate::source::{BoxFuture, Error, RequestPermits};

/// Permits a request when it is its turn in the budget and the lease holds.
#[derive(Clone, Debug)]
pub struct AccountPermits {
    /// The account's budget.
    pub budget: Arc<Budget>,
    /// The right to poll.
    pub lease: Arc<Lease>,
}

impl RequestPermits for AccountPermits {
    fn acquire<'a>(&'a self, stream: &'a StreamName) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let _turn = self.budget.turn(stream).await;
            // The turn may have taken long, or the process was paused meanwhile.
            if self.lease.holds(Instant::now()) { Ok(()) } else { Err(Error::NotOwner) }
        })
    }

    fn rate_limited(&self, retry_after: Option<Duration>) {
        self.budget.refused(retry_after);
    }
}
