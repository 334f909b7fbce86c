//! The circumstances of one poll, and the result of a comparison.

use crate::event::{Draft, Occurrence, Origin};
use crate::model::Timestamp;

/// The circumstances of one poll. All times are in the vendor's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PollContext {
    /// When the first request was sent.
    pub requested_at: Timestamp,
    /// When the last response had been read.
    pub answered_at: Timestamp,
    /// When the first request of the stream's last committed poll before this one was sent; `None`
    /// before there was one.
    pub previous_requested_at: Option<Timestamp>,
    /// Changes before this time are not published.
    pub start: Timestamp,
    /// When the account was polled for the first time.
    pub baseline_at: Timestamp,
    /// Whether no complete full scan of the stream was committed before.
    pub first_full_scan: bool,
}

impl PollContext {
    /// The origin of a change with the vendor's stamp: before the start it belongs to the baseline,
    /// between the start and the first poll it is a backfill.
    #[must_use]
    pub fn origin(&self, stamp: Timestamp) -> Origin {
        if stamp < self.start {
            Origin::Baseline
        } else if stamp < self.baseline_at {
            Origin::Backfill
        } else {
            Origin::Live
        }
    }

    /// The origin of a change that has no stamp and that only this poll shows.
    #[must_use]
    pub fn unstamped_origin(&self) -> Origin {
        if self.previous_requested_at.is_none() || self.first_full_scan {
            Origin::Baseline
        } else {
            Origin::Live
        }
    }

    /// The time of a change that happened between the previous poll and this one.
    #[must_use]
    pub fn between(&self) -> Occurrence {
        Occurrence::bounded(self.requested_at, self.previous_requested_at)
    }
}

/// The result of comparing a row with the state of its entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<S> {
    /// The entity's next state.
    pub state: S,
    /// The events, in order.
    pub drafts: Vec<Draft>,
}
