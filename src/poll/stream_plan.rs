//! How one stream of an account may be polled: the vendor's defaults with the configuration applied.

use std::time::Duration;

use super::arbiter::Share;
use super::planner::StreamSettings;
use crate::model::StreamName;
use crate::source::Planning;

/// How one stream may be polled.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    /// The stream.
    pub name: StreamName,
    /// What it may claim of the budget. The ceiling is also its longest interval.
    pub share: Share,
    /// The shortest time from one poll to the next.
    pub min_interval: Duration,
    /// How its polls are planned; `None` for lookups, which are polled when one is due.
    pub planning: Option<Planning>,
}

impl StreamPlan {
    /// What the planner has to know, if the stream is planned.
    pub(super) fn settings(&self) -> Option<StreamSettings> {
        self.planning.map(|Planning { class, rows_per_request }| StreamSettings {
            weight: self.share.weight,
            min_interval: self.min_interval,
            max_interval: self.share.ceiling,
            class,
            rows_per_request,
        })
    }
}
