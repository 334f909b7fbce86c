//! The gate of an account: its rate limit, its faults, and the log of its requests.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::model::Timestamp;

/// How many requests of an account are remembered.
const REQUESTS_KEPT: usize = 100_000;

/// Faults on demand: each the probability that a request meets it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// 500, in the vendor's form.
    pub server_error: f64,
    /// 429 although the rate was kept.
    pub refused: f64,
    /// An answer that ends in the middle.
    pub cut: f64,
    /// HTML with status 200.
    pub garbage: f64,
    /// An answer that comes late.
    pub slow: f64,
    /// How late, in milliseconds.
    pub slow_millis: u64,
    /// A row of a page that cannot be decoded.
    pub undecodable_row: f64,
    /// Rows that shift between pages: a later page begins a row too late, as after a removal, or,
    /// where no count would tell, a row too early, as after somebody was added.
    pub shifted_rows: f64,
    /// No `Link` and no `Total`.
    pub no_headers: bool,
}

impl Faults {
    /// What a vendor does on an ordinary day.
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

/// What a request meets.
pub(super) enum Fate {
    Answer(Flaws),
    Late(Duration),
    Refuse(StatusCode),
    Html,
}

/// What is wrong with an answer that comes.
#[derive(Clone, Copy, Default)]
pub(super) struct Flaws {
    pub(super) cut: bool,
    pub(super) undecodable_row: bool,
    pub(super) shifted: bool,
}

/// Where all requests of one account pass.
#[derive(Debug)]
pub(super) struct FaultInjector {
    limit: f64,
    passages: Mutex<Passages>,
    faults: Mutex<Faults>,
}

#[derive(Debug)]
struct Passages {
    random: StdRng,
    /// Requests that may come at once.
    tokens: f64,
    refilled_at: Timestamp,
    requests: VecDeque<(Timestamp, String)>,
    hosts: VecDeque<(Timestamp, String)>,
}

/// Adds an entry to a log that does not grow for ever.
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
    /// A gate that lets so many requests a second pass.
    pub(super) fn new(limit: f64, seed: u64, now: Timestamp) -> Self {
        let passages = Passages {
            random: StdRng::seed_from_u64(seed ^ 0xfa17),
            tokens: 2.0,
            refilled_at: now,
            requests: VecDeque::new(),
            hosts: VecDeque::new(),
        };
        Self { limit, passages: Mutex::new(passages), faults: Mutex::new(Faults::default()) }
    }

    /// Requests in a second.
    pub(super) const fn limit(&self) -> f64 {
        self.limit
    }

    pub(super) fn faults(&self) -> Faults {
        *lock(&self.faults)
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// When each request came, in our clock, and for which endpoint.
    pub(super) fn requests(&self) -> Vec<(Timestamp, String)> {
        lock(&self.passages).requests.iter().cloned().collect()
    }

    /// When each request came, in our clock, and to which host it was addressed.
    pub(super) fn hosts(&self) -> Vec<(Timestamp, String)> {
        lock(&self.passages).hosts.iter().cloned().collect()
    }

    /// What a request meets. It is taken down, and it spends from the rate.
    pub(super) fn fate(&self, now: Timestamp, path: &str, host: &str) -> Fate {
        let faults = self.faults();
        let mut passages = lock(&self.passages);
        log(&mut passages.requests, now, path);
        log(&mut passages.hosts, now, host);
        #[allow(clippy::cast_precision_loss, reason = "milliseconds between two requests")]
        let passed = now.millis_since(passages.refilled_at).max(0) as f64 / 1000.0;
        passages.refilled_at = now;
        passages.tokens = (passages.tokens + passed * self.limit).min(2.0);
        if passages.tokens < 1.0 {
            return Fate::Refuse(StatusCode::TOO_MANY_REQUESTS);
        }
        passages.tokens -= 1.0;
        let mut meets = |probability: f64| passages.random.random_bool(probability.clamp(0.0, 1.0));
        if meets(faults.server_error) {
            Fate::Refuse(StatusCode::INTERNAL_SERVER_ERROR)
        } else if meets(faults.refused) {
            Fate::Refuse(StatusCode::TOO_MANY_REQUESTS)
        } else if meets(faults.garbage) {
            Fate::Html
        } else if meets(faults.slow) {
            Fate::Late(Duration::from_millis(faults.slow_millis))
        } else {
            Fate::Answer(Flaws {
                cut: meets(faults.cut),
                undecodable_row: meets(faults.undecodable_row),
                shifted: meets(faults.shifted_rows),
            })
        }
    }
}
