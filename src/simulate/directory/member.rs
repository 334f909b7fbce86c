//! An agent of a directory.

use std::collections::BTreeSet;

use crate::model::Timestamp;
use crate::simulate::delayed_record::DelayedRecord;
use crate::simulate::system::System;

/// Roles, by the index that [`Member::role`] is.
pub(super) const ROLES: &[&str] = &["AGENT", "SUPERVISOR"];

/// An agent as the vendor has recorded them.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Member {
    pub(super) id: String,
    /// The number of agents that were hired before and including this one. It also decides the
    /// forms that the agent's row has.
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) destination: String,
    pub(super) address: String,
    pub(super) role: usize,
    pub(super) active: bool,
    pub(super) groups: BTreeSet<u64>,
    pub(super) outgoing: bool,
    pub(super) incoming: bool,
    pub(super) whatsapp: bool,
    pub(super) state: &'static str,
    /// When the state began, by the vendor's clock.
    pub(super) since: Timestamp,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) hours: (i64, i64),
    pub(super) numbers: Vec<String>,
    pub(super) deleted: bool,
    /// When the present values of `active` and of `state` first became visible, by the vendor's
    /// clock.
    pub(super) active_visible: Timestamp,
    pub(super) state_visible: Timestamp,
}

/// An agent, and what is visible of them, which may lag behind.
#[derive(Debug)]
pub(super) struct DirectoryEntry {
    pub(super) member: Member,
    pub(super) shown: DelayedRecord<Member>,
}

/// A telephone number that is not in use.
pub(super) fn phone(number: u64) -> String {
    format!("+1 555 01{:02}", number % 100)
}

/// The vendor's names for the states of an agent.
pub(super) const fn states(system: System) -> &'static [&'static str] {
    match system {
        System::Infobip => &["ACTIVE", "BUSY", "AWAY", "INVISIBLE", "IN_TRAINING"],
        _ => &["Available", "Busy", "Absent", "Lunch", "Back office"],
    }
}
