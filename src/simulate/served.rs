//! What was served of something that the vendor does not record: its versions, one after another.
//!
//! A bridge has to publish what it was served, unless it died first: a version that was served only
//! to bridges that may have died before they stored it is uncertain, and need not be published.

use crate::model::Timestamp;

/// A version that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<T> {
    /// What was shown.
    pub value: T,
    /// Whether it need not be published.
    pub uncertain: bool,
    /// Since when it is served to a bridge of which no failure is known.
    since: Timestamp,
}

/// The versions that were served, without consecutive repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served<T>(Vec<Version<T>>);

impl<T> Default for Served<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Served<T> {
    /// An answer showed this. True when it did not have to be published before, and has to now.
    pub(super) fn record(&mut self, value: T, now: Timestamp) -> bool {
        match self.0.last_mut() {
            Some(last) if last.value == value && !last.uncertain => false,
            Some(last) if last.value == value => {
                (last.uncertain, last.since) = (false, now);
                true
            }
            _ => {
                self.0.push(Version { value, uncertain: false, since: now });
                true
            }
        }
    }

    /// An answer showed this and something that contradicts it: neither has to be published.
    pub(super) fn record_uncertain(&mut self, value: T, now: Timestamp) {
        if self.0.last().is_none_or(|last| last.value != value) {
            self.0.push(Version { value, uncertain: true, since: now });
        }
    }

    /// The last version need not be published.
    pub(super) fn mark_last_uncertain(&mut self) {
        if let Some(last) = self.0.last_mut() {
            last.uncertain = true;
        }
    }

    /// An answer showed this of something whose initial value is known, and is not a change.
    pub(super) fn record_change(&mut self, initial: &T, value: T, now: Timestamp) {
        if !self.0.is_empty() || *initial != value {
            self.record(value, now);
        }
    }

    /// The bridges that were answered since this time may have died before they stored the answer.
    pub(super) fn mark_uncertain_since(&mut self, since: Timestamp) {
        for version in self.0.iter_mut().rev().take_while(|version| version.since >= since) {
            version.uncertain = true;
        }
    }

    /// The versions in the order in which they were served.
    pub fn versions(&self) -> impl Iterator<Item = &Version<T>> {
        self.0.iter()
    }

    /// Whether some version has to be published.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.0.iter().any(|version| !version.uncertain)
    }
}

impl<T: PartialEq> FromIterator<T> for Served<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut served = Self::default();
        for value in values {
            served.record(value, Timestamp::from_millis(0));
        }
        served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(served: &Served<char>) -> Vec<(char, bool)> {
        served.versions().map(|version| (version.value, version.uncertain)).collect()
    }

    #[test]
    fn what_was_served_only_to_bridges_that_died_is_uncertain() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut served = Served::default();
        for (second, value) in [(1, 'a'), (2, 'a'), (5, 'b'), (6, 'c')] {
            served.record(value, at(second));
        }
        assert!(served.is_certain());
        served.mark_uncertain_since(at(4));
        assert_eq!(versions(&served), [('a', false), ('b', true), ('c', true)]);
        // It is served again, to another bridge.
        served.record('c', at(8));
        assert_eq!(versions(&served), [('a', false), ('b', true), ('c', false)]);
        // That bridge is killed, too.
        served.mark_uncertain_since(at(7));
        assert_eq!(versions(&served), [('a', false), ('b', true), ('c', true)]);
    }

    #[test]
    fn the_initial_value_is_not_a_change() {
        let mut served = Served::default();
        for value in [false, true, false, false] {
            served.record_change(&false, value, Timestamp::from_millis(1));
        }
        let values: Vec<_> = served.versions().map(|version| version.value).collect();
        assert_eq!(values, [true, false]);
    }
}
