//! The wait between two attempts: it doubles from a first to a longest one, until it is reset.
//!
//! It computes waits and does not sleep, so that threads and tasks use it alike, and its randomness is
//! passed in. No crate fits: the jitter of `backon` and `exponential-backoff` comes from their own
//! generators (and `backon` adds it on top of the longest wait), and `backoff` is unmaintained. Without
//! their jitter only the doubling would be left.

use std::ops::Range;
use std::time::Duration;

/// Jitter factor range for [`Backoff::next_part`]: clients that failed together do not retry together.
pub(crate) const JITTER: Range<f64> = 0.5..1.0;

/// Waits that double.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self { first, longest, next: first }
    }

    /// The wait before the next attempt. The one after it is twice as long.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.longest);
        wait
    }

    /// This part of the wait before the next attempt, between 0 and 1.
    pub(crate) fn next_part(&mut self, part: f64) -> Duration {
        self.next().mul_f64(part.clamp(0.0, 1.0))
    }

    /// An attempt succeeded: begins with the first wait again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_from_the_first_to_the_longest_and_start_over_after_a_reset() {
        let millis = Duration::from_millis;
        let cases = [
            (200, 5_000, vec![200, 400, 800, 1_600, 3_200, 5_000, 5_000]),
            (500, 60_000, vec![500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]),
            (2_000, 2_000, vec![2_000, 2_000, 2_000]),
            (3_000, 2_000, vec![2_000, 2_000]),
            (0, 1_000, vec![0, 0, 0]),
        ];
        for (first, longest, expected) in cases {
            let mut backoff = Backoff::new(millis(first), millis(longest));
            for round in 0..2 {
                let waits: Vec<_> = expected.iter().map(|_| backoff.next()).collect();
                let expected: Vec<_> = expected.iter().copied().map(millis).collect();
                assert_eq!(waits, expected, "{first} to {longest}, round {round}");
                backoff.reset();
            }
        }
        let mut backoff = Backoff::new(millis(500), millis(60_000));
        let parts = [1.0, 0.5, 0.75].map(|part| backoff.next_part(part).as_millis());
        assert_eq!(parts, [500, 500, 1_500]);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_longest_nor_shorter_than_the_one_before(
            first in 0..100_000_u64, longest in 0..100_000_u64, attempts in 1..70_usize,
            part in JITTER,
        ) {
            let longest = Duration::from_millis(longest);
            let mut backoff = Backoff::new(Duration::from_millis(first), longest);
            let mut before = Duration::ZERO;
            for _ in 0..attempts {
                let jittered = backoff.clone().next_part(part);
                let wait = backoff.next();
                prop_assert!(before <= wait && wait <= longest);
                prop_assert!(wait.mul_f64(0.5) <= jittered && jittered <= wait);
                before = wait;
            }
        }
    }
}
