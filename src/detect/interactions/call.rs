//! Calls as interactions.

use super::context::{current_context, interaction_context};
use super::interaction::Interaction;
use super::step::{Coverage, StepKind, Steps};
use crate::event::Body;
use crate::event::body::{
    CallAssignment, CallConnection, CallCreation, CallDeflection, CallEnd, CallFailure,
    CallQueueing, CallRating, CallRecovery, CallSchedule, CallTransfer, CallUpdate, CallVoicemail,
    CallWrapUp, InteractionContext,
};
use crate::model::{
    Call, Direction, EntityId, EntityKind, FailureCause, HandleDuration, InteractionPhase,
    InteractionRecord, Timestamp, Transfer,
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

    fn interaction(&self) -> &InteractionRecord {
        &self.interaction
    }

    fn interaction_mut(&mut self) -> &mut InteractionRecord {
        &mut self.interaction
    }

    fn direction(&self) -> Direction {
        self.direction()
    }

    fn queued_at(&self) -> Option<Timestamp> {
        self.queued_at
    }

    fn connected_at(&self) -> Option<Timestamp> {
        self.connected_at
    }

    fn differing(&self, other: &Self) -> Vec<&'static str> {
        self.differing(other)
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

    fn add_arrival(&self, steps: &mut Steps<'_>) {
        let context = interaction_context(self, None, None);
        let at = steps.at(self.interaction.created_at);
        let created = Body::CallCreated(CallCreation {
            call: context.clone(),
            call_type: self.call_type.as_deref().map(String::from),
            parent_id: self.parent_id.clone(),
            support_number: self.support_number.clone(),
        });
        steps.add(StepKind::Created.key(), at, created, Coverage::Fields(CREATED));

        if self.scheduled_at.is_some() || self.interaction.phase() == InteractionPhase::Scheduled {
            // `scheduled_at` is the time it is scheduled for; it was scheduled when it was created.
            let scheduled = Body::CallScheduled(CallSchedule {
                call: context,
                scheduled_at: self.scheduled_at,
            });
            steps.add(StepKind::Scheduled.key(), at, scheduled, Coverage::Fields(SCHEDULED));
        }
    }

    fn add_ending(&self, steps: &mut Steps<'_>) {
        let (call, phase) = (current_context(self), self.interaction.phase());
        let ended = steps.at(self.interaction.ends_at);
        if phase == InteractionPhase::Deflected || self.is_deflected() {
            let deflection = self.deflection.as_deref().map(String::from);
            let body = Body::CallDeflected(CallDeflection { call: call.clone(), deflection });
            // Only where the deflection ended the call, its time is known.
            let at = if phase == InteractionPhase::Deflected { ended } else { steps.at(None) };
            steps.add(StepKind::Deflected.key(), at, body, Coverage::Fields(DEFLECTED));
        }
        match phase {
            InteractionPhase::Finished => {
                let body = Body::CallFinished(CallEnd { call, after: Box::new(self.clone()) });
                steps.add(StepKind::Finished.key(), ended, body, Coverage::Everything);
            }
            InteractionPhase::Failed => {
                let body = Body::CallFailed(CallFailure {
                    call,
                    reason: self.interaction.fail_reason.as_deref().map(String::from),
                    abandoned: self.failure_cause() == Some(FailureCause::Abandoned),
                    after: Box::new(self.clone()),
                });
                steps.add(StepKind::Failed.key(), ended, body, Coverage::Everything);
            }
            InteractionPhase::Recovered => {
                let parent_id = self.parent_id.clone();
                let body = Body::CallRecovered(CallRecovery { call, parent_id });
                steps.add(StepKind::Recovered.key(), ended, body, Coverage::Fields(RECOVERED));
            }
            InteractionPhase::VoicemailReceived => self.add_voicemail(call, steps),
            InteractionPhase::VoicemailRead => {
                // A voicemail that was opened had been left, at the time the call ended.
                self.add_voicemail(call.clone(), steps);
                let voicemail_reason = self.voicemail_reason.clone();
                let body = Body::CallVoicemailRead(CallVoicemail { call, voicemail_reason });
                let (key, at) = (StepKind::VoicemailRead.key(), steps.at(None));
                steps.add(key, at, body, Coverage::Fields(VOICEMAIL));
            }
            _ => {}
        }
    }
}

impl Call {
    fn add_voicemail(&self, call: InteractionContext, steps: &mut Steps<'_>) {
        let voicemail_reason = self.voicemail_reason.clone();
        let body = Body::CallVoicemailReceived(CallVoicemail { call, voicemail_reason });
        let at = steps.at(self.interaction.ends_at);
        steps.add(StepKind::VoicemailReceived.key(), at, body, Coverage::Fields(VOICEMAIL));
    }
}
