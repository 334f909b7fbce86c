//! Exactly once, under repeated failures: the long form, run by hand.
//!
//! ```sh
//! cargo run --release --features failpoints --example torture -- --rounds 500
//! cargo run --release --features failpoints --example torture -- --planted generation_ignored
//! ```
//!
//! It prints its seed; the same seed gives the same schedule. It exits with 1 when anything is
//! lost, published twice, out of order, or otherwise wrong; with a planted fault, when the check
//! does not notice it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check: it fails by a panic, and prints its result"
)]

#[allow(dead_code, unused_imports, reason = "the tests of the repository need more of it")]
mod support;
mod torture;

use std::process::{Command, ExitCode};

use clap::Parser;
use clap::builder::PossibleValuesParser;
use rand::Rng;

use self::torture::WITH_FAILPOINTS;
use self::torture::fleet::StartOptions;
use self::torture::run::Torture;
use self::torture::schedule::{self, PlantedFault};

/// Injects failures into floorcast, and compares what it published with the ground truth
#[derive(Debug, Parser)]
struct Arguments {
    /// Number of faults
    #[arg(long, default_value_t = 25)]
    rounds: usize,
    /// Seed of the schedule; random if it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Plant this fault, provoke it, and verify that the check notices it
    #[arg(long, value_name = "FAULT", value_parser = PossibleValuesParser::new(
        PlantedFault::ALL.iter().map(|planted| planted.name())
    ))]
    planted: Option<String>,
    /// Run the short form, as CI does
    #[arg(long)]
    short: bool,
    /// Only print the schedule
    #[arg(long)]
    schedule: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let planted = arguments.planted.as_deref();
    let planted = PlantedFault::ALL.iter().copied().find(|known| Some(known.name()) == planted);
    let epochs = match planted {
        Some(planted) => {
            schedule::provoking(planted, seed, arguments.rounds.min(MAX_PROVOKING_ROUNDS))
        }
        None if arguments.short => schedule::short(seed, WITH_FAILPOINTS),
        None => schedule::schedule(seed, arguments.rounds, WITH_FAILPOINTS),
    };
    println!("seed {seed}");
    if arguments.schedule {
        for round in epochs.iter().flat_map(|epoch| &epoch.rounds) {
            println!("{round}");
        }
        return ExitCode::SUCCESS;
    }
    if planted.is_some() && !WITH_FAILPOINTS {
        println!("nothing can be planted without --features failpoints");
        return ExitCode::from(2);
    }
    build();
    let logs = support::cache_directory(&format!("torture-{seed}"));
    let mut torture = Torture::begin(StartOptions { planted }, logs, |line| println!("{line}"));
    let report = torture.run(seed, &epochs);
    println!("\n{report}");
    match planted {
        None if report.passed() => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
        Some(planted) if !report.found() => {
            println!("{}: NOT NOTICED", planted.name());
            ExitCode::FAILURE
        }
        Some(planted) => {
            println!("{}: noticed", planted.name());
            ExitCode::SUCCESS
        }
    }
}

/// A planted fault is noticed within this many rounds or never.
const MAX_PROVOKING_ROUNDS: usize = 10;

/// Builds floorcast itself: cargo builds this program without it.
fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--bin", "floorcast"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    if WITH_FAILPOINTS {
        command.args(["--features", "failpoints"]);
    }
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(status.is_ok_and(|status| status.success()), "floorcast cannot be built");
}
