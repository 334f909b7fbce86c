//! An event as it is written: what every event says about itself, and its own fields.

use super::meta::EventMeta;

/// An event, ready to be serialized in the field order of its schema.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a, B> {
    /// What it says about itself.
    pub meta: &'a EventMeta,
    /// What happened.
    pub body: &'a B,
}
