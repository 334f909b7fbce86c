//! The commands: wiring only, each in a module of its own.

pub mod schemas;
