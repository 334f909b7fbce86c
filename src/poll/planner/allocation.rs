//! How often each stream is polled, for a given budget: the rates that make the weighted detection
//! latency least, exactly, and which streams are slowed when the budget is not enough.
//!
//! A stream that is polled `f` times a second shows a change after `1 / 2f` on average. The rates
//! that minimise `Σ value / 2f` subject to `Σ cost · f = budget` are `f = s · √(value / cost)`, with
//! one `s` for all streams. With a lowest and a highest rate for each stream, it is the same `s` for
//! all whose rate lies between their bounds, and the others stand at a bound. The requests that a
//! given `s` needs grow with it, linearly between the points where a stream meets a bound: the
//! right piece is found among these points by bisection, and inside it `s` is a division.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a stream is for, in the order in which streams are slowed when the budget is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegradationClass {
    /// What changes a few times a month: queues, teams, definitions. Delay does not matter.
    Reference,
    /// Rosters: who is there, with which settings.
    Roster,
    /// Values of the moment. Values between two polls are lost; published ones stay valid.
    Snapshot,
    /// Second polls that find rows which became visible late. They only find late rows.
    LookBack,
    /// What the vendor recorded, row by row. A backlog here delays every event behind it.
    Incremental,
}

impl DegradationClass {
    /// All of them, in the order in which they give way.
    pub const ALL: [Self; 5] =
        [Self::Reference, Self::Roster, Self::Snapshot, Self::LookBack, Self::Incremental];
}

/// How many times its longest interval a stream may wait when the budget is not enough. Beyond
/// that the next class gives way, so that nothing stops for good.
pub const LONGEST_STRETCH: f64 = 10.0;
/// The part of the budget that is left for polls where reading the new rows alone needs more: they
/// are read by polls, however many pages these have.
const LEAST_FOR_POLLS: f64 = 0.1;
/// The lowest cost of a poll, for streams that often have nothing to request.
const LEAST_COST: f64 = 0.01;

/// Below this the budget counts as zero.
const LEAST_BUDGET: f64 = 1e-6;
/// Bounds of every interval, whatever is asked for.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_INTERVAL: Duration = Duration::from_hours(365 * 24);

/// What one stream asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Weight times novel events per second, at least 0.
    pub value: f64,
    /// Requests per poll, at least 0.
    pub cost: f64,
    /// Requests per second that are needed however often it is polled: pages full of new rows.
    pub throughput: f64,
    /// The shortest interval.
    pub min_interval: Duration,
    /// The longest interval. One below the shortest counts as equal to it.
    pub max_interval: Duration,
    /// When it gives way.
    pub class: DegradationClass,
}

/// How often each stream is polled.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// The intervals, in the order of the demands.
    pub intervals: Vec<Duration>,
    /// `1 - need / budget`, where the need is what the longest intervals and the throughput take.
    /// Below 0 the account is saturated.
    pub headroom_ratio: f64,
    /// Where it is saturated: the last class that gives way. All before it wait
    /// [`LONGEST_STRETCH`] times their longest intervals.
    pub degraded: Option<DegradationClass>,
}

/// Allocates a budget, in requests per second. The planned requests do not exceed it, except that
/// polls keep a tenth of it where [`Demand::throughput`] alone takes more.
#[must_use]
pub fn allocate(demands: &[Demand], budget: f64) -> Allocation {
    let budget = budget.max(LEAST_BUDGET);
    let throughput: f64 = demands.iter().map(|demand| demand.throughput.max(0.0)).sum();
    let available = (budget - throughput).max(budget * LEAST_FOR_POLLS);
    let mut streams: Vec<_> = demands.iter().map(Stream::new).collect();
    let headroom_ratio = 1.0 - (throughput + least(&streams)) / budget;
    let mut degraded = None;
    if headroom_ratio < 0.0 {
        // Every stream uses its longest interval, and each class in turn a longer one.
        for stream in &mut streams {
            stream.highest = stream.lowest;
        }
        for class in DegradationClass::ALL {
            let members = || demands.iter().map(|demand| demand.class == class);
            if !members().any(|is_member| is_member) {
                continue;
            }
            degraded = Some(class);
            for (stream, _) in streams.iter_mut().zip(members()).filter(|(_, member)| *member) {
                stream.lowest /= LONGEST_STRETCH;
            }
            if least(&streams) <= available {
                break;
            }
            for (stream, _) in streams.iter_mut().zip(members()).filter(|(_, member)| *member) {
                stream.highest = stream.lowest;
            }
        }
    }
    let least = least(&streams);
    let rates: Vec<_> = if least > available {
        streams.iter().map(|stream| stream.lowest * available / least).collect()
    } else {
        let level = level(&streams, available);
        streams.iter().map(|stream| stream.rate(level)).collect()
    };
    let interval = |(demand, rate): (&Demand, f64)| {
        let (shortest, longest) = demand.bounds();
        if rate >= 1.0 / shortest.as_secs_f64() {
            return shortest;
        }
        // Up to the next nanosecond, so that rounding does not exceed the budget.
        let interval = Duration::try_from_secs_f64(1.0 / rate)
            .unwrap_or(LONGEST_INTERVAL)
            .saturating_add(Duration::from_nanos(1));
        interval.min(if degraded.is_some() { LONGEST_INTERVAL } else { longest })
    };
    let intervals = demands.iter().zip(rates).map(interval).collect();
    Allocation { intervals, headroom_ratio, degraded }
}

impl Demand {
    fn bounds(&self) -> (Duration, Duration) {
        let shortest = self.min_interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        (shortest, self.max_interval.clamp(shortest, LONGEST_INTERVAL))
    }
}

/// A demand in the numbers of the calculation: `rate = level · pull`, within its bounds.
#[derive(Clone, Copy, Debug)]
struct Stream {
    pull: f64,
    cost: f64,
    /// Polls per second.
    lowest: f64,
    highest: f64,
}

impl Stream {
    fn new(demand: &Demand) -> Self {
        let (shortest, longest) = demand.bounds();
        let cost = demand.cost.max(LEAST_COST);
        Self {
            // NaN counts as 0.
            pull: (demand.value.max(0.0) / cost).sqrt().min(f64::MAX.sqrt()),
            cost,
            lowest: 1.0 / longest.as_secs_f64(),
            highest: 1.0 / shortest.as_secs_f64(),
        }
    }

    fn rate(&self, level: f64) -> f64 {
        (level * self.pull).clamp(self.lowest, self.highest)
    }

    /// The levels between which its rate moves.
    fn moves(&self) -> Option<[f64; 2]> {
        let moves = self.pull > 0.0 && self.lowest < self.highest;
        moves.then(|| [self.lowest / self.pull, self.highest / self.pull])
    }
}

/// The requests per second that the lowest rates need.
fn least(streams: &[Stream]) -> f64 {
    streams.iter().map(|stream| stream.cost * stream.lowest).sum()
}

/// The level at which the streams need just what is available, which is no less than they need at
/// the lowest rates; the highest level that changes anything, if they never need that much.
fn level(streams: &[Stream], available: f64) -> f64 {
    let need =
        |level: f64| -> f64 { streams.iter().map(|stream| stream.cost * stream.rate(level)).sum() };
    let mut points: Vec<f64> = streams.iter().filter_map(Stream::moves).flatten().collect();
    points.sort_by(f64::total_cmp);
    let index = points.partition_point(|point| need(*point) < available);
    let Some(upper) = points.get(index).copied() else {
        return points.last().copied().unwrap_or_default();
    };
    let Some(lower) = index.checked_sub(1).map(|index| points[index]) else { return upper };
    // Between two neighbouring points each stream either moves all the way or not at all.
    let (mut fixed, mut slope) = (0.0, 0.0);
    for stream in streams {
        match stream.moves() {
            Some([from, to]) if from <= lower && to >= upper => slope += stream.cost * stream.pull,
            _ => fixed += stream.cost * stream.rate(upper),
        }
    }
    if slope > 0.0 { ((available - fixed) / slope).clamp(lower, upper) } else { lower }
}

#[cfg(test)]
mod tests;
