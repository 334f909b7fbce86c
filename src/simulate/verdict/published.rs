//! Published events, and the history of each entity.

use std::collections::HashMap;

use serde_json::Value;

/// An event as a consumer found it.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its type.
    pub event_type: String,
    /// The event as JSON; times in milliseconds since the epoch.
    pub value: Value,
}

/// The events of each entity (kind and id), by revision.
pub(super) struct Histories<'p>(HashMap<(&'p str, &'p str), Vec<&'p Published>>);

impl<'p> Histories<'p> {
    pub(super) fn new(published: &'p [Published]) -> Self {
        let mut all: HashMap<_, Vec<&Published>> = HashMap::new();
        for event in published {
            if let Some(entity) = entity(event) {
                all.entry(entity).or_default().push(event);
            }
        }
        for events in all.values_mut() {
            events.sort_by_key(|event| event.value["meta"]["revision"].as_i64());
        }
        Self(all)
    }

    /// The events of these types of one entity.
    pub(super) fn of(
        &self,
        kind: &str,
        id: &str,
        types: &[&str],
    ) -> std::vec::IntoIter<&'p Published> {
        let mut events = self.0.get(&(kind, id)).cloned().unwrap_or_default();
        events.retain(|event| types.contains(&event.event_type.as_str()));
        events.into_iter()
    }

    /// All entities with an event of these types.
    pub(super) fn entities(&self, types: &[&str]) -> Vec<(&'p str, &'p str)> {
        let matches = |event: &&Published| types.contains(&event.event_type.as_str());
        let of = |(entity, events): (&(&'p str, &'p str), &Vec<&Published>)| {
            events.iter().any(matches).then_some(*entity)
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// Kind and id of the entity that an event is about, by its key.
pub(super) fn entity(event: &Published) -> Option<(&str, &str)> {
    let mut parts = event.key.splitn(3, ':').skip(1);
    Some((parts.next()?, parts.next()?))
}
