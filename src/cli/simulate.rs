//! `floorcast simulate`: the simulated vendors without a bridge.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{Failure, say, stop_signal};
use crate::clock::SystemClock;
use crate::simulate::{DirectorySettings, Faults, Simulator, System, Traps, WorldSettings};

#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// Listen address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8900")]
    listen: SocketAddr,
    #[command(flatten)]
    world: WorldArguments,
    /// At the end, write what happened, was recorded and was served to this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    ground_truth: Option<PathBuf>,
}

/// How large the simulated contact centre is, and how it behaves.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct WorldArguments {
    /// Seed of all randomness: the same seed gives the same history
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Agents of the contact centre
    #[arg(long, default_value_t = 30)]
    agents: u32,
    /// Incoming calls per second
    #[arg(long, value_name = "RATE", default_value_t = 0.5)]
    calls_per_second: f64,
    /// Rate limit of the contact centre
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    pub(super) requests_per_second: f64,
    /// Inject no faults
    #[arg(long)]
    no_faults: bool,
    /// Show the directories of agents as documented, without the vendors' irregular behaviour
    #[arg(long)]
    no_traps: bool,
}

impl WorldArguments {
    pub(super) fn settings(self) -> WorldSettings {
        WorldSettings {
            seed: self.seed,
            agents: self.agents.clamp(1, 100_000),
            calls_per_second: self.calls_per_second.clamp(0.001, 1_000.0),
            requests_per_second: self.requests_per_second.clamp(0.1, 1_000.0),
            directories: DirectorySettings {
                traps: if self.no_traps { Traps::none() } else { Traps::all() },
                ..DirectorySettings::default()
            },
            ..WorldSettings::default()
        }
    }

    pub(super) fn faults(self) -> Faults {
        if self.no_faults { Faults::default() } else { Faults::mild() }
    }
}

pub(super) async fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    let settings = arguments.world.settings();
    let simulator = Simulator::start(settings, arguments.listen, Arc::new(SystemClock)).await;
    let simulator = simulator.map_err(Failure::failed)?;
    simulator.set_faults(arguments.world.faults());
    for system in System::ALL {
        let variable = format!("{}_SECRET", system.vendor().to_uppercase());
        say(format_args!("# export {variable}={}", simulator.secret(system)));
        say(simulator.account(system, system.vendor(), &variable));
    }
    say("# Ctrl-C ends it");
    stop_signal().await;
    if let Some(path) = &arguments.ground_truth {
        let truth = simulator.truth();
        let write = || -> std::io::Result<()> {
            let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
            for row in &truth.activities {
                writeln!(file, "{}", json!({"activity": row}))?;
            }
            for (what, time) in &truth.happened {
                writeln!(file, "{}", json!({"happened": what, "at": time.to_rfc3339_millis()}))?;
            }
            for (agent, versions) in &truth.served_agents {
                for version in versions.versions() {
                    let row = &version.value;
                    writeln!(file, "{}", json!({"served": row, "agent": agent}))?;
                }
            }
            for call in &truth.calls {
                writeln!(file, "{}", json!({"call": call}))?;
            }
            for (system, directory) in &truth.directories {
                let account = system.vendor();
                for (agent, served) in &directory.served {
                    for version in served.versions() {
                        let line =
                            json!({"account": account, "agent": agent, "served": version.value});
                        writeln!(file, "{line}")?;
                    }
                }
                for agent in &directory.removed {
                    writeln!(file, "{}", json!({"account": account, "left": agent}))?;
                }
            }
            file.flush()
        };
        write().map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}
