//! SLA deadlines: which interaction waits, since when, and when that becomes too long.
//!
//! An interaction that waits does not move its `updated_at`, so that no incremental poll shows it
//! again: its deadline is known beforehand, and the vendor has to be polled at that time.

use std::collections::HashMap;

use super::context::{
    FIRST_STAY, first_queue, first_row, interaction_context, row_queue, stay_key,
};
use super::interaction::Interaction;
use super::state::InteractionState;
use super::step::{Coverage, Step, StepKind};
use crate::detect::poll_context::PollContext;
use crate::event::body::{QueueReference, SlaBasis, SlaBreach, SlaScope};
use crate::event::{Body, Occurrence};
use crate::model::{EntityId, InteractionPhase, QueueDuration, Timestamp};

/// The vendor's stamps are cut to whole seconds: a wait may have begun that much later.
const STAMP_MILLIS: i64 = 1000;
/// How many queues' targets are learnt at most.
const MOST_LEARNT: usize = 10_000;

/// How long interactions may wait, and how many of them have to be answered in that time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    configured_seconds: Option<i64>,
    configured_percent: Option<f64>,
    /// Seconds, by the queue's id.
    learnt_seconds: HashMap<EntityId, i64>,
    /// Percent, by the path's id.
    learnt_percents: HashMap<EntityId, f64>,
}

impl Targets {
    /// Targets with these defaults, for where the vendor names none.
    #[must_use]
    pub fn new(seconds: Option<i64>, percent: Option<f64>) -> Self {
        Self { configured_seconds: seconds, configured_percent: percent, ..Self::default() }
    }

    /// Remembers the targets that a record's rows name: later interactions of the same queue have
    /// them before they have a row that says so.
    pub fn learn<I: Interaction>(&mut self, record: &I) {
        let interaction = record.interaction();
        let queue = interaction.selected_menu.as_ref().and_then(|menu| menu.id.as_ref());
        let target = first_row(record).and_then(|row| row.service_level_target_time);
        if let (Some(queue), Some(target)) = (queue, target) {
            learn(&mut self.learnt_seconds, queue, target);
        }
        for row in &interaction.queue_durations {
            if let (Some(path), Some(target)) =
                (&row.menu_path_id, row.service_level_target_percent)
            {
                learn(&mut self.learnt_percents, path, target);
            }
        }
    }

    /// The percentage that a path, or a group of queues (`None`), has to reach.
    #[must_use]
    pub fn percent(&self, path_id: Option<&EntityId>) -> Option<f64> {
        let learnt = path_id.and_then(|path| self.learnt_percents.get(path).copied());
        learnt.or(self.configured_percent)
    }

    /// The seconds within which a stay in a queue has to end.
    fn seconds<I: Interaction>(&self, record: &I, row: Option<&QueueDuration>) -> Option<i64> {
        let named = row.and_then(|row| row.service_level_target_time);
        let learnt = || {
            let menu = record.interaction().selected_menu.as_ref();
            let queue = menu.and_then(|menu| menu.id.as_ref())?;
            // A transfer leads to another queue than the one that was chosen.
            row.is_none_or(|row| !row.transfer).then(|| self.learnt_seconds.get(queue).copied())?
        };
        named.or_else(learnt).or(self.configured_seconds)
    }
}

fn learn<T>(known: &mut HashMap<EntityId, T>, id: &EntityId, target: T) {
    if let Some(known) = known.get_mut(id) {
        *known = target;
    } else if known.len() < MOST_LEARNT {
        known.insert(id.clone(), target);
    }
}

/// The deadline of a wait that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaDeadline {
    /// From when on the wait is too long, in the vendor's clock, on the safe side of its stamps.
    pub overdue_at: Timestamp,
    stay: String,
    since: Timestamp,
    target_seconds: i64,
    queue: QueueReference,
    row_id: Option<EntityId>,
}

impl SlaDeadline {
    /// The deadline of the wait that a record shows, where it has a target.
    #[must_use]
    pub fn of<I: Interaction>(record: &I, targets: &Targets) -> Option<Self> {
        let interaction = record.interaction();
        let phase = interaction.phase();
        let rows = &interaction.queue_durations;
        let open = rows.iter().rev().find(|row| row.ended_at.is_none());
        let (row, since) = match open {
            Some(row) if row.transfer => {
                let answered = interaction.transfers.iter().any(|transfer| {
                    transfer.id.is_some()
                        && transfer.id == row.transfer_id
                        && (transfer.assigned_at.is_some() || transfer.connected_at.is_some())
                });
                let waits = !answered && !phase.is_over() && phase != InteractionPhase::Assigned;
                (Some(row), row.started_at.filter(|_| waits)?)
            }
            Some(row) if phase == InteractionPhase::Queued => {
                (Some(row), record.queued_at().or(row.started_at)?)
            }
            None if phase == InteractionPhase::Queued && rows.is_empty() => {
                (None, record.queued_at()?)
            }
            _ => return None,
        };
        let target_seconds = targets.seconds(record, row)?;
        let queue = match row {
            Some(row) if row.transfer => row_queue(row),
            _ => first_queue(record),
        };
        Some(Self {
            overdue_at: since.plus_millis(target_seconds.saturating_mul(1000) + STAMP_MILLIS),
            stay: row.map_or_else(|| String::from(FIRST_STAY), |row| stay_key(record, row)),
            since,
            target_seconds,
            queue,
            row_id: row.and_then(|row| row.id.clone()),
        })
    }

    /// The key of the breach, whether a deadline or the vendor's verdict shows it.
    fn breach_key(&self) -> String {
        StepKind::Breached.key_of(&self.stay)
    }

    /// Whether the breach was emitted.
    #[must_use]
    pub fn is_emitted<I>(&self, state: &InteractionState<I>) -> bool {
        state.steps.contains(&self.breach_key())
    }
}

/// A breach that a poll confirmed after the deadline.
pub(super) struct ConfirmedBreach {
    pub(super) step: Step,
    /// A key to be remembered, so that the vendor's denial becomes a withdrawal.
    pub(super) overdue_key: String,
}

/// The breach that this poll confirms: it was requested after the deadline and still shows the
/// interaction waiting.
pub(super) fn confirmed_breach<I: Interaction>(
    record: &I,
    context: &PollContext,
    targets: &Targets,
) -> Option<ConfirmedBreach> {
    let wait = SlaDeadline::of(record, targets)?;
    if context.requested_at < wait.overdue_at {
        return None;
    }
    let deadline = wait.since.plus_millis(wait.target_seconds.saturating_mul(1000));
    #[allow(clippy::cast_precision_loss, reason = "milliseconds are far below 2^52")]
    let waited = context.requested_at.millis_since(wait.since) as f64 / 1000.0;
    let body = Body::SlaBreached(SlaBreach {
        scope: SlaScope::Interaction,
        basis: SlaBasis::Deadline,
        interaction: Some(interaction_context(record, Some(wait.queue.clone()), None)),
        queue: Some(wait.queue.clone()),
        group: None,
        language: record.interaction().lang.clone(),
        channel: Some(String::from(I::CHANNEL)),
        row_id: wait.row_id.clone(),
        target_seconds: Some(wait.target_seconds),
        target_percent: None,
        value: Some(waited),
    });
    let step = Step {
        key: wait.breach_key(),
        occurrence: Occurrence::stamped(deadline),
        body,
        coverage: Coverage::Nothing,
    };
    Some(ConfirmedBreach { step, overdue_key: StepKind::Overdue.key_of(&wait.stay) })
}
