//! What is remembered of an interaction.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::interaction::Interaction;
use crate::model::{Timestamp, Vocabulary};

/// How long the state of an interaction is kept after its end.
pub const HORIZON: Duration = Duration::from_hours(7 * 24);

/// All that is remembered of an interaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "I: Interaction")]
pub struct InteractionState<I> {
    /// The last record; removed some time after the interaction has ended, see
    /// [`settle`](super::settle).
    pub record: Option<Box<I>>,
    /// A hash of the last record's content, which is kept longer.
    #[serde(default)]
    pub content: u64,
    /// The keys of the steps that were emitted.
    #[serde(default)]
    pub steps: BTreeSet<String>,
    /// The last rating.
    #[serde(default)]
    pub rating: Option<i64>,
    /// When it ended, in the vendor's clock.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The record's last `updated_at`, in the vendor's clock.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// The record's personal fields were removed when the privacy settings changed. The next row
    /// has them again, which is not a change.
    #[serde(default, rename = "closed")]
    pub personal_removed: bool,
}

impl<I> Default for InteractionState<I> {
    fn default() -> Self {
        Self {
            record: None,
            content: 0,
            steps: BTreeSet::new(),
            rating: None,
            ended_at: None,
            updated_at: None,
            personal_removed: false,
        }
    }
}

impl<I: Interaction> InteractionState<I> {
    /// Normalises the record's words: stored states hold them without their normal forms.
    pub fn normalise(&mut self, vocabulary: &Vocabulary) {
        if let Some(record) = &mut self.record {
            record.normalise(vocabulary);
        }
    }

    /// Removes the personal data, because the privacy settings have changed since. The record's
    /// words have to be normalised: some fields are personal depending on the direction.
    pub fn remove_personal(&mut self) {
        if let Some(record) = &mut self.record {
            record.remove_personal();
        }
        self.personal_removed = true;
    }

    /// The state with the personal fields of the next row, which were removed from it.
    pub(super) fn with_personal_of(&self, row: &I) -> Self {
        let mut state = Self { personal_removed: false, ..self.clone() };
        match &mut state.record {
            Some(record) => record.adopt_personal(row),
            None => state.content = content(row),
        }
        state
    }
}

/// A hash of the record without its bookkeeping, `updated_at` and `wait_duration`.
pub(in crate::detect) fn content<I: Interaction>(row: &I) -> u64 {
    let mut bare = row.clone();
    let interaction = bare.interaction_mut();
    interaction.updated_at = None;
    interaction.wait_duration = None;
    // A record of plain data always serialises; if it ever did not, it would only be read again.
    serde_json::to_vec(&bare).map_or(0, |bytes| xxh3_64(&bytes))
}
