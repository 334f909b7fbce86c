//! A directory of agents, as the vendors without an activity log have it: a list of people, each
//! with a switch, groups and, mostly, a state. What happens between two answers leaves no trace
//! but what the next answer shows.
//!
//! Everything that happens here is the same for all; how it is shown is the vendor's.

mod answers;
mod deepcall;
mod infobip;
mod ledger;
mod maqsam;
mod members;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use self::ledger::Ledger;
pub use self::ledger::Sight;
use self::members::{Entry, Member};
use super::served::Served;
use super::system::System;
use super::world::{LONG_READING_MILLIS, WorldSettings};
use crate::model::Timestamp;

/// How large each directory is and how it behaves.
#[derive(Clone, Copy, Debug)]
pub struct DirectorySettings {
    /// How many agents there are at the start.
    pub agents: u32,
    /// The vendor's limit, in requests per second.
    pub requests_per_second: f64,
    /// How late what was written may be shown, in milliseconds.
    pub skew_millis: i64,
    /// The habits that a client has to cope with.
    pub traps: Traps,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self { agents: 25, requests_per_second: 2.0, skew_millis: 700, traps: Traps::all() }
    }
}

/// Habits of the vendors that a robust client copes with without losing or inventing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each habit is there or not")]
pub struct Traps {
    /// Infobip: for some seconds another person has the id of somebody.
    pub shared_ids: bool,
    /// Infobip: the order that was asked for is not kept, and changes.
    pub other_order: bool,
    /// Infobip and Maqsam: pages hold fewer rows than the document says.
    pub small_pages: bool,
    /// Infobip: some times are written as RFC 3339 does. DeepCall: rows come as an array, too, and
    /// not only as a map. Maqsam: a state is a text, an object or a pair.
    pub other_forms: bool,
    /// Maqsam: some times are milliseconds, and not seconds.
    pub milliseconds: bool,
    /// Maqsam: behind the last page comes the last page, and not always an empty one.
    pub last_page_repeats: bool,
    /// DeepCall: all answers are maps, and their rows have only the fields of the document's table.
    /// It is one shape or the other: a client cannot tell a field that an answer leaves out from
    /// one that was emptied.
    pub sparse_maps: bool,
    /// DeepCall: an answer shows the first half of the rows, and names a second page that nobody
    /// can ask for.
    pub hidden_pages: bool,
    /// Now and then a good answer shows nobody. The next one shows everybody.
    pub empty_answers: bool,
}

impl Traps {
    /// All that can be there at once.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            shared_ids: true,
            other_order: true,
            small_pages: true,
            other_forms: true,
            milliseconds: true,
            last_page_repeats: true,
            sparse_maps: false,
            hidden_pages: true,
            empty_answers: true,
        }
    }

    /// None: as the documents say.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            shared_ids: false,
            other_order: false,
            small_pages: false,
            other_forms: false,
            milliseconds: false,
            last_page_repeats: false,
            sparse_maps: false,
            hidden_pages: false,
            empty_answers: false,
        }
    }
}

/// The truth about a directory.
#[derive(Clone, Debug, Default)]
pub struct DirectoryTruth {
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub clock_offset_millis: i64,
    /// What was served of each agent, each different one once in a row.
    pub served: BTreeMap<String, Served<Sight>>,
    /// Agents that have left.
    pub removed: BTreeSet<String>,
}

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    StateChanges,
    StateReturns(String, &'static str),
    RosterChanges,
    SwitchChanges,
    RowsAreTouched,
    AgentIsHired,
    AgentLeaves,
    AgentIsForgotten(String),
    DeletedAgentAppears,
    IdIsShared,
    IdIsNoLongerShared,
}

/// The directory of one account.
#[derive(Debug)]
pub(super) struct Directory {
    system: System,
    settings: DirectorySettings,
    clock_offset_millis: i64,
    random: StdRng,
    now: Timestamp,
    entries: BTreeMap<String, Entry>,
    /// Who has somebody else's id for a while.
    impostor: Option<Member>,
    /// Counts renamed groups: a name is no part of a group's identity.
    group_names: u64,
    /// Counts the answers that can be made in more than one way.
    turn: u64,
    last_departure: Timestamp,
    last_empty: Timestamp,
    removed: BTreeSet<String>,
    ledger: Ledger,
    hired: u64,
    agenda: BinaryHeap<Reverse<(Timestamp, u64, Action)>>,
    ordinal: u64,
    stopped: bool,
}

/// Fewer agents than this are not left alone.
const FEWEST: usize = 5;
/// How long a deleted agent is still shown as deleted, where that is done.
const SHOWN_AS_DELETED_MILLIS: i64 = 12_000;
/// How far a departure and an empty answer are apart at least. One oddity at a time can be told
/// from the truth; two at once cannot.
const APART_MILLIS: i64 = 8_000;

impl Directory {
    /// A directory that is opened at this time.
    pub(super) fn new(system: System, settings: &WorldSettings, now: Timestamp) -> Self {
        let mut directory = Self {
            system,
            settings: settings.directories,
            clock_offset_millis: settings.clock_offset_millis,
            random: StdRng::seed_from_u64(settings.seed ^ system as u64),
            now,
            entries: BTreeMap::new(),
            impostor: None,
            group_names: 0,
            turn: 0,
            last_departure: now,
            last_empty: now,
            removed: BTreeSet::new(),
            ledger: Ledger::default(),
            hired: 0,
            agenda: BinaryHeap::new(),
            ordinal: 0,
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

    /// Lets everything happen up to this time.
    pub(super) fn advance(&mut self, to: Timestamp) {
        while !self.stopped && self.agenda.peek().is_some_and(|Reverse((time, _, _))| *time <= to) {
            if let Some(Reverse((time, _, action))) = self.agenda.pop() {
                self.now = time;
                self.happen(action);
            }
        }
        self.now = self.now.max(to);
    }

    /// Nothing happens any more, and what was odd for a while is put right.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.impostor = None;
    }

    /// How far the vendor's clock is ahead of ours.
    pub(super) const fn clock_offset_millis(&self) -> i64 {
        self.clock_offset_millis
    }

    /// Whoever was answered since then may have died with it.
    pub(super) fn doubt(&mut self, since: Timestamp) {
        self.ledger.doubt(since.plus_millis(-LONG_READING_MILLIS));
    }

    /// The truth as it stands.
    pub(super) fn truth(&self) -> DirectoryTruth {
        DirectoryTruth {
            clock_offset_millis: self.clock_offset_millis,
            served: self.ledger.served().clone(),
            removed: self.removed.clone(),
        }
    }

    fn after(&mut self, millis: i64, action: Action) {
        self.ordinal += 1;
        self.agenda.push(Reverse((self.now.plus_millis(millis), self.ordinal, action)));
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability.clamp(0.0, 1.0))
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.random_range(least..=most)
    }

    /// Now, by the vendor's clock.
    fn vendor_now(&self) -> Timestamp {
        self.now.plus_millis(self.clock_offset_millis)
    }

    /// Now and then true; never while somebody has just left, and not before anybody was shown:
    /// then it would be the truth, as far as a client can know.
    fn shows_nobody(&mut self) -> bool {
        if self.ledger.served().is_empty() {
            return false;
        }
        let calm = self.now.millis_since(self.last_departure) > APART_MILLIS
            && self.now.millis_since(self.last_empty) > APART_MILLIS
            && !self.stopped;
        let shows_nobody = self.settings.traps.empty_answers && calm && self.chance(0.06);
        if shows_nobody {
            self.last_empty = self.now;
        }
        shows_nobody
    }

    fn happen(&mut self, action: Action) {
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
                self.impostor = None;
                self.after(20_000, Action::IdIsShared);
            }
        }
    }
}
