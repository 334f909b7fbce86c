//! Consumers
