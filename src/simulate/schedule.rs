//! Actions that are going to happen, ordered by simulated time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Timestamp;

/// Planned actions. Those of the same time happen in the order in which they were planned.
#[derive(Debug)]
pub(super) struct Schedule<A> {
    planned: BinaryHeap<Reverse<(Timestamp, u64, A)>>,
    /// How many actions were planned so far.
    count: u64,
}

impl<A: Ord> Schedule<A> {
    pub(super) const fn new() -> Self {
        Self { planned: BinaryHeap::new(), count: 0 }
    }

    pub(super) fn plan(&mut self, at: Timestamp, action: A) {
        self.count += 1;
        self.planned.push(Reverse((at, self.count, action)));
    }

    /// Takes the next action that is due at this time or before, and its own time.
    pub(super) fn next_due(&mut self, until: Timestamp) -> Option<(Timestamp, A)> {
        let Reverse((at, _, _)) = self.planned.peek()?;
        if *at > until {
            return None;
        }
        let Reverse((at, _, action)) = self.planned.pop()?;
        Some((at, action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_actions_come_in_order_of_time_and_then_of_planning() {
        let at = Timestamp::from_millis;
        let mut schedule = Schedule::new();
        for (millis, action) in [(3, 'c'), (1, 'b'), (1, 'a'), (9, 'd')] {
            schedule.plan(at(millis), action);
        }
        let due: Vec<_> = std::iter::from_fn(|| schedule.next_due(at(3))).collect();
        assert_eq!(due, [(at(1), 'b'), (at(1), 'a'), (at(3), 'c')]);
        assert_eq!(schedule.next_due(at(8)), None);
        assert_eq!(schedule.next_due(at(9)), Some((at(9), 'd')));
    }
}
