//! What a vendor's words mean: one table for each of its enumerations that has a normal form.

use super::normal_forms::{
    ActivityKind, Deflection, Direction, FailureCause, InteractionPhase, SlaVerdict,
};

/// The known words of an enumeration and their normal forms. Words that are not in it mean the
/// form's default.
pub type Words<T> = &'static [(&'static str, T)];

/// The words of one vendor. A vendor without calls, chats or an activity log has
/// [`Vocabulary::EMPTY`].
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// A call's `status`.
    pub call_statuses: Words<InteractionPhase>,
    /// A call's `call_type`.
    pub call_types: Words<Direction>,
    /// A call's `fail_reason`.
    pub call_fail_reasons: Words<FailureCause>,
    /// A call's `deflection`.
    pub deflections: Words<Deflection>,
    /// A chat's `status`.
    pub chat_statuses: Words<InteractionPhase>,
    /// A chat's `chat_type`.
    pub chat_types: Words<Direction>,
    /// A chat's `fail_reason`.
    pub chat_fail_reasons: Words<FailureCause>,
    /// The `service_level_event` of a stay in a queue.
    pub sla_verdicts: Words<SlaVerdict>,
    /// The `activity` of a row of the activity log.
    pub activities: Words<ActivityKind>,
}

impl Vocabulary {
    /// The vocabulary of a vendor that has only rosters.
    pub const EMPTY: Self = Self {
        call_statuses: &[],
        call_types: &[],
        call_fail_reasons: &[],
        deflections: &[],
        chat_statuses: &[],
        chat_types: &[],
        chat_fail_reasons: &[],
        sla_verdicts: &[],
        activities: &[],
    };

    /// All words of all tables.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let Self {
            call_statuses,
            call_types,
            call_fail_reasons,
            deflections,
            chat_statuses,
            chat_types,
            chat_fail_reasons,
            sla_verdicts,
            activities,
        } = self;
        let mut words = Vec::new();
        for table in [call_statuses, chat_statuses] {
            words.extend(table.iter().map(|(word, _)| *word));
        }
        for table in [call_types, chat_types] {
            words.extend(table.iter().map(|(word, _)| *word));
        }
        for table in [call_fail_reasons, chat_fail_reasons] {
            words.extend(table.iter().map(|(word, _)| *word));
        }
        words.extend(deflections.iter().map(|(word, _)| *word));
        words.extend(sla_verdicts.iter().map(|(word, _)| *word));
        words.extend(activities.iter().map(|(word, _)| *word));
        words
    }
}

/// A record with words of a vendor.
///
/// The vendor's mapping normalises what it decodes, and the engine what it reads back from the
/// store, which holds the words alone.
pub trait Normalise {
    /// Sets the normal form of each word.
    fn normalise(&mut self, vocabulary: &Vocabulary);
}
