//! How often each stream of an account is polled, so that changes are detected as early as the
//! account's budget allows.
//!
//! Polling a stream every `T` seconds shows a change after `T / 2` on average. With λ novel events
//! per second, `c` requests per poll and a weight `w`, the weighted latency of an account is
//! `Σ w λ T / 2`; under `Σ c / T ≤ B` it is least for rates `1 / T ∝ √(w λ / c)`. The planner learns
//! λ and `c` of each stream from its polls ([`LearnedRates`]) and computes the intervals exactly,
//! between a shortest and a longest one for each stream ([`allocate`]). It is pure: the time of a
//! poll is passed in, and the same polls give the same plan, in whatever order streams are named.
//!
//! It is a calculation that `benches/planner.rs` compares with other policies. The pollers do not use
//! it yet: they follow the intervals of the vendors' tables, and the [`Budget`](super::Budget) decides
//! which of the waiting streams sends the next request.
//!
//! # Saturation
//! When the longest intervals alone need more than the budget, no stream is polled more often than
//! its longest interval, and the classes are slowed in this order: reference data, rosters, snapshots,
//! look-back, incremental polls ([`DegradationClass`]). A class is slowed down to a tenth of its
//! slowest rate before the next one is; inside the class in which the budget ends, the rates
//! follow λ, w and c as always. The headroom ratio, 1 - need ÷ budget, says how far away that is,
//! or how much is missing.
//!
//! # Weights
//! A weight is the relative importance of a second of delay of one event of the stream. It is not a
//! priority: a stream with twice the weight is polled √2 times as often. Defaults:
//!
//! | weight | streams | reason |
//! |---|---|---|
//! | 4 | activity log of agents; calls | consumers act on them at once: routing, screens, wallboards; a late row also delays what follows from it |
//! | 3 | chats | the same, but a chat lasts longer and its steps may be later |
//! | 2 | snapshots of agents; lookups of who waits | show hold, wrap-up and breaches, which the log does not; a deadline has its own instant |
//! | 1 | rosters; ends of log rows; recently ended interactions; snapshots of queues | facts that are looked at in minutes |
//! | ½, ¼ | service levels, by queue, by group | averages over many minutes, which change slowly |
//! | ¼ | queues, teams | change a few times a month; λ is near 0, so the longest interval decides anyway |
//! | 0.1 | status definitions | change a few times a year |
//!
//! They are defined in the vendors' tables of streams, with the intervals, and can be configured.

mod allocation;
mod rates;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::allocation::{Allocation, DegradationClass, Demand, LONGEST_STRETCH, allocate};
pub use self::rates::{LearnedRates, ObservedPoll};
use crate::model::StreamName;

/// How one stream may be planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamSettings {
    /// What a second of delay of one of its events costs, beside other streams' events.
    pub weight: f64,
    /// The shortest time from one poll to the next.
    pub min_interval: Duration,
    /// The longest, unless the account is saturated.
    pub max_interval: Duration,
    /// When it gives way if the account is saturated.
    pub class: DegradationClass,
    /// How many new rows one request brings, where a poll takes as many requests as there are new
    /// rows to read. `None` where a poll costs the same however much is new.
    pub rows_per_request: Option<u32>,
}

/// What was learned about the streams of an account, in the form in which it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LearnedAccount(BTreeMap<String, LearnedRates>);

/// The plan of one stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedStream {
    /// The time from the beginning of one poll to that of the next.
    pub interval: Duration,
    /// What it was computed with.
    pub learned: LearnedRates,
}

/// The plan of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The streams.
    pub streams: BTreeMap<StreamName, PlannedStream>,
    /// 1 - (requests per second that the longest intervals need) ÷ budget. Below 0 the account is
    /// saturated.
    pub headroom_ratio: f64,
    /// Where it is saturated: the last class that gives way.
    pub degraded: Option<DegradationClass>,
}

/// Learns what the streams of one account do, and plans how often they are polled.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    streams: BTreeMap<StreamName, Stream>,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    settings: StreamSettings,
    learned: LearnedRates,
}

impl Planner {
    /// A planner that has learned nothing.
    #[must_use]
    pub fn new(streams: impl IntoIterator<Item = (StreamName, StreamSettings)>) -> Self {
        let stream =
            |(name, settings)| (name, Stream { settings, learned: LearnedRates::default() });
        Self { streams: streams.into_iter().map(stream).collect() }
    }

    /// Takes over what was learned before a restart. Streams that are not planned any more are left
    /// out, and so are numbers that cannot be.
    pub fn restore(&mut self, learned: &LearnedAccount) {
        for (name, stream) in &mut self.streams {
            let before = learned.0.get(name.as_str()).and_then(|learned| learned.checked());
            stream.learned = before.unwrap_or(stream.learned);
        }
    }

    /// What was learned, to be stored.
    #[must_use]
    pub fn learned(&self) -> LearnedAccount {
        let learned =
            |(name, stream): (&StreamName, &Stream)| (name.as_str().to_owned(), stream.learned);
        LearnedAccount(self.streams.iter().map(learned).collect())
    }

    /// Learns from a poll that succeeded. One that failed shows nothing: the next one covers its
    /// time. A stream that is not planned is ignored.
    pub fn observe(&mut self, stream: &StreamName, poll: ObservedPoll) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.learned.observe(poll, stream.settings.rows_per_request);
        }
    }

    /// The plan for a budget in requests per second: what the account may spend on polls, which is
    /// its working rate without what is kept for retries and lookups.
    #[must_use]
    pub fn plan(&self, requests_per_second: f64) -> Plan {
        let demand = |stream: &Stream| Demand {
            value: stream.settings.weight * stream.learned.events_per_second(),
            cost: stream.learned.requests_per_poll(),
            throughput: stream.learned.throughput(),
            min_interval: stream.settings.min_interval,
            max_interval: stream.settings.max_interval,
            class: stream.settings.class,
        };
        let demands: Vec<_> = self.streams.values().map(demand).collect();
        let allocation = allocate(&demands, requests_per_second);
        let planned = |((name, stream), interval): ((&StreamName, &Stream), Duration)| {
            (name.clone(), PlannedStream { interval, learned: stream.learned })
        };
        Plan {
            streams: self.streams.iter().zip(allocation.intervals).map(planned).collect(),
            headroom_ratio: allocation.headroom_ratio,
            degraded: allocation.degraded,
        }
    }
}

#[cfg(test)]
mod tests;
