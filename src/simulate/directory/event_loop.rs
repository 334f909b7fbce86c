//! The event loop of a directory: performs the planned actions in order of time.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::served_agents::ServedAgents;
use super::state::{Action, Directory};
use crate::model::Timestamp;
use crate::simulate::schedule::Schedule;
use crate::simulate::settings::WorldSettings;
use crate::simulate::system::System;

impl Directory {
    /// A directory that is opened at this time.
    pub(in crate::simulate) fn new(
        system: System,
        settings: &WorldSettings,
        now: Timestamp,
    ) -> Self {
        let mut directory = Self {
            system,
            settings: settings.directories,
            clock_offset_millis: settings.clock_offset_millis,
            random: StdRng::seed_from_u64(settings.seed ^ system as u64),
            now,
            entries: BTreeMap::new(),
            id_duplicate: None,
            group_names: 0,
            turn: 0,
            last_departure: now,
            last_empty: now,
            removed: BTreeSet::new(),
            served: ServedAgents::default(),
            hired: 0,
            schedule: Schedule::new(),
            stopped: false,
        };
        for _ in 0..settings.directories.agents {
            directory.hire();
        }
        if system != System::DeepCall {
            directory.after(900, Action::StateChanges);
        }
        directory.after(2_300, Action::RosterChanges);
        directory.after(3_700, Action::SwitchChanges);
        directory.after(5_100, Action::RowsAreTouched);
        directory.after(11_000, Action::AgentIsHired);
        directory.after(14_000, Action::AgentLeaves);
        if system == System::DeepCall {
            directory.after(16_000, Action::DeletedAgentAppears);
        }
        if system == System::Infobip && settings.directories.traps.shared_ids {
            directory.after(17_000, Action::IdIsShared);
        }
        directory
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
    }

    /// Nothing happens from now on, no id is shared, and no answer is empty.
    pub(in crate::simulate) fn stop(&mut self) {
        self.stopped = true;
        self.id_duplicate = None;
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::StateChanges => self.state_changes(),
            Action::StateReturns(id, state) => self.change_state(&id, state),
            Action::RosterChanges => self.roster_changes(),
            Action::SwitchChanges => self.switch_changes(),
            Action::RowsAreTouched => self.rows_are_touched(),
            Action::AgentIsHired => {
                self.hire();
                self.after(13_000, Action::AgentIsHired);
            }
            Action::AgentLeaves => self.agent_leaves(),
            Action::AgentIsForgotten(id) => {
                self.entries.remove(&id);
            }
            Action::DeletedAgentAppears => self.deleted_agent_appears(),
            Action::IdIsShared => self.id_is_shared(),
            Action::IdIsNoLongerShared => {
                self.id_duplicate = None;
                self.after(20_000, Action::IdIsShared);
            }
        }
    }
}
