//! The event loop of the contact centre: performs the planned actions in order of time.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::action::Action;
use super::definitions::Definitions;
use super::world::World;
use crate::model::Timestamp;
use crate::simulate::schedule::Schedule;
use crate::simulate::settings::WorldSettings;
use crate::simulate::truth::Truth;

/// Interactions that ended longer ago are deleted.
const RETENTION_MILLIS: i64 = 2 * 3_600_000;

impl World {
    /// A contact centre that opens at this time.
    pub(in crate::simulate) fn new(settings: WorldSettings, now: Timestamp) -> Self {
        let mut world = Self {
            random: StdRng::seed_from_u64(settings.seed),
            now,
            agents: BTreeMap::new(),
            calls: BTreeMap::new(),
            chats: BTreeMap::new(),
            definitions: Definitions::new(),
            log: Vec::new(),
            next_id: 1_000,
            truth: Truth { clock_offset_millis: settings.clock_offset_millis, ..Truth::default() },
            unconfirmed_empty_paths: BTreeSet::new(),
            schedule: Schedule::new(),
            stopped: false,
            settings,
        };
        for _ in 0..world.settings.agents {
            world.hire();
        }
        world.after(500, Action::CallArrives);
        world.after(800, Action::ChatArrives);
        world.after(4_000, Action::RosterChanges);
        world.after(9_000, Action::QueueChanges);
        world.after(11_000, Action::TeamChanges);
        world.after(19_000, Action::StatusChanges);
        world.after(20_000, Action::AgentIsHired);
        world.after(30_000, Action::AgentLeaves);
        world
    }

    /// Performs everything that is due up to this time.
    pub(in crate::simulate) fn advance(&mut self, to: Timestamp) {
        while !self.stopped
            && let Some((time, action)) = self.schedule.next_due(to)
        {
            self.now = time;
            self.perform(action);
        }
        self.now = self.now.max(to);
        let forgotten = self.now.plus_millis(-RETENTION_MILLIS);
        self.calls.retain(|_, call| call.ended.is_none_or(|ended| ended > forgotten));
        self.chats.retain(|_, chat| chat.ended.is_none_or(|ended| ended > forgotten));
    }

    /// Nothing happens from now on; what was written still becomes visible.
    pub(in crate::simulate) const fn stop(&mut self) {
        self.stopped = true;
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::CallArrives => self.call_arrives(),
            Action::CallQueues(call) => self.call_queues(call),
            Action::CallLooksForAgent(call) => self.call_looks_for_agent(call),
            Action::CallIsGivenUp(call) => self.call_is_given_up(call),
            Action::OfferIsMissed(call, agent) => self.offer_is_missed(call, agent),
            Action::CallConnects(call) => self.call_connects(call),
            Action::HoldBegins(call) => self.hold(call, true),
            Action::HoldEnds(call) => self.hold(call, false),
            Action::CallIsTransferred(call) => self.call_is_transferred(call),
            Action::CallEnds(call) => self.call_ends(call),
            Action::CallFails(call) => self.call_fails(call),
            Action::WrapUpEnds(call, agent) => self.wrap_up_ends(call, agent),
            Action::CallIsRated(call) => self.call_is_rated(call),
            Action::VoicemailBegins(call) => self.voicemail(call, "voicemail"),
            Action::VoicemailIsLeft(call) => self.voicemail(call, "voicemail_received"),
            Action::VoicemailIsRead(call) => self.voicemail(call, "voicemail_read"),
            Action::ChatArrives => self.chat_arrives(),
            Action::ChatLooksForAgent(chat) => self.chat_looks_for_agent(chat),
            Action::ChatIsGivenUp(chat) => self.chat_is_given_up(chat),
            Action::ChatGoesOn(chat) => self.chat_goes_on(chat),
            Action::ChatIsTransferred(chat) => self.chat_is_transferred(chat),
            Action::ChatEnds(chat) => self.chat_ends(chat, "finished"),
            Action::ChatExpires(chat) => self.chat_ends(chat, "no_response"),
            Action::ChatFails(chat) => self.chat_fails(chat),
            Action::ChatWrapUpEnds(chat, agent) => self.chat_wrap_up_ends(chat, agent),
            Action::ChatIsRated(chat) => self.chat_is_rated(chat),
            Action::QueueChanges => {
                self.after(9_000, Action::QueueChanges);
                self.definitions.change_queue();
            }
            Action::TeamChanges => {
                self.after(11_000, Action::TeamChanges);
                self.definitions.change_team();
            }
            Action::StatusChanges => {
                self.after(19_000, Action::StatusChanges);
                self.definitions.change_status();
            }
            Action::AgentLogsIn(agent) => self.log_in(agent),
            Action::AgentLogsOut(agent) => self.log_out(agent),
            Action::BreakBegins(agent) => self.take_break(agent),
            Action::BreakEnds(agent) => self.end_break(agent),
            Action::RosterChanges => self.roster_changes(),
            Action::AgentIsHired => {
                self.hire();
                self.after(25_000, Action::AgentIsHired);
            }
            Action::AgentLeaves => self.agent_leaves(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_history_and_another_seed_another_one() {
        let noon = Timestamp::from_millis(1_772_366_400_000);
        let history = |seed, step: i64| {
            let mut world = World::new(WorldSettings { seed, ..WorldSettings::default() }, noon);
            for second in (step..=120).step_by(usize::try_from(step).unwrap()) {
                world.advance(noon.plus_millis(second * 1_000));
            }
            let truth = world.truth();
            (truth.activities, truth.calls, truth.chats, truth.happened)
        };
        let first = history(1, 1);
        assert!(first.0.len() > 100 && first.1.len() > 20 && first.2.len() > 10);
        assert!(first == history(1, 60), "the history depends on the steps of time");
        assert!(first != history(2, 1), "the history does not depend on the seed");
    }

    #[test]
    fn a_bridge_that_ends_has_to_confirm_again_that_many_queues_are_empty() {
        let noon = Timestamp::from_millis(1_772_366_400_000);
        let waiting: Vec<_> = (1..=5)
            .map(|path| {
                let comm_type = "Call";
                json!({"menu_path_id": path, "lang": "en", "comm_type": comm_type, "in_queue_count": 8})
            })
            .collect();
        let emptied = |is_killed_between| {
            let mut world = World::new(WorldSettings::default(), noon);
            world.record_served("menus/current_status", "", &waiting);
            world.record_served("menus/current_status", "", &[]);
            if is_killed_between {
                world.mark_uncertain_since(noon.plus_millis(1));
            }
            world.record_served("menus/current_status", "", &[]);
            let depths = &world.truth.served_depths["1/en/call"];
            depths.versions().last().unwrap().value
        };
        assert_eq!(emptied(false), 0, "confirmed by the second answer");
        assert_eq!(emptied(true), 8, "the next bridge sees it for the first time");
    }
}
