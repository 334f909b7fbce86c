//! Waits: who waits, since when, and from when on that is too long.
//!
//! An interaction that waits does not move its `updated_at`, so that no tail shows it again: its
//! deadline is known beforehand, and somebody has to ask at that time.

use std::collections::HashMap;

use super::Interaction;
use super::steps::{
    Step, Tells, first_queue, first_row, interaction_context, queue_row_key, row_queue,
};
use crate::detect::PollContext;
use crate::event::{Body, Occurrence, QueueReference, SlaBasis, SlaBreach, SlaScope};
use crate::model::{EntityId, Phase, QueueDuration, Timestamp};

/// The vendor's stamps are whole seconds, cut off: a wait may have begun that much later.
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

    /// Takes note of the targets that a record's rows name: later interactions of the same queue
    /// have them before they have a row that says so.
    pub fn learn<I: Interaction>(&mut self, record: &I) {
        let queue = record.selected_menu().and_then(|menu| menu.id.as_ref());
        let target = first_row(record).and_then(|row| row.service_level_target_time);
        if let (Some(queue), Some(target)) = (queue, target) {
            learn(&mut self.learnt_seconds, queue, target);
        }
        for row in record.queue_durations() {
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

    fn of<I: Interaction>(&self, record: &I, row: Option<&QueueDuration>) -> Option<i64> {
        let named = row.and_then(|row| row.service_level_target_time);
        let learnt = || {
            let queue = record.selected_menu().and_then(|menu| menu.id.as_ref())?;
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

/// A wait that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaDeadline {
    /// From when on it is too long, in the vendor's clock, on the safe side of its stamps.
    pub overdue_at: Timestamp,
    key: String,
    since: Timestamp,
    target_seconds: i64,
    queue: QueueReference,
    row_id: Option<EntityId>,
}

/// What a stay in a queue is known by: the first one is the stamped step, whether its row is there
/// already or not.
pub(super) fn wait_key<I: Interaction>(record: &I, row: &QueueDuration) -> String {
    if first_row(record).is_some_and(|first| std::ptr::eq(first, row)) {
        String::from("first")
    } else {
        queue_row_key(row)
    }
}

impl SlaDeadline {
    /// The wait that a record shows, where it has a target.
    #[must_use]
    pub fn of<I: Interaction>(record: &I, targets: &Targets) -> Option<Self> {
        let phase = record.phase();
        let open = record.queue_durations().iter().rev().find(|row| row.ended_at.is_none());
        let (row, since) = match open {
            Some(row) if row.transfer => {
                let answered = record.transfers().iter().any(|transfer| {
                    transfer.id.is_some()
                        && transfer.id == row.transfer_id
                        && (transfer.assigned_at.is_some() || transfer.connected_at.is_some())
                });
                let waits = !answered && !phase.is_over() && phase != Phase::Assigned;
                (Some(row), row.started_at.filter(|_| waits)?)
            }
            Some(row) if phase == Phase::Queued => {
                (Some(row), record.queued_at().or(row.started_at)?)
            }
            None if phase == Phase::Queued && record.queue_durations().is_empty() => {
                (None, record.queued_at()?)
            }
            _ => return None,
        };
        let target_seconds = targets.of(record, row)?;
        let queue = match row {
            Some(row) if row.transfer => row_queue(row),
            _ => first_queue(record),
        };
        Some(Self {
            overdue_at: since.plus_millis(target_seconds.saturating_mul(1000) + STAMP_MILLIS),
            key: row.map_or_else(|| String::from("first"), |row| wait_key(record, row)),
            since,
            target_seconds,
            queue,
            row_id: row.and_then(|row| row.id.clone()),
        })
    }

    /// The key of the step that tells of the breach, whoever tells it.
    fn step_key(&self) -> String {
        format!("breached:{}", self.key)
    }

    /// Whether the breach was told.
    #[must_use]
    pub fn is_told<I>(&self, state: &super::InteractionState<I>) -> bool {
        state.steps.contains(&self.step_key())
    }
}

/// A breach that a deadline tells.
pub(super) struct Overdue {
    pub(super) step: Step,
    /// What is remembered, so that the vendor's denial can be told.
    pub(super) mark: String,
}

/// The breach that this reading confirms: it was asked after the deadline and still shows the
/// interaction waiting.
pub(super) fn overdue<I: Interaction>(
    record: &I,
    context: &PollContext,
    targets: &Targets,
) -> Option<Overdue> {
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
        language: record.language().cloned(),
        channel: Some(String::from(I::CHANNEL)),
        row_id: wait.row_id.clone(),
        target_seconds: Some(wait.target_seconds),
        target_percent: None,
        value: Some(waited),
    });
    let step = Step {
        key: wait.step_key(),
        occurrence: Occurrence::stamped(deadline),
        body,
        tells: Tells::Nothing,
    };
    Some(Overdue { step, mark: format!("overdue:{}", wait.key) })
}
