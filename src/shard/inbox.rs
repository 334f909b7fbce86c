//! The signals to a publisher's thread, and the deadline of a requested stop.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::clock::Deadline;
use crate::delivery::Signal;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The time has passed.
    Elapsed,
    /// A stop is requested.
    Finish,
}

/// The signals of one publisher.
#[derive(Debug)]
pub(super) struct Inbox {
    signals: Receiver<Signal>,
    finish: Option<Instant>,
}

impl Inbox {
    pub(super) const fn new(signals: Receiver<Signal>) -> Self {
        Self { signals, finish: None }
    }

    /// The deadline of the requested stop; none before that.
    pub(super) fn deadline(&self) -> Deadline {
        self.finish.map_or(Deadline::NONE, Deadline::at)
    }

    /// The signals themselves, for the outbox relay.
    pub(super) const fn signals(&self) -> &Receiver<Signal> {
        &self.signals
    }

    /// Waits for this long, or until a stop is requested. Notifications of the outbox are ignored.
    pub(super) fn wait(&mut self, length: Duration) -> Wait {
        let until = Instant::now() + length;
        loop {
            match self.signals.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Signal::Wake) => {}
                Ok(Signal::Finish(by)) => {
                    self.finish = Some(by);
                    return Wait::Finish;
                }
                Err(RecvTimeoutError::Timeout) => return Wait::Elapsed,
                Err(RecvTimeoutError::Disconnected) => return Wait::Finish,
            }
        }
    }
}
