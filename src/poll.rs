//! What to read next: the account's rate limit as a budget, a plan of how often each stream is
//! polled, and a task for each stream.

mod arbiter;
mod budget;
pub mod planner;
mod stream_poller;

pub use budget::{Budget, BudgetSettings, BudgetState, Share, Turn};
pub use stream_poller::{AccountPlan, Polling, StreamPlan};
