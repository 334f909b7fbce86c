//! What to read next: the account's rate limit as a budget, a supervisor for each account, a poller
//! for each of its streams, and the calculation of how often each stream is best polled.

mod account_permits;
mod account_supervisor;
mod arbiter;
mod budget;
pub mod planner;
mod stream_poller;

pub use account_permits::AccountPermits;
pub use account_supervisor::{AccountPlan, AccountSupervisor};
pub use arbiter::{BudgetSettings, BudgetState, Share};
pub use budget::{Budget, Turn};
pub use stream_poller::{PollerContext, StreamPlan};
