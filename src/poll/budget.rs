//! The budget of one account: a token bucket that every request spends from, pages and retries
//! too, and that gives way when the vendor says no.
//!
//! The working rate is 95 % of the configured limit, because spacing on our side and jitter on the
//! network's collide at 100 %. The bucket holds one request, so requests are spaced and no second
//! ever sees more than the limit. A refusal (429) pauses the whole account and lowers its rate;
//! the rate recovers slowly, because the limit may be shared with the customer's other programs.
//!
//! Streams that wait at the same time take turns: one that has waited beyond its ceiling first,
//! then by weight (fair queueing over virtual time), so that a sweep of a hundred pages never
//! holds up a tail.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::StreamName;

/// The part of the vendor's limit that is used.
const WORKING_RATIO: f64 = 0.95;
/// What a refusal leaves of the rate.
const AFTER_REFUSAL: f64 = 0.7;
/// The lowest rate that refusals lead to, as a part of the limit.
const LOWEST_RATIO: f64 = 0.1;
/// How much of the limit returns per second without a refusal: full again after some minutes.
const RECOVERY_PER_SECOND: f64 = 0.002;
/// The pause after a refusal that names none; it doubles with each refusal in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The window over which the unspent part is measured.
const WINDOW: Duration = Duration::from_mins(1);

/// How much an account may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSettings {
    /// The vendor's limit, in requests per second.
    pub requests_per_second: f64,
    /// The longest pause a vendor's `Retry-After` may impose.
    pub longest_pause: Duration,
}

/// What a stream may claim of the budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Its part beside the others' that wait at the same time.
    pub weight: f64,
    /// After this long without a request it goes before the others.
    pub ceiling: Duration,
}

impl Default for Share {
    fn default() -> Self {
        Self { weight: 1.0, ceiling: Duration::from_mins(1) }
    }
}

/// The right to send one request.
#[derive(Debug)]
#[must_use = "a turn that is not used is a request that is not sent"]
pub struct Turn(());

/// What the budget does at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetState {
    /// The working rate, in requests per second.
    pub working_rate: f64,
    /// The part of the working rate that the last minute left unspent, 0 to 1.
    pub unspent: f64,
    /// How long the account still pauses after a refusal.
    pub pause: Option<Duration>,
}

/// One account's budget.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
    bucket: Mutex<Bucket>,
    changed: Notify,
}

#[derive(Debug)]
struct Bucket {
    /// The part of the limit that is used at the moment, at most [`WORKING_RATIO`].
    ratio: f64,
    /// When the next request may go.
    next: Instant,
    paused_until: Option<Instant>,
    refusals_in_a_row: u32,
    recovered_at: Instant,
    window_began: Instant,
    window_spent: f64,
    /// Virtual time: grows with every turn, so that late comers start level.
    virtual_time: f64,
    streams: HashMap<StreamName, Queueing>,
}

#[derive(Debug)]
struct Queueing {
    share: Share,
    waiting: u32,
    finish: f64,
    last: Instant,
}

impl Budget {
    /// A budget that may be spent from at once.
    #[must_use]
    pub fn new(settings: BudgetSettings) -> Self {
        let now = Instant::now();
        let bucket = Bucket {
            ratio: WORKING_RATIO,
            next: now,
            paused_until: None,
            refusals_in_a_row: 0,
            recovered_at: now,
            window_began: now,
            window_spent: 0.0,
            virtual_time: 0.0,
            streams: HashMap::new(),
        };
        Self { settings, bucket: Mutex::new(bucket), changed: Notify::new() }
    }

    /// Says what a stream may claim. A stream that was never named has the default share.
    pub fn set_share(&self, stream: &StreamName, share: Share) {
        let mut bucket = self.lock();
        bucket.stream(stream).share = share;
    }

    /// Waits until this stream may send one request. Dropping the future gives the place up.
    pub async fn turn(&self, stream: &StreamName) -> Turn {
        let _place = Place::take(self, stream);
        loop {
            let changed = self.changed.notified();
            let wait = match self.lock().try_take(stream, self.settings.requests_per_second) {
                Ok(()) => {
                    // Whoever comes next has to look at the new time.
                    self.changed.notify_waiters();
                    return Turn(());
                }
                Err(wait) => wait,
            };
            match wait {
                Wait::Until(time) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(time) => {}
                        () = changed => {}
                    }
                }
                Wait::ForOthers => changed.await,
            }
        }
    }

    /// The vendor refused a request because there were too many (429): pauses the account and
    /// lowers its rate. `retry_after` is what the vendor asked for; more than the settings'
    /// longest pause is cut, none becomes a pause that doubles with each refusal in a row.
    pub fn refused(&self, retry_after: Option<Duration>) {
        let mut bucket = self.lock();
        let now = Instant::now();
        bucket.recover(now);
        bucket.ratio = (bucket.ratio * AFTER_REFUSAL).max(LOWEST_RATIO);
        let own = FIRST_PAUSE.saturating_mul(1 << bucket.refusals_in_a_row.min(10));
        bucket.refusals_in_a_row = bucket.refusals_in_a_row.saturating_add(1);
        let pause = retry_after.unwrap_or(own).min(self.settings.longest_pause);
        let until = now + pause;
        bucket.paused_until = Some(bucket.paused_until.map_or(until, |before| before.max(until)));
        drop(bucket);
        self.changed.notify_waiters();
    }

    /// A request was answered: the refusals in a row are over.
    pub fn answered(&self) {
        self.lock().refusals_in_a_row = 0;
    }

    /// What the budget does at the moment.
    #[must_use]
    pub fn state(&self) -> BudgetState {
        let now = Instant::now();
        let mut bucket = self.lock();
        bucket.recover(now);
        let working_rate = bucket.ratio * self.settings.requests_per_second;
        let elapsed = (now - bucket.window_began).as_secs_f64().max(1.0);
        let unspent = (1.0 - bucket.window_spent / (working_rate * elapsed)).clamp(0.0, 1.0);
        let pause = bucket
            .paused_until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|left| !left.is_zero());
        BudgetState { working_rate, unspent, pause }
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        // The bucket's numbers are valid after every statement, so a panic elsewhere is no reason
        // to stop asking.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a turn has to wait.
enum Wait {
    /// For the next token, or the end of a pause.
    Until(Instant),
    /// Another stream goes first.
    ForOthers,
}

impl Bucket {
    fn stream(&mut self, stream: &StreamName) -> &mut Queueing {
        let virtual_time = self.virtual_time;
        self.streams.entry(stream.clone()).or_insert_with(|| Queueing {
            share: Share::default(),
            waiting: 0,
            finish: virtual_time,
            last: Instant::now(),
        })
    }

    fn recover(&mut self, now: Instant) {
        let since = (now - self.recovered_at).as_secs_f64();
        self.recovered_at = now;
        self.ratio = (self.ratio + since * RECOVERY_PER_SECOND).min(WORKING_RATIO);
        if now - self.window_began >= WINDOW {
            // Half of the window stays, so that the ratio moves and does not jump.
            self.window_began = now - WINDOW / 2;
            self.window_spent /= 2.0;
        }
    }

    fn try_take(&mut self, stream: &StreamName, limit: f64) -> Result<(), Wait> {
        let now = Instant::now();
        self.recover(now);
        if let Some(until) = self.paused_until {
            if now < until {
                return Err(Wait::Until(until));
            }
            self.paused_until = None;
        }
        if now < self.next {
            return Err(Wait::Until(self.next));
        }
        if self.first_in_line(now).is_some_and(|first| first != *stream) {
            return Err(Wait::ForOthers);
        }
        let step = {
            let queueing = self.stream(stream);
            queueing.last = now;
            1.0 / queueing.share.weight.max(f64::MIN_POSITIVE)
        };
        let start = self.stream(stream).finish.max(self.virtual_time);
        self.stream(stream).finish = start + step;
        self.virtual_time = start;
        self.window_spent += 1.0;
        let spacing = Duration::from_secs_f64(1.0 / (self.ratio * limit));
        // A caller that came late does not earn a burst.
        self.next = now + spacing;
        Ok(())
    }

    /// The waiting stream whose turn it is: the most overdue one, else the one with the least
    /// virtual time; ties go by name, so that the order is the same in every run.
    fn first_in_line(&self, now: Instant) -> Option<StreamName> {
        let overdue = |queueing: &Queueing| {
            (now - queueing.last).as_secs_f64() / queueing.share.ceiling.as_secs_f64().max(0.001)
        };
        let waiting = self.streams.iter().filter(|(_, queueing)| queueing.waiting > 0);
        let late = waiting.clone().filter(|(_, queueing)| overdue(queueing) > 1.0).max_by(
            |(one, a), (other, b)| overdue(a).total_cmp(&overdue(b)).then_with(|| other.cmp(one)),
        );
        let fair = || {
            waiting.min_by(|(one, a), (other, b)| {
                let start = |queueing: &Queueing| queueing.finish.max(self.virtual_time);
                start(a).total_cmp(&start(b)).then_with(|| one.cmp(other))
            })
        };
        late.or_else(fair).map(|(name, _)| name.clone())
    }
}

/// A place in the line, given up when the waiting ends in any way.
struct Place<'a> {
    budget: &'a Budget,
    stream: &'a StreamName,
}

impl<'a> Place<'a> {
    fn take(budget: &'a Budget, stream: &'a StreamName) -> Self {
        budget.lock().stream(stream).waiting += 1;
        Self { budget, stream }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut bucket = self.budget.lock();
        let queueing = bucket.stream(self.stream);
        queueing.waiting = queueing.waiting.saturating_sub(1);
        drop(bucket);
        self.budget.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn budget(requests_per_second: f64) -> Arc<Budget> {
        let longest_pause = Duration::from_mins(1);
        Arc::new(Budget::new(BudgetSettings { requests_per_second, longest_pause }))
    }

    const CALLS: StreamName = StreamName::new("calls");
    const AGENTS: StreamName = StreamName::new("agents");

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_requests_than_the_limit() {
        let budget = budget(10.0);
        let mut times = Vec::new();
        for _ in 0..50 {
            let _turn = budget.turn(&CALLS).await;
            times.push(Instant::now());
        }
        for window in times.windows(11) {
            assert!(window[10] - window[0] > Duration::from_secs(1));
        }
        let rate = 49.0 / (times[49] - times[0]).as_secs_f64();
        assert!((9.3..=9.5).contains(&rate), "{rate}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_vendor_asks_for_is_bounded() {
        let budget = budget(10.0);
        let _turn = budget.turn(&CALLS).await;
        let start = Instant::now();
        budget.refused(Some(Duration::from_hours(24 * 365 * 31)));
        let _turn = budget.turn(&CALLS).await;
        let waited = start.elapsed();
        assert!(waited >= Duration::from_mins(1) && waited < Duration::from_secs(61), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_lower_the_rate_and_it_recovers_slowly() {
        let budget = budget(10.0);
        budget.refused(Some(Duration::ZERO));
        budget.refused(Some(Duration::ZERO));
        let low = budget.state().working_rate;
        assert!(low < 5.0, "{low}");
        tokio::time::advance(Duration::from_mins(1)).await;
        let better = budget.state().working_rate;
        assert!(better > low && better < 7.0, "{better}");
        tokio::time::advance(Duration::from_mins(10)).await;
        assert!((budget.state().working_rate - 9.5).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_without_a_time_pause_twice_as_long_each_time() {
        let budget = budget(10.0);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            budget.refused(None);
            let start = Instant::now();
            let _turn = budget.turn(&CALLS).await;
            pauses.push(start.elapsed().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8]);
        budget.answered();
        budget.refused(None);
        assert_eq!(budget.state().pause, Some(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn streams_that_wait_together_take_turns_by_weight() {
        let budget = budget(10.0);
        let ceiling = Duration::from_mins(10);
        budget.set_share(&CALLS, Share { weight: 3.0, ceiling });
        budget.set_share(&AGENTS, Share { weight: 1.0, ceiling });
        let counts = Arc::new(Mutex::new(HashMap::new()));
        let tasks: Vec<_> = [CALLS, AGENTS]
            .into_iter()
            .map(|stream| {
                let (budget, counts) = (Arc::clone(&budget), Arc::clone(&counts));
                tokio::spawn(async move {
                    loop {
                        let _turn = budget.turn(&stream).await;
                        *counts.lock().unwrap().entry(stream.clone()).or_insert(0) += 1;
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(100)).await;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let counts = counts.lock().unwrap();
        let ratio = f64::from(counts[&CALLS]) / f64::from(counts[&AGENTS]);
        assert!((2.8..=3.2).contains(&ratio), "{counts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_beyond_its_ceiling_goes_first() {
        let budget = budget(1.0);
        budget.set_share(&CALLS, Share { weight: 1000.0, ceiling: Duration::from_mins(10) });
        budget.set_share(&AGENTS, Share { weight: 0.001, ceiling: Duration::from_secs(5) });
        let _turn = budget.turn(&AGENTS).await;
        let busy = {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move {
                loop {
                    let _turn = budget.turn(&CALLS).await;
                }
            })
        };
        let start = Instant::now();
        let _turn = budget.turn(&AGENTS).await;
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        busy.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_gives_its_place_up() {
        let budget = budget(1.0);
        let _turn = budget.turn(&CALLS).await;
        {
            let agents = AGENTS;
            let waiting = budget.turn(&agents);
            tokio::pin!(waiting);
            assert!(futures_are_pending(&mut waiting).await);
        }
        let _turn = budget.turn(&CALLS).await;
    }

    async fn futures_are_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
        })
        .await
    }
}
