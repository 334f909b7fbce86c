//! The `floorcast` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    floorcast::cli::main()
}
