//! A word of a vendor's enumeration, with its normal form beside it.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A word of a vendor's open enumeration and its normal form.
///
/// The word alone is stored, published and compared: the normal form follows from it by the
/// vendor's [`Vocabulary`](super::Vocabulary). A word that was deserialized has the default form
/// until [`Normalise::normalise`](super::Normalise::normalise) has set it.
#[derive(Clone)]
pub struct VendorWord<T> {
    word: String,
    normal: T,
}

impl<T: Copy> VendorWord<T> {
    /// A word that means this.
    pub fn new(word: impl Into<String>, normal: T) -> Self {
        Self { word: word.into(), normal }
    }

    /// The normal form.
    #[must_use]
    pub const fn normal(&self) -> T {
        self.normal
    }
}

impl<T: Copy + Default> VendorWord<T> {
    /// Sets the normal form to what the table says; to the default where it lacks the word.
    pub(super) fn look_up(&mut self, table: &[(&str, T)]) {
        let known = table.iter().find(|(word, _)| *word == self.word);
        self.normal = known.map_or_else(T::default, |(_, normal)| *normal);
    }
}

impl<T: Default> From<String> for VendorWord<T> {
    /// A word with the default form, before it is normalised.
    fn from(word: String) -> Self {
        Self { word, normal: T::default() }
    }
}

impl<T> Deref for VendorWord<T> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.word
    }
}

impl<T> PartialEq for VendorWord<T> {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl<T> Eq for VendorWord<T> {}

impl<T> PartialEq<&str> for VendorWord<T> {
    fn eq(&self, other: &&str) -> bool {
        self.word == *other
    }
}

impl<T: fmt::Debug> fmt::Debug for VendorWord<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} ({:?})", self.word, self.normal)
    }
}

impl<T> Serialize for VendorWord<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word)
    }
}

impl<'de, T: Default> Deserialize<'de> for VendorWord<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SlaVerdict;

    #[test]
    fn a_word_is_stored_and_compared_without_its_normal_form() {
        let known = VendorWord::new("punctual", SlaVerdict::InTime);
        let stored = serde_json::to_string(&known).unwrap();
        assert_eq!(stored, "\"punctual\"");
        let mut read: VendorWord<SlaVerdict> = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.normal(), SlaVerdict::Unknown);
        assert_eq!(read, known);
        read.look_up(&[("tardy", SlaVerdict::Late), ("punctual", SlaVerdict::InTime)]);
        assert_eq!(read.normal(), SlaVerdict::InTime);
        read.look_up(&[("tardy", SlaVerdict::Late)]);
        assert_eq!(read.normal(), SlaVerdict::Unknown);
    }
}
