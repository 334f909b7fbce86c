//! What a directory has served: all that a client can know of it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

/// What a row shows of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
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
    /// Whether a client may leave it untold: another row of the same reading said something else.
    pub doubtful: bool,
    /// Whether the row was about somebody who had the agent's id.
    pub of_somebody_else: bool,
}

/// The sights of each agent, each different one once in a row.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    served: BTreeMap<String, Vec<Sight>>,
    /// What this reading has shown so far, and whether it was news.
    reading: HashMap<String, (Sight, bool)>,
    /// Who was shown under an id in this reading, and its owner not so far.
    strangers: BTreeMap<String, Sight>,
}

impl Ledger {
    pub(super) const fn served(&self) -> &BTreeMap<String, Vec<Sight>> {
        &self.served
    }

    /// A client begins to read from the first page on.
    pub(super) fn begin_reading(&mut self) {
        self.reading.clear();
        for (id, sight) in std::mem::take(&mut self.strangers) {
            self.served.entry(id).or_default().push(sight);
        }
    }

    /// A row was served.
    pub(super) fn saw(&mut self, id: &str, mut sight: Sight) {
        sight.doubtful |= self.strangers.remove(id).is_some();
        let versions = self.served.entry(id.to_owned()).or_default();
        if let Some((earlier, news)) = self.reading.get(id) {
            if earlier.shows_the_same_as(&sight) {
                return;
            }
            // Two rows of one reading disagree: either may be told, and neither has to be.
            if let (true, Some(last)) = (news, versions.last_mut()) {
                last.doubtful = true;
            }
            sight.doubtful = true;
        }
        let news = match versions.last_mut() {
            Some(last) if last.shows_the_same_as(&sight) && !last.is_older_than(&sight) => {
                let settled = last.doubtful && !sight.doubtful;
                last.doubtful &= sight.doubtful;
                settled
            }
            _ => {
                versions.push(sight.clone());
                true
            }
        };
        self.reading.insert(id.to_owned(), (sight, news));
    }

    /// A row was served that is about somebody else, and has the id of this agent. Where both are
    /// shown, neither has to be told. Where a reading ends before the agent's own row, nobody can
    /// know whose id it is.
    pub(super) fn saw_somebody_else(&mut self, id: &str, sight: Sight) {
        match self.reading.get(id) {
            Some((_, news)) => {
                let last = self.served.get_mut(id).and_then(|versions| versions.last_mut());
                if let (true, Some(last)) = (news, last) {
                    last.doubtful = true;
                }
            }
            None => {
                let sight = Sight { doubtful: true, of_somebody_else: true, ..sight };
                self.strangers.insert(id.to_owned(), sight);
            }
        }
    }
}

impl Sight {
    /// Whether it may be told or not, and there was something else in between.
    fn is_older_than(&self, other: &Self) -> bool {
        self.doubtful
            && (self.active_since, self.state_since) != (other.active_since, other.state_since)
    }

    fn shows_the_same_as(&self, other: &Self) -> bool {
        self.facts == other.facts
            && self.active == other.active
            && self.state == other.state
            && self.deleted == other.deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(name: &str) -> Sight {
        let facts = BTreeMap::from([("name", String::from(name))]);
        Sight { facts, ..Sight::default() }
    }

    fn names(ledger: &Ledger) -> Vec<(&str, bool)> {
        let versions = ledger.served()["1"].iter();
        versions.map(|sight| (sight.facts["name"].as_str(), sight.doubtful)).collect()
    }

    #[test]
    fn each_different_sight_is_taken_down_once_in_a_row() {
        let mut ledger = Ledger::default();
        for name in ["Isa", "Isa", "Jorn", "Isa"] {
            ledger.begin_reading();
            ledger.saw("1", sight(name));
        }
        assert_eq!(names(&ledger), [("Isa", false), ("Jorn", false), ("Isa", false)]);
    }

    #[test]
    fn two_rows_of_one_reading_that_disagree_are_both_doubtful() {
        let mut ledger = Ledger::default();
        ledger.begin_reading();
        ledger.saw("1", sight("Isa"));
        ledger.begin_reading();
        ledger.saw("1", sight("Jorn"));
        ledger.saw("1", sight("Kaia"));
        ledger.begin_reading();
        ledger.saw("1", sight("Kaia"));
        assert_eq!(
            names(&ledger),
            // What is shown again without doubt has to be told.
            [("Isa", false), ("Jorn", true), ("Kaia", false)]
        );
    }

    #[test]
    fn a_row_of_somebody_else_makes_the_agents_own_row_doubtful() {
        let mut ledger = Ledger::default();
        ledger.saw("1", sight("Isa"));
        ledger.saw_somebody_else("1", sight("Jorn"));
        assert_eq!(names(&ledger), [("Isa", true)]);
        ledger.begin_reading();
        ledger.saw_somebody_else("1", sight("Jorn"));
        ledger.saw("1", sight("Isa"));
        assert_eq!(names(&ledger), [("Isa", true)]);
        ledger.begin_reading();
        ledger.saw("1", sight("Isa"));
        assert_eq!(names(&ledger), [("Isa", false)]);
    }

    #[test]
    fn whose_id_it_is_nobody_knows_where_the_owners_row_was_not_shown() {
        let mut ledger = Ledger::default();
        ledger.saw("1", sight("Isa"));
        ledger.begin_reading();
        ledger.saw_somebody_else("1", sight("Jorn"));
        ledger.begin_reading();
        ledger.saw("1", sight("Isa"));
        assert_eq!(names(&ledger), [("Isa", false), ("Jorn", true), ("Isa", false)]);
    }
}
