//! The rate limit of an account, its injected faults, and the log of its requests.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::model::Timestamp;

/// How many requests of an account are remembered.
const REQUESTS_KEPT: usize = 100_000;
/// Requests that may come at once.
const BURST: f64 = 2.0;

/// Faults to inject: for each the probability that a request is affected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Status 500, in the vendor's form.
    pub server_error: f64,
    /// Status 429 although the rate limit was kept.
    pub refused: f64,
    /// An answer that ends in the middle.
    pub cut: f64,
    /// HTML or an error with status 200.
    pub garbage: f64,
    /// A delayed answer.
    pub slow: f64,
    /// The delay, in milliseconds.
    pub slow_millis: u64,
    /// A row of a page that cannot be decoded.
    pub undecodable_row: f64,
    /// Rows that shift between pages: a later page begins a row too late, as after a removal, or,
    /// where no count would show that, a row too early, as after an addition.
    pub shifted_rows: f64,
    /// No `Link` and no `Total` header.
    pub no_headers: bool,
}

impl Faults {
    /// The faults of a vendor in ordinary operation.
    #[must_use]
    pub const fn mild() -> Self {
        Self {
            server_error: 0.01,
            refused: 0.005,
            cut: 0.01,
            garbage: 0.005,
            slow: 0.02,
            slow_millis: 700,
            undecodable_row: 0.0,
            shifted_rows: 0.1,
            no_headers: false,
        }
    }
}

/// How a request is to be answered.
pub(super) enum RequestOutcome {
    /// By a page.
    Answer(AnswerFaults),
    /// By a page, after this delay.
    Delayed(Duration),
    /// By this status.
    Refused(StatusCode),
    /// By a page with status 200 that is not an answer.
    Garbage,
}

/// What is wrong with a page.
#[derive(Clone, Copy, Default)]
pub(super) struct AnswerFaults {
    pub(super) cut: bool,
    pub(super) undecodable_row: bool,
    pub(super) shifted: bool,
}

/// Decides for each request of one account how it is answered.
#[derive(Debug)]
pub(super) struct FaultInjector {
    limit: f64,
    state: Mutex<InjectorState>,
    faults: Mutex<Faults>,
}

#[derive(Debug)]
struct InjectorState {
    random: StdRng,
    /// Requests that may come at present.
    tokens: f64,
    refilled_at: Timestamp,
    requests: VecDeque<(Timestamp, String)>,
    hosts: VecDeque<(Timestamp, String)>,
}

/// Adds an entry to a log of bounded length.
fn log(entries: &mut VecDeque<(Timestamp, String)>, now: Timestamp, entry: &str) {
    entries.push_back((now, entry.to_owned()));
    if entries.len() > REQUESTS_KEPT {
        entries.pop_front();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultInjector {
    /// Without faults, and with this limit in requests per second.
    pub(super) fn new(limit: f64, seed: u64, now: Timestamp) -> Self {
        let state = InjectorState {
            random: StdRng::seed_from_u64(seed ^ 0xfa17),
            tokens: BURST,
            refilled_at: now,
            requests: VecDeque::new(),
            hosts: VecDeque::new(),
        };
        Self { limit, state: Mutex::new(state), faults: Mutex::new(Faults::default()) }
    }

    /// The limit, in requests per second.
    pub(super) const fn limit(&self) -> f64 {
        self.limit
    }

    pub(super) fn faults(&self) -> Faults {
        *lock(&self.faults)
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// When each request came, by our clock, and its path.
    pub(super) fn requests(&self) -> Vec<(Timestamp, String)> {
        lock(&self.state).requests.iter().cloned().collect()
    }

    /// When each request came, by our clock, and the host that it was addressed to.
    pub(super) fn hosts(&self) -> Vec<(Timestamp, String)> {
        lock(&self.state).hosts.iter().cloned().collect()
    }

    /// Logs a request, counts it against the rate limit, and decides how it is answered.
    pub(super) fn admit(&self, now: Timestamp, path: &str, host: &str) -> RequestOutcome {
        let faults = self.faults();
        let mut state = lock(&self.state);
        log(&mut state.requests, now, path);
        log(&mut state.hosts, now, host);
        #[allow(clippy::cast_precision_loss, reason = "milliseconds between two requests")]
        let passed = now.millis_since(state.refilled_at).max(0) as f64 / 1000.0;
        state.refilled_at = now;
        state.tokens = (state.tokens + passed * self.limit).min(BURST);
        if state.tokens < 1.0 {
            return RequestOutcome::Refused(StatusCode::TOO_MANY_REQUESTS);
        }
        state.tokens -= 1.0;
        let mut occurs = |probability: f64| state.random.random_bool(probability.clamp(0.0, 1.0));
        if occurs(faults.server_error) {
            RequestOutcome::Refused(StatusCode::INTERNAL_SERVER_ERROR)
        } else if occurs(faults.refused) {
            RequestOutcome::Refused(StatusCode::TOO_MANY_REQUESTS)
        } else if occurs(faults.garbage) {
            RequestOutcome::Garbage
        } else if occurs(faults.slow) {
            RequestOutcome::Delayed(Duration::from_millis(faults.slow_millis))
        } else {
            RequestOutcome::Answer(AnswerFaults {
                cut: occurs(faults.cut),
                undecodable_row: occurs(faults.undecodable_row),
                shifted: occurs(faults.shifted_rows),
            })
        }
    }
}
