//! Estimates of a stream's event rate and of the cost of its polls.
//!
//! **Events.** λ = (n + ½) / (t + ½) over the past, which fades with a half-life of a minute: after
//! a tenfold change of the true rate, five minutes bring λ within a third of it, whichever way it
//! went. The halves are a Gamma prior: a stream of which nothing is known counts as one event a
//! second, so that it is polled soon, and one on which nothing ever happens falls towards a rate
//! that is low but never 0. The last poll counts in full, however long ago the one before was, so
//! that a stream that is polled every ten minutes is judged by ten minutes.
//!
//! **Cost.** The mean of the requests per poll, the last five polls or so. Where a poll brings a page
//! of new rows or more, its pages of new rows are not part of it: they have to be read however often
//! the stream is polled, and a poll that is late reads more of them. They count as requests per
//! second of their own (throughput), so that a busy log is not polled less often because it is busy.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// After so many seconds a poll counts half.
const HALF_LIFE: f64 = 60.0;
/// The weight of the polls before, for the cost of a poll.
const COST_MEMORY: f64 = 0.8;
/// The longest time between two polls that counts, in seconds. After an outage of a day the day's
/// events are found at once, and count as the rate of these last minutes.
const LONGEST_GAP: f64 = 600.0;
/// The prior, in events and in seconds.
const PRIOR: f64 = 0.5;

/// A poll that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedPoll {
    /// When it began, in our clock.
    pub at: Timestamp,
    /// The requests that it took, with its pages and retries.
    pub requests: u32,
    /// The novel events that it brought: not what was read again.
    pub events: u32,
}

/// What was learned about one stream. It is kept in the store, so that a restart plans as well as
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnedRates {
    /// Novel events, faded.
    events: f64,
    /// Pages of novel events, of polls that brought at least one, faded.
    full_pages: f64,
    /// Over so many seconds, faded.
    seconds: f64,
    /// Requests that were not such pages, over the last polls.
    requests: f64,
    /// How much these polls count.
    polls: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Timestamp>,
}

impl LearnedRates {
    /// Adds a poll. The first one shows what was there before, which is no event. `page` is how many
    /// new rows one request brings, for a stream whose cost depends on them.
    pub(super) fn observe(&mut self, poll: ObservedPoll, page: Option<u32>) {
        let (requests, events) = (f64::from(poll.requests), f64::from(poll.events));
        let pages = page.map_or(0.0, |page| events / f64::from(page.max(1)));
        let full_pages = if pages < 1.0 { 0.0 } else { pages.min(requests) };
        self.requests = self.requests * COST_MEMORY + requests - full_pages;
        self.polls = self.polls * COST_MEMORY + 1.0;
        let before = self.last.replace(poll.at);
        let Some(before) = before else { return };
        // A clock that was set back measures nothing.
        let gap = Self::seconds(poll.at.millis_since(before).max(0));
        let counted = gap.min(LONGEST_GAP);
        let part = if gap > 0.0 { counted / gap } else { 1.0 };
        let fade = 0.5_f64.powf(counted / HALF_LIFE);
        self.events = self.events * fade + events * part;
        self.full_pages = self.full_pages * fade + full_pages * part;
        self.seconds = self.seconds * fade + counted;
    }

    /// Novel events per second.
    #[must_use]
    pub fn events_per_second(&self) -> f64 {
        (self.events + PRIOR) / (self.seconds + PRIOR)
    }

    /// Requests per poll, without pages full of new rows; 1 before the first poll.
    #[must_use]
    pub fn requests_per_poll(&self) -> f64 {
        if self.polls > 0.0 { self.requests / self.polls } else { 1.0 }
    }

    /// Requests per second that pages full of new rows take.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.full_pages / (self.seconds + PRIOR)
    }

    /// The same, if these are numbers that observations can lead to.
    pub(super) fn checked(self) -> Option<Self> {
        let numbers = [self.events, self.full_pages, self.seconds, self.requests, self.polls];
        numbers.iter().all(|number| (0.0..1e12).contains(number)).then_some(self)
    }

    #[allow(clippy::cast_precision_loss, reason = "milliseconds are far below 2^52")]
    fn seconds(millis: i64) -> f64 {
        millis as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests;
