//! The commands: wiring only.
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

/// Watches contact centres through their polling APIs and publishes every change as a typed Avro
/// event on Kafka.
#[derive(Debug, Parser)]
#[command(name = "floorcast", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the configured accounts and publish every change
    Run(run::RunArguments),
    /// Try it: a simulated contact centre, an embedded broker and the bridge in one process
    Demo(demo::DemoArguments),
    /// Run the simulated vendor API alone
    Simulate(simulate::SimulateArguments),
    /// Check a configuration, then ask each account, the broker and the topics
    Check(check::CheckArguments),
    /// Ask an account what its vendor's document leaves open, as a report without anybody's data
    Probe(probe::ProbeArguments),
    /// Ask a running bridge on this machine whether it works: exit status 0 or 1
    Health(health::HealthArguments),
    /// Show events as they come, decoded
    Tail(Box<tail::TailArguments>),
    /// Look at the local store, or compare it with the state topic
    State {
        #[command(subcommand)]
        command: state::Command,
    },
    /// Show or export the Avro schemas of all events
    Schemas {
        #[command(subcommand)]
        command: schemas::Command,
    },
}

/// Why a command ended without having done its work.
#[derive(Debug)]
enum Failure {
    /// It could not: status 1.
    Failed(String),
    /// It was told something wrong: status 2.
    Misused(String),
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
    let _armed = crate::failpoints::armed();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; usage is status 2, as clap has it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let environment: Environment = std::env::vars().collect();
    log_to_stderr(&arguments.command, &environment);
    let done = tokio::runtime::Builder::new_multi_thread()
        // Waiting is most of the work; two workers do the rest.
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::failed)
        .and_then(|runtime| {
            let done = runtime.block_on(dispatch(arguments.command, environment));
            // Whatever still waits for a network that does not answer is not waited for.
            runtime.shutdown_timeout(std::time::Duration::from_millis(500));
            done
        });
    let (status, text) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => (1, text),
        Err(Failure::Misused(text)) => (2, text),
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

/// Logs go to the standard error; `FLOORCAST_LOG` says how much (`debug`, `floorcast=trace`, …),
/// `FLOORCAST_LOG_FORMAT=json` in which form.
fn log_to_stderr(command: &Command, environment: &Environment) {
    let usual = match command {
        Command::Run(_) | Command::Simulate(_) => "floorcast=info,warn",
        // Their words are on the standard output.
        Command::Demo(_)
        | Command::Check(_)
        | Command::Probe(_)
        | Command::Health(_)
        | Command::State { .. }
        | Command::Schemas { .. } => "error",
        // It goes on over a lost connection, and should say why nothing comes.
        Command::Tail(_) => "floorcast=warn,error",
    };
    // What this library says of a certificate stands in the error as well.
    let usual = format!("{usual},rustls_platform_verifier=off");
    let wanted = environment.get("FLOORCAST_LOG").unwrap_or(&usual);
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(&usual));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if environment.get("FLOORCAST_LOG_FORMAT").is_some_and(|format| format == "json") {
        log.json().init();
    } else {
        log.with_ansi(false).init();
    }
}

/// Prints a line; a reader that has gone away is no error.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Waits for the first signal to end: SIGTERM, or Ctrl-C.
async fn asked_to_end() {
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
