//! What to read next: the account's rate limit as a budget, a plan of how often each stream is
//! polled, a supervisor for each account and a poller for each of its streams.

mod account_permits;
mod account_planner;
mod account_supervisor;
mod arbiter;
mod budget;
pub mod planner;
mod saturation;
mod schedule;
mod stream_plan;
mod stream_poller;

pub use account_permits::AccountPermits;
pub use account_supervisor::{AccountPlan, AccountSupervisor};
pub use arbiter::{BudgetSettings, BudgetState, Share};
pub use budget::{Budget, Turn};
pub use stream_plan::StreamPlan;
pub use stream_poller::PollerContext;
