//! The tests that go through the public interface, and those that need more than this program: one
//! binary, a module a subject. `support` holds what they share.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the verdict; clippy knows only functions marked as tests"
)]

mod avro;
mod bridge;
mod documents;
mod hostile;
mod kafka;
mod kubernetes;
mod registry;
mod structure;
mod support;
mod torture;
