//! A stream of a vendor with its defaults.

use std::time::Duration;

use crate::model::StreamName;

/// How often a stream is polled, unless the configuration says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Its part of the budget beside the others'.
    pub weight: f64,
    /// After this long it goes before the others.
    pub max_interval: Duration,
    /// The shortest time from one poll to the next.
    pub min_interval: Duration,
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
}
