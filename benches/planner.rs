//! How late changes are detected, in simulated time: the planner, which has to learn how often
//! something changes and what a poll costs, beside equal rates, and beside the best fixed rates
//! that a search finds with the true numbers. A table of rate limits and numbers of agents.
//!
//! Requests go out one by one, spaced by the working rate, the poll with the nearest deadline first,
//! so that pages of a long scan interleave with what is due; each takes a tenth of a second to
//! answer. An event is late by the time from when it happens to the end of the poll that shows it.
//!
//! A cell is saturated where the longest intervals need more than the budget: what is shown there is
//! the latency with the classes that were slowed, and the best fixed rates may be ten times slower than
//! the longest intervals, without an order of classes. An account falls behind where pages full of
//! new rows alone need more: its lateness grows without end, whatever the rates are.
//!
//! The search knows where pages end. With an overlap that fills just one page (a second at 100 rows
//! a second) it finds an interval that needs a page less than the planner's, and is a fifth better.
//!
//! `cargo bench --bench planner`; `-- LIMIT AGENTS` for one cell, stream by stream.

#![allow(clippy::print_stdout, reason = "the table is the purpose")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "simulated seconds and counts are small"
)]

use std::time::Duration;

use floorcast::model::{StreamName, Timestamp};
use floorcast::poll::planner::{DegradationClass, ObservedPoll, Planner, StreamSettings};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The part of the limit that the budget uses.
const WORKING_RATIO: f64 = 0.95;
/// How long a request takes.
const ANSWER: f64 = 0.1;
/// Rows of a page.
const PAGE: f64 = 100.0;
/// How far before its cursor an incremental poll reads again.
const OVERLAP: f64 = 1.5;
/// Before the measurement.
const WARM_UP: f64 = 600.0;
const MEASURED: f64 = 3_600.0;
const SEARCHED: f64 = 900.0;

const LIMITS: [f64; 3] = [1.0, 5.0, 10.0];
const FLOORS: [f64; 3] = [100.0, 1_000.0, 5_000.0];

/// A stream of the simulated vendor.
struct Stream {
    name: &'static str,
    class: DegradationClass,
    weight: f64,
    /// Seconds.
    bounds: (f64, f64),
    /// Novel events per second and agent, and besides.
    events: (f64, f64),
    /// Pages per agent, for what costs the same however much is new.
    pages: Option<f64>,
}

impl Stream {
    fn rate(&self, agents: f64) -> f64 {
        self.events.0 * agents + self.events.1
    }

    /// Requests of a poll that finds so many new rows.
    fn requests(&self, agents: f64, rows: f64) -> u32 {
        match self.pages {
            Some(pages) => (pages * agents).ceil().max(1.0) as u32,
            None => 1 + ((rows + self.rate(agents) * OVERLAP) / PAGE) as u32,
        }
    }
}

use DegradationClass::{Incremental, Reference, Roster, Snapshot};

const fn stream(
    name: &'static str,
    class: DegradationClass,
    weight: f64,
    bounds: (f64, f64),
    events: (f64, f64),
    pages: Option<f64>,
) -> Stream {
    Stream { name, class, weight, bounds, events, pages }
}

/// A floor on which each agent changes state every ten seconds and takes 18 calls an hour.
const STREAMS: [Stream; 13] = [
    stream("agent_activity", Incremental, 4.0, (0.5, 5.0), (0.1, 0.0), None),
    stream("activity_ends", Incremental, 1.0, (2.0, 15.0), (0.01, 0.0), None),
    stream("calls", Incremental, 4.0, (0.5, 5.0), (0.02, 0.0), None),
    stream("chats", Incremental, 3.0, (0.5, 5.0), (0.006, 0.0), None),
    stream("recent", Incremental, 1.0, (1.0, 60.0), (0.002, 0.0), None),
    stream("agent_statuses", Snapshot, 2.0, (1.0, 10.0), (0.003, 0.0), Some(0.01)),
    stream("queue_statuses", Snapshot, 1.0, (1.0, 20.0), (0.0, 0.5), Some(0.0)),
    stream("sla", Snapshot, 0.5, (5.0, 60.0), (0.0, 0.02), Some(0.0)),
    stream("sla_by_queue_group", Snapshot, 0.25, (5.0, 120.0), (0.0, 0.02), Some(0.0)),
    stream("agents", Roster, 1.0, (2.0, 30.0), (0.0001, 0.0), Some(0.01)),
    stream("queues", Reference, 0.25, (10.0, 300.0), (0.0, 1e-4), Some(0.002)),
    stream("teams", Reference, 0.25, (10.0, 300.0), (0.0, 1e-5), Some(0.0)),
    stream("status_definitions", Reference, 0.1, (10.0, 600.0), (0.0, 1e-6), Some(0.0)),
];

/// The policy that decides how often each stream is polled.
enum Policy<'a> {
    Fixed(&'a [f64]),
    Planned { planner: Box<Planner>, budget: f64 },
}

/// The result of an account.
struct Outcome {
    /// Spans of lateness, evenly filled, with the weight of the events in them.
    spans: Vec<(f64, f64, f64)>,
    by_stream: Vec<(f64, f64)>,
    requests: f64,
    intervals: Vec<f64>,
    headroom_ratio: f64,
}

impl Outcome {
    fn mean(&self) -> f64 {
        let weight: f64 = self.spans.iter().map(|(_, _, weight)| weight).sum();
        self.spans.iter().map(|(from, to, weight)| (from + to) / 2.0 * weight).sum::<f64>() / weight
    }

    fn quantile(&self, part: f64) -> f64 {
        let weight: f64 = self.spans.iter().map(|(_, _, weight)| weight).sum();
        let below = |time: f64| -> f64 {
            let part = |(from, to, weight): &(f64, f64, f64)| {
                weight * ((time - from) / (to - from).max(1e-9)).clamp(0.0, 1.0)
            };
            self.spans.iter().map(part).sum()
        };
        let (mut low, mut high) = (0.0, 36_000.0);
        while high - low > 1e-3 {
            let middle = f64::midpoint(low, high);
            if below(middle) < part * weight { low = middle } else { high = middle }
        }
        high
    }
}

/// What a stream does at the moment.
#[derive(Clone, Copy)]
struct Polling {
    due: f64,
    /// When the next request of this poll may go.
    ready: f64,
    began: f64,
    /// Up to when its events are known.
    seen: f64,
    pages_left: u32,
    pages: u32,
    rows: u32,
}

fn simulate(limit: f64, agents: f64, mut policy: Policy<'_>, measured: f64) -> Outcome {
    let mut random = SmallRng::seed_from_u64(1);
    let spacing = 1.0 / (limit * WORKING_RATIO);
    let count = STREAMS.len();
    let idle =
        Polling { due: 0.0, ready: 0.0, began: 0.0, seen: 0.0, pages_left: 0, pages: 0, rows: 0 };
    let mut polling = vec![idle; count];
    let mut intervals = match &policy {
        Policy::Fixed(intervals) => intervals.to_vec(),
        Policy::Planned { planner, budget } => planned(planner, *budget),
    };
    let mut planned_at = 0.0;
    let mut outcome = Outcome {
        spans: Vec::new(),
        by_stream: vec![(0.0, 0.0); count],
        requests: 0.0,
        intervals: Vec::new(),
        headroom_ratio: 0.0,
    };
    let mut now = 0.0;
    let end = WARM_UP + measured;
    while now < end {
        let deadline = |index: usize| polling[index].due + intervals[index];
        let next = (0..count)
            .filter(|index| polling[*index].ready <= now)
            .min_by(|one, other| deadline(*one).total_cmp(&deadline(*other)));
        let Some(index) = next else {
            now = polling.iter().map(|polling| polling.ready).fold(f64::MAX, f64::min);
            continue;
        };
        let (stream, rate) = (&STREAMS[index], STREAMS[index].rate(agents));
        let this = &mut polling[index];
        if this.pages_left == 0 {
            this.rows = poisson(rate * (now - this.seen), &mut random);
            this.pages = stream.requests(agents, this.rows.into());
            this.pages_left = this.pages;
            this.began = now;
        }
        this.pages_left -= 1;
        if now >= WARM_UP {
            outcome.requests += 1.0 / measured;
        }
        this.ready = now + ANSWER;
        if this.pages_left == 0 {
            // A page of a scan shows its rows when it is read, the middle one in the middle.
            let seen =
                if stream.pages.is_some() { f64::midpoint(this.began, now) } else { this.began }
                    + ANSWER / 2.0;
            let shown = now + ANSWER;
            if now >= WARM_UP {
                let weight = stream.weight * rate * (seen - this.seen);
                let (from, to) = (shown - seen, shown - this.seen);
                outcome.spans.push((from, to, weight));
                outcome.by_stream[index].0 += weight;
                outcome.by_stream[index].1 += weight * f64::midpoint(from, to);
            }
            if let Policy::Planned { planner, .. } = &mut policy {
                let at = Timestamp::from_millis((this.began * 1000.0) as i64);
                let poll = ObservedPoll { at, requests: this.pages, events: this.rows };
                planner.observe(&StreamName::new(stream.name), poll);
            }
            this.seen = seen;
            this.due = (this.due + intervals[index]).max(shown);
            this.ready = this.due;
        }
        if let Policy::Planned { planner, budget } = &policy
            && now - planned_at >= 1.0
        {
            planned_at = now;
            intervals = planned(planner, *budget);
        }
        now += spacing;
    }
    if let Policy::Planned { planner, budget } = &policy {
        outcome.headroom_ratio = planner.plan(*budget).headroom_ratio;
    }
    outcome.intervals = intervals;
    outcome
}

fn planner() -> Planner {
    Planner::new(STREAMS.iter().map(|stream| {
        let settings = StreamSettings {
            weight: stream.weight,
            min_interval: Duration::from_secs_f64(stream.bounds.0),
            max_interval: Duration::from_secs_f64(stream.bounds.1),
            class: stream.class,
            rows_per_request: stream.pages.is_none().then_some(PAGE as u32),
        };
        (StreamName::new(stream.name), settings)
    }))
}

fn planned(planner: &Planner, budget: f64) -> Vec<f64> {
    let plan = planner.plan(budget);
    let interval = |stream: &Stream| {
        plan.streams
            .get(&StreamName::new(stream.name))
            .map_or(1.0, |stream| stream.interval.as_secs_f64())
    };
    STREAMS.iter().map(interval).collect()
}

fn poisson(mean: f64, random: &mut SmallRng) -> u32 {
    if mean > 200.0 {
        // Near enough: the sum of uniform numbers.
        let noise: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
        return (mean + noise * mean.sqrt()).round().max(0.0) as u32;
    }
    let (mut product, mut events) = (1.0, 0);
    while product > (-mean).exp() {
        product *= random.random_range(0.0..1.0);
        events += 1;
    }
    events.max(1) - 1
}

/// Requests per second that these intervals need.
fn need(agents: f64, intervals: &[f64]) -> f64 {
    let requests = |(stream, interval): (&Stream, &f64)| {
        f64::from(stream.requests(agents, stream.rate(agents) * interval)) / interval
    };
    STREAMS.iter().zip(intervals).map(requests).sum()
}

/// The intervals in these proportions, within their bounds, as short as the budget allows. Where
/// the longest ones are too short for the budget, up to ten times as long.
fn fitted(limit: f64, agents: f64, proportions: &[f64]) -> Vec<f64> {
    let scaled = |scale: f64, stretch: f64| -> Vec<f64> {
        let interval = |(stream, proportion): (&Stream, &f64)| {
            (scale * proportion).clamp(stream.bounds.0, stream.bounds.1 * stretch)
        };
        STREAMS.iter().zip(proportions).map(interval).collect()
    };
    let fits = |intervals: &[f64]| need(agents, intervals) <= limit * WORKING_RATIO;
    let stretch = if fits(&scaled(f64::MAX, 1.0)) { 1.0 } else { 10.0 };
    let (mut low, mut high) = (1e-6, 1e9);
    while high / low > 1.0001 {
        let middle = f64::sqrt(low * high);
        if fits(&scaled(middle, stretch)) { high = middle } else { low = middle }
    }
    scaled(high, stretch)
}

/// The best fixed intervals that the budget allows: each in turn is moved, and the others with it so
/// that all fit again, as long as that lowers the simulated lateness, by smaller and smaller steps,
/// from two starts: those of the formula with the true numbers, and equal ones.
fn best_fixed(limit: f64, agents: f64) -> Vec<f64> {
    let formula = |stream: &Stream| {
        let value = stream.weight * stream.rate(agents);
        (f64::from(stream.requests(agents, 0.0)) / value).sqrt()
    };
    let lateness = |proportions: &[f64]| {
        let intervals = fitted(limit, agents, proportions);
        simulate(limit, agents, Policy::Fixed(&intervals), SEARCHED).mean()
    };
    let mut best = (f64::MAX, Vec::new());
    for start in [STREAMS.iter().map(formula).collect(), vec![1.0; STREAMS.len()]] {
        let (mut least, mut proportions) = (lateness(&start), start);
        for step in [2.0, 1.4, 1.15, 1.05] {
            loop {
                let before = least;
                for index in 0..STREAMS.len() {
                    for factor in [step, 1.0 / step] {
                        let mut other = proportions.clone();
                        other[index] *= factor;
                        let late = lateness(&other);
                        if late < least {
                            (least, proportions) = (late, other);
                        }
                    }
                }
                if least > before * 0.998 {
                    break;
                }
            }
        }
        if least < best.0 {
            best = (least, proportions);
        }
    }
    fitted(limit, agents, &best.1)
}

/// The same rate for all streams.
fn equal(limit: f64, agents: f64) -> Vec<f64> {
    fitted(limit, agents, &[1.0; STREAMS.len()])
}

fn learning(limit: f64, agents: f64) -> Outcome {
    let policy = Policy::Planned { planner: Box::new(planner()), budget: limit * WORKING_RATIO };
    simulate(limit, agents, policy, MEASURED)
}

fn cell(limit: f64, agents: f64) {
    let learning = learning(limit, agents);
    let headroom = format!("{:5.2}", learning.headroom_ratio);
    let new_pages: f64 = STREAMS
        .iter()
        .filter(|stream| stream.pages.is_none())
        .map(|stream| stream.rate(agents) / PAGE)
        .sum();
    if new_pages > limit * WORKING_RATIO {
        let nothing = format!("{:>14} | ", '-').repeat(3);
        println!(
            "| {limit:2} | {agents:5} | {nothing}   - |    - | {headroom} | saturated, falls behind |"
        );
        return;
    }
    let [equal, best] = [equal(limit, agents), best_fixed(limit, agents)]
        .map(|fixed| simulate(limit, agents, Policy::Fixed(&fixed), MEASURED));
    let numbers =
        |outcome: &Outcome| format!("{:5.2} / {:6.2}", outcome.mean(), outcome.quantile(0.95));
    println!(
        "| {limit:2} | {agents:5} | {} | {} | {} | {:.2} | {:.2} | {headroom} | {} |",
        numbers(&learning),
        numbers(&equal),
        numbers(&best),
        learning.mean() / best.mean(),
        learning.mean() / equal.mean(),
        if learning.headroom_ratio < 0.0 { "saturated" } else { "" },
    );
}

fn details(limit: f64, agents: f64) {
    let best = best_fixed(limit, agents);
    let best = simulate(limit, agents, Policy::Fixed(&best), MEASURED);
    let learning = learning(limit, agents);
    println!("| stream | interval | late | best interval | late |\n|---|---|---|---|---|");
    for (index, stream) in STREAMS.iter().enumerate() {
        let late = |outcome: &Outcome| {
            let (weight, late) = outcome.by_stream[index];
            let late = if weight > 0.0 { format!("{:7.2}", late / weight) } else { "-".into() };
            format!("{:7.2} | {late:>7}", outcome.intervals[index])
        };
        println!("| {:18} | {} | {} |", stream.name, late(&learning), late(&best));
    }
    println!("requests per second: {:.3}, {:.3}", learning.requests, best.requests);
    println!("weighted mean: {:.3}, {:.3}", learning.mean(), best.mean());
}

fn main() {
    let numbers: Vec<f64> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if let [limit, agents] = numbers[..] {
        details(limit, agents);
        return;
    }
    println!("weighted detection latency in seconds, mean / 95th percentile\n");
    println!(
        "| requests/s | agents | planner, learning | equal rates | best fixed | planner : best | \
         planner : equal | headroom | |\n|---|---|---|---|---|---|---|---|---|"
    );
    for limit in LIMITS {
        for agents in FLOORS {
            cell(limit, agents);
        }
    }
}
