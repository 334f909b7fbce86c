//! Points in time, and their precision.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, as Avro's `timestamp-millis`.
///
/// Vendors' stamps and times of our own clock have the same type; each field says which clock it
/// belongs to. Only times of the years 1 to 9999 are accepted from outside, see
/// [`Timestamp::from_utc`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest time that is accepted from a vendor: 0001-01-01T00:00:00Z.
    pub const EARLIEST: Timestamp = Timestamp(-62_135_596_800_000);
    /// The latest time that is accepted from a vendor: 9999-12-31T23:59:59.999Z.
    pub const LATEST: Timestamp = Timestamp(253_402_300_799_999);

    /// A time from its milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// A time from chrono's, or `None` outside the years 1 to 9999.
    #[must_use]
    pub fn from_utc(time: DateTime<Utc>) -> Option<Self> {
        let time = Self(time.timestamp_millis());
        (Self::EARLIEST..=Self::LATEST).contains(&time).then_some(time)
    }

    /// The time cut to its whole second.
    #[must_use]
    pub const fn floor_second(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// Whether the time has no part below the second.
    #[must_use]
    pub const fn is_whole_second(self) -> bool {
        self.0.rem_euclid(1000) == 0
    }

    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[must_use]
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time moved by that many milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// `2026-03-01T08:00:00Z`, with milliseconds only where there are any.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            None => format!("{} ms", self.0),
        }
    }

    /// `2026-03-01T08:00:00.000Z`, always with milliseconds, as vendors write and read times.
    #[must_use]
    pub fn to_rfc3339_millis(self) -> String {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
            None => format!("{} ms", self.0),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_rfc3339())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, duration: Duration) -> Timestamp {
        self.plus_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, duration: Duration) -> Timestamp {
        self.plus_millis(-i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The precision of the time of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Precision {
    /// The vendor stamped it, to the millisecond.
    Exact,
    /// The vendor stamped it, to the second.
    Second,
    /// It happened between two polls.
    Bounded,
}

impl Precision {
    /// The precision of a vendor's stamp: a millisecond field may carry whole seconds only.
    #[must_use]
    pub const fn of_stamp(stamp: Timestamp) -> Self {
        if stamp.is_whole_second() { Self::Second } else { Self::Exact }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_are_cut_down_to_their_second() {
        assert_eq!(Timestamp::from_millis(-1).floor_second(), Timestamp::from_millis(-1000));
        assert_eq!(Timestamp::from_millis(1999).floor_second(), Timestamp::from_millis(1000));
    }

    #[test]
    fn a_whole_second_is_a_stamp_to_the_second() {
        assert_eq!(Precision::of_stamp(Timestamp::from_millis(5000)), Precision::Second);
        assert_eq!(Precision::of_stamp(Timestamp::from_millis(5001)), Precision::Exact);
    }

    #[test]
    fn years_beyond_four_digits_are_no_times() {
        let far = DateTime::<Utc>::from_timestamp_millis(9_223_372_036_854_775);
        assert_eq!(far.and_then(Timestamp::from_utc), None);
    }
}
