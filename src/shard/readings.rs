//! What each kind of reading leads to: the rows through detection, the changes into the batch.

use super::output::EngineError;
use super::writing::Writing;
use crate::detect::{
    AgentState, Change, Claim, ClaimOutcome, LogWatch, Look, activity_row, call_is_unchanged,
    call_row, current_status_absence, current_status_row, is_activity_wanted, roster_absence,
    roster_row, watch_log,
};
use crate::model::{Activity, Agent, Call, CurrentStatus, EntityId, Presence};
use crate::source::{Sweep, SweepRow, TailRows};

/// The roster: rows, claims about the log, and who is gone.
pub(super) fn roster(
    writing: &mut Writing,
    sweep: &Sweep<Agent>,
    look: &Look,
) -> Result<bool, EngineError> {
    let mut ask_log = false;
    for row in sweep.rows() {
        match row {
            SweepRow::Seen(agent) => {
                let before = writing.agent(&agent.id)?;
                let change = roster_row(before.as_ref().map(|held| &held.state), agent, look);
                let state = change.state.clone();
                writing.change_agent(&agent.id, before, change)?;
                if let Some(status) = &agent.status {
                    let claim = Claim { value: status.value(), since: agent.status_updated_at };
                    ask_log |= hold_against_log(writing, &agent.id, &state, claim, look)?;
                }
            }
            SweepRow::Unchanged(id) => {
                if let Some(dispute) = writing.account.disputes.get(id).cloned()
                    && let Some(held) = writing.agent(id)?
                {
                    ask_log |= hold_against_log(writing, id, &held.state, dispute.claim, look)?;
                }
            }
        }
    }
    if sweep.is_complete() {
        let known: Vec<_> = {
            let agents = writing.account.agents.iter();
            agents.filter(|(_, agent)| agent.on_roster).map(|(id, _)| id.clone()).collect()
        };
        let gone = writing.account.absences.complete_sweep(
            known.iter(),
            sweep.present(),
            sweep.was_counted(),
        );
        for id in gone {
            if let Some(before) = writing.agent(&id)? {
                let change = roster_absence(&before.state, &id, look);
                writing.account.disputes.remove(&id);
                writing.change_agent(&id, Some(before), change)?;
            }
        }
    }
    Ok(ask_log)
}

/// The status of the moment: hold, claims about the log, and who is not logged in.
pub(super) fn current_statuses(
    writing: &mut Writing,
    sweep: &Sweep<CurrentStatus>,
    look: &Look,
) -> Result<bool, EngineError> {
    let mut ask_log = false;
    for row in sweep.rows() {
        let SweepRow::Seen(status) = row else { continue };
        let id = &status.agent_id;
        let before = writing.agent(id)?;
        let change = current_status_row(before.as_ref().map(|held| &held.state), status, look);
        let state = change.state.clone();
        // An agent that only this stream has shown is left to the roster and the log.
        if before.is_some() || !change.drafts.is_empty() {
            writing.change_agent(id, before, change)?;
        }
        let claim = Claim { value: status.status.value(), since: status.status_updated_at };
        ask_log |= hold_against_log(writing, id, &state, claim, look)?;
    }
    if sweep.is_complete() {
        let absent: Vec<_> = {
            let agents = writing.account.agents.iter();
            agents
                .filter(|(id, _)| !sweep.present().contains(*id))
                .map(|(id, agent)| (id.clone(), *agent))
                .collect()
        };
        for (id, agent) in absent {
            if agent.on_hold
                && let Some(before) = writing.agent(&id)?
            {
                let change = current_status_absence(&before.state, &id, look);
                writing.change_agent(&id, Some(before), change)?;
            }
            // Absence means not logged in; the log will have the row.
            let held_in = agent.presence.is_some_and(|presence| presence != Presence::Offline);
            ask_log |= held_in && agent.since.is_some_and(|since| since < look.asked_at);
        }
    }
    Ok(ask_log)
}

/// Whether the log is to be asked now about what a snapshot claims.
fn hold_against_log(
    writing: &mut Writing,
    id: &EntityId,
    state: &AgentState,
    claim: Claim,
    look: &Look,
) -> Result<bool, EngineError> {
    let log = LogWatch { read_at: writing.account.log_read_at };
    let open = writing.account.disputes.get(id);
    match watch_log(id, state, claim, open, log, look) {
        ClaimOutcome::Agrees => {
            writing.account.disputes.remove(id);
            Ok(false)
        }
        ClaimOutcome::Disputed(dispute) => {
            let new = open != Some(&dispute);
            writing.account.disputes.insert(id.clone(), dispute);
            Ok(new)
        }
        ClaimOutcome::TakeOver { state, draft } => {
            writing.account.disputes.remove(id);
            tracing::warn!(agent = %id, "the activity log is silent; the snapshot takes over");
            let before = writing.agent(id)?;
            let change = Change { state: *state, drafts: vec![*draft] };
            writing.change_agent(id, before, change)?;
            Ok(false)
        }
    }
}

/// Rows of the activity log, each told once.
pub(super) fn activities(
    writing: &mut Writing,
    tail: TailRows<Activity>,
    look: &Look,
) -> Result<(), EngineError> {
    for row in tail.rows {
        if !is_activity_wanted(&row, look) || !writing.tell_activity(row.started_at, &row.id)? {
            continue;
        }
        let before = writing.agent(&row.agent_id)?;
        let change = activity_row(before.as_ref().map(|held| &held.state), &row, look);
        writing.change_agent(&row.agent_id, before, change)?;
    }
    writing.account.log_read_at = Some(look.asked_at);
    Ok(())
}

/// Rows of calls, wherever they were read.
pub(super) fn calls(
    writing: &mut Writing,
    rows: Vec<Call>,
    look: &Look,
) -> Result<(), EngineError> {
    for row in rows {
        let before = writing.call(&row.id)?;
        if let Some(held) = &before
            && call_is_unchanged(&held.state, &row)
        {
            if let Some(ended_at) = held.state.ended_at {
                writing.account.recent.saw(&row.id, ended_at, look.asked_at);
            }
            continue;
        }
        let change = call_row(before.as_ref().map(|held| &held.state), &row, look);
        if let Some(ended_at) = change.state.ended_at {
            writing.account.recent.saw(&row.id, ended_at, look.asked_at);
        }
        writing.change_call(&row.id, before, change)?;
    }
    Ok(())
}
