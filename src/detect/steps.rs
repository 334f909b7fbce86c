//! The life of a call from its stamps: which steps a record tells of, in the order of the life
//! cycle (not of the stamps, which cross in the vendor's own sample).
//!
//! The first queue row without a transfer *is* the stamped step; only transfers and rows that
//! began with one repeat a step. Each step has a key that is the same in whichever reading it is
//! seen, and its facts stand as they were at that step.

use super::Look;
use crate::event::{
    Body, CallAssignment, CallConnection, CallCreation, CallDeflection, CallEnd, CallFailure,
    CallQueueing, CallRecovery, CallSchedule, CallTransfer, CallVoicemail, CallWrapUp,
    InteractionContext, Occurrence, QueueReference, SlaBasis, SlaBreach, SlaScope,
};
use crate::model::{
    Call, EntityId, HandleDuration, Phase, QueueDuration, Timestamp, Transfer, is_abandonment,
};

/// One step a record tells of.
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
#[derive(Clone, Copy)]
pub(super) enum Tells {
    /// It carries the whole record.
    Everything,
    /// These.
    Fields(&'static [&'static str]),
    /// None: it is a verdict about rows that others tell of.
    Nothing,
}

const CREATED: &[&str] =
    &["id", "parent_id", "lang", "call_type", "status", "created_at", "support_number", "end_user"];
const SCHEDULED: &[&str] = &["status", "scheduled_at"];
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
const DEFLECTED: &[&str] = &["status", "deflection"];
const VOICEMAIL: &[&str] = &["status", "voicemail_reason"];
const RECOVERED: &[&str] = &["status"];

/// Gathers the steps of one record.
struct Life<'a> {
    call: &'a Call,
    look: &'a Look,
    steps: Vec<Step>,
}

/// All steps the record tells of, in the order of the life cycle.
pub(super) fn steps(call: &Call, look: &Look) -> Vec<Step> {
    let mut life = Life { call, look, steps: Vec::new() };
    life.beginning();
    for transfer in &call.transfers {
        life.transfer(transfer);
    }
    life.transfers_without_record();
    life.verdicts();
    life.end();
    life.wrap_ups();
    life.steps
}

/// The context at the step where this queue and this agent were the call's.
pub(super) fn context(
    call: &Call,
    queue: Option<QueueReference>,
    agent_id: Option<EntityId>,
) -> InteractionContext {
    InteractionContext {
        id: call.id.clone(),
        direction: call.direction(),
        queue,
        agent_id,
        language: call.lang.clone(),
    }
}

/// The context as the record stands now.
pub(super) fn current_context(call: &Call) -> InteractionContext {
    context(call, Some(first_queue(call)).filter(is_named), last_agent(call))
}

fn is_named(queue: &QueueReference) -> bool {
    *queue != QueueReference::default()
}

fn first_row(call: &Call) -> Option<&QueueDuration> {
    call.queue_durations.iter().find(|row| !row.transfer)
}

/// The queue of the stamped step: what the customer chose, and the row's path. A waiting call has
/// the menu's id at the top and the path's id in its row only; the two are different spaces.
fn first_queue(call: &Call) -> QueueReference {
    let row = first_row(call);
    let top = call.menu_path.as_ref().and_then(|path| path.materialized_path.clone());
    QueueReference {
        id: call.selected_menu.as_ref().and_then(|menu| menu.id.clone()),
        path_id: row.and_then(|row| row.menu_path_id.clone()),
        path: row.and_then(|row| row.menu_path.clone()).or(top),
    }
}

fn row_queue(row: &QueueDuration) -> QueueReference {
    QueueReference { id: None, path_id: row.menu_path_id.clone(), path: row.menu_path.clone() }
}

/// The agent of the stamped steps: of the first rows, not the one the call ended with.
fn first_agent(call: &Call) -> Option<EntityId> {
    let queued = first_row(call).and_then(|row| row.agent_id.clone());
    let handled = || {
        let row = call.handle_durations.iter().find(|row| !row.transfer);
        row.and_then(|row| row.agent_id.clone())
    };
    let given = || {
        let transfer = call.transfers.first();
        transfer.and_then(|transfer| transfer.from_agent.as_ref()).and_then(|who| who.id.clone())
    };
    let now = || call.agent_info.as_ref().and_then(|agent| agent.id.clone());
    queued.or_else(handled).or_else(given).or_else(now)
}

fn last_agent(call: &Call) -> Option<EntityId> {
    let now = call.agent_info.as_ref().and_then(|agent| agent.id.clone());
    now.or_else(|| call.handle_durations.last().and_then(|row| row.agent_id.clone()))
}

/// What a row without an id is known by: kind, start, agent, path and language.
fn key_without_id(kind: &str, started_at: Option<Timestamp>, parts: [Option<&str>; 3]) -> String {
    let stamp = started_at.map_or_else(String::new, |time| time.millis().to_string());
    let [agent, path, language] = parts.map(Option::unwrap_or_default);
    format!("{kind}@{stamp}/{agent}/{path}/{language}")
}

fn queue_row_key(row: &QueueDuration) -> String {
    match &row.id {
        Some(id) => id.to_string(),
        None => key_without_id(
            "queue",
            row.started_at,
            [
                row.agent_id.as_ref().map(EntityId::as_str),
                row.menu_path_id.as_ref().map(EntityId::as_str),
                row.lang.as_deref(),
            ],
        ),
    }
}

fn handle_row_key(row: &HandleDuration) -> String {
    match &row.id {
        Some(id) => id.to_string(),
        None => key_without_id(
            "handle",
            row.started_at,
            [
                row.agent_id.as_ref().map(EntityId::as_str),
                row.menu_path_id.as_ref().map(EntityId::as_str),
                row.lang.as_deref(),
            ],
        ),
    }
}

impl Life<'_> {
    fn add(&mut self, key: impl Into<String>, occurrence: Occurrence, body: Body, tells: Tells) {
        let key = key.into();
        if self.steps.iter().all(|step| step.key != key) {
            self.steps.push(Step { key, occurrence, body, tells });
        }
    }

    /// At the stamp where there is one; else somewhere before this reading.
    fn at(&self, stamp: Option<Timestamp>) -> Occurrence {
        stamp.map_or_else(
            || {
                let at = self.call.updated_at.unwrap_or(self.look.asked_at);
                let after = self.look.previous_asked_at.filter(|previous| *previous <= at);
                Occurrence::bounded(at, after)
            },
            Occurrence::stamped,
        )
    }

    fn phase(&self) -> Phase {
        self.call.status.as_deref().map_or(Phase::Unknown, Phase::of_call)
    }

    fn beginning(&mut self) {
        let call = self.call;
        let bare = context(call, None, None);
        let created = CallCreation {
            call: bare.clone(),
            call_type: call.call_type.clone(),
            parent_id: call.parent_id.clone(),
            support_number: call.support_number.clone(),
        };
        let at = self.at(call.created_at);
        self.add("created", at, Body::CallCreated(created), Tells::Fields(CREATED));

        if call.scheduled_at.is_some() || self.phase() == Phase::Scheduled {
            // `scheduled_at` is the time it is scheduled for; it was scheduled when it came to be.
            let scheduled = CallSchedule { call: bare, scheduled_at: call.scheduled_at };
            let at = self.at(call.created_at);
            self.add("scheduled", at, Body::CallScheduled(scheduled), Tells::Fields(SCHEDULED));
        }
        let queue = Some(first_queue(call)).filter(is_named);
        let row = first_row(call);
        if let Some(queued_at) = call.queued_at.or_else(|| row.and_then(|row| row.started_at)) {
            let body = Body::CallQueued(CallQueueing {
                call: context(call, queue.clone(), None),
                row_id: row.and_then(|row| row.id.clone()),
                transfer_id: None,
            });
            self.add("queued", Occurrence::stamped(queued_at), body, Tells::Fields(QUEUED));
        }
        let with_agent = context(call, queue, first_agent(call));
        if let Some(assigned_at) = call.assigned_at {
            let assigned = CallAssignment { call: with_agent.clone(), transfer_id: None };
            let at = Occurrence::stamped(assigned_at);
            self.add("assigned", at, Body::CallAssigned(assigned), Tells::Fields(ASSIGNED));
        }
        if let Some(connected_at) = call.connected_at {
            let connected = CallConnection { call: with_agent, transfer_id: None };
            let at = Occurrence::stamped(connected_at);
            self.add("connected", at, Body::CallConnected(connected), Tells::Fields(CONNECTED));
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        let call = self.call;
        let id = transfer.id.clone();
        let key = match &id {
            Some(id) => id.to_string(),
            None => key_without_id("transfer", transfer.created_at, [None; 3]),
        };
        let belongs = |transfer_id: &Option<EntityId>| id.is_some() && *transfer_id == id;
        let queue_row =
            call.queue_durations.iter().find(|row| row.transfer && belongs(&row.transfer_id));
        let path = transfer.to_menu.as_ref().and_then(|path| path.materialized_path.clone());
        let queue = queue_row.map(row_queue).or_else(|| {
            path.map(|path| QueueReference { id: None, path_id: None, path: Some(path) })
        });
        let from = transfer.from_agent.as_ref().and_then(|agent| agent.id.clone());
        let to = transfer.to_agent.as_ref().and_then(|agent| agent.id.clone());
        let handle_row =
            call.handle_durations.iter().find(|row| row.transfer && belongs(&row.transfer_id));
        let to = to
            .or_else(|| queue_row.and_then(|row| row.agent_id.clone()))
            .or_else(|| handle_row.and_then(|row| row.agent_id.clone()));

        let body = Body::CallTransferred(CallTransfer {
            call: context(call, queue.clone(), from),
            transfer: transfer.clone(),
        });
        let at = self.at(transfer.created_at);
        self.add(format!("transferred:{key}"), at, body, Tells::Fields(TRANSFERRED));
        if let Some(row) = queue_row {
            self.transfer_queue_row(row);
        }
        let with_agent = context(call, queue, to);
        if let Some(assigned_at) = transfer.assigned_at {
            let body = Body::CallAssigned(CallAssignment {
                call: with_agent.clone(),
                transfer_id: id.clone(),
            });
            let at = Occurrence::stamped(assigned_at);
            self.add(format!("assigned:{key}"), at, body, Tells::Fields(TRANSFER_ASSIGNED));
        }
        let connected = transfer.connected_at.or_else(|| handle_row.and_then(|row| row.started_at));
        if let Some(connected_at) = connected {
            let body =
                Body::CallConnected(CallConnection { call: with_agent, transfer_id: id.clone() });
            let at = Occurrence::stamped(connected_at);
            self.add(format!("connected:{key}"), at, body, Tells::Fields(TRANSFER_CONNECTED));
        }
    }

    fn transfer_queue_row(&mut self, row: &QueueDuration) {
        let body = Body::CallQueued(CallQueueing {
            call: context(self.call, Some(row_queue(row)), None),
            row_id: row.id.clone(),
            transfer_id: row.transfer_id.clone(),
        });
        let at = self.at(row.started_at);
        let key = format!("queued:{}", queue_row_key(row));
        self.add(key, at, body, Tells::Fields(TRANSFER_QUEUED));
    }

    /// Rows that began with a transfer whose own record is not there.
    fn transfers_without_record(&mut self) {
        let call = self.call;
        for row in call.queue_durations.iter().filter(|row| row.transfer) {
            self.transfer_queue_row(row);
        }
        let talks = |row: &&HandleDuration| row.transfer && !is_wrap_up_only(row);
        for row in call.handle_durations.iter().filter(talks) {
            let transfer_id = row.transfer_id.clone();
            let key = transfer_id.as_ref().map_or_else(|| handle_row_key(row), EntityId::to_string);
            let queue = QueueReference {
                id: None,
                path_id: row.menu_path_id.clone(),
                path: row.menu_path.clone(),
            };
            let body = Body::CallConnected(CallConnection {
                call: context(call, Some(queue), row.agent_id.clone()),
                transfer_id,
            });
            let at = self.at(row.started_at);
            self.add(format!("connected:{key}"), at, body, Tells::Fields(TRANSFER_CONNECTED));
        }
    }

    /// What the vendor's rows say about the service level, passed through unchanged.
    fn verdicts(&mut self) {
        let call = self.call;
        let late = |row: &&QueueDuration| row.service_level_event.as_deref() == Some("not_in_sla");
        for row in call.queue_durations.iter().filter(late) {
            let mut queue = row_queue(row);
            if !row.transfer {
                queue.id = first_queue(call).id;
            }
            #[allow(clippy::cast_precision_loss, reason = "seconds waited are far below 2^52")]
            let value = row.queue_duration.map(|seconds| seconds as f64);
            let body = Body::SlaBreached(SlaBreach {
                scope: SlaScope::Interaction,
                basis: SlaBasis::VendorVerdict,
                interaction: Some(context(call, Some(queue.clone()), row.agent_id.clone())),
                queue: Some(queue),
                row_id: row.id.clone(),
                target_seconds: row.service_level_target_time,
                target_percent: row.service_level_target_percent,
                value,
            });
            let at = self.at(row.ended_at);
            self.add(format!("breached:{}", queue_row_key(row)), at, body, Tells::Nothing);
        }
    }

    fn end(&mut self) {
        let call = self.call;
        let current = current_context(call);
        let phase = self.phase();
        let deflected = phase == Phase::Deflected
            || call.deflection.as_deref().is_some_and(|word| word != "no_deflection");
        if deflected {
            let body = Body::CallDeflected(CallDeflection {
                call: current.clone(),
                deflection: call.deflection.clone(),
            });
            let at = self.at(call.ends_at.filter(|_| phase == Phase::Deflected));
            self.add("deflected", at, body, Tells::Fields(DEFLECTED));
        }
        let voicemail = CallVoicemail {
            call: current.clone(),
            voicemail_reason: call.voicemail_reason.clone(),
        };
        match phase {
            Phase::Finished => {
                let at = self.at(call.ends_at);
                let body =
                    Body::CallFinished(CallEnd { call: current, after: Box::new(call.clone()) });
                self.add("finished", at, body, Tells::Everything);
            }
            Phase::Failed => {
                let at = self.at(call.ends_at);
                let body = Body::CallFailed(CallFailure {
                    call: current,
                    reason: call.fail_reason.clone(),
                    abandoned: call.fail_reason.as_deref().is_some_and(is_abandonment),
                    after: Box::new(call.clone()),
                });
                self.add("failed", at, body, Tells::Everything);
            }
            Phase::Recovered => {
                let at = self.at(call.ends_at);
                let body = Body::CallRecovered(CallRecovery {
                    call: current,
                    parent_id: call.parent_id.clone(),
                });
                self.add("recovered", at, body, Tells::Fields(RECOVERED));
            }
            Phase::VoicemailReceived => {
                let at = self.at(call.ends_at);
                let body = Body::CallVoicemailReceived(voicemail);
                self.add("voicemail_received", at, body, Tells::Fields(VOICEMAIL));
            }
            Phase::VoicemailRead => {
                // A voicemail that is read had been left, at the time the call ended.
                let left = self.at(call.ends_at);
                let body = Body::CallVoicemailReceived(voicemail.clone());
                self.add("voicemail_received", left, body, Tells::Fields(VOICEMAIL));
                let at = self.at(None);
                let body = Body::CallVoicemailRead(voicemail);
                self.add("voicemail_read", at, body, Tells::Fields(VOICEMAIL));
            }
            _ => {}
        }
    }

    fn wrap_ups(&mut self) {
        let call = self.call;
        let ended =
            |row: &&HandleDuration| row.acw_duration.unwrap_or(0) > 0 && row.ended_at.is_some();
        for row in call.handle_durations.iter().filter(ended) {
            let body = Body::CallWrapUpEnded(CallWrapUp {
                call: context(
                    call,
                    Some(QueueReference {
                        id: None,
                        path_id: row.menu_path_id.clone(),
                        path: row.menu_path.clone(),
                    }),
                    row.agent_id.clone(),
                ),
                row: row.clone(),
                after: Box::new(call.clone()),
            });
            let at = self.at(row.ended_at);
            self.add(format!("wrap_up:{}", handle_row_key(row)), at, body, Tells::Everything);
        }
    }
}

/// Whether a handling row tells of after-call work only.
fn is_wrap_up_only(row: &HandleDuration) -> bool {
    row.acw_duration.unwrap_or(0) > 0 && row.call_duration.unwrap_or(0) == 0
}
