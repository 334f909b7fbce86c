//! The integration tests: one binary, a module a subject. `support` holds what they share.

mod kafka;
mod support;
