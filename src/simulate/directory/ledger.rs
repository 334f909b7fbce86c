//! What a directory has served: all that a client can know of it. What two rows of one reading
//! disagree about is doubtful: either may be told, and neither has to be.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::model::Timestamp;
use crate::simulate::served::Served;

/// What a row shows of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// The facts of the roster that the row tells, by name, each in one form whatever the row's.
    pub facts: BTreeMap<&'static str, String>,
    /// The account's switch.
    pub active: bool,
    /// The state and, where the row tells it, its start in milliseconds, by the vendor's clock.
    pub state: Option<(String, Option<i64>)>,
    /// When the switch could first be seen as it is, in milliseconds by the vendor's clock.
    pub active_since: i64,
    /// The same of the state.
    pub state_since: i64,
    /// Whether the row says that the agent is deleted.
    pub deleted: bool,
    /// Whether the row was about somebody who had the agent's id.
    pub of_somebody_else: bool,
}

/// The sights of each agent, each different one once in a row.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    served: BTreeMap<String, Served<Sight>>,
    /// What this reading has shown so far, and whether it was news.
    reading: HashMap<String, (Sight, bool)>,
    /// Who was shown under an id in this reading, and its owner not so far.
    strangers: BTreeMap<String, Sight>,
}

impl Ledger {
    pub(super) const fn served(&self) -> &BTreeMap<String, Served<Sight>> {
        &self.served
    }

    /// Whoever was answered since then may have died with it.
    pub(super) fn doubt(&mut self, since: Timestamp) {
        self.served.values_mut().for_each(|served| served.doubt(since));
    }

    /// A client begins to read from the first page on.
    pub(super) fn begin_reading(&mut self, now: Timestamp) {
        self.reading.clear();
        for (id, sight) in std::mem::take(&mut self.strangers) {
            self.served.entry(id).or_default().show_doubtful(sight, now);
        }
    }

    /// A row was served.
    pub(super) fn saw(&mut self, id: &str, sight: Sight, now: Timestamp) {
        let served = self.served.entry(id.to_owned()).or_default();
        let mut doubtful = self.strangers.remove(id).is_some();
        if let Some((earlier, news)) = self.reading.get(id) {
            if *earlier == sight {
                return;
            }
            if *news {
                served.doubt_last();
            }
            doubtful = true;
        }
        let news = if doubtful {
            served.show_doubtful(sight.clone(), now);
            false
        } else {
            served.show(sight.clone(), now)
        };
        self.reading.insert(id.to_owned(), (sight, news));
    }

    /// A row was served that is about somebody else, and has the id of this agent. Where both are
    /// shown, neither has to be told. Where a reading ends before the agent's own row, nobody can
    /// know whose id it is.
    pub(super) fn saw_somebody_else(&mut self, id: &str, sight: Sight) {
        match (self.reading.get(id), self.served.get_mut(id)) {
            (Some((_, true)), Some(served)) => served.doubt_last(),
            (Some(_), _) => {}
            (None, _) => {
                let sight = Sight { of_somebody_else: true, ..sight };
                self.strangers.insert(id.to_owned(), sight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(name: &str) -> Sight {
        let facts = BTreeMap::from([("name", String::from(name))]);
        Sight { facts, ..Sight::default() }
    }

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn names(ledger: &Ledger) -> Vec<(&str, bool)> {
        let versions = ledger.served()["1"].versions();
        versions.map(|version| (version.shown.facts["name"].as_str(), version.doubtful)).collect()
    }

    #[test]
    fn each_different_sight_is_taken_down_once_in_a_row() {
        let mut ledger = Ledger::default();
        for name in ["Isa", "Isa", "Jorn", "Isa"] {
            ledger.begin_reading(NOW);
            ledger.saw("1", sight(name), NOW);
        }
        assert_eq!(names(&ledger), [("Isa", false), ("Jorn", false), ("Isa", false)]);
    }

    #[test]
    fn two_rows_of_one_reading_that_disagree_are_both_doubtful() {
        let mut ledger = Ledger::default();
        ledger.begin_reading(NOW);
        ledger.saw("1", sight("Isa"), NOW);
        ledger.begin_reading(NOW);
        ledger.saw("1", sight("Jorn"), NOW);
        ledger.saw("1", sight("Kaia"), NOW);
        ledger.begin_reading(NOW);
        ledger.saw("1", sight("Kaia"), NOW);
        assert_eq!(
            names(&ledger),
            // What is shown again without doubt has to be told.
            [("Isa", false), ("Jorn", true), ("Kaia", false)]
        );
    }

    #[test]
    fn a_row_of_somebody_else_makes_the_agents_own_row_doubtful() {
        let mut ledger = Ledger::default();
        ledger.saw("1", sight("Isa"), NOW);
        ledger.saw_somebody_else("1", sight("Jorn"));
        assert_eq!(names(&ledger), [("Isa", true)]);
        ledger.begin_reading(NOW);
        ledger.saw_somebody_else("1", sight("Jorn"));
        ledger.saw("1", sight("Isa"), NOW);
        assert_eq!(names(&ledger), [("Isa", true)]);
        ledger.begin_reading(NOW);
        ledger.saw("1", sight("Isa"), NOW);
        assert_eq!(names(&ledger), [("Isa", false)]);
    }

    #[test]
    fn whose_id_it_is_nobody_knows_where_the_owners_row_was_not_shown() {
        let mut ledger = Ledger::default();
        ledger.saw("1", sight("Isa"), NOW);
        ledger.begin_reading(NOW);
        ledger.saw_somebody_else("1", sight("Jorn"));
        ledger.begin_reading(NOW);
        ledger.saw("1", sight("Isa"), NOW);
        assert_eq!(names(&ledger), [("Isa", false), ("Jorn", true), ("Isa", false)]);
    }
}
