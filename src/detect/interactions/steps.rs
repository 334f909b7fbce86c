//! The life of an interaction from its stamps: which steps a record tells of, in the order of the
//! life cycle (not of the stamps, which cross in the vendor's own sample).
//!
//! The first queue row without a transfer *is* the stamped step; only transfers and rows that
//! began with one repeat a step. Each step has a key that is the same in whichever reading it is
//! seen, and its facts stand as they were at that step.

use std::collections::BTreeSet;

use super::Interaction;
use super::waits::wait_key;
use crate::detect::PollContext;
use crate::event::{
    Body, InteractionContext, Occurrence, QueueReference, SlaBasis, SlaBreach, SlaScope,
    SlaWithdrawal,
};
use crate::model::{EntityId, HandleDuration, QueueDuration, Timestamp, Transfer};

/// One step a record tells of.
#[derive(Debug)]
pub(super) struct Step {
    /// The same in every reading of the call.
    pub(super) key: String,
    /// When it happened.
    pub(super) occurrence: Occurrence,
    /// The event.
    pub(super) body: Body,
    /// The record's fields that the event tells of.
    pub(super) tells: Tells,
}

/// Which fields of the record an event tells of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tells {
    /// It carries the whole record.
    Everything,
    /// These.
    Fields(&'static [&'static str]),
    /// None: it is a verdict about rows that others tell of.
    Nothing,
}

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

/// Gathers the steps of one record.
#[derive(Debug)]
pub struct LifeCycle<'a, I> {
    pub(super) record: &'a I,
    pub(super) context: &'a PollContext,
    /// The steps that were told before.
    told: &'a BTreeSet<String>,
    steps: Vec<Step>,
}

/// All steps the record tells of, in the order of the life cycle. `told` are the keys of those
/// that were told before.
pub(super) fn steps<I: Interaction>(
    record: &I,
    context: &PollContext,
    told: &BTreeSet<String>,
) -> Vec<Step> {
    let mut life = LifeCycle { record, context, told, steps: Vec::new() };
    I::arrival(&mut life);
    life.first_stay();
    for transfer in record.transfers() {
        life.transfer(transfer);
    }
    life.transfers_without_record();
    life.verdicts();
    I::ending(&mut life);
    life.wrap_ups();
    life.steps
}

/// The context at the step where this queue and this agent were the interaction's.
pub(super) fn interaction_context<I: Interaction>(
    record: &I,
    queue: Option<QueueReference>,
    agent_id: Option<EntityId>,
) -> InteractionContext {
    InteractionContext {
        id: record.id().clone(),
        direction: record.direction(),
        queue,
        agent_id,
        language: record.language().cloned(),
    }
}

/// The context as the record stands now.
pub(super) fn current_context<I: Interaction>(record: &I) -> InteractionContext {
    interaction_context(record, Some(first_queue(record)).filter(is_named), last_agent(record))
}

fn is_named(queue: &QueueReference) -> bool {
    *queue != QueueReference::default()
}

/// The row of the stamped step.
pub(super) fn first_row<I: Interaction>(record: &I) -> Option<&QueueDuration> {
    record.queue_durations().iter().find(|row| !row.transfer)
}

/// The queue of the stamped step: what the customer chose, and the row's path. A waiting
/// interaction has the menu's id at the top and the path's id in its row only; the two are
/// different spaces.
pub(super) fn first_queue<I: Interaction>(record: &I) -> QueueReference {
    let row = first_row(record);
    let top = record.menu_path().and_then(|path| path.materialized_path.clone());
    QueueReference {
        id: record.selected_menu().and_then(|menu| menu.id.clone()),
        path_id: row.and_then(|row| row.menu_path_id.clone()),
        path: row.and_then(|row| row.menu_path.clone()).or(top),
    }
}

/// The queue that a row of a stay names.
pub(super) fn row_queue(row: &QueueDuration) -> QueueReference {
    QueueReference { id: None, path_id: row.menu_path_id.clone(), path: row.menu_path.clone() }
}

fn handle_row_queue(row: &HandleDuration) -> QueueReference {
    QueueReference { id: None, path_id: row.menu_path_id.clone(), path: row.menu_path.clone() }
}

/// The agent of the stamped steps: of the first rows, not the one the interaction ended with.
fn first_agent<I: Interaction>(record: &I) -> Option<EntityId> {
    let queued = first_row(record).and_then(|row| row.agent_id.clone());
    let handled = || {
        let row = record.handle_durations().iter().find(|row| !row.transfer);
        row.and_then(|row| row.agent_id.clone())
    };
    let given = || {
        let transfer = record.transfers().first();
        transfer.and_then(|transfer| transfer.from_agent.as_ref()).and_then(|who| who.id.clone())
    };
    let now = || record.agent_info().and_then(|agent| agent.id.clone());
    queued.or_else(handled).or_else(given).or_else(now)
}

fn last_agent<I: Interaction>(record: &I) -> Option<EntityId> {
    let now = record.agent_info().and_then(|agent| agent.id.clone());
    now.or_else(|| record.handle_durations().last().and_then(|row| row.agent_id.clone()))
}

/// What a row is known by: its id, or else kind, start, agent, path and language.
struct RowKey<'a> {
    kind: &'static str,
    id: Option<&'a EntityId>,
    started_at: Option<Timestamp>,
    agent: Option<&'a EntityId>,
    path: Option<&'a EntityId>,
    language: Option<&'a String>,
}

impl RowKey<'_> {
    fn text(&self) -> String {
        if let Some(id) = self.id {
            return id.to_string();
        }
        let part = |id: Option<&EntityId>| id.map_or_else(String::new, EntityId::to_string);
        let stamp = self.started_at.map_or_else(String::new, |time| time.millis().to_string());
        let language = self.language.map_or("", String::as_str);
        format!("{}@{stamp}/{}/{}/{language}", self.kind, part(self.agent), part(self.path))
    }
}

/// What a stay in a queue is known by.
pub(super) fn queue_row_key(row: &QueueDuration) -> String {
    let key = RowKey {
        kind: "queue",
        id: row.id.as_ref(),
        started_at: row.started_at,
        agent: row.agent_id.as_ref(),
        path: row.menu_path_id.as_ref(),
        language: row.lang.as_ref(),
    };
    key.text()
}

fn handle_row_key(row: &HandleDuration) -> String {
    let key = RowKey {
        kind: "handle",
        id: row.id.as_ref(),
        started_at: row.started_at,
        agent: row.agent_id.as_ref(),
        path: row.menu_path_id.as_ref(),
        language: row.lang.as_ref(),
    };
    key.text()
}

fn transfer_key(transfer: &Transfer) -> String {
    let key = RowKey {
        kind: "transfer",
        id: transfer.id.as_ref(),
        started_at: transfer.created_at,
        agent: None,
        path: None,
        language: None,
    };
    key.text()
}

impl<I: Interaction> LifeCycle<'_, I> {
    pub(super) fn add(
        &mut self,
        key: impl Into<String>,
        occurrence: Occurrence,
        body: Body,
        tells: Tells,
    ) {
        let key = key.into();
        if self.steps.iter().all(|step| step.key != key) {
            self.steps.push(Step { key, occurrence, body, tells });
        }
    }

    /// At the stamp where there is one; else somewhere before this reading.
    pub(super) fn at(&self, stamp: Option<Timestamp>) -> Occurrence {
        stamp.map_or_else(
            || {
                let at = self.record.updated_at().unwrap_or(self.context.requested_at);
                let after = self.context.previous_requested_at.filter(|previous| *previous <= at);
                Occurrence::bounded(at, after)
            },
            Occurrence::stamped,
        )
    }

    /// The context as the record stands now.
    pub(super) fn current(&self) -> InteractionContext {
        current_context(self.record)
    }

    /// The stamped steps.
    fn first_stay(&mut self) {
        let record = self.record;
        let queue = Some(first_queue(record)).filter(is_named);
        let row = first_row(record);
        if let Some(queued_at) = record.queued_at().or_else(|| row.and_then(|row| row.started_at)) {
            let row_id = row.and_then(|row| row.id.clone());
            let body = I::queued(interaction_context(record, queue.clone(), None), row_id, None);
            self.add("queued", Occurrence::stamped(queued_at), body, Tells::Fields(QUEUED));
        }
        let with_agent = interaction_context(record, queue, first_agent(record));
        if let Some(assigned_at) = record.assigned_at() {
            let body = I::assigned(with_agent.clone(), None);
            self.add("assigned", Occurrence::stamped(assigned_at), body, Tells::Fields(ASSIGNED));
        }
        if let Some(connected_at) = record.connected_at()
            && let Some(body) = I::connected(with_agent, None)
        {
            let at = Occurrence::stamped(connected_at);
            self.add("connected", at, body, Tells::Fields(CONNECTED));
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        let record = self.record;
        let id = transfer.id.clone();
        let key = transfer_key(transfer);
        let belongs = |transfer_id: &Option<EntityId>| id.is_some() && *transfer_id == id;
        let mut stays = record.queue_durations().iter();
        let queue_row = stays.find(|row| row.transfer && belongs(&row.transfer_id));
        let path = transfer.to_menu.as_ref().and_then(|path| path.materialized_path.clone());
        let queue = queue_row.map(row_queue).or_else(|| {
            path.map(|path| QueueReference { id: None, path_id: None, path: Some(path) })
        });
        let from = transfer.from_agent.as_ref().and_then(|agent| agent.id.clone());
        let to = transfer.to_agent.as_ref().and_then(|agent| agent.id.clone());
        let mut handled = record.handle_durations().iter();
        let handle_row = handled.find(|row| row.transfer && belongs(&row.transfer_id));
        let to = to
            .or_else(|| queue_row.and_then(|row| row.agent_id.clone()))
            .or_else(|| handle_row.and_then(|row| row.agent_id.clone()));

        let body =
            I::transferred(interaction_context(record, queue.clone(), from), transfer.clone());
        let at = self.at(transfer.created_at);
        self.add(format!("transferred:{key}"), at, body, Tells::Fields(TRANSFERRED));
        if let Some(row) = queue_row {
            self.transfer_queue_row(row);
        }
        let with_agent = interaction_context(record, queue, to);
        // The new agent's row begins with the step that makes them the one who handles it.
        let handled_at = handle_row.and_then(|row| row.started_at);
        let assigned_at = transfer.assigned_at.or(handled_at.filter(|_| !I::CONNECTS));
        if let Some(assigned_at) = assigned_at {
            let body = I::assigned(with_agent.clone(), id.clone());
            let at = Occurrence::stamped(assigned_at);
            self.add(format!("assigned:{key}"), at, body, Tells::Fields(TRANSFER_ASSIGNED));
        }
        if let Some(connected_at) = transfer.connected_at.or(handled_at)
            && let Some(body) = I::connected(with_agent, id)
        {
            let at = Occurrence::stamped(connected_at);
            self.add(format!("connected:{key}"), at, body, Tells::Fields(TRANSFER_CONNECTED));
        }
    }

    fn transfer_queue_row(&mut self, row: &QueueDuration) {
        let context = interaction_context(self.record, Some(row_queue(row)), None);
        let body = I::queued(context, row.id.clone(), row.transfer_id.clone());
        let at = self.at(row.started_at);
        let key = format!("queued:{}", queue_row_key(row));
        self.add(key, at, body, Tells::Fields(TRANSFER_QUEUED));
    }

    /// Rows that began with a transfer whose own record is not there.
    fn transfers_without_record(&mut self) {
        let record = self.record;
        for row in record.queue_durations().iter().filter(|row| row.transfer) {
            self.transfer_queue_row(row);
        }
        let handles = |row: &&HandleDuration| row.transfer && !is_wrap_up_only(row);
        for row in record.handle_durations().iter().filter(handles) {
            let transfer_id = row.transfer_id.clone();
            let key = transfer_id.as_ref().map_or_else(|| handle_row_key(row), EntityId::to_string);
            let context =
                interaction_context(record, Some(handle_row_queue(row)), row.agent_id.clone());
            let at = self.at(row.started_at);
            match I::connected(context.clone(), transfer_id.clone()) {
                Some(body) => {
                    let tells = Tells::Fields(TRANSFER_CONNECTED);
                    self.add(format!("connected:{key}"), at, body, tells);
                }
                None => {
                    let body = I::assigned(context, transfer_id);
                    self.add(format!("assigned:{key}"), at, body, Tells::Fields(TRANSFER_ASSIGNED));
                }
            }
        }
    }

    /// What the vendor's rows say about the service level, passed through unchanged. A breach that
    /// its deadline told before is not told again, and is withdrawn when the vendor denies it.
    fn verdicts(&mut self) {
        let record = self.record;
        for row in record.queue_durations() {
            let Some(verdict) = &row.service_level_event else { continue };
            let wait = wait_key(record, row);
            let mut queue = row_queue(row);
            if !row.transfer {
                queue.id = first_queue(record).id;
            }
            let interaction =
                interaction_context(record, Some(queue.clone()), row.agent_id.clone());
            let at = self.at(row.ended_at);
            match verdict.as_str() {
                "not_in_sla" => {
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
                    self.add(format!("breached:{wait}"), at, body, Tells::Nothing);
                }
                "in_sla" | "excluded" if self.told.contains(&format!("overdue:{wait}")) => {
                    let body = Body::SlaBreachWithdrawn(SlaWithdrawal {
                        interaction,
                        queue: Some(queue),
                        row_id: row.id.clone(),
                        verdict: verdict.clone(),
                    });
                    self.add(format!("withdrawn:{wait}"), at, body, Tells::Nothing);
                }
                _ => {}
            }
        }
    }

    fn wrap_ups(&mut self) {
        let record = self.record;
        let ended =
            |row: &&HandleDuration| row.acw_duration.unwrap_or(0) > 0 && row.ended_at.is_some();
        for row in record.handle_durations().iter().filter(ended) {
            let context =
                interaction_context(record, Some(handle_row_queue(row)), row.agent_id.clone());
            let body = I::wrap_up_ended(context, row.clone(), Box::new(record.clone()));
            let at = self.at(row.ended_at);
            self.add(format!("wrap_up:{}", handle_row_key(row)), at, body, Tells::Everything);
        }
    }
}

/// Whether a handling row tells of after-call work only.
fn is_wrap_up_only(row: &HandleDuration) -> bool {
    let talked = row.call_duration.unwrap_or(0) + row.chat_duration.unwrap_or(0) > 0;
    row.acw_duration.unwrap_or(0) > 0 && !talked
}
