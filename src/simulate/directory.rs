//! A directory of agents, as the vendors without an activity log have it: a list of people with
//! a switch, groups and, mostly, a state. The vendor keeps no record of changes: what happens
//! between two answers is visible only in the next answer.
//!
//! What happens is the same for all vendors; `infobip`, `maqsam` and `deepcall` show it.

mod answers;
mod changes;
mod deepcall;
mod event_loop;
mod infobip;
mod maqsam;
mod member;
mod page;
mod served_agents;
mod state;
#[cfg(test)]
mod tests;

pub(super) use self::state::Directory;
