//! What the account's rate limit is spent on: the budget that every request draws from, and the
//! turns the streams take.

mod budget;

pub use budget::{Budget, BudgetSettings, BudgetState, Share, Turn};
