//! The budget of one account: every request waits here for its turn, pages and retries too.
//!
//! The [`Arbiter`] decides which stream is next. This is the asynchronous part. Inside one lock, each
//! change (a task that starts or stops waiting or sends, a refusal, another share) recomputes which
//! task sends next, and from which instant.
//!
//! - The selected task has a timer for that instant, and is woken when it is selected. Every other
//!   task has a timer too, [`GRANT_TIMEOUT`] later: if the selected one has not run by then, its
//!   stream does not count as waiting until it does, and another task is selected.
//! - When a waiting task is dropped, the next one is selected at once.
//! - A request counts from when its task takes the turn, so a task that runs late does not let the
//!   next request follow too soon.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::arbiter::{Arbiter, BudgetSettings, BudgetState, Decision, Share};
use crate::model::StreamName;

/// How long a grant may go unused before another task is selected.
const GRANT_TIMEOUT: Duration = Duration::from_secs(1);

/// The right to send one request.
#[derive(Debug)]
#[must_use = "a turn that is not used is a request that is not sent"]
pub struct Turn(());

/// One account's budget.
#[derive(Debug)]
pub struct Budget {
    queue: Mutex<WaitQueue>,
}

#[derive(Debug)]
struct WaitQueue {
    arbiter: Arbiter,
    /// In order of arrival.
    waiters: Vec<Waiter>,
    selection: Option<Selection>,
    next_ticket: Ticket,
}

/// Numbers the waiting tasks.
type Ticket = u64;

/// One task that waits.
#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    stream: StreamName,
    wake: Arc<Notify>,
    state: WaiterState,
}

/// Whether a waiting task runs when it is woken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum WaiterState {
    Responsive,
    /// It did not run in time when it was selected. It does not count as waiting until it runs.
    Unresponsive,
}

/// The task that sends next.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Selection {
    ticket: Ticket,
    at: Instant,
}

/// What a task that waits has to do.
enum TurnOutcome {
    /// It may send.
    Taken,
    /// It waits until this instant, or until it is woken.
    WaitUntil(Instant),
}

impl Budget {
    /// A budget that may be spent from at once.
    #[must_use]
    pub fn new(settings: BudgetSettings) -> Self {
        let queue = WaitQueue {
            arbiter: Arbiter::new(settings, Instant::now()),
            waiters: Vec::new(),
            selection: None,
            next_ticket: 0,
        };
        Self { queue: Mutex::new(queue) }
    }

    /// Sets the share of a stream. A stream without one has the default share.
    pub fn set_share(&self, stream: &StreamName, share: Share) {
        let now = Instant::now();
        let mut queue = self.lock();
        queue.arbiter.set_share(stream, share, now);
        queue.select(now, None);
    }

    /// Waits until this stream may send one request. Dropping the future leaves the
    /// queue.
    pub async fn turn(&self, stream: &StreamName) -> Turn {
        let entry = QueueEntry::new(self, stream);
        loop {
            let outcome = self.lock().try_take(entry.ticket, Instant::now());
            match outcome {
                TurnOutcome::Taken => return Turn(()),
                TurnOutcome::WaitUntil(time) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(time) => {}
                        () = entry.wake.notified() => {}
                    }
                }
            }
        }
    }

    /// The vendor refused a request because there were too many (429): pauses the account and
    /// lowers its rate. `retry_after` is what the vendor asked for; more than the settings'
    /// longest pause is cut, none becomes a pause that doubles with each refusal in a row.
    pub fn refused(&self, retry_after: Option<Duration>) {
        let now = Instant::now();
        let mut queue = self.lock();
        queue.arbiter.refused(retry_after, now);
        queue.select(now, None);
    }

    /// A request was answered: the refusals in a row are over.
    pub fn answered(&self) {
        self.lock().arbiter.answered();
    }

    /// What the budget does at the moment.
    #[must_use]
    pub fn state(&self) -> BudgetState {
        self.lock().arbiter.state(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, WaitQueue> {
        // The numbers are valid after every statement, so a panic elsewhere is no reason to stop.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitQueue {
    /// Called by a waiting task whenever it runs.
    fn try_take(&mut self, ticket: Ticket, now: Instant) -> TurnOutcome {
        self.record_run(ticket, now);
        if self.selection.is_none() {
            // Unreachable, since this task waits; kept so that a bug cannot block the account.
            self.select(now, Some(ticket));
        }
        let Some(Selection { ticket: selected, at }) = self.selection else {
            return TurnOutcome::WaitUntil(now + GRANT_TIMEOUT);
        };
        if selected != ticket {
            return TurnOutcome::WaitUntil(at + GRANT_TIMEOUT);
        }
        if now < at {
            return TurnOutcome::WaitUntil(at);
        }
        if let Some(waiter) = self.remove(ticket) {
            self.arbiter.spend(&waiter.stream, now);
        }
        self.select(now, None);
        TurnOutcome::Taken
    }

    /// Records that a task runs, and that the selected one does not where it is late.
    fn record_run(&mut self, ticket: Ticket, now: Instant) {
        let late = self
            .selection
            .filter(|selection| now >= selection.at + GRANT_TIMEOUT)
            .filter(|selection| selection.ticket != ticket);
        let mut changed = late.is_some();
        for waiter in &mut self.waiters {
            let state = if waiter.ticket == ticket {
                WaiterState::Responsive
            } else if late.is_some_and(|late| late.ticket == waiter.ticket) {
                WaiterState::Unresponsive
            } else {
                continue;
            };
            if waiter.state == state {
                continue;
            }
            waiter.state = state;
            match state {
                WaiterState::Responsive => self.arbiter.enter(&waiter.stream, now),
                WaiterState::Unresponsive => self.arbiter.leave(&waiter.stream, now),
            }
            changed = true;
        }
        if changed {
            self.select(now, Some(ticket));
        }
    }

    /// Selects the next task and wakes it, unless it is the caller.
    fn select(&mut self, now: Instant, caller: Option<Ticket>) {
        let decided = match self.arbiter.decide(now) {
            Decision::WaitUntil(time) => (self.arbiter.decide(time), time),
            decision => (decision, now),
        };
        let before = self.selection.take();
        let (Decision::Grant(stream), at) = decided else { return };
        let mut responsive =
            self.waiters.iter().filter(|waiter| waiter.state == WaiterState::Responsive);
        let Some(waiter) = responsive.find(|waiter| waiter.stream == stream) else { return };
        // The timeout counts from when the task was first due, however often it is selected again.
        let due =
            before.filter(|before| before.ticket == waiter.ticket && before.at < at && at == now);
        let at = due.map_or(at, |due| due.at);
        let selection = Selection { ticket: waiter.ticket, at };
        if before != Some(selection) && caller != Some(waiter.ticket) {
            waiter.wake.notify_one();
        }
        self.selection = Some(selection);
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let index = self.waiters.iter().position(|waiter| waiter.ticket == ticket)?;
        Some(self.waiters.remove(index))
    }
}

/// A place in the queue; it is left when the waiting ends in any way.
struct QueueEntry<'a> {
    budget: &'a Budget,
    ticket: Ticket,
    wake: Arc<Notify>,
}

impl<'a> QueueEntry<'a> {
    fn new(budget: &'a Budget, stream: &StreamName) -> Self {
        let wake = Arc::new(Notify::new());
        let now = Instant::now();
        let mut queue = budget.lock();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiters.push(Waiter {
            ticket,
            stream: stream.clone(),
            wake: Arc::clone(&wake),
            state: WaiterState::Responsive,
        });
        queue.arbiter.enter(stream, now);
        queue.select(now, Some(ticket));
        Self { budget, ticket, wake }
    }
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut queue = self.budget.lock();
        // Already removed when the turn was taken.
        let Some(waiter) = queue.remove(self.ticket) else { return };
        if waiter.state == WaiterState::Responsive {
            queue.arbiter.leave(&waiter.stream, now);
        }
        queue.select(now, None);
    }
}

#[cfg(test)]
mod concurrency_tests;
#[cfg(test)]
mod tests;
