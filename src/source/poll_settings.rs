//! The settings of polling that all vendors share.

use std::time::Duration;

use crate::model::Privacy;

/// Settings of polling that accounts of every vendor have.
#[derive(Clone, Copy, Debug)]
pub struct PollSettings {
    /// What becomes of personal data.
    pub privacy: Privacy,
    /// How many minutes a service level looks back.
    pub service_level_minutes: i64,
    /// How far before its cursor an incremental poll begins; `None` for the vendor's default.
    pub overlap: Option<Duration>,
}
