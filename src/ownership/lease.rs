//! The right to ask vendors at all: it ends by itself unless it is renewed, so that an owner that was
//! paused, or is cut off from Kafka, has stopped asking before another one begins.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A right that ends at a time of the machine's monotonic clock, which goes on while the process is
/// paused. It is looked at before each request.
#[derive(Debug)]
pub struct Lease {
    until: Mutex<Until>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Ended,
    At(Instant),
    Unlimited,
}

impl Default for Lease {
    /// One that has ended.
    fn default() -> Self {
        Self { until: Mutex::new(Until::Ended) }
    }
}

impl Lease {
    /// One that does not end.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { until: Mutex::new(Until::Unlimited) }
    }

    /// It ends at this time and no earlier; without a time it does not end.
    pub fn renew(&self, until: Option<Instant>) {
        self.set(until.map_or(Until::Unlimited, Until::At));
    }

    /// It has ended.
    pub fn end(&self) {
        self.set(Until::Ended);
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        match *self.until.lock().unwrap_or_else(PoisonError::into_inner) {
            Until::Ended => false,
            Until::At(until) => now < until,
            Until::Unlimited => true,
        }
    }

    fn set(&self, until: Until) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lease_holds_until_its_time_unless_it_is_renewed() {
        let (lease, now) = (Lease::default(), Instant::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(!lease.holds(now));
        lease.renew(Some(later(15)));
        assert!(lease.holds(later(14)) && !lease.holds(later(15)));
        lease.renew(Some(later(20)));
        assert!(lease.holds(later(19)));
        lease.renew(None);
        assert!(lease.holds(later(1_000_000)));
        lease.end();
        assert!(!lease.holds(now));
        assert!(Lease::unlimited().holds(now));
    }
}
