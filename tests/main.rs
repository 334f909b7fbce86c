//! The tests that use the public interface, and those that need other programs such as a broker:
//! one binary, one module per subject. `support` holds what they share.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic; clippy recognises only functions marked as tests"
)]

mod avro;
mod bridge;
mod documents;
mod hostile;
mod imports;
mod kafka;
mod kubernetes;
mod registry;
mod structure;
mod support;
mod torture;
mod vocabulary;
