//! What a publisher's thread is asked to do: look at the outbox, or finish.

use std::sync::mpsc::Sender;
use std::time::Instant;

/// A message to the publisher's thread.
#[derive(Debug)]
pub(crate) enum Signal {
    /// The outbox may have grown.
    Wake,
    /// Send what is in the outbox, and end by this time.
    Finish(Instant),
}

/// Wakes the publisher when the outbox has grown.
#[derive(Clone, Debug)]
pub struct OutboxNotifier {
    signals: Sender<Signal>,
}

impl OutboxNotifier {
    pub(crate) const fn new(signals: Sender<Signal>) -> Self {
        Self { signals }
    }

    /// The outbox has grown.
    pub fn notify(&self) {
        // The publisher may have ended: then there is nobody to wake.
        let _ = self.signals.send(Signal::Wake);
    }
}
