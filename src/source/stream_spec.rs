//! A stream of a vendor with its defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::StreamName;

/// How often a stream is polled, unless the configuration says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// What a second of delay of one of its events costs, beside other streams' events.
    pub weight: f64,
    /// The longest time from one poll to the next, unless the account is saturated.
    pub max_interval: Duration,
    /// The shortest time from one poll to the next.
    pub min_interval: Duration,
}

/// What a stream is for when the budget is not enough for all: the first gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegradationClass {
    /// What changes a few times a month: queues, teams, definitions. Late is as good as in time.
    Reference,
    /// Rosters: who is there, with which settings.
    Roster,
    /// Values of the moment. What lies between two polls is lost, and what is seen stays true.
    Snapshot,
    /// Second polls that find rows which became visible late. They only repair.
    LookBack,
    /// What the vendor recorded, row by row. A backlog here delays every event behind it.
    Incremental,
}

impl DegradationClass {
    /// All of them, in the order in which they give way.
    pub const ALL: [Self; 5] =
        [Self::Reference, Self::Roster, Self::Snapshot, Self::LookBack, Self::Incremental];
}

/// What the planner has to know of a stream besides its pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planning {
    /// When it gives way if the account is saturated.
    pub class: DegradationClass,
    /// How many new rows one request brings, where a poll takes as many requests as there are new
    /// rows to read. `None` where a poll costs the same however much is new.
    pub rows_per_request: Option<u32>,
}

/// A stream and its defaults.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name.
    pub name: StreamName,
    /// How far before its cursor an incremental poll begins; `None` for streams without a cursor.
    pub overlap: Option<Duration>,
    /// How often it is polled.
    pub pace: Pace,
    /// How its polls are planned; `None` for lookups, which are polled when one is due.
    pub planning: Option<Planning>,
}
