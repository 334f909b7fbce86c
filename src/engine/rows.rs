//! What each kind of reading leads to: the rows through detection, the changes into the batch.

use std::ops::Range;

use super::output::EngineError;
use super::unit_of_work::UnitOfWork;
use crate::detect::{
    AgentState, Change, Claim, ClaimOutcome, Emptiness, Interaction, InteractionState, LevelState,
    LogWatch, PollContext, Record, RecordState, SlaDeadline, StatusSource, activity_end,
    activity_row, current_status_absence, current_status_row, interaction_row,
    is_activity_end_wanted, is_activity_wanted, is_older, is_unchanged, queue_status_absence,
    queue_status_row, record_absence, record_row, roster_absence, roster_row, service_level_row,
    watch_log,
};
use crate::event::{Body, Draft, Occurrence, Quarantine};
use crate::model::{
    Activity, Agent, CurrentStatus, EntityId, EntityKind, Measured, QueueStatus, ServiceLevel,
    StreamName, Timestamp,
};
use crate::source::{FullScan, FullScanRow, IncrementalRows, Quarantined};

/// The roster: rows, claims about the log, and who is gone.
pub(super) fn roster(
    writing: &mut UnitOfWork,
    sweep: &FullScan<Agent>,
    look: &PollContext,
) -> Result<bool, EngineError> {
    let mut ask_log = false;
    let source = writing.account.status_source;
    for row in sweep.rows() {
        match row {
            FullScanRow::Seen(agent) => {
                let before = writing.agent_for(agent)?;
                let state = before.as_ref().map(|held| &held.state);
                let look = &look_at(writing, EntityKind::Agent, &agent.id, look);
                writing.account.shows(EntityKind::Agent, &agent.id, look.requested_at);
                let change = roster_row(state, agent, source, look);
                let state = change.state.clone();
                writing.change_agent(&agent.id, before, change)?;
                if let (StatusSource::Log, Some(status)) = (source, &agent.status) {
                    let claim = Claim { value: status.value(), since: agent.status_updated_at };
                    ask_log |= hold_against_log(writing, &agent.id, &state, claim, look)?;
                }
            }
            FullScanRow::Unchanged(id) => {
                writing.account.shows(EntityKind::Agent, id, look.requested_at);
                if let Some(dispute) = writing.account.disputes.get(id).cloned()
                    && let Some(held) = writing.agent(id)?
                {
                    ask_log |= hold_against_log(writing, id, &held.state, dispute.claim, look)?;
                }
            }
            // One that was never shown before it was deleted is no news.
            FullScanRow::Deleted(id) => {
                let look = look_at(writing, EntityKind::Agent, id, look);
                remove_agent(writing, id, &look)?;
            }
        }
    }
    if sweep.is_complete() {
        let known: Vec<_> = {
            let agents = writing.account.agents.iter();
            agents.filter(|(_, agent)| agent.on_roster).map(|(id, _)| id.clone()).collect()
        };
        let absences = writing.account.absences.entry(EntityKind::Agent).or_default();
        let gone = absences.complete_sweep(known.iter(), sweep.present(), sweep.was_counted());
        for id in gone {
            let look = writing.account.look_at_absence(EntityKind::Agent, &id, look);
            remove_agent(writing, &id, &look)?;
        }
    }
    Ok(ask_log)
}

/// The look at an entity that the sweep shows.
fn look_at(
    writing: &UnitOfWork,
    kind: EntityKind,
    id: &EntityId,
    look: &PollContext,
) -> PollContext {
    writing.account.look_at(&writing.stream, kind, id, look)
}

/// An agent is gone, and that is certain.
fn remove_agent(
    writing: &mut UnitOfWork,
    id: &EntityId,
    look: &PollContext,
) -> Result<(), EngineError> {
    if let Some(absences) = writing.account.absences.get_mut(&EntityKind::Agent) {
        absences.forget(id);
    }
    writing.account.forget_shown(EntityKind::Agent, id);
    if let Some(before) = writing.agent(id)? {
        let change = roster_absence(&before.state, id, look);
        writing.account.disputes.remove(id);
        writing.change_agent(id, Some(before), change)?;
    }
    Ok(())
}

/// The status of the moment: hold, claims about the log, and who is not logged in.
pub(super) fn current_statuses(
    writing: &mut UnitOfWork,
    sweep: &FullScan<CurrentStatus>,
    look: &PollContext,
) -> Result<bool, EngineError> {
    let mut ask_log = false;
    for row in sweep.rows() {
        let FullScanRow::Seen(status) = row else { continue };
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
        let emptiness =
            if sweep.was_counted() { Emptiness::Ordinary } else { Emptiness::Suspicious };
        let known = writing.account.agents.iter();
        let known = known.filter(|(_, agent)| agent.on_hold || agent.is_logged_in());
        let doubts = writing.account.doubts.entry(EntityKind::Agent).or_default();
        let absent = doubts.complete_answer(known.map(|(id, _)| id), sweep.present(), emptiness);
        for id in absent {
            let Some(agent) = writing.account.agents.get(&id).copied() else { continue };
            if agent.on_hold
                && let Some(before) = writing.agent(&id)?
            {
                let change = current_status_absence(&before.state, &id, look);
                writing.change_agent(&id, Some(before), change)?;
            }
            // Absence means not logged in; the log will have the row.
            ask_log |=
                agent.is_logged_in() && agent.since.is_some_and(|since| since < look.requested_at);
        }
    }
    Ok(ask_log)
}

/// Whether the log is to be asked now about what a snapshot claims.
fn hold_against_log(
    writing: &mut UnitOfWork,
    id: &EntityId,
    state: &AgentState,
    claim: Claim,
    look: &PollContext,
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
    writing: &mut UnitOfWork,
    tail: IncrementalRows<Activity>,
    look: &PollContext,
) -> Result<(), EngineError> {
    for row in tail.rows {
        start_of_activity(writing, &row, look)?;
        end_of_activity(writing, &row, look)?;
    }
    writing.account.log_read_at = Some(look.requested_at);
    Ok(())
}

/// Rows of the activity log that ended. A row that became visible so late that the log's own tail
/// had passed its start is told here, as long as its mark would still be there.
pub(super) fn activity_ends(
    writing: &mut UnitOfWork,
    tail: IncrementalRows<Activity>,
    passed: Option<Range<Timestamp>>,
    look: &PollContext,
) -> Result<(), EngineError> {
    for row in tail.rows {
        if passed.as_ref().is_some_and(|passed| passed.contains(&row.started_at)) {
            start_of_activity(writing, &row, look)?;
        }
        end_of_activity(writing, &row, look)?;
    }
    Ok(())
}

fn start_of_activity(
    writing: &mut UnitOfWork,
    row: &Activity,
    look: &PollContext,
) -> Result<(), EngineError> {
    if !is_activity_wanted(row, look) || !writing.tell_activity(row.started_at, &row.id)? {
        return Ok(());
    }
    let before = writing.agent(&row.agent_id)?;
    let change = activity_row(before.as_ref().map(|held| &held.state), row, look);
    writing.change_agent(&row.agent_id, before, change)
}

fn end_of_activity(
    writing: &mut UnitOfWork,
    row: &Activity,
    look: &PollContext,
) -> Result<(), EngineError> {
    let wanted = is_activity_end_wanted(row, look);
    let Some(ended_at) = row.ended_at.filter(|_| wanted) else { return Ok(()) };
    if !writing.tell_activity_end(ended_at, &row.id)? {
        return Ok(());
    }
    let before = writing.agent(&row.agent_id)?;
    let state = before.as_ref().map(|held| &held.state);
    let change = activity_end(state, row, ended_at, look);
    writing.change_agent(&row.agent_id, before, change)
}

/// Rows of calls or chats, wherever they were read.
pub(super) fn interactions<I: Interaction>(
    writing: &mut UnitOfWork,
    rows: &[I],
    look: &PollContext,
) -> Result<(), EngineError> {
    for row in rows {
        let id = row.id();
        writing.account.targets.learn(row);
        let before = writing.held_for::<InteractionState<I>, _>(I::KIND, id, row)?;
        let outdated = before.as_ref().is_some_and(|held| held.outdated);
        let wait = SlaDeadline::of(row, &writing.account.targets);
        let state = before.as_ref().map(|held| &held.state);
        // Readings overlap: one that was answered earlier may be committed later, and would take
        // the record back to what it was, which no tail would ever mend.
        if state.is_some_and(|state| is_older(state, row)) {
            continue;
        }
        let told = wait.as_ref().is_none_or(|wait| state.is_some_and(|state| wait.is_told(state)));
        let overdue = |wait: &SlaDeadline| wait.overdue_at <= look.requested_at;
        if let Some(state) = state
            && !outdated
            && is_unchanged(state, row)
            && (told || !wait.as_ref().is_some_and(overdue))
        {
            // Nothing new. It may have come from another stream than the one that knew of it.
            if let Some(ended_at) = state.ended_at {
                writing.account.recent.saw(I::KIND, id, ended_at, look.requested_at);
            }
            let overdue_at = wait.filter(|_| !told).map(|wait| wait.overdue_at);
            writing.account.waits.set(I::KIND, id, overdue_at);
            continue;
        }
        let change = interaction_row(state, row, look, &writing.account.targets);
        if let Some(ended_at) = change.state.ended_at {
            writing.account.recent.saw(I::KIND, id, ended_at, look.requested_at);
        }
        let open = wait.filter(|wait| !wait.is_told(&change.state));
        writing.account.waits.set(I::KIND, id, open.map(|wait| wait.overdue_at));
        writing.change(I::KIND, id, before, change)?;
    }
    Ok(())
}

/// Queues, teams or statuses: rows, and what is gone.
pub(super) fn records<R: Record>(
    writing: &mut UnitOfWork,
    sweep: &FullScan<R>,
    look: &PollContext,
) -> Result<(), EngineError> {
    for row in sweep.rows() {
        let row = match row {
            FullScanRow::Seen(row) => row,
            FullScanRow::Unchanged(id) | FullScanRow::Deleted(id) => {
                writing.account.shows(R::KIND, id, look.requested_at);
                continue;
            }
        };
        let before = writing.held_for::<RecordState<R>, _>(R::KIND, row.id(), row)?;
        if before.is_none() && !writing.takes_in(R::KIND) {
            continue;
        }
        let look = &look_at(writing, R::KIND, row.id(), look);
        writing.account.shows(R::KIND, row.id(), look.requested_at);
        let change = record_row(before.as_ref().map(|held| &held.state), row, look);
        let defined = writing.account.defined.entry(R::KIND).or_default();
        if change.state.record.is_some() {
            defined.insert(row.id().clone());
        } else {
            defined.remove(row.id());
        }
        // What was deleted before it was ever seen leaves no trace.
        if before.is_some() || change.state.record.is_some() {
            writing.change(R::KIND, row.id(), before, change)?;
        }
    }
    if !sweep.is_complete() {
        return Ok(());
    }
    let known = writing.account.defined.entry(R::KIND).or_default().clone();
    let absences = writing.account.absences.entry(R::KIND).or_default();
    let gone = absences.complete_sweep(known.iter(), sweep.present(), sweep.was_counted());
    for id in gone {
        writing.account.defined.entry(R::KIND).or_default().remove(&id);
        let look = &writing.account.look_at_absence(R::KIND, &id, look);
        writing.account.forget_shown(R::KIND, &id);
        if let Some(before) = writing.held::<RecordState<R>>(R::KIND, &id)? {
            let change = record_absence(&before.state, &id, look);
            writing.change(R::KIND, &id, Some(before), change)?;
        }
    }
    Ok(())
}

/// Where somebody waits, and where nobody does any more.
pub(super) fn queue_statuses(
    writing: &mut UnitOfWork,
    sweep: &FullScan<QueueStatus>,
    look: &PollContext,
) -> Result<(), EngineError> {
    let kind = EntityKind::QueuePath;
    for row in sweep.rows() {
        let FullScanRow::Seen(row) = row else { continue };
        let id = row.queue.id();
        let before = writing.held::<LevelState>(kind, &id)?;
        if before.is_none() && !writing.takes_in(kind) {
            continue;
        }
        let change = queue_status_row(before.as_ref().map(|held| &held.state), row, look);
        if change.state.depth.is_some_and(|depth| depth != 0) {
            writing.account.queued_paths.insert(id.clone());
        } else {
            writing.account.queued_paths.remove(&id);
        }
        writing.change(kind, &id, before, change)?;
    }
    if sweep.is_complete() {
        let doubts = writing.account.doubts.entry(kind).or_default();
        let queued = writing.account.queued_paths.iter();
        // Every queue is empty at times.
        let emptied = doubts.complete_answer(queued, sweep.present(), Emptiness::Ordinary);
        for id in emptied {
            writing.account.queued_paths.remove(&id);
            if let Some(before) = writing.held::<LevelState>(kind, &id)? {
                let change = queue_status_absence(&before.state, &id, look);
                writing.change(kind, &id, Some(before), change)?;
            }
        }
    }
    Ok(())
}

/// How well queues are served.
pub(super) fn service_levels(
    writing: &mut UnitOfWork,
    levels: &[ServiceLevel],
    look: &PollContext,
) -> Result<(), EngineError> {
    for level in levels {
        let (kind, id) = level.entity();
        let path = match &level.of {
            Measured::Path(path) => Some(&path.path_id),
            Measured::Group { .. } => None,
        };
        let target = writing.account.targets.percent(path);
        let before = writing.held::<LevelState>(kind, &id)?;
        let state = before.as_ref().map(|held| &held.state);
        let change = service_level_row(state, level, target, look);
        // A level that was never there, of which there is nothing to say, leaves no trace.
        if before.is_some() || !change.drafts.is_empty() {
            writing.change(kind, &id, before, change)?;
        }
    }
    Ok(())
}

/// Rows that were set aside, each told once.
pub(super) fn quarantined(
    writing: &mut UnitOfWork,
    stream: &StreamName,
    rows: &[Quarantined],
    look: &PollContext,
) -> Result<(), EngineError> {
    for row in rows {
        let id = EntityId::new(format!("{stream}/{}", row.fingerprint));
        let body = Body::RecordQuarantined(Quarantine {
            record_id: row.id.clone(),
            path: row.reason.path.clone(),
            reason: row.reason.kind.clone(),
            hash: row.fingerprint.to_string(),
            size: i64::try_from(row.size).unwrap_or(i64::MAX),
        });
        let draft = Draft {
            kind: EntityKind::Record,
            entity: id.clone(),
            occurrence: Occurrence::bounded(look.requested_at, look.previous_requested_at),
            origin: look.origin_of_sight(),
            body,
        };
        if writing.quarantine(&id, row.reason.label(), draft)? {
            tracing::warn!(
                account = %writing.account.name, %stream, path = %row.reason.path,
                kind = %row.reason.kind, size = row.size,
                "a row is set aside"
            );
        }
    }
    Ok(())
}
