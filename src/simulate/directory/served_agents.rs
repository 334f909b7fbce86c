//! What a directory has served of its agents. Where two rows of one poll contradict each other,
//! both are uncertain: either may be published, and neither has to be.

use std::collections::{BTreeMap, HashMap};

use crate::model::Timestamp;
use crate::simulate::served::Served;
use crate::simulate::truth::AgentView;

/// The served views of each agent.
#[derive(Debug, Default)]
pub(super) struct ServedAgents {
    by_id: BTreeMap<String, Served<AgentView>>,
    /// What the current poll has shown so far, and whether it was a change.
    current_poll: HashMap<String, (AgentView, bool)>,
    /// Other people who were shown under an agent's id in the current poll, while the agent's own
    /// row was not.
    other_people: BTreeMap<String, AgentView>,
}

impl ServedAgents {
    pub(super) const fn by_id(&self) -> &BTreeMap<String, Served<AgentView>> {
        &self.by_id
    }

    /// Marks as uncertain what was served since this time.
    pub(super) fn mark_uncertain_since(&mut self, since: Timestamp) {
        self.by_id.values_mut().for_each(|served| served.mark_uncertain_since(since));
    }

    /// A client polls from the first page on.
    pub(super) fn begin_poll(&mut self, now: Timestamp) {
        self.current_poll.clear();
        for (id, view) in std::mem::take(&mut self.other_people) {
            self.by_id.entry(id).or_default().record_uncertain(view, now);
        }
    }

    /// An agent's row was served.
    pub(super) fn record(&mut self, id: &str, view: AgentView, now: Timestamp) {
        let served = self.by_id.entry(id.to_owned()).or_default();
        let mut uncertain = self.other_people.remove(id).is_some();
        if let Some((earlier, changed)) = self.current_poll.get(id) {
            if *earlier == view {
                return;
            }
            if *changed {
                served.mark_last_uncertain();
            }
            uncertain = true;
        }
        let changed = if uncertain {
            served.record_uncertain(view.clone(), now);
            false
        } else {
            served.record(view.clone(), now)
        };
        self.current_poll.insert(id.to_owned(), (view, changed));
    }

    /// A row was served that is about another person, under the id of this agent. Where the agent's
    /// own row is served as well, neither has to be published. Where it is not, a client cannot
    /// know whose id it is.
    pub(super) fn record_other_person(&mut self, id: &str, view: AgentView) {
        match (self.current_poll.get(id), self.by_id.get_mut(id)) {
            (Some((_, true)), Some(served)) => served.mark_last_uncertain(),
            (Some(_), _) => {}
            (None, _) => {
                let view = AgentView { of_other_person: true, ..view };
                self.other_people.insert(id.to_owned(), view);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str) -> AgentView {
        let facts = BTreeMap::from([("name", String::from(name))]);
        AgentView { facts, ..AgentView::default() }
    }

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn names(agents: &ServedAgents) -> Vec<(&str, bool)> {
        let versions = agents.by_id()["1"].versions();
        versions.map(|version| (version.value.facts["name"].as_str(), version.uncertain)).collect()
    }

    #[test]
    fn consecutive_equal_views_are_recorded_once() {
        let mut agents = ServedAgents::default();
        for name in ["Isa", "Isa", "Jorn", "Isa"] {
            agents.begin_poll(NOW);
            agents.record("1", view(name), NOW);
        }
        assert_eq!(names(&agents), [("Isa", false), ("Jorn", false), ("Isa", false)]);
    }

    #[test]
    fn two_rows_of_one_poll_that_contradict_each_other_are_both_uncertain() {
        let mut agents = ServedAgents::default();
        agents.begin_poll(NOW);
        agents.record("1", view("Isa"), NOW);
        agents.begin_poll(NOW);
        agents.record("1", view("Jorn"), NOW);
        agents.record("1", view("Kaia"), NOW);
        agents.begin_poll(NOW);
        agents.record("1", view("Kaia"), NOW);
        assert_eq!(
            names(&agents),
            // What is served again without contradiction has to be published.
            [("Isa", false), ("Jorn", true), ("Kaia", false)]
        );
    }

    #[test]
    fn a_row_of_another_person_makes_the_agents_own_row_uncertain() {
        let mut agents = ServedAgents::default();
        agents.record("1", view("Isa"), NOW);
        agents.record_other_person("1", view("Jorn"));
        assert_eq!(names(&agents), [("Isa", true)]);
        agents.begin_poll(NOW);
        agents.record_other_person("1", view("Jorn"));
        agents.record("1", view("Isa"), NOW);
        assert_eq!(names(&agents), [("Isa", true)]);
        agents.begin_poll(NOW);
        agents.record("1", view("Isa"), NOW);
        assert_eq!(names(&agents), [("Isa", false)]);
    }

    #[test]
    fn a_row_of_another_person_is_uncertain_where_the_agents_own_row_was_not_served() {
        let mut agents = ServedAgents::default();
        agents.record("1", view("Isa"), NOW);
        agents.begin_poll(NOW);
        agents.record_other_person("1", view("Jorn"));
        agents.begin_poll(NOW);
        agents.record("1", view("Isa"), NOW);
        assert_eq!(names(&agents), [("Isa", false), ("Jorn", true), ("Isa", false)]);
    }
}
