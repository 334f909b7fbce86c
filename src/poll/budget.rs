//! The budget of one account: every request waits here for its turn, pages and retries too.
//!
//! The [`Arbiter`] decides who is next. This is the part that waits: inside one lock, each change
//! (a task that comes, goes or sends, a refusal, another share) is followed by one decision, which
//! appoints one task and the instant from which it may send.
//!
//! - The appointed task has a timer for that instant, and is woken when it is appointed. Every other
//!   task has a timer too, [`PATIENCE`] later: should the appointed one not run by then, its stream
//!   no longer counts as waiting until it does, and another task is appointed.
//! - A task that is dropped is followed by the next decision at once.
//! - A request counts from when its task takes the turn, so a task that runs late does not let the
//!   next request follow too soon.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::arbiter::{Arbiter, BudgetSettings, BudgetState, Decision, Share};
use crate::model::StreamName;

/// How long an appointed task may stay away before another one is appointed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The right to send one request.
#[derive(Debug)]
#[must_use = "a turn that is not used is a request that is not sent"]
pub struct Turn(());

/// One account's budget.
#[derive(Debug)]
pub struct Budget {
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    arbiter: Arbiter,
    /// In the order in which they came.
    waiters: Vec<Waiter>,
    appointment: Option<Appointment>,
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
    attendance: Attendance,
}

/// Whether a waiting task runs when it is woken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Attendance {
    Present,
    /// It did not come when it was appointed. It is not counted as waiting until it runs again.
    Absent,
}

/// The task that sends next.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Appointment {
    ticket: Ticket,
    at: Instant,
}

/// What a task that waits has to do.
enum Outcome {
    /// It may send.
    Taken,
    /// It looks again at this instant, or when it is woken.
    WaitUntil(Instant),
}

impl Budget {
    /// A budget that may be spent from at once.
    #[must_use]
    pub fn new(settings: BudgetSettings) -> Self {
        let queue = Queue {
            arbiter: Arbiter::new(settings, Instant::now()),
            waiters: Vec::new(),
            appointment: None,
            next_ticket: 0,
        };
        Self { queue: Mutex::new(queue) }
    }

    /// Says what a stream may claim. A stream that was never named has the default share.
    pub fn set_share(&self, stream: &StreamName, share: Share) {
        let now = Instant::now();
        let mut queue = self.lock();
        queue.arbiter.set_share(stream, share, now);
        queue.appoint(now, None);
    }

    /// Waits until this stream may send one request. Dropping the future gives the place up.
    pub async fn turn(&self, stream: &StreamName) -> Turn {
        let place = Place::take(self, stream);
        loop {
            let outcome = self.lock().try_take(place.ticket, Instant::now());
            match outcome {
                Outcome::Taken => return Turn(()),
                Outcome::WaitUntil(time) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(time) => {}
                        () = place.wake.notified() => {}
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
        queue.appoint(now, None);
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

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The numbers are valid after every statement, so a panic elsewhere is no reason to stop.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Called by a waiting task whenever it runs.
    fn try_take(&mut self, ticket: Ticket, now: Instant) -> Outcome {
        self.attend(ticket, now);
        if self.appointment.is_none() {
            // Cannot be, since this task waits. If it is so all the same, it does not stay so.
            self.appoint(now, Some(ticket));
        }
        let Some(Appointment { ticket: appointed, at }) = self.appointment else {
            return Outcome::WaitUntil(now + PATIENCE);
        };
        if appointed != ticket {
            return Outcome::WaitUntil(at + PATIENCE);
        }
        if now < at {
            return Outcome::WaitUntil(at);
        }
        if let Some(waiter) = self.remove(ticket) {
            self.arbiter.spend(&waiter.stream, now);
        }
        self.appoint(now, None);
        Outcome::Taken
    }

    /// Notes that a task runs, and whether the appointed one does not.
    fn attend(&mut self, ticket: Ticket, now: Instant) {
        let late = self
            .appointment
            .filter(|appointment| now >= appointment.at + PATIENCE)
            .filter(|appointment| appointment.ticket != ticket);
        let mut changed = late.is_some();
        for waiter in &mut self.waiters {
            let attendance = if waiter.ticket == ticket {
                Attendance::Present
            } else if late.is_some_and(|late| late.ticket == waiter.ticket) {
                Attendance::Absent
            } else {
                continue;
            };
            if waiter.attendance == attendance {
                continue;
            }
            waiter.attendance = attendance;
            match attendance {
                Attendance::Present => self.arbiter.enter(&waiter.stream, now),
                Attendance::Absent => self.arbiter.leave(&waiter.stream, now),
            }
            changed = true;
        }
        if changed {
            self.appoint(now, Some(ticket));
        }
    }

    /// Makes the decision. The task that it appoints is woken, unless it is the caller.
    fn appoint(&mut self, now: Instant, caller: Option<Ticket>) {
        let decided = match self.arbiter.decide(now) {
            Decision::WaitUntil(time) => (self.arbiter.decide(time), time),
            decision => (decision, now),
        };
        let before = self.appointment.take();
        let (Decision::Grant(stream), at) = decided else { return };
        let mut present =
            self.waiters.iter().filter(|waiter| waiter.attendance == Attendance::Present);
        let Some(waiter) = present.find(|waiter| waiter.stream == stream) else { return };
        // Its patience runs from the first time it was due, however often the decision is repeated.
        let due =
            before.filter(|before| before.ticket == waiter.ticket && before.at < at && at == now);
        let at = due.map_or(at, |due| due.at);
        let appointment = Appointment { ticket: waiter.ticket, at };
        if before != Some(appointment) && caller != Some(waiter.ticket) {
            waiter.wake.notify_one();
        }
        self.appointment = Some(appointment);
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let index = self.waiters.iter().position(|waiter| waiter.ticket == ticket)?;
        Some(self.waiters.remove(index))
    }
}

/// A place in the line, given up when the waiting ends in any way.
struct Place<'a> {
    budget: &'a Budget,
    ticket: Ticket,
    wake: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn take(budget: &'a Budget, stream: &StreamName) -> Self {
        let wake = Arc::new(Notify::new());
        let now = Instant::now();
        let mut queue = budget.lock();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiters.push(Waiter {
            ticket,
            stream: stream.clone(),
            wake: Arc::clone(&wake),
            attendance: Attendance::Present,
        });
        queue.arbiter.enter(stream, now);
        queue.appoint(now, Some(ticket));
        Self { budget, ticket, wake }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut queue = self.budget.lock();
        // Not there any more when the turn was taken.
        let Some(waiter) = queue.remove(self.ticket) else { return };
        if waiter.attendance == Attendance::Present {
            queue.arbiter.leave(&waiter.stream, now);
        }
        queue.appoint(now, None);
    }
}

#[cfg(test)]
mod concurrency_tests;
#[cfg(test)]
mod tests;
