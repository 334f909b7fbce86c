//! A contact centre with agents, calls, chats, queues and an activity log.
//!
//! `world` holds the state. `agents`, `calls`, `chats` and `definitions` change it, and
//! `event_loop` decides when. `endpoints` shows it as the vendor does.

mod action;
mod agents;
mod calls;
mod chats;
mod definitions;
mod endpoints;
mod event_loop;
mod queue_statistics;
mod records;
pub(super) mod reference_data;
mod served_rows;
mod world;

pub(super) use self::world::World;
