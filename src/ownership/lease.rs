//! The right to send vendor requests: it expires unless it is renewed, so that an owner that was paused
//! or is cut off from Kafka has stopped polling before another one begins.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A right that expires at a time of the machine's monotonic clock, which goes on while the process is
/// paused. It is checked before each request.
#[derive(Debug)]
pub struct Lease {
    expiry: Mutex<Expiry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    Expired,
    At(Instant),
    Never,
}

impl Default for Lease {
    /// One that has expired.
    fn default() -> Self {
        Self { expiry: Mutex::new(Expiry::Expired) }
    }
}

impl Lease {
    /// One that does not expire.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { expiry: Mutex::new(Expiry::Never) }
    }

    /// It expires at this time and no earlier; without a time it does not expire.
    pub fn renew(&self, until: Option<Instant>) {
        self.set(until.map_or(Expiry::Never, Expiry::At));
    }

    /// It expires now.
    pub fn end(&self) {
        self.set(Expiry::Expired);
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        match *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) {
            Expiry::Expired => false,
            Expiry::At(until) => now < until,
            Expiry::Never => true,
        }
    }

    fn set(&self, expiry: Expiry) {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = expiry;
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
