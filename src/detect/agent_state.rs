//! What is remembered of an agent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::body::StatusValue;
use crate::event::{Body, Draft, Occurrence, Origin};
use crate::model::{Agent, AgentStatus, EntityId, EntityKind, Personal, Timestamp};

/// How far apart the vendor may stamp two records of one change of status.
pub(super) const WRITE_SKEW: Duration = Duration::from_secs(2);

/// All that is remembered of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentState {
    /// The last row of the roster; `None` before the first one and after the agent's removal.
    pub roster: Option<Agent>,
    /// The status, from its authority.
    pub status: Option<KnownStatus>,
    /// After-call work.
    #[serde(default)]
    pub wrap_up: Flag,
    /// A customer on hold.
    #[serde(default)]
    pub hold: Flag,
    /// Whether the agent's account is switched on, as far as a row has said so.
    #[serde(default)]
    pub active: Option<bool>,
    /// The roster's personal fields were removed when the privacy settings changed. The next row
    /// has them again, which is not a change.
    #[serde(default, rename = "closed")]
    pub personal_removed: bool,
}

/// Where a known status comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// The activity log.
    Log,
    /// The snapshot of the baseline.
    Seed,
    /// A snapshot that the log did not confirm in time.
    Snapshot,
    /// The roster, where there is no log.
    Roster,
}

/// The authority on the statuses of an account's agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSource {
    /// The activity log; the roster only seeds the start.
    Log,
    /// The roster: there is no log.
    Roster,
}

/// The status of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownStatus {
    /// The status.
    pub value: StatusValue,
    /// Since when, in the vendor's clock.
    pub since: Option<Timestamp>,
    /// The row of the log that began it.
    pub activity_id: Option<EntityId>,
    /// Where it comes from.
    pub authority: Authority,
}

/// A condition that is true or not, and since when polls have shown it to be true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// When it began, in the vendor's clock; `None` while it is not true.
    pub since: Option<Timestamp>,
}

impl AgentStatus {
    /// The status as events name it.
    #[must_use]
    pub fn value(&self) -> StatusValue {
        StatusValue { id: self.id.clone(), name: self.name.clone(), presence: self.presence }
    }
}

impl AgentState {
    /// Removes the personal data, because the privacy settings have changed since.
    pub fn remove_personal(&mut self) {
        if let Some(roster) = &mut self.roster {
            roster.remove_personal();
            self.personal_removed = true;
        }
    }

    /// A draft about this agent.
    pub(super) fn draft(
        id: &EntityId,
        occurrence: Occurrence,
        origin: Origin,
        body: Body,
    ) -> Draft {
        Draft { kind: EntityKind::Agent, entity: id.clone(), occurrence, origin, body }
    }
}
