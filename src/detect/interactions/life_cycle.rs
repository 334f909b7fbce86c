//! The life cycle of an interaction from its stamps: which steps a record shows, in the order of
//! the life cycle (not of the stamps, which cross in the vendor's own sample).
//!
//! The first queue row without a transfer *is* the stamped step; only transfers and rows that
//! began with one repeat a step. Each step has a key that is the same in every record that shows
//! it, and its facts are those of that step.

use std::collections::BTreeSet;

use super::context::first_queue;
use super::context::{
    first_agent, first_row, handle_row_key, handle_row_queue, interaction_context,
    named_first_queue, queue_row_key, row_queue, stay_key, transfer_key,
};
use super::interaction::Interaction;
use super::step::{Coverage, Step, StepKind, Steps};
use crate::detect::poll_context::PollContext;
use crate::event::body::{QueueReference, SlaBasis, SlaBreach, SlaScope, SlaWithdrawal};
use crate::event::{Body, Occurrence};
use crate::model::{
    EntityId, HandleDuration, InteractionRecord, QueueDuration, SlaVerdict, Transfer,
};

const QUEUED: &[&str] = &[
    "status",
    "queued_at",
    "selected_menu",
    "menu_path",
    "queue_durations",
    "queue_priority_level",
    "queue_duration",
    "consumer_in_menu_durations",
    "lang",
];
const ASSIGNED: &[&str] = &[
    "status",
    "assigned_at",
    "agent_info",
    "queue_durations",
    "queue_duration",
    "participants",
    "offer_events",
    "offer_type",
];
const CONNECTED: &[&str] = &[
    "status",
    "connected_at",
    "participants",
    "answer_type",
    "agent_info",
    "handle_durations",
    "queue_durations",
    "queue_duration",
];
const TRANSFERRED: &[&str] = &["status", "transfers", "menu_path", "selected_menu", "agent_info"];
const TRANSFER_QUEUED: &[&str] = &["status", "queue_durations", "queue_duration", "transfers"];
const TRANSFER_ASSIGNED: &[&str] =
    &["status", "transfers", "agent_info", "participants", "assigned_at", "queue_durations"];
const TRANSFER_CONNECTED: &[&str] = &[
    "status",
    "transfers",
    "agent_info",
    "participants",
    "connected_at",
    "handle_durations",
    "queue_durations",
    "queue_duration",
];

/// All steps that the record shows, in the order of the life cycle. `emitted` are the keys of
/// those that were emitted before.
pub(super) fn steps<I: Interaction>(
    record: &I,
    context: &PollContext,
    emitted: &BTreeSet<String>,
) -> Vec<Step> {
    let interaction = record.interaction();
    let steps = Steps::new(interaction.updated_at, context);
    let mut life_cycle = LifeCycle { record, interaction, steps };
    record.add_arrival(&mut life_cycle.steps);
    life_cycle.add_first_stay();
    for transfer in &interaction.transfers {
        life_cycle.add_transfer(transfer);
    }
    life_cycle.add_transfers_without_record();
    life_cycle.add_verdicts(emitted);
    record.add_ending(&mut life_cycle.steps);
    life_cycle.add_wrap_ups();
    life_cycle.steps.finish()
}

struct LifeCycle<'a, I> {
    record: &'a I,
    interaction: &'a InteractionRecord,
    steps: Steps<'a>,
}

impl<I: Interaction> LifeCycle<'_, I> {
    /// The stamped steps.
    fn add_first_stay(&mut self) {
        let record = self.record;
        let queue = named_first_queue(record);
        let row = first_row(record);
        if let Some(queued_at) = record.queued_at().or_else(|| row.and_then(|row| row.started_at)) {
            let row_id = row.and_then(|row| row.id.clone());
            let body = I::queued(interaction_context(record, queue.clone(), None), row_id, None);
            let at = Occurrence::stamped(queued_at);
            self.steps.add(StepKind::Queued.key(), at, body, Coverage::Fields(QUEUED));
        }
        let with_agent = interaction_context(record, queue, first_agent(record));
        if let Some(assigned_at) = self.interaction.assigned_at {
            let body = I::assigned(with_agent.clone(), None);
            let at = Occurrence::stamped(assigned_at);
            self.steps.add(StepKind::Assigned.key(), at, body, Coverage::Fields(ASSIGNED));
        }
        if let Some(connected_at) = record.connected_at()
            && let Some(body) = I::connected(with_agent, None)
        {
            let at = Occurrence::stamped(connected_at);
            self.steps.add(StepKind::Connected.key(), at, body, Coverage::Fields(CONNECTED));
        }
    }

    fn add_transfer(&mut self, transfer: &Transfer) {
        let record = self.record;
        let id = transfer.id.clone();
        let key = transfer_key(transfer);
        let belongs = |transfer_id: &Option<EntityId>| id.is_some() && *transfer_id == id;
        let mut stays = self.interaction.queue_durations.iter();
        let queue_row = stays.find(|row| row.transfer && belongs(&row.transfer_id));
        let path = transfer.to_menu.as_ref().and_then(|path| path.materialized_path.clone());
        let queue = queue_row.map(row_queue).or_else(|| {
            path.map(|path| QueueReference { id: None, path_id: None, path: Some(path) })
        });
        let from = transfer.from_agent.as_ref().and_then(|agent| agent.id.clone());
        let to = transfer.to_agent.as_ref().and_then(|agent| agent.id.clone());
        let mut handled = self.interaction.handle_durations.iter();
        let handle_row = handled.find(|row| row.transfer && belongs(&row.transfer_id));
        let to = to
            .or_else(|| queue_row.and_then(|row| row.agent_id.clone()))
            .or_else(|| handle_row.and_then(|row| row.agent_id.clone()));

        let body =
            I::transferred(interaction_context(record, queue.clone(), from), transfer.clone());
        let at = self.steps.at(transfer.created_at);
        let transferred = StepKind::Transferred.key_of(&key);
        self.steps.add(transferred, at, body, Coverage::Fields(TRANSFERRED));
        if let Some(row) = queue_row {
            self.add_transfer_queue_row(row);
        }
        let with_agent = interaction_context(record, queue, to);
        // The new agent's row begins with the step that makes them the one who handles it.
        let handled_at = handle_row.and_then(|row| row.started_at);
        let assigned_at = transfer.assigned_at.or(handled_at.filter(|_| !I::CONNECTS));
        if let Some(assigned_at) = assigned_at {
            let body = I::assigned(with_agent.clone(), id.clone());
            let at = Occurrence::stamped(assigned_at);
            let assigned = StepKind::Assigned.key_of(&key);
            self.steps.add(assigned, at, body, Coverage::Fields(TRANSFER_ASSIGNED));
        }
        if let Some(connected_at) = transfer.connected_at.or(handled_at)
            && let Some(body) = I::connected(with_agent, id)
        {
            let at = Occurrence::stamped(connected_at);
            let connected = StepKind::Connected.key_of(&key);
            self.steps.add(connected, at, body, Coverage::Fields(TRANSFER_CONNECTED));
        }
    }

    fn add_transfer_queue_row(&mut self, row: &QueueDuration) {
        let context = interaction_context(self.record, Some(row_queue(row)), None);
        let body = I::queued(context, row.id.clone(), row.transfer_id.clone());
        let at = self.steps.at(row.started_at);
        let key = StepKind::Queued.key_of(&queue_row_key(row));
        self.steps.add(key, at, body, Coverage::Fields(TRANSFER_QUEUED));
    }

    /// Rows that began with a transfer whose own record is not there.
    fn add_transfers_without_record(&mut self) {
        for row in self.interaction.queue_durations.iter().filter(|row| row.transfer) {
            self.add_transfer_queue_row(row);
        }
        let handles = |row: &&HandleDuration| row.transfer && !is_wrap_up_only(row);
        for row in self.interaction.handle_durations.iter().filter(handles) {
            let transfer_id = row.transfer_id.clone();
            let key = transfer_id.as_ref().map_or_else(|| handle_row_key(row), EntityId::to_string);
            let queue = Some(handle_row_queue(row));
            let context = interaction_context(self.record, queue, row.agent_id.clone());
            let at = self.steps.at(row.started_at);
            if let Some(body) = I::connected(context.clone(), transfer_id.clone()) {
                let connected = StepKind::Connected.key_of(&key);
                self.steps.add(connected, at, body, Coverage::Fields(TRANSFER_CONNECTED));
            } else {
                let body = I::assigned(context, transfer_id);
                let assigned = StepKind::Assigned.key_of(&key);
                self.steps.add(assigned, at, body, Coverage::Fields(TRANSFER_ASSIGNED));
            }
        }
    }

    /// The vendor's verdicts on the service level, unchanged. A breach that was emitted at its
    /// deadline is not emitted again, and is withdrawn when the vendor denies it.
    fn add_verdicts(&mut self, emitted: &BTreeSet<String>) {
        let record = self.record;
        for row in &self.interaction.queue_durations {
            let Some(verdict) = &row.service_level_event else { continue };
            let stay = stay_key(record, row);
            let mut queue = row_queue(row);
            if !row.transfer {
                queue.id = first_queue(record).id;
            }
            let interaction =
                interaction_context(record, Some(queue.clone()), row.agent_id.clone());
            let at = self.steps.at(row.ended_at);
            match verdict.normal() {
                SlaVerdict::Late => {
                    #[allow(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
                    let value = row.queue_duration.map(|seconds| seconds as f64);
                    let body = Body::SlaBreached(SlaBreach {
                        scope: SlaScope::Interaction,
                        basis: SlaBasis::VendorVerdict,
                        interaction: Some(interaction),
                        queue: Some(queue),
                        group: None,
                        language: row.lang.clone(),
                        channel: Some(String::from(I::CHANNEL)),
                        row_id: row.id.clone(),
                        target_seconds: row.service_level_target_time,
                        target_percent: row.service_level_target_percent,
                        value,
                    });
                    let key = StepKind::Breached.key_of(&stay);
                    self.steps.add(key, at, body, Coverage::Nothing);
                }
                SlaVerdict::InTime | SlaVerdict::Excluded
                    if emitted.contains(&StepKind::Overdue.key_of(&stay)) =>
                {
                    let body = Body::SlaBreachWithdrawn(SlaWithdrawal {
                        interaction,
                        queue: Some(queue),
                        row_id: row.id.clone(),
                        verdict: String::from(&**verdict),
                    });
                    let key = StepKind::Withdrawn.key_of(&stay);
                    self.steps.add(key, at, body, Coverage::Nothing);
                }
                _ => {}
            }
        }
    }

    fn add_wrap_ups(&mut self) {
        let record = self.record;
        let ended =
            |row: &&HandleDuration| row.acw_duration.unwrap_or(0) > 0 && row.ended_at.is_some();
        for row in self.interaction.handle_durations.iter().filter(ended) {
            let context =
                interaction_context(record, Some(handle_row_queue(row)), row.agent_id.clone());
            let body = I::wrap_up_ended(context, row.clone(), Box::new(record.clone()));
            let at = self.steps.at(row.ended_at);
            let key = StepKind::WrapUp.key_of(&handle_row_key(row));
            self.steps.add(key, at, body, Coverage::Everything);
        }
    }
}

/// Whether a handling row is of after-call work only.
fn is_wrap_up_only(row: &HandleDuration) -> bool {
    let talked = row.call_duration.unwrap_or(0) + row.chat_duration.unwrap_or(0) > 0;
    row.acw_duration.unwrap_or(0) > 0 && !talked
}
