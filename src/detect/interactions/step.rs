//! The steps of an interaction, as they are gathered from one record.

use crate::detect::poll_context::PollContext;
use crate::event::{Body, Occurrence};
use crate::model::Timestamp;

/// Declares the kinds of steps and the names under which states remember them. The names are ours:
/// no vendor's word is compared with them.
macro_rules! step_kinds {
    ($( $(#[$doc:meta])* $kind:ident as $name:ident, )*) => {
        /// What kind of step it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum StepKind { $( $(#[$doc])* $kind, )* }

        impl StepKind {
            /// The name in the keys of steps. It is stored, and never changes.
            const fn as_str(self) -> &'static str {
                match self { $( Self::$kind => stringify!($name), )* }
            }
        }
    };
}

step_kinds! {
    /// It was created.
    Created as created,
    /// A time was set for it.
    Scheduled as scheduled,
    /// It entered a queue.
    Queued as queued,
    /// An agent was chosen.
    Assigned as assigned,
    /// Customer and agent were connected.
    Connected as connected,
    /// It was transferred.
    Transferred as transferred,
    /// It was deflected.
    Deflected as deflected,
    /// It ended without an error.
    Finished as finished,
    /// It failed.
    Failed as failed,
    /// It was called back with success.
    Recovered as recovered,
    /// A voicemail was left.
    VoicemailReceived as voicemail_received,
    /// A voicemail was opened.
    VoicemailRead as voicemail_read,
    /// The customer left before an agent took it.
    Canceled as canceled,
    /// The customer no longer answered.
    Unanswered as unanswered,
    /// After-call work ended.
    WrapUp as wrap_up,
    /// A wait was too long.
    Breached as breached,
    /// The breach was emitted because of its deadline, and not of the vendor's verdict.
    Overdue as overdue,
    /// The vendor did not confirm that breach.
    Withdrawn as withdrawn,
}

impl StepKind {
    /// The key of a step that an interaction has once.
    pub(super) fn key(self) -> String {
        String::from(self.as_str())
    }

    /// The key of a step that an interaction has once for each of its rows or transfers.
    pub(super) fn key_of(self, part: &str) -> String {
        format!("{}:{part}", self.as_str())
    }
}

/// One step that a record shows.
#[derive(Debug)]
pub(super) struct Step {
    /// The same in every record of the interaction.
    pub(super) key: String,
    /// When it happened.
    pub(super) occurrence: Occurrence,
    /// The event.
    pub(super) body: Body,
    /// What the event says of the record.
    pub(super) coverage: Coverage,
}

/// Which fields of the record an event covers: their change needs no other event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coverage {
    /// It carries the whole record.
    Everything,
    /// These fields.
    Fields(&'static [&'static str]),
    /// None: it is a verdict on rows that other events cover.
    Nothing,
}

/// Gathers the steps of one record.
#[derive(Debug)]
pub struct Steps<'a> {
    updated_at: Option<Timestamp>,
    context: &'a PollContext,
    gathered: Vec<Step>,
}

impl<'a> Steps<'a> {
    /// No steps yet, of a record that last changed then.
    pub(super) const fn new(updated_at: Option<Timestamp>, context: &'a PollContext) -> Self {
        Self { updated_at, context, gathered: Vec::new() }
    }

    /// Adds a step, unless it is there.
    pub(super) fn add(
        &mut self,
        key: String,
        occurrence: Occurrence,
        body: Body,
        coverage: Coverage,
    ) {
        if self.gathered.iter().all(|step| step.key != key) {
            self.gathered.push(Step { key, occurrence, body, coverage });
        }
    }

    /// At the stamp where there is one; else some time before this poll.
    pub(super) fn at(&self, stamp: Option<Timestamp>) -> Occurrence {
        stamp.map_or_else(
            || {
                let at = self.updated_at.unwrap_or(self.context.requested_at);
                let after = self.context.previous_requested_at.filter(|previous| *previous <= at);
                Occurrence::bounded(at, after)
            },
            Occurrence::stamped,
        )
    }

    /// The steps, in the order in which they were added.
    pub(super) fn finish(self) -> Vec<Step> {
        self.gathered
    }
}
