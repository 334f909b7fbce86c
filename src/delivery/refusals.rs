//! What to do about a message that the broker refuses permanently.
//!
//! The broker refuses a whole delivery, and does not say because of which message. The entry is found
//! by halving the delivery repeatedly; then its events are replaced by placeholders, the largest first,
//! and last its state is left out. Later entries are delivered.

use std::collections::{HashMap, HashSet};

use rdkafka::error::RDKafkaErrorCode;

use super::placeholder::placeholder_of;
use crate::kafka::explain;
use crate::store::{NumberedEntry, OutboxEvent, StateRecord};

/// What was changed after a refusal, for the next delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokerRefusal {
    /// Fewer entries are delivered at once.
    Halved,
    /// An event has a placeholder.
    EventReplaced,
    /// The entry's state is left out.
    StateLeftOut,
    /// Nothing is left to change: the owner record itself is refused.
    Unresolved,
}

/// What was refused among the entries that are still in the outbox.
#[derive(Debug)]
pub(super) struct Refusals {
    most_entries: usize,
    /// How many entries are delivered at once now.
    entries_at_once: usize,
    /// By entry number and the event's index in the entry.
    placeholders: HashMap<(u64, usize), OutboxEvent>,
    /// Numbers of entries whose state is left out.
    without_state: HashSet<u64>,
}

impl Refusals {
    /// Nothing is refused; at most so many entries are delivered at once.
    pub(super) fn new(most_entries: usize) -> Self {
        Self {
            most_entries,
            entries_at_once: most_entries,
            placeholders: HashMap::new(),
            without_state: HashSet::new(),
        }
    }

    /// How many entries to deliver at once.
    pub(super) const fn entries_at_once(&self) -> usize {
        self.entries_at_once
    }

    /// The events of an entry as they are to be sent: some are placeholders.
    pub(super) fn events<'e>(
        &'e self,
        entry: &'e NumberedEntry,
    ) -> impl Iterator<Item = &'e OutboxEvent> {
        let events = entry.entry.events.iter().enumerate();
        events.map(|(index, event)| self.placeholders.get(&(entry.number, index)).unwrap_or(event))
    }

    /// Whether the records of this entry are published.
    pub(super) fn publishes_state(&self, number: u64) -> bool {
        !self.without_state.contains(&number)
    }

    /// A delivery was committed: more entries may be delivered at once.
    pub(super) fn delivered(&mut self) {
        self.entries_at_once = (self.entries_at_once * 2).min(self.most_entries);
    }

    /// Forgets the entries up to this number, which are published.
    pub(super) fn forget_through(&mut self, progress: u64) {
        self.placeholders.retain(|(number, _), _| *number > progress);
        self.without_state.retain(|number| *number > progress);
    }

    /// The broker refused a delivery of these entries.
    pub(super) fn refused(
        &mut self,
        entries: &[NumberedEntry],
        code: RDKafkaErrorCode,
    ) -> BrokerRefusal {
        let entry = match entries {
            [] => return BrokerRefusal::Unresolved,
            [entry] => entry,
            _ => {
                self.entries_at_once = (entries.len() / 2).max(1);
                return BrokerRefusal::Halved;
            }
        };
        let number = entry.number;
        let unreplaced = entry.entry.events.iter().enumerate();
        let unreplaced =
            unreplaced.filter(|(index, _)| !self.placeholders.contains_key(&(number, *index)));
        if let Some((index, event)) = unreplaced.max_by_key(|(_, event)| event.datum.len()) {
            self.placeholders.insert((number, index), replace(event, code));
            return BrokerRefusal::EventReplaced;
        }
        if self.without_state.insert(number) {
            let size: usize = entry.entry.records.iter().map(record_size).sum();
            tracing::error!(
                size,
                "state is too large for the state topic and is not published; raise its \
                 max.message.bytes"
            );
            return BrokerRefusal::StateLeftOut;
        }
        BrokerRefusal::Unresolved
    }
}

/// The placeholder of an event; the event itself where none can be created.
fn replace(event: &OutboxEvent, code: RDKafkaErrorCode) -> OutboxEvent {
    let reason = format!("refused by the broker: {}", explain(Some(code), "").text);
    match placeholder_of(event, &reason) {
        Ok(placeholder) => {
            tracing::error!(
                key = %event.key, event = event.event_type.as_str(), size = event.datum.len(),
                %reason, "an event is replaced by EventOmitted"
            );
            placeholder
        }
        Err(error) => {
            tracing::error!(key = %event.key, %error, "an event cannot be replaced by EventOmitted");
            event.clone()
        }
    }
}

fn record_size((key, value): &StateRecord) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::event::{EventType, Topic};
    use crate::model::Timestamp;
    use crate::store::OutboxEntry;

    const TOO_LARGE: RDKafkaErrorCode = RDKafkaErrorCode::MessageSizeTooLarge;

    fn entry(number: u64, sizes: &[usize]) -> NumberedEntry {
        let event = |size: &usize| OutboxEvent {
            topic: Topic::Calls,
            account: String::from("acme"),
            key: String::from("acme:call:1"),
            event_type: EventType::CallQueued,
            fingerprint: [7; 8],
            event_id: Uuid::nil(),
            sequence: number,
            revision: number,
            occurred_at: Timestamp::from_millis(0),
            observed_at: Timestamp::from_millis(0),
            datum: vec![0; *size],
        };
        let entry = OutboxEntry { events: sizes.iter().map(event).collect(), records: Vec::new() };
        NumberedEntry { number, entry }
    }

    #[test]
    fn a_refused_entry_is_found_by_halving_and_more_are_delivered_after_it() {
        let mut refusals = Refusals::new(8);
        let entries: Vec<_> = (1..=8).map(|number| entry(number, &[1])).collect();
        for expected in [4, 2, 1] {
            let delivered = &entries[..refusals.entries_at_once()];
            assert_eq!(refusals.refused(delivered, TOO_LARGE), BrokerRefusal::Halved);
            assert_eq!(refusals.entries_at_once(), expected);
        }
        for expected in [2, 4, 8, 8] {
            refusals.delivered();
            assert_eq!(refusals.entries_at_once(), expected);
        }
    }

    #[test]
    fn of_one_entry_the_largest_event_is_replaced_first_and_its_state_left_out_last() {
        let mut refusals = Refusals::new(8);
        let entries = [entry(3, &[1, 9, 5])];
        let mut replaced = Vec::new();
        for _ in 0..3 {
            assert_eq!(refusals.refused(&entries, TOO_LARGE), BrokerRefusal::EventReplaced);
            replaced.push(refusals.placeholders.len());
            assert!(refusals.publishes_state(3));
        }
        assert!(refusals.placeholders.contains_key(&(3, 1)) && replaced == [1, 2, 3]);
        assert_eq!(refusals.refused(&entries, TOO_LARGE), BrokerRefusal::StateLeftOut);
        assert!(!refusals.publishes_state(3) && refusals.publishes_state(4));
        assert_eq!(refusals.refused(&entries, TOO_LARGE), BrokerRefusal::Unresolved);
        assert_eq!(refusals.refused(&[], TOO_LARGE), BrokerRefusal::Unresolved);
        refusals.forget_through(3);
        assert!(refusals.publishes_state(3) && refusals.placeholders.is_empty());
    }
}
