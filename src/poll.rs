//! What to read next: the account's rate limit as a budget, and a task for each stream.

mod arbiter;
mod budget;
mod stream_poller;

pub use budget::{Budget, BudgetSettings, BudgetState, Share, Turn};
pub use stream_poller::{AccountPlan, Polling, StreamPlan};
