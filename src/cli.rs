//! The commands: what they read, what they print. Wiring only.

pub mod tail;
