//! What the account's rate limit is spent on: the right to ask at all, the budget that every request
//! draws from, and the turns the streams take.

mod budget;
mod lease;

pub use budget::{Budget, BudgetSettings, BudgetState, Share, Turn};
pub use lease::Lease;
