//! Agents as the roster shows them: who they are, where they belong, and after-call work.

use serde::{Deserialize, Serialize};

use super::fields::changed_in_agent;
use super::roster_status::{Told, roster_status};
use super::{Change, PollContext};
use crate::event::{
    AgentActivation, AgentChange, AgentStatusChange, AgentWrapUp, Body, Draft, Occurrence, Origin,
    StatusValue,
};
use crate::model::{Agent, AgentStatus, EntityId, EntityKind, Personal, Timestamp};

/// All that is remembered of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentState {
    /// The last row of the roster; `None` before the first one and after the agent's removal.
    pub roster: Option<Agent>,
    /// The status, by whoever is its authority.
    pub status: Option<KnownStatus>,
    /// After-call work.
    #[serde(default)]
    pub wrap_up: Flag,
    /// A customer on hold.
    #[serde(default)]
    pub hold: Flag,
    /// Whether the agent's account is switched on, as far as a row has told.
    #[serde(default)]
    pub active: Option<bool>,
    /// The roster's personal fields were left out when the privacy settings changed: the next row
    /// tells them anew, which is no news.
    #[serde(default)]
    pub closed: bool,
}

/// Who told of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// The activity log.
    Log,
    /// The snapshot of the first look.
    Seed,
    /// A snapshot that the log stayed silent about for too long.
    Snapshot,
    /// The roster, where there is no log.
    Roster,
}

/// What tells of the statuses of an account's agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSource {
    /// The activity log; the roster only seeds the start.
    Log,
    /// The roster: there is no log.
    Roster,
}

/// The status an agent is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownStatus {
    /// The status.
    pub value: StatusValue,
    /// Since when, in the vendor's clock.
    pub since: Option<Timestamp>,
    /// The row of the log that began it.
    pub activity_id: Option<EntityId>,
    /// Who told.
    pub authority: Authority,
}

/// Something that is either so or not, and since when it was seen to be so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// When it began, in the vendor's clock; `None` while it is not so.
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
    /// Leaves out what is personal, because the privacy settings have changed since.
    pub fn close(&mut self) {
        if let Some(roster) = &mut self.roster {
            roster.close();
            self.closed = true;
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

/// A row of the roster.
#[must_use]
pub fn roster_row(
    state: Option<&AgentState>,
    row: &Agent,
    source: StatusSource,
    context: &PollContext,
) -> Change<AgentState> {
    let mut next = state.cloned().unwrap_or_default();
    if std::mem::take(&mut next.closed)
        && let Some(before) = &mut next.roster
    {
        before.adopt_personal(row);
    }
    let mut drafts = Vec::new();
    let mut say = |occurrence, origin, body| {
        drafts.push(AgentState::draft(&row.id, occurrence, origin, body));
    };

    match &next.roster {
        None => {
            let (occurrence, origin) = arrival(row, context);
            let change = AgentChange { before: None, after: Some(row.clone()), changed: vec![] };
            say(occurrence, origin, Body::AgentAdded(change));
        }
        Some(before) => {
            let changed = changed_in_agent(before, row);
            if !changed.is_empty() {
                let change = AgentChange {
                    before: Some(before.clone()),
                    after: Some(row.clone()),
                    changed: changed.into_iter().map(String::from).collect(),
                };
                say(context.between(), Origin::Live, Body::AgentUpdated(change));
            }
        }
    }

    if let Some(active) = row.active {
        if next.active.is_some_and(|before| before != active) {
            let told = if active { Body::AgentActivated } else { Body::AgentDeactivated };
            say(context.between(), Origin::Live, told(AgentActivation {}));
        }
        next.active = Some(active);
    }

    let told = match source {
        StatusSource::Log => seed(&mut next.status, row, context).into_iter().collect(),
        StatusSource::Roster => roster_status(&mut next.status, row, context),
    };
    for (occurrence, origin, change) in told {
        say(occurrence, origin, Body::AgentStatusChanged(change));
    }

    let wrapping_up = row.wrap_up.unwrap_or(false);
    match (next.wrap_up.since, wrapping_up) {
        (None, true) => {
            next.wrap_up.since = Some(context.requested_at);
            let body = Body::AgentWrapUpStarted(AgentWrapUp { duration_ms: None });
            say(context.between(), context.origin_of_sight(), body);
        }
        (Some(since), false) => {
            next.wrap_up.since = None;
            let duration_ms = Some(context.requested_at.millis_since(since).max(0));
            let body = Body::AgentWrapUpEnded(AgentWrapUp { duration_ms });
            say(context.between(), Origin::Live, body);
        }
        _ => {}
    }

    next.roster = Some(row.clone());
    Change { state: next, drafts }
}

/// The status in which an agent is found, where the log will tell of all that follow. What begins
/// after the first look is the log's to tell, so that it is told once.
fn seed(held: &mut Option<KnownStatus>, row: &Agent, context: &PollContext) -> Option<Told> {
    let since = row.status_updated_at;
    let status = row.status.as_ref().filter(|_| held.is_none())?;
    if since.is_some_and(|since| since >= context.baseline_at) {
        return None;
    }
    let current = status.value();
    let authority = Authority::Seed;
    *held = Some(KnownStatus { value: current.clone(), since, activity_id: None, authority });
    let occurrence = since.map_or_else(|| context.between(), Occurrence::stamped);
    let change = AgentStatusChange {
        previous: None,
        current,
        previous_duration_ms: None,
        activity_id: None,
        interaction: None,
    };
    Some((occurrence, context.origin_of_sight(), change))
}

/// When an agent came: at the vendor's stamp where that lies between the two readings.
fn arrival(row: &Agent, context: &PollContext) -> (Occurrence, Origin) {
    let origin = context.origin_of_sight();
    let stamped = row.created_at.filter(|created| {
        origin == Origin::Live
            && context.previous_requested_at.is_some_and(|previous| *created >= previous)
            && *created <= context.answered_at
    });
    (stamped.map_or_else(|| context.between(), Occurrence::stamped), origin)
}

/// The roster no longer shows an agent, and that is certain.
///
/// What was open ends with the agent: after-call work and hold leave no event behind.
#[must_use]
pub fn roster_absence(
    state: &AgentState,
    id: &EntityId,
    context: &PollContext,
) -> Change<AgentState> {
    let mut drafts = Vec::new();
    if let Some(before) = &state.roster {
        let change = AgentChange { before: Some(before.clone()), after: None, changed: vec![] };
        let body = Body::AgentRemoved(change);
        drafts.push(AgentState::draft(id, context.between(), Origin::Live, body));
    }
    Change { state: AgentState::default(), drafts }
}
