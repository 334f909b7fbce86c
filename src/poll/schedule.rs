//! When one stream is polled next: at the planned interval, at once when it is behind, later after a
//! failure, and by a fixed interval where lookups are due.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::account_planner::AccountPlanner;
use super::budget::Budget;
use super::planner::ObservedPoll;
use crate::model::{StreamName, Timestamp};
use crate::source::IncrementalProgress;

/// How long a stream waits that has nothing to request, or may not.
const IDLE_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two polls of a stream that fails.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);
/// How often a stream that waits looks whether the plan has changed.
const LOOK_AT_PLAN: Duration = Duration::from_secs(2);

/// One request in so many may be for the interactions that wait.
const WAITING_PART: f64 = 5.0;
/// The longest wait that follows from it, in seconds.
const LONGEST_WAIT: f64 = 600.0;

/// What one round of a poller led to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// A result was committed that took so many requests and emitted so many events.
    Committed { requests: u32, events: usize, progress: IncrementalProgress },
    /// There is nothing to request yet.
    NothingToRequest,
    /// The poll failed; the next one repairs it.
    Failed,
}

/// When a round of a poller began, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollStart {
    pub(super) instant: Instant,
    pub(super) at: Timestamp,
}

/// When a stream is polled next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NextPoll {
    /// Now: there is more to read.
    AtOnce,
    /// At this instant.
    At(Instant),
    /// The planned interval after this instant. The plan may change meanwhile.
    Planned { since: Instant },
}

/// Whether the requests of a stream are limited to a part of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestCap {
    /// They are not.
    None,
    /// A fifth, however many waits become too long.
    Fifth,
}

/// When one stream is polled.
pub(super) struct Schedule {
    pub(super) stream: StreamName,
    pub(super) planner: Arc<AccountPlanner>,
    pub(super) budget: Arc<Budget>,
    /// The shortest time from one poll to the next.
    pub(super) min_interval: Duration,
    pub(super) cap: RequestCap,
    /// How long it waits after its first failure, at most; longer after each further one.
    pub(super) first_pause: Duration,
    pub(super) failures: u32,
}

impl Schedule {
    /// When to poll after a round with this outcome, from which the planner learns.
    pub(super) fn next(&mut self, start: PollStart, outcome: Outcome) -> NextPoll {
        match outcome {
            Outcome::Committed { requests, events, progress } => {
                self.failures = 0;
                let events = u32::try_from(events).unwrap_or(u32::MAX);
                self.planner.observe(&self.stream, ObservedPoll { at: start.at, requests, events });
                if progress == IncrementalProgress::Behind {
                    NextPoll::AtOnce
                } else if self.planner.interval(&self.stream).is_some() {
                    NextPoll::Planned { since: start.instant }
                } else {
                    NextPoll::At(start.instant + self.min_interval.max(self.wait_after(requests)))
                }
            }
            Outcome::NothingToRequest => NextPoll::At(start.instant + IDLE_WAIT),
            Outcome::Failed => {
                self.failures = self.failures.saturating_add(1);
                let random = rand::rng().random_range(0.5..1.0);
                let wait = backoff(self.first_pause, self.failures, random);
                NextPoll::At(start.instant + wait)
            }
        }
    }

    /// Waits until then. It ends sooner when `early` is notified.
    pub(super) async fn wait(&self, next: NextPoll, early: Option<&Notify>) {
        let early = async {
            match early {
                Some(notify) => notify.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.sleep_until(next) => {}
            () = early => {}
        }
    }

    async fn sleep_until(&self, next: NextPoll) {
        loop {
            let until = match next {
                NextPoll::AtOnce => return,
                NextPoll::At(instant) => instant,
                NextPoll::Planned { since } => {
                    since + self.planner.interval(&self.stream).unwrap_or(self.min_interval)
                }
            };
            let now = Instant::now();
            if until <= now {
                return;
            }
            tokio::time::sleep_until(until.min(now + LOOK_AT_PLAN)).await;
        }
    }

    /// How long a stream keeps back after so many requests: polling the interactions that wait is
    /// worth a fifth of the budget at most, however many waits become too long.
    fn wait_after(&self, requests: u32) -> Duration {
        match self.cap {
            RequestCap::None => Duration::ZERO,
            RequestCap::Fifth => {
                let rate = self.budget.state().working_rate.max(0.001);
                Duration::from_secs_f64(
                    (f64::from(requests) * WAITING_PART / rate).min(LONGEST_WAIT),
                )
            }
        }
    }
}

/// How long to wait after this many failures in a row: doubling from the first pause, times a random
/// part between a half and one.
fn backoff(first: Duration, failures: u32, random: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.min(8).saturating_sub(1));
    doubled.min(LONGEST_BACKOFF).mul_f64(random)
}

#[cfg(test)]
mod tests;
