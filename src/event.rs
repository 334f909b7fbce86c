//! The events: what is published when something changed.
//!
//! [`EventType`] is the catalogue: every event, its topic, and the type of its body. A new event
//! takes three steps, and no other list names it:
//!
//! 1. a schema `schemas/{Event}.avsc`: `meta` first, then the fields of the body in their order,
//!    and a schema for each new record it names;
//! 2. a struct in [`body`] with these fields, unless an existing one has them;
//! 3. a line in `catalogue.rs`: `/// What happened.` and `Event(Body) on Topic,`.
//!
//! Tests compare the three. `FLOORCAST_WRITE_GOLDEN=1 cargo test --lib avro` then adds the schema's
//! fingerprint to the golden files, which Java and Python check as well.

pub mod avro;
pub mod body;
mod catalogue;
mod envelope;
mod meta;

pub use catalogue::{Body, Draft, EventType, NAMESPACE, Occurrence, Topic};
pub use envelope::Event;
pub use meta::{EventMeta, Origin, event_id};
