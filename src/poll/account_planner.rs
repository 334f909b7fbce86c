//! The planner of one account, as its stream pollers share it: it learns from their polls, plans
//! anew at most once a second, and passes the plan to the budget, the metrics and `/status`.
//!
//! Novel events, as the planner counts them, are the events that the engine emitted for a poll. A
//! row that was read again emits none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::arbiter::Share;
use super::budget::Budget;
use super::planner::{ObservedPoll, Plan, Planner};
use super::saturation::{BudgetLoad, Saturation};
use super::stream_plan::StreamPlan;
use crate::admin::Health;
use crate::model::{AccountName, StreamName};
use crate::telemetry::Metrics;

/// The shortest time from one plan to the next.
const PLAN_EVERY: Duration = Duration::from_secs(1);
/// The part of the working rate that planned polls keep, however many lookups are due.
const LEAST_FOR_POLLS: f64 = 0.5;
/// After this long a request of a lookup counts half, in seconds.
const LOOKUPS_HALF_LIFE: f64 = 60.0;

/// The planner of one account.
pub(super) struct AccountPlanner {
    account: AccountName,
    budget: Arc<Budget>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    /// The streams that are planned.
    streams: BTreeMap<StreamName, StreamPlan>,
    state: Mutex<State>,
}

struct State {
    planner: Planner,
    plan: Plan,
    planned_at: Instant,
    lookups: LookupRate,
    saturation: Saturation,
}

impl AccountPlanner {
    /// A planner of these streams that has learned nothing. Lookups among them are not planned, but
    /// what they take of the budget is not given to others.
    pub(super) fn new(
        account: AccountName,
        budget: Arc<Budget>,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        streams: &[StreamPlan],
    ) -> Self {
        let settings = streams
            .iter()
            .filter_map(|stream| stream.settings().map(|settings| (stream.name.clone(), settings)));
        let planner = Planner::new(settings);
        let planned = streams.iter().filter(|stream| stream.planning.is_some());
        let now = Instant::now();
        let state = State {
            plan: planner.plan(budget.state().working_rate),
            planner,
            planned_at: now,
            lookups: LookupRate { requests: 0.0, at: now },
            saturation: Saturation::default(),
        };
        let streams = planned.map(|stream| (stream.name.clone(), stream.clone())).collect();
        let planner = Self { account, budget, health, metrics, streams, state: Mutex::new(state) };
        planner.publish(&planner.lock().plan);
        planner
    }

    /// Learns from a poll that was committed. One that failed shows nothing.
    pub(super) fn observe(&self, stream: &StreamName, poll: ObservedPoll) {
        let now = Instant::now();
        let mut state = self.lock();
        if self.streams.contains_key(stream) {
            state.planner.observe(stream, poll);
        } else {
            state.lookups.add(poll.requests, now);
        }
        self.plan_if_due(&mut state, now);
    }

    /// The time from the beginning of one poll of a stream to that of the next, as it is planned now;
    /// `None` for a stream that is not planned.
    pub(super) fn interval(&self, stream: &StreamName) -> Option<Duration> {
        let mut state = self.lock();
        self.plan_if_due(&mut state, Instant::now());
        state.plan.streams.get(stream).map(|planned| planned.interval)
    }

    fn plan_if_due(&self, state: &mut State, now: Instant) {
        if now - state.planned_at < PLAN_EVERY {
            return;
        }
        state.planned_at = now;
        let working_rate = self.budget.state().working_rate;
        let lookups = state.lookups.per_second(now);
        let for_polls = (working_rate - lookups).max(working_rate * LEAST_FOR_POLLS);
        state.plan = state.planner.plan(for_polls);
        self.publish(&state.plan);
        let load = BudgetLoad::of(state.plan.headroom_ratio);
        if let Some(change) = state.saturation.planned(load, now) {
            self.announce(change, &state.plan);
        }
    }

    /// Passes a plan to the budget, the metrics and the health.
    fn publish(&self, plan: &Plan) {
        self.metrics.headroom(&self.account, plan.headroom_ratio);
        for (name, stream) in &self.streams {
            let Some(planned) = plan.streams.get(name) else { continue };
            let share = Share { weight: stream.share.weight, ceiling: planned.interval };
            self.budget.set_share(name, share);
            self.metrics.stream_interval(&self.account, name, planned.interval.as_secs_f64());
        }
        let intervals = plan.streams.iter().map(|(name, planned)| (name, planned.interval));
        self.health.account(&self.account).planned(plan.headroom_ratio, intervals);
    }

    fn announce(&self, load: BudgetLoad, plan: &Plan) {
        let (account, headroom_ratio) = (&self.account, plan.headroom_ratio);
        match load {
            BudgetLoad::Saturated => tracing::warn!(
                %account, headroom_ratio, streams = self.polled_less_often(plan).join(", "),
                "account saturated: its rate limit is too low; these streams are polled less often \
                 than their max_interval"
            ),
            BudgetLoad::Fits => tracing::info!(
                %account, headroom_ratio,
                "account no longer saturated: every stream is polled within its max_interval"
            ),
        }
    }

    /// The streams whose planned interval is longer than the longest that is configured.
    fn polled_less_often(&self, plan: &Plan) -> Vec<&str> {
        let is_longer = |(name, stream): &(&StreamName, &StreamPlan)| {
            let longest = stream.share.ceiling.max(stream.min_interval);
            // Intervals are rounded up.
            let longest = longest + Duration::from_millis(1);
            plan.streams.get(*name).is_some_and(|planned| planned.interval > longest)
        };
        self.streams.iter().filter(is_longer).map(|(name, _)| name.as_str()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A plan is replaced as a whole, so a panic elsewhere is no reason to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The requests per second that lookups take.
struct LookupRate {
    /// Faded with [`LOOKUPS_HALF_LIFE`].
    requests: f64,
    at: Instant,
}

impl LookupRate {
    fn add(&mut self, requests: u32, now: Instant) {
        self.requests = self.faded(now) + f64::from(requests);
        self.at = now;
    }

    fn per_second(&self, now: Instant) -> f64 {
        self.faded(now) * std::f64::consts::LN_2 / LOOKUPS_HALF_LIFE
    }

    fn faded(&self, now: Instant) -> f64 {
        self.requests * 0.5_f64.powf((now - self.at).as_secs_f64() / LOOKUPS_HALF_LIFE)
    }
}

#[cfg(test)]
mod tests;
