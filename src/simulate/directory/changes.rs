//! What happens to the agents of a directory: they are hired, renamed, moved, switched off and on,
//! change their state, and leave.

use std::collections::BTreeSet;

use super::member::{DirectoryEntry, Member, phone, states};
use super::state::{Action, Directory};
use crate::simulate::delayed_record::DelayedRecord;
use crate::simulate::system::System;

/// Invented names. Several agents have the same one.
const FIRST: &[&str] = &["Isa", "Jorn", "Kaia", "Lenno", "Mirle", "Nalo", "Otta"];
const LAST: &[&str] = &["Graywater", "Hollin", "Ivensen", "Juniper", "Kestrel"];
/// With fewer agents than this none leaves.
const FEWEST: usize = 5;
/// How long a deleted agent is still shown as deleted, where the vendor does so.
const SHOWN_AS_DELETED_MILLIS: i64 = 12_000;

impl Directory {
    fn new_member(&mut self) -> Member {
        self.hired += 1;
        let number = self.hired;
        let index = usize::try_from(number).unwrap_or(0);
        let id = match self.system {
            // Hexadecimal digits, and not always the same number of them.
            System::Infobip if number.is_multiple_of(7) => {
                format!("{number:06X}B1FC79AF3C1A1096AE7E77AB00FF1234")
            }
            System::Infobip => format!("{number:06X}3C1A1096AE7E77AB00FF1234AB"),
            System::Maqsam if number.is_multiple_of(2) => format!("agent-{number}"),
            _ => (7_000 + number).to_string(),
        };
        let now = self.vendor_now();
        Member {
            id,
            number,
            name: format!("{} {}", FIRST[index % FIRST.len()], LAST[index % LAST.len()]),
            phone: phone(number),
            destination: phone(number + 40),
            address: String::from("Invented Street 1"),
            role: usize::from(number.is_multiple_of(6)),
            active: !number.is_multiple_of(5),
            groups: BTreeSet::from([4, 10 + number % 3]),
            outgoing: true,
            incoming: true,
            whatsapp: number.is_multiple_of(3),
            state: states(self.system)[index % 4],
            since: now,
            created: now,
            updated: now,
            hours: (540, 1_020),
            numbers: if number.is_multiple_of(4) { vec![phone(number + 70)] } else { Vec::new() },
            deleted: false,
            active_visible: now,
            state_visible: now,
        }
    }

    pub(super) fn hire(&mut self) {
        let member = self.new_member();
        self.show(member);
    }

    /// Records an agent. The change becomes visible a little later.
    fn show(&mut self, mut member: Member) {
        let late = self.between(0, self.settings.skew_millis.max(0));
        let offset = self.clock_offset_millis;
        let visible_at = self.now.plus_millis(late);
        let entry = self.entries.entry(member.id.clone()).or_insert_with(|| DirectoryEntry {
            member: member.clone(),
            shown: DelayedRecord::default(),
        });
        let shown = entry.shown.not_before(visible_at).plus_millis(offset);
        if entry.member.active != member.active {
            member.active_visible = shown;
        }
        if (entry.member.state, entry.member.since) != (member.state, member.since) {
            member.state_visible = shown;
        }
        entry.shown.write(visible_at, member.clone());
        entry.member = member;
    }

    /// A random agent who is not deleted.
    fn anybody(&mut self) -> Option<Member> {
        let all: Vec<_> = self.entries.values().filter(|entry| !entry.member.deleted).collect();
        let (count, chosen) = (all.len(), all.iter().map(|entry| entry.member.id.clone()));
        let ids: Vec<_> = chosen.collect();
        let chosen = self.below(count);
        Some(self.entries.get(ids.get(chosen)?)?.member.clone())
    }

    pub(super) fn state_changes(&mut self) {
        let next = self.between(500, 1_400);
        self.after(next, Action::StateChanges);
        let Some(member) = self.anybody() else { return };
        let states = states(self.system);
        let state = states[self.below(states.len())];
        if state == member.state {
            return;
        }
        self.change_state(&member.id, state);
        // Back again, possibly before the next poll.
        if self.chance(0.35) {
            let away = self.between(60, 900);
            self.after(away, Action::StateReturns(member.id, member.state));
        }
    }

    pub(super) fn change_state(&mut self, id: &str, state: &'static str) {
        let now = self.vendor_now();
        let Some(mut member) = self.entries.get(id).map(|entry| entry.member.clone()) else {
            return;
        };
        if member.state == state || member.deleted {
            return;
        }
        // Two starts within one second cannot be distinguished where times have whole seconds.
        if self.system == System::Maqsam && member.since.floor_second() == now.floor_second() {
            self.after(1_000, Action::StateReturns(member.id, state));
        } else {
            (member.state, member.since) = (state, now);
            self.show(member);
        }
    }

    pub(super) fn roster_changes(&mut self) {
        self.after(2_300, Action::RosterChanges);
        let Some(mut member) = self.anybody() else { return };
        member.updated = self.vendor_now();
        let number = self.below(90) as u64;
        match self.below(7) {
            0 => member.name = format!("{} {}", FIRST[self.below(FIRST.len())], "Larkmoor"),
            1 => member.role = 1 - member.role,
            2 => member.phone = phone(number),
            3 => member.destination = phone(number),
            4 => member.hours = (480, 960 + i64::try_from(number).unwrap_or(0)),
            5 => member.outgoing = !member.outgoing,
            _ => {
                let group = 10 + number % 9;
                if !member.groups.remove(&group) {
                    member.groups.insert(group);
                }
            }
        }
        self.show(member);
    }

    pub(super) fn switch_changes(&mut self) {
        self.after(3_700, Action::SwitchChanges);
        if let Some(mut member) = self.anybody() {
            member.updated = self.vendor_now();
            member.active = !member.active;
            self.show(member);
        }
    }

    /// Rows are written again without a change that an event could describe.
    pub(super) fn rows_are_touched(&mut self) {
        self.after(5_100, Action::RowsAreTouched);
        self.group_names += 1;
        for _ in 0..5 {
            if let Some(mut member) = self.anybody() {
                member.updated = self.vendor_now();
                self.show(member);
            }
        }
    }

    pub(super) fn agent_leaves(&mut self) {
        let next = self.between(12_000, 20_000);
        self.after(next, Action::AgentLeaves);
        let there = self.entries.values().filter(|entry| !entry.member.deleted).count();
        let Some(mut member) = self.anybody().filter(|_| there > FEWEST) else { return };
        if self.id_duplicate.as_ref().is_some_and(|other| other.id == member.id) {
            return;
        }
        self.last_departure = self.now;
        self.removed.insert(member.id.clone());
        if self.system == System::DeepCall && self.chance(0.7) {
            member.deleted = true;
            let id = member.id.clone();
            self.show(member);
            self.after(SHOWN_AS_DELETED_MILLIS, Action::AgentIsForgotten(id));
        } else {
            self.entries.remove(&member.id);
        }
    }

    /// An agent who was deleted before they were ever shown: not a change.
    pub(super) fn deleted_agent_appears(&mut self) {
        self.after(16_000, Action::DeletedAgentAppears);
        let mut member = self.new_member();
        member.deleted = true;
        let id = member.id.clone();
        self.show(member);
        self.after(SHOWN_AS_DELETED_MILLIS, Action::AgentIsForgotten(id));
    }

    /// Another person has the id of an agent for a while.
    pub(super) fn id_is_shared(&mut self) {
        self.after(4_000, Action::IdIsNoLongerShared);
        let Some(mut member) = self.anybody() else { return };
        member.name = String::from("Somebody Else");
        member.role = 1 - member.role;
        member.active = !member.active;
        member.state = if member.state == "BUSY" { "AWAY" } else { "BUSY" };
        self.id_duplicate = Some(member);
    }
}
