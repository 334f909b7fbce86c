//! The HTTP pages of a running bridge: `/metrics`, `/healthz`, `/readyz`, `/status`.

mod health;
mod server;

pub use health::{AccountHealth, Health, StreamHealth};
pub use server::{Admin, AdminError};
