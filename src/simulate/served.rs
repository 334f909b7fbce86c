//! What was served of something that only a reading can show: its versions, one after another.
//!
//! Whoever was served must tell of it, unless they died first: a version that was shown only to
//! readers who may have died before they kept it is doubtful, and may never be told.

use crate::model::Timestamp;

/// A version that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<T> {
    /// What was shown.
    pub shown: T,
    /// Whether everybody who saw it may have died before it was kept.
    pub doubtful: bool,
    /// Since when it is shown to whom nothing is known to have happened.
    since: Timestamp,
}

/// The versions that were served, each different one once in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served<T>(Vec<Version<T>>);

impl<T> Default for Served<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Served<T> {
    /// An answer showed this. True when it has to be told since then.
    pub(super) fn show(&mut self, shown: T, now: Timestamp) -> bool {
        match self.0.last_mut() {
            Some(last) if last.shown == shown && !last.doubtful => false,
            Some(last) if last.shown == shown => {
                (last.doubtful, last.since) = (false, now);
                true
            }
            _ => {
                self.0.push(Version { shown, doubtful: false, since: now });
                true
            }
        }
    }

    /// An answer showed this, and something else as well: nobody has to tell of it.
    pub(super) fn show_doubtful(&mut self, shown: T, now: Timestamp) {
        if self.0.last().is_none_or(|last| last.shown != shown) {
            self.0.push(Version { shown, doubtful: true, since: now });
        }
    }

    /// Nobody has to tell of what was shown last.
    pub(super) fn doubt_last(&mut self) {
        if let Some(last) = self.0.last_mut() {
            last.doubtful = true;
        }
    }

    /// An answer showed this of something that begins as `start`, which is no news.
    pub(super) fn show_from(&mut self, start: &T, shown: T, now: Timestamp) {
        if !self.0.is_empty() || *start != shown {
            self.show(shown, now);
        }
    }

    /// Whoever was answered since then may have died with it.
    pub(super) fn doubt(&mut self, since: Timestamp) {
        for version in self.0.iter_mut().rev().take_while(|version| version.since >= since) {
            version.doubtful = true;
        }
    }

    /// The versions, in their order.
    pub fn versions(&self) -> impl Iterator<Item = &Version<T>> {
        self.0.iter()
    }

    /// Whether some version was shown to whom nothing is known to have happened.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.0.iter().any(|version| !version.doubtful)
    }
}

impl<T: PartialEq> FromIterator<T> for Served<T> {
    fn from_iter<I: IntoIterator<Item = T>>(shown: I) -> Self {
        let mut served = Self::default();
        for version in shown {
            served.show(version, Timestamp::from_millis(0));
        }
        served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubtful(served: &Served<char>) -> Vec<(char, bool)> {
        served.versions().map(|version| (version.shown, version.doubtful)).collect()
    }

    #[test]
    fn what_was_shown_only_to_those_who_died_is_doubtful() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut served = Served::default();
        for (second, shown) in [(1, 'a'), (2, 'a'), (5, 'b'), (6, 'c')] {
            served.show(shown, at(second));
        }
        assert!(served.is_certain());
        served.doubt(at(4));
        assert_eq!(doubtful(&served), [('a', false), ('b', true), ('c', true)]);
        // It is shown again, to somebody else.
        served.show('c', at(8));
        assert_eq!(doubtful(&served), [('a', false), ('b', true), ('c', false)]);
        // And those die too.
        served.doubt(at(7));
        assert_eq!(doubtful(&served), [('a', false), ('b', true), ('c', true)]);
    }

    #[test]
    fn what_something_begins_as_is_no_news() {
        let mut served = Served::default();
        for shown in [false, true, false, false] {
            served.show_from(&false, shown, Timestamp::from_millis(1));
        }
        let shown: Vec<_> = served.versions().map(|version| version.shown).collect();
        assert_eq!(shown, [true, false]);
    }
}
