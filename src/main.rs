//! The `floorcast` command.

fn main() {}
