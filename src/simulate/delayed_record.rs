//! A record whose versions become visible a little after they were written, always in the order in
//! which they were written.

use std::collections::VecDeque;

use serde_json::Value;

use crate::model::Timestamp;

/// The visible version of a record, and those that are not visible yet.
#[derive(Clone, Debug)]
pub(super) struct DelayedRecord<V = Value> {
    visible: Option<V>,
    pending: VecDeque<(Timestamp, V)>,
}

impl<V> Default for DelayedRecord<V> {
    fn default() -> Self {
        Self { visible: None, pending: VecDeque::new() }
    }
}

impl<V> DelayedRecord<V> {
    /// When a version that is written now becomes visible: at this time, or after the one before.
    pub(super) fn not_before(&self, visible_at: Timestamp) -> Timestamp {
        self.pending.back().map_or(visible_at, |(last, _)| visible_at.max(*last))
    }

    /// Writes a version that becomes visible at this time, or after the one before it.
    pub(super) fn write(&mut self, visible_at: Timestamp, version: V) {
        let visible_at = self.not_before(visible_at);
        self.pending.push_back((visible_at, version));
    }

    /// The version that is visible at this time. Times must not decrease.
    pub(super) fn visible_at(&mut self, now: Timestamp) -> Option<&V> {
        while self.pending.front().is_some_and(|(visible_at, _)| *visible_at <= now) {
            self.visible = self.pending.pop_front().map(|(_, version)| version);
        }
        self.visible.as_ref()
    }

    /// The version that was written last, visible or not.
    pub(super) fn latest(&self) -> Option<&V> {
        self.pending.back().map(|(_, version)| version).or(self.visible.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_become_visible_late_and_in_their_order() {
        let at = Timestamp::from_millis;
        let mut record = DelayedRecord::default();
        record.write(at(500), json!(1));
        record.write(at(200), json!(2));
        assert_eq!(record.visible_at(at(499)), None);
        assert_eq!(record.visible_at(at(500)), Some(&json!(2)));
        assert_eq!(record.latest(), Some(&json!(2)));
    }
}
