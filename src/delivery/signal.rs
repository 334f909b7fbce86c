//! The signals to a publisher's thread: the outbox has grown, or a stop is requested.

use std::sync::mpsc::Sender;
use std::time::Instant;

/// A message to the publisher's thread.
#[derive(Debug)]
pub(crate) enum Signal {
    /// The outbox may have grown.
    Wake,
    /// A stop is requested: send what is in the outbox, and end by this time.
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
        // The publisher may have ended.
        let _ = self.signals.send(Signal::Wake);
    }
}
