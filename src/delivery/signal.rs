//! What the publisher's thread is asked: to look at the outbox, or to finish.

use std::sync::mpsc::Sender;
use std::time::Instant;

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Signal {
    /// The outbox may have grown.
    Wake,
    /// Send what is there, and end by this time.
    Finish(Instant),
}

/// Rings when the outbox has grown.
#[derive(Clone, Debug)]
pub struct OutboxNotifier {
    signals: Sender<Signal>,
}

impl OutboxNotifier {
    pub(crate) const fn new(signals: Sender<Signal>) -> Self {
        Self { signals }
    }

    /// The outbox has grown.
    pub fn ring(&self) {
        // The publisher may have ended; then nobody needs to be woken.
        let _ = self.signals.send(Signal::Wake);
    }
}
