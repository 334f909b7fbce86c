//! From the vendor's fields to the model: every field of the document and of its examples.

mod agents;
mod interactions;
mod parts;
mod queues;

pub(super) use agents::{activity, agent, current_status};
pub(super) use interactions::{call, chat};
pub(super) use queues::{LevelRow, level, queue, queue_status, status_definition, team};
