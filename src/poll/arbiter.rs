//! Who may send the next request of an account, and when: pure, synchronous, with the time passed
//! in, so that weeks of it run in a test.
//!
//! - **Rate.** Two requests are at least `1 / rate` apart. Unused time is not saved: there are no
//!   bursts. With a limit of n requests per second, n a whole number, no second ever holds more than
//!   n, and a server with a token bucket of one token refuses none. The rate is 95 % of the limit at
//!   most: at 100 %, network jitter could put two requests closer than the server allows.
//! - **Refusals.** A 429 pauses the account and lowers its rate; the rate recovers slowly, because
//!   the limit may be shared with the customer's other programs.
//! - **Order.** Of the streams that wait, one that has had no request for longer than its ceiling
//!   goes first, the one furthest beyond it before the others. Otherwise the streams take turns by
//!   weight (start-time fair queueing over virtual time), so that a full scan of a hundred pages
//!   does not hold up an incremental poll.
//!
//! [`Arbiter::decide`] is the only place that compares streams. The order of two streams changes
//! with time, so two callers that compare for themselves may each see the other first.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
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
/// The longest pause after refusals that name none, where the settings allow a longer one.
const LONGEST_OWN_PAUSE: Duration = Duration::from_secs(1 << 10);
/// The window over which the unspent part is measured.
const WINDOW: Duration = Duration::from_mins(1);
/// The longest time between two requests, however low the limit is.
const LONGEST_SPACING: Duration = Duration::from_hours(24);
/// The range that weights are clamped to: beyond it, virtual time would lose its precision.
const WEIGHTS: (f64, f64) = (1e-6, 1e6);

/// How many requests an account may send.
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

/// What is to be done at an instant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    /// A request of this stream may be sent now.
    Grant(StreamName),
    /// No request before this instant; then one may be sent.
    WaitUntil(Instant),
    /// No stream waits.
    Idle,
}

/// The state of one account's budget.
#[derive(Debug)]
pub(super) struct Arbiter {
    settings: BudgetSettings,
    /// The part of the limit that is used, at [`Self::ratio_at`]; at most [`WORKING_RATIO`].
    ratio: f64,
    ratio_at: Instant,
    /// When the spacing allows the next request.
    next: Instant,
    paused_until: Option<Instant>,
    /// The pauses after refusals in a row that name none.
    pauses: Backoff,
    window_began: Instant,
    window_spent: f64,
    /// Grows with every fair turn, so that a stream gets no credit for the time it was idle.
    virtual_time: f64,
    /// In the order in which they were first named. An account has a few.
    streams: Vec<Queueing>,
}

#[derive(Debug)]
struct Queueing {
    name: StreamName,
    share: Share,
    waiting: u32,
    /// The virtual time at which its last request is paid for.
    finish: f64,
    /// When it sent its last request, or was first named.
    last: Instant,
}

impl Arbiter {
    /// A budget that may be spent from at once.
    pub(super) fn new(settings: BudgetSettings, now: Instant) -> Self {
        Self {
            settings,
            ratio: WORKING_RATIO,
            ratio_at: now,
            next: now,
            paused_until: None,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_OWN_PAUSE.min(settings.longest_pause)),
            window_began: now,
            window_spent: 0.0,
            virtual_time: 0.0,
            streams: Vec::new(),
        }
    }

    /// Says what a stream may claim. A stream that was never named has the default share.
    pub(super) fn set_share(&mut self, stream: &StreamName, share: Share, now: Instant) {
        self.stream(stream, now).share = share;
    }

    /// One more request of this stream waits.
    pub(super) fn enter(&mut self, stream: &StreamName, now: Instant) {
        self.stream(stream, now).waiting += 1;
    }

    /// One request of this stream waits no more.
    pub(super) fn leave(&mut self, stream: &StreamName, now: Instant) {
        let queueing = self.stream(stream, now);
        queueing.waiting = queueing.waiting.saturating_sub(1);
    }

    /// What is to be done now. Unless streams enter or leave, the answer changes only at the
    /// instant that it names, and later grants and refusals only move that instant back.
    pub(super) fn decide(&self, now: Instant) -> Decision {
        let Some(first) = self.first_in_line(now) else { return Decision::Idle };
        let from = self.paused_until.map_or(self.next, |until| until.max(self.next));
        if now < from {
            return Decision::WaitUntil(from);
        }
        Decision::Grant(first.name.clone())
    }

    /// A request of this stream is sent now. It waits no more.
    pub(super) fn spend(&mut self, stream: &StreamName, now: Instant) {
        self.leave(stream, now);
        self.advance(now);
        let virtual_time = self.virtual_time;
        let queueing = self.stream(stream, now);
        let step = 1.0 / weight(queueing.share);
        let start = if queueing.overdue(now) > 1.0 {
            // Granted because it was overdue, not by weight: only its own virtual time advances.
            virtual_time
        } else {
            queueing.finish.max(virtual_time)
        };
        queueing.finish = start + step;
        queueing.last = now;
        self.virtual_time = start;
        self.window_spent += 1.0;
        // Spacing counts from the actual send time, so that a late request moves the next one, too.
        self.next = now + self.spacing();
    }

    /// The vendor refused a request because there were too many (429).
    pub(super) fn refused(&mut self, retry_after: Option<Duration>, now: Instant) {
        self.advance(now);
        self.ratio = (self.ratio * AFTER_REFUSAL).max(LOWEST_RATIO);
        let own = self.pauses.next();
        let until = now + retry_after.unwrap_or(own).min(self.settings.longest_pause);
        self.paused_until = Some(self.paused_until.map_or(until, |before| before.max(until)));
    }

    /// A request was answered: the refusals in a row are over.
    pub(super) fn answered(&mut self) {
        self.pauses.reset();
    }

    /// What the budget does now.
    pub(super) fn state(&mut self, now: Instant) -> BudgetState {
        self.advance(now);
        let working_rate = self.ratio * self.settings.requests_per_second;
        let elapsed = (now - self.window_began).as_secs_f64().max(1.0);
        let unspent = (1.0 - self.window_spent / (working_rate * elapsed)).clamp(0.0, 1.0);
        let pause = self
            .paused_until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|left| !left.is_zero());
        BudgetState { working_rate, unspent, pause }
    }

    /// The shortest time from one request to the next.
    fn spacing(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / (self.ratio * self.settings.requests_per_second))
            .map_or(LONGEST_SPACING, |spacing| spacing.min(LONGEST_SPACING))
    }

    /// Brings the rate and the window up to now.
    fn advance(&mut self, now: Instant) {
        let since = (now - self.ratio_at).as_secs_f64();
        self.ratio_at = now;
        self.ratio = (self.ratio + since * RECOVERY_PER_SECOND).min(WORKING_RATIO);
        if now - self.window_began >= WINDOW {
            // Half of the window stays, so that the ratio moves and does not jump.
            self.window_began = now - WINDOW / 2;
            self.window_spent /= 2.0;
        }
    }

    fn stream(&mut self, stream: &StreamName, now: Instant) -> &mut Queueing {
        let found = self.streams.iter().position(|queueing| queueing.name == *stream);
        let index = found.unwrap_or_else(|| {
            self.streams.push(Queueing {
                name: stream.clone(),
                share: Share::default(),
                waiting: 0,
                finish: self.virtual_time,
                last: now,
            });
            self.streams.len() - 1
        });
        &mut self.streams[index]
    }

    /// The waiting stream whose turn it is: the one furthest beyond its ceiling, else the one with
    /// the least virtual time; ties go to the one that was named first.
    fn first_in_line(&self, now: Instant) -> Option<&Queueing> {
        let mut late: Option<(f64, &Queueing)> = None;
        let mut fair: Option<(f64, &Queueing)> = None;
        for queueing in self.streams.iter().filter(|queueing| queueing.waiting > 0) {
            let overdue = queueing.overdue(now);
            if overdue > 1.0 && late.is_none_or(|(most, _)| overdue > most) {
                late = Some((overdue, queueing));
            }
            let start = queueing.finish.max(self.virtual_time);
            if fair.is_none_or(|(least, _)| start < least) {
                fair = Some((start, queueing));
            }
        }
        late.or(fair).map(|(_, queueing)| queueing)
    }
}

impl Queueing {
    /// How long it has been without a request, in ceilings.
    fn overdue(&self, now: Instant) -> f64 {
        (now - self.last).as_secs_f64() / self.share.ceiling.as_secs_f64().max(0.001)
    }
}

/// A weight that can be divided by: what is no number counts as the least.
fn weight(share: Share) -> f64 {
    let (least, most) = WEIGHTS;
    if share.weight > least { share.weight.min(most) } else { least }
}

#[cfg(test)]
mod tests;
