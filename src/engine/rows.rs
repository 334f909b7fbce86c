//! The rows of each kind of poll result: each is compared with its entity's state, and the changes
//! go into the batch.

use std::ops::Range;

use super::output::EngineError;
use super::unit_of_work::{Deduplicated, UnitOfWork};
use crate::detect::{
    AgentState, Change, EmptySnapshot, Interaction, LevelState, LogProgress, PollContext, Record,
    RecordState, ShownStatus, SlaDeadline, SnapshotComparison, StatusSource, activity_end,
    activity_row, compare_snapshot, current_status_absence, current_status_row, interaction_row,
    is_activity_end_wanted, is_activity_wanted, is_older, is_unchanged, queue_status_absence,
    queue_status_row, record_absence, record_row, roster_absence, roster_row, service_level_row,
};
use crate::event::body::Quarantine;
use crate::event::{Body, Draft, Occurrence};
use crate::model::{
    Activity, Agent, CurrentStatus, EntityId, EntityKind, Measured, QueueStatus, ServiceLevel,
    StreamName, Timestamp,
};
use crate::source::{FullScan, FullScanRow, IncrementalRows, Quarantined, RowsById};

/// When the activity log is polled after this poll result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogPoll {
    /// At once: a snapshot disagrees with the log.
    Now,
    /// When its stream is due.
    WhenDue,
}

impl LogPoll {
    const fn or(self, other: Self) -> Self {
        match self {
            Self::Now => Self::Now,
            Self::WhenDue => other,
        }
    }
}

/// The roster: rows, statuses that disagree with the log, and removed agents. Returns when the
/// log is to be polled.
pub(super) fn roster(
    work: &mut UnitOfWork,
    scan: &FullScan<Agent>,
    context: &PollContext,
) -> Result<LogPoll, EngineError> {
    let mut log_poll = LogPoll::WhenDue;
    let source = work.account.status_source;
    for row in scan.rows() {
        match row {
            FullScanRow::Seen(agent) => {
                let before = work.agent_for(agent)?;
                let state = before.as_ref().map(|versioned| &versioned.state);
                let context = &context_of(work, EntityKind::Agent, &agent.id, context);
                work.account.set_shown(EntityKind::Agent, &agent.id, context.requested_at);
                let change = roster_row(state, agent, source, context);
                let state = change.state.clone();
                work.change_agent(&agent.id, before, change)?;
                if let (StatusSource::Log, Some(status)) = (source, &agent.status) {
                    let shown =
                        ShownStatus { value: status.value(), since: agent.status_updated_at };
                    log_poll =
                        log_poll.or(compare_with_log(work, &agent.id, &state, shown, context)?);
                }
            }
            FullScanRow::Unchanged(id) => {
                work.account.set_shown(EntityKind::Agent, id, context.requested_at);
                if let Some(open) = work.account.discrepancies.get(id).cloned()
                    && let Some(versioned) = work.agent(id)?
                {
                    log_poll = log_poll.or(compare_with_log(
                        work,
                        id,
                        &versioned.state,
                        open.shown,
                        context,
                    )?);
                }
            }
            // One that was never shown before it was deleted is ignored.
            FullScanRow::Deleted(id) => {
                let context = context_of(work, EntityKind::Agent, id, context);
                remove_agent(work, id, &context)?;
            }
        }
    }
    if scan.is_complete() {
        let known: Vec<_> = {
            let agents = work.account.agents.iter();
            agents.filter(|(_, agent)| agent.on_roster).map(|(id, _)| id.clone()).collect()
        };
        let removals = work.account.removals.entry(EntityKind::Agent).or_default();
        let removed = removals.full_scan(known.iter(), scan.present(), scan.was_counted());
        for id in removed {
            let context = work.account.context_of_removed(EntityKind::Agent, &id, context);
            remove_agent(work, &id, &context)?;
        }
    }
    Ok(log_poll)
}

/// The context of an entity that the full scan shows.
fn context_of(
    work: &UnitOfWork,
    kind: EntityKind,
    id: &EntityId,
    context: &PollContext,
) -> PollContext {
    work.account.context_of(&work.stream, kind, id, context)
}

/// Removes an agent, which is confirmed.
fn remove_agent(
    work: &mut UnitOfWork,
    id: &EntityId,
    context: &PollContext,
) -> Result<(), EngineError> {
    if let Some(removals) = work.account.removals.get_mut(&EntityKind::Agent) {
        removals.forget(id);
    }
    work.account.forget_shown(EntityKind::Agent, id);
    if let Some(before) = work.agent(id)? {
        let change = roster_absence(&before.state, id, context);
        work.account.discrepancies.remove(id);
        work.change_agent(id, Some(before), change)?;
    }
    Ok(())
}

/// The status snapshot: hold, statuses that disagree with the log, and agents who are not logged
/// in. Returns when the log is to be polled.
pub(super) fn current_statuses(
    work: &mut UnitOfWork,
    scan: &FullScan<CurrentStatus>,
    context: &PollContext,
) -> Result<LogPoll, EngineError> {
    let mut log_poll = LogPoll::WhenDue;
    for row in scan.rows() {
        let FullScanRow::Seen(status) = row else { continue };
        let id = &status.agent_id;
        let before = work.agent(id)?;
        let change =
            current_status_row(before.as_ref().map(|versioned| &versioned.state), status, context);
        let state = change.state.clone();
        // An agent whom only this stream has shown is left to the roster and the log.
        if before.is_some() || !change.drafts.is_empty() {
            work.change_agent(id, before, change)?;
        }
        let shown = ShownStatus { value: status.status.value(), since: status.status_updated_at };
        log_poll = log_poll.or(compare_with_log(work, id, &state, shown, context)?);
    }
    if scan.is_complete() {
        let empty =
            if scan.was_counted() { EmptySnapshot::Ordinary } else { EmptySnapshot::Suspicious };
        let known = work.account.agents.iter();
        let known = known.filter(|(_, agent)| agent.on_hold || agent.is_logged_in());
        let drops = work.account.drops.entry(EntityKind::Agent).or_default();
        let absent = drops.snapshot(known.map(|(id, _)| id), scan.present(), empty);
        for id in absent {
            let Some(agent) = work.account.agents.get(&id).copied() else { continue };
            if agent.on_hold
                && let Some(before) = work.agent(&id)?
            {
                let change = current_status_absence(&before.state, &id, context);
                work.change_agent(&id, Some(before), change)?;
            }
            // An agent who is absent is not logged in; the log will have the row.
            if agent.is_logged_in() && agent.since.is_some_and(|since| since < context.requested_at)
            {
                log_poll = LogPoll::Now;
            }
        }
    }
    Ok(log_poll)
}

/// Compares the status of a snapshot with the log's. Returns when the log is to be polled.
fn compare_with_log(
    work: &mut UnitOfWork,
    id: &EntityId,
    state: &AgentState,
    shown: ShownStatus,
    context: &PollContext,
) -> Result<LogPoll, EngineError> {
    let log = LogProgress { read_at: work.account.log_read_at };
    let open = work.account.discrepancies.get(id);
    match compare_snapshot(id, state, shown, open, log, context) {
        SnapshotComparison::Agrees => {
            work.account.discrepancies.remove(id);
            Ok(LogPoll::WhenDue)
        }
        SnapshotComparison::Disagrees(discrepancy) => {
            let is_new = open != Some(&discrepancy);
            work.account.discrepancies.insert(id.clone(), discrepancy);
            Ok(if is_new { LogPoll::Now } else { LogPoll::WhenDue })
        }
        SnapshotComparison::TakesOver { state, draft } => {
            work.account.discrepancies.remove(id);
            tracing::warn!(agent = %id, "the activity log lacks a status; the snapshot takes over");
            let before = work.agent(id)?;
            let change = Change { state: *state, drafts: vec![*draft] };
            work.change_agent(id, before, change)?;
            Ok(LogPoll::WhenDue)
        }
    }
}

/// Rows of the activity log, each emitted once.
pub(super) fn activities(
    work: &mut UnitOfWork,
    incremental: IncrementalRows<Activity>,
    context: &PollContext,
) -> Result<(), EngineError> {
    for row in incremental.rows {
        start_of_activity(work, &row, context)?;
        end_of_activity(work, &row, context)?;
    }
    work.account.log_read_at = Some(context.requested_at);
    Ok(())
}

/// Rows of the activity log that ended. The start of a row that became visible after the log's own
/// incremental poll had passed it is emitted here, as long as its deduplication key would be kept.
pub(super) fn activity_ends(
    work: &mut UnitOfWork,
    incremental: IncrementalRows<Activity>,
    passed: Option<Range<Timestamp>>,
    context: &PollContext,
) -> Result<(), EngineError> {
    for row in incremental.rows {
        if passed.as_ref().is_some_and(|passed| passed.contains(&row.started_at)) {
            start_of_activity(work, &row, context)?;
        }
        end_of_activity(work, &row, context)?;
    }
    Ok(())
}

fn start_of_activity(
    work: &mut UnitOfWork,
    row: &Activity,
    context: &PollContext,
) -> Result<(), EngineError> {
    if !is_activity_wanted(row, context) {
        return Ok(());
    }
    if work.deduplicate_activity(row.started_at, &row.id)? == Deduplicated::Emitted {
        return Ok(());
    }
    let before = work.agent(&row.agent_id)?;
    let change = activity_row(before.as_ref().map(|versioned| &versioned.state), row, context);
    work.change_agent(&row.agent_id, before, change)
}

fn end_of_activity(
    work: &mut UnitOfWork,
    row: &Activity,
    context: &PollContext,
) -> Result<(), EngineError> {
    let wanted = is_activity_end_wanted(row, context);
    let Some(ended_at) = row.ended_at.filter(|_| wanted) else { return Ok(()) };
    if work.deduplicate_activity_end(ended_at, &row.id)? == Deduplicated::Emitted {
        return Ok(());
    }
    let before = work.agent(&row.agent_id)?;
    let state = before.as_ref().map(|versioned| &versioned.state);
    let change = activity_end(state, row, ended_at, context);
    work.change_agent(&row.agent_id, before, change)
}

/// Rows of calls or chats, from whichever stream.
pub(super) fn interactions<I: Interaction>(
    work: &mut UnitOfWork,
    rows: &[I],
    context: &PollContext,
) -> Result<(), EngineError> {
    for row in rows {
        let id = &row.interaction().id;
        work.account.targets.learn(row);
        let before = work.interaction_for(row)?;
        let outdated = before.as_ref().is_some_and(|versioned| versioned.outdated);
        let deadline = SlaDeadline::of(row, &work.account.targets);
        let state = before.as_ref().map(|versioned| &versioned.state);
        // Polls overlap: one that was answered earlier may be committed later, and would set the
        // record back, which no incremental poll would ever correct.
        if state.is_some_and(|state| is_older(state, row)) {
            continue;
        }
        let is_emitted =
            |deadline: &SlaDeadline| state.is_some_and(|state| deadline.is_emitted(state));
        let emitted = deadline.as_ref().is_none_or(is_emitted);
        let overdue = |deadline: &SlaDeadline| deadline.overdue_at <= context.requested_at;
        if let Some(state) = state
            && !outdated
            && is_unchanged(state, row)
            && (emitted || !deadline.as_ref().is_some_and(overdue))
        {
            // Unchanged, but perhaps from another stream than before.
            if let Some(ended_at) = state.ended_at {
                work.account.recently_ended.read(I::KIND, id, ended_at, context.requested_at);
            }
            let open = deadline.filter(|_| !emitted);
            let overdue_at = open.map(|deadline| deadline.overdue_at);
            work.account.sla_deadlines.set(I::KIND, id, overdue_at);
            continue;
        }
        let change = interaction_row(state, row, context, &work.account.targets);
        if let Some(ended_at) = change.state.ended_at {
            work.account.recently_ended.read(I::KIND, id, ended_at, context.requested_at);
        }
        let open = deadline.filter(|deadline| !deadline.is_emitted(&change.state));
        work.account.sla_deadlines.set(I::KIND, id, open.map(|deadline| deadline.overdue_at));
        work.change(I::KIND, id, before, change)?;
    }
    Ok(())
}

/// Interactions that were requested by their ids. Those that are not shown are polled again after
/// the others.
pub(super) fn looked_up<I: Interaction>(
    work: &mut UnitOfWork,
    lookup: &RowsById<I>,
    context: &PollContext,
) -> Result<(), EngineError> {
    interactions(work, &lookup.rows, context)?;
    work.account.recently_ended.looked_up(I::KIND, &lookup.ids, context.requested_at);
    Ok(())
}

/// The interactions of one channel that wait.
pub(super) fn waiting<I: Interaction>(
    work: &mut UnitOfWork,
    rows: &[I],
    context: &PollContext,
) -> Result<(), EngineError> {
    interactions(work, rows, context)?;
    work.account.sla_deadlines.polled(I::KIND, context.requested_at);
    Ok(())
}

/// Queues, teams or statuses: rows, and removed ones.
pub(super) fn records<R: Record>(
    work: &mut UnitOfWork,
    scan: &FullScan<R>,
    context: &PollContext,
) -> Result<(), EngineError> {
    for row in scan.rows() {
        let row = match row {
            FullScanRow::Seen(row) => row,
            FullScanRow::Unchanged(id) | FullScanRow::Deleted(id) => {
                work.account.set_shown(R::KIND, id, context.requested_at);
                continue;
            }
        };
        let before = work.versioned_for::<RecordState<R>, _>(R::KIND, row.id(), row)?;
        if before.is_none() && !work.accepts(R::KIND) {
            continue;
        }
        let context = &context_of(work, R::KIND, row.id(), context);
        work.account.set_shown(R::KIND, row.id(), context.requested_at);
        let change = record_row(before.as_ref().map(|versioned| &versioned.state), row, context);
        let defined = work.account.defined.entry(R::KIND).or_default();
        if change.state.record.is_some() {
            defined.insert(row.id().clone());
        } else {
            defined.remove(row.id());
        }
        // One that was deleted before it was ever shown is not stored.
        if before.is_some() || change.state.record.is_some() {
            work.change(R::KIND, row.id(), before, change)?;
        }
    }
    if !scan.is_complete() {
        return Ok(());
    }
    let known = work.account.defined.entry(R::KIND).or_default().clone();
    let removals = work.account.removals.entry(R::KIND).or_default();
    let removed = removals.full_scan(known.iter(), scan.present(), scan.was_counted());
    for id in removed {
        work.account.defined.entry(R::KIND).or_default().remove(&id);
        let context = &work.account.context_of_removed(R::KIND, &id, context);
        work.account.forget_shown(R::KIND, &id);
        if let Some(before) = work.versioned::<RecordState<R>>(R::KIND, &id)? {
            let change = record_absence(&before.state, &id, context);
            work.change(R::KIND, &id, Some(before), change)?;
        }
    }
    Ok(())
}

/// Paths on which interactions wait, and those on which none do any more.
pub(super) fn queue_statuses(
    work: &mut UnitOfWork,
    scan: &FullScan<QueueStatus>,
    context: &PollContext,
) -> Result<(), EngineError> {
    let kind = EntityKind::QueuePath;
    for row in scan.rows() {
        let FullScanRow::Seen(row) = row else { continue };
        let id = row.queue.id();
        let before = work.versioned::<LevelState>(kind, &id)?;
        if before.is_none() && !work.accepts(kind) {
            continue;
        }
        let change =
            queue_status_row(before.as_ref().map(|versioned| &versioned.state), row, context);
        if change.state.depth.is_some_and(|depth| depth != 0) {
            work.account.queued_paths.insert(id.clone());
        } else {
            work.account.queued_paths.remove(&id);
        }
        work.change(kind, &id, before, change)?;
    }
    if scan.is_complete() {
        let drops = work.account.drops.entry(kind).or_default();
        let queued = work.account.queued_paths.iter();
        // All queues may be empty at the same time.
        let emptied = drops.snapshot(queued, scan.present(), EmptySnapshot::Ordinary);
        for id in emptied {
            work.account.queued_paths.remove(&id);
            if let Some(before) = work.versioned::<LevelState>(kind, &id)? {
                let change = queue_status_absence(&before.state, &id, context);
                work.change(kind, &id, Some(before), change)?;
            }
        }
    }
    Ok(())
}

/// Service levels of paths and groups.
pub(super) fn service_levels(
    work: &mut UnitOfWork,
    levels: &[ServiceLevel],
    context: &PollContext,
) -> Result<(), EngineError> {
    for level in levels {
        let (kind, id) = level.entity();
        let path = match &level.of {
            Measured::Path(path) => Some(&path.path_id),
            Measured::Group { .. } => None,
        };
        let target = work.account.targets.percent(path);
        let before = work.versioned::<LevelState>(kind, &id)?;
        let state = before.as_ref().map(|versioned| &versioned.state);
        let change = service_level_row(state, level, target, context);
        // A level that was never known and has no value is not stored.
        if before.is_some() || !change.drafts.is_empty() {
            work.change(kind, &id, before, change)?;
        }
    }
    Ok(())
}

/// Quarantined rows, each emitted once.
pub(super) fn quarantined(
    work: &mut UnitOfWork,
    stream: &StreamName,
    rows: &[Quarantined],
    context: &PollContext,
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
            occurrence: Occurrence::bounded(context.requested_at, context.previous_requested_at),
            origin: context.unstamped_origin(),
            body,
        };
        if work.quarantine(&id, row.reason.label(), draft)? {
            tracing::warn!(
                account = %work.account.name, %stream, path = %row.reason.path,
                kind = %row.reason.kind, size = row.size,
                "row quarantined"
            );
        }
    }
    Ok(())
}
