//! Calls as interactions.

use super::Interaction;
use super::steps::{LifeCycle, Tells, interaction_context};
use crate::detect::fields::changed_in_call;
use crate::event::{
    Body, CallAssignment, CallConnection, CallCreation, CallDeflection, CallEnd, CallFailure,
    CallQueueing, CallRating, CallRecovery, CallSchedule, CallTransfer, CallUpdate, CallVoicemail,
    CallWrapUp, InteractionContext,
};
use crate::model::{
    AgentReference, Call, Direction, EntityId, EntityKind, HandleDuration, Menu, MenuPath, Phase,
    QueueDuration, Timestamp, Transfer, is_abandonment,
};

const CREATED: &[&str] =
    &["id", "parent_id", "lang", "call_type", "status", "created_at", "support_number", "end_user"];
const SCHEDULED: &[&str] = &["status", "scheduled_at"];
const DEFLECTED: &[&str] = &["status", "deflection"];
const VOICEMAIL: &[&str] = &["status", "voicemail_reason"];
const RECOVERED: &[&str] = &["status"];

impl Interaction for Call {
    const KIND: EntityKind = EntityKind::Call;
    const CHANNEL: &'static str = "call";
    const CONNECTS: bool = true;

    fn id(&self) -> &EntityId {
        &self.id
    }

    fn direction(&self) -> Direction {
        self.direction()
    }

    fn language(&self) -> Option<&String> {
        self.lang.as_ref()
    }

    fn phase(&self) -> Phase {
        self.status.as_deref().map_or(Phase::Unknown, Phase::of_call)
    }

    fn queued_at(&self) -> Option<Timestamp> {
        self.queued_at
    }

    fn assigned_at(&self) -> Option<Timestamp> {
        self.assigned_at
    }

    fn connected_at(&self) -> Option<Timestamp> {
        self.connected_at
    }

    fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    fn updated_at(&self) -> Option<Timestamp> {
        self.updated_at
    }

    fn rating(&self) -> Option<i64> {
        self.rating
    }

    fn selected_menu(&self) -> Option<&Menu> {
        self.selected_menu.as_ref()
    }

    fn menu_path(&self) -> Option<&MenuPath> {
        self.menu_path.as_ref()
    }

    fn agent_info(&self) -> Option<&AgentReference> {
        self.agent_info.as_ref()
    }

    fn queue_durations(&self) -> &[QueueDuration] {
        &self.queue_durations
    }

    fn handle_durations(&self) -> &[HandleDuration] {
        &self.handle_durations
    }

    fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    fn without_bookkeeping(&self) -> Self {
        Self { updated_at: None, wait_duration: None, ..self.clone() }
    }

    fn changed(before: &Self, after: &Self) -> Vec<&'static str> {
        changed_in_call(before, after)
    }

    fn queued(
        call: InteractionContext,
        row_id: Option<EntityId>,
        transfer_id: Option<EntityId>,
    ) -> Body {
        Body::CallQueued(CallQueueing { call, row_id, transfer_id })
    }

    fn assigned(call: InteractionContext, transfer_id: Option<EntityId>) -> Body {
        Body::CallAssigned(CallAssignment { call, transfer_id })
    }

    fn connected(call: InteractionContext, transfer_id: Option<EntityId>) -> Option<Body> {
        Some(Body::CallConnected(CallConnection { call, transfer_id }))
    }

    fn transferred(call: InteractionContext, transfer: Transfer) -> Body {
        Body::CallTransferred(CallTransfer { call, transfer })
    }

    fn wrap_up_ended(call: InteractionContext, row: HandleDuration, after: Box<Self>) -> Body {
        Body::CallWrapUpEnded(CallWrapUp { call, row, after })
    }

    fn rated(call: InteractionContext, rating: Option<i64>, previous: Option<i64>) -> Body {
        Body::CallRated(CallRating { call, rating, previous })
    }

    fn updated(
        call: InteractionContext,
        before: Option<Box<Self>>,
        after: Box<Self>,
        changed: Vec<String>,
    ) -> Body {
        Body::CallUpdated(CallUpdate { call, before, after, changed })
    }

    fn arrival(life: &mut LifeCycle<'_, Self>) {
        let call = life.record;
        let bare = interaction_context(call, None, None);
        let created = CallCreation {
            call: bare.clone(),
            call_type: call.call_type.clone(),
            parent_id: call.parent_id.clone(),
            support_number: call.support_number.clone(),
        };
        let at = life.at(call.created_at);
        life.add("created", at, Body::CallCreated(created), Tells::Fields(CREATED));

        if call.scheduled_at.is_some() || call.phase() == Phase::Scheduled {
            // `scheduled_at` is the time it is scheduled for; it was scheduled when it came to be.
            let scheduled = CallSchedule { call: bare, scheduled_at: call.scheduled_at };
            let at = life.at(call.created_at);
            life.add("scheduled", at, Body::CallScheduled(scheduled), Tells::Fields(SCHEDULED));
        }
    }

    fn ending(life: &mut LifeCycle<'_, Self>) {
        let (call, current, phase) = (life.record, life.current(), life.record.phase());
        let deflected = phase == Phase::Deflected
            || call.deflection.as_deref().is_some_and(|word| word != "no_deflection");
        if deflected {
            let body = Body::CallDeflected(CallDeflection {
                call: current.clone(),
                deflection: call.deflection.clone(),
            });
            let at = life.at(call.ends_at.filter(|_| phase == Phase::Deflected));
            life.add("deflected", at, body, Tells::Fields(DEFLECTED));
        }
        let voicemail = CallVoicemail {
            call: current.clone(),
            voicemail_reason: call.voicemail_reason.clone(),
        };
        match phase {
            Phase::Finished => {
                let at = life.at(call.ends_at);
                let body =
                    Body::CallFinished(CallEnd { call: current, after: Box::new(call.clone()) });
                life.add("finished", at, body, Tells::Everything);
            }
            Phase::Failed => {
                let at = life.at(call.ends_at);
                let body = Body::CallFailed(CallFailure {
                    call: current,
                    reason: call.fail_reason.clone(),
                    abandoned: call.fail_reason.as_deref().is_some_and(is_abandonment),
                    after: Box::new(call.clone()),
                });
                life.add("failed", at, body, Tells::Everything);
            }
            Phase::Recovered => {
                let at = life.at(call.ends_at);
                let body = Body::CallRecovered(CallRecovery {
                    call: current,
                    parent_id: call.parent_id.clone(),
                });
                life.add("recovered", at, body, Tells::Fields(RECOVERED));
            }
            Phase::VoicemailReceived => {
                let at = life.at(call.ends_at);
                let body = Body::CallVoicemailReceived(voicemail);
                life.add("voicemail_received", at, body, Tells::Fields(VOICEMAIL));
            }
            Phase::VoicemailRead => {
                // A voicemail that is read had been left, at the time the call ended.
                let left = life.at(call.ends_at);
                let body = Body::CallVoicemailReceived(voicemail.clone());
                life.add("voicemail_received", left, body, Tells::Fields(VOICEMAIL));
                let at = life.at(None);
                let body = Body::CallVoicemailRead(voicemail);
                life.add("voicemail_read", at, body, Tells::Fields(VOICEMAIL));
            }
            _ => {}
        }
    }
}
