//! The command line: arguments, logging, exit status. The commands only wire other modules together.
//!
//! Exit status: 0 done, 1 failed, 2 usage or configuration. An error is one readable line on the
//! standard error, with the cause and what to do.

mod check;
mod demo;
mod health;
mod probe;
mod run;
pub mod schemas;
mod simulate;
mod state;
pub mod tail;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Environment;

/// Polls contact centres through their vendors' HTTP APIs and publishes every change as a typed Avro
/// event on Kafka.
#[derive(Debug, Parser)]
#[command(name = "floorcast", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Poll the configured accounts and publish every change
    Run(run::RunArguments),
    /// Try it: simulated vendors, an embedded broker and the bridge in one process
    Demo(demo::DemoArguments),
    /// Run the simulated vendors' APIs alone
    Simulate(simulate::SimulateArguments),
    /// Validate a configuration, then test each account, Kafka, the topics and the registry
    Check(check::CheckArguments),
    /// Measure what a vendor's documents leave open, as a report without personal data
    Probe(probe::ProbeArguments),
    /// Ask a running bridge on this machine whether it is healthy: exit status 0 or 1
    Health(health::HealthArguments),
    /// Print events from the topics, decoded, one per line
    Tail(Box<tail::TailArguments>),
    /// Show what the local store holds, or compare it with the state topic
    State {
        #[command(subcommand)]
        command: state::Command,
    },
    /// List, export or register the Avro schemas of all events
    Schemas {
        #[command(subcommand)]
        command: schemas::Command,
    },
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// It could not do its work: exit status 1.
    Failed(String),
    /// Wrong arguments or configuration: exit status 2.
    Usage(String),
}

impl Failure {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _failpoints = crate::failpoints::enable();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help and version this way too, with status 0; wrong usage has status 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let environment: Environment = std::env::vars().collect();
    log_to_stderr(&arguments.command, &environment);
    let done = tokio::runtime::Builder::new_multi_thread()
        // Most tasks wait for the network: two threads are enough.
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::failed)
        .and_then(|runtime| {
            let done = runtime.block_on(dispatch(arguments.command, environment));
            // Do not wait for tasks that are blocked on a network that does not answer.
            runtime.shutdown_timeout(std::time::Duration::from_millis(500));
            done
        });
    let (status, text) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => (1, text),
        Err(Failure::Usage(text)) => (2, text),
    };
    let mut out = std::io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(out, "floorcast: {line}");
    }
    ExitCode::from(status)
}

async fn dispatch(command: Command, environment: Environment) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments, environment).await,
        Command::Demo(arguments) => demo::demo(&arguments).await,
        Command::Simulate(arguments) => simulate::simulate(&arguments).await,
        Command::Check(arguments) => check::check(&arguments, &environment).await,
        Command::Probe(arguments) => probe::probe(&arguments, &environment).await,
        Command::Health(arguments) => health::health(&arguments, &environment).await,
        Command::Tail(arguments) => tail::tail(*arguments, &environment).await,
        Command::State { command } => state::state(command, &environment).await,
        Command::Schemas { command: schemas::Command::Register { config, check } } => {
            schemas::register(&config, check, &environment).await
        }
        Command::Schemas { command } => {
            command.run(&mut std::io::stdout()).map_err(Failure::failed)
        }
    }
}

/// Logs to the standard error. `FLOORCAST_LOG` sets the level (`debug`, `floorcast=trace`, …),
/// `FLOORCAST_LOG_FORMAT=json` the form.
fn log_to_stderr(command: &Command, environment: &Environment) {
    let default = match command {
        Command::Run(_) | Command::Simulate(_) => "floorcast=info,warn",
        // Their results are on the standard output.
        Command::Demo(_)
        | Command::Check(_)
        | Command::Probe(_)
        | Command::Health(_)
        | Command::State { .. }
        | Command::Schemas { .. } => "error",
        // It reconnects by itself; the log says why no events come meanwhile.
        Command::Tail(_) => "floorcast=warn,error",
    };
    // This library also logs the errors that it returns.
    let default = format!("{default},rustls_platform_verifier=off");
    let wanted = environment.get("FLOORCAST_LOG").unwrap_or(&default);
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(&default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if environment.get("FLOORCAST_LOG_FORMAT").is_some_and(|format| format == "json") {
        log.json().init();
    } else {
        log.with_ansi(false).init();
    }
}

/// Prints a line; a closed output is not an error.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Waits for SIGTERM or SIGINT (Ctrl-C).
async fn stop_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
