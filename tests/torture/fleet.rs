//! One bridge, or two of one deployment, as processes with a simulated vendor.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use floorcast::clock::{Clock, SystemClock};
use floorcast::simulate::{Faults, Simulator, WorldSettings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::schedule::{Failpoint, PlantedFault};
use crate::support::guard;
use crate::support::process::Floorcast;

/// How long before it is killed a bridge may have received an answer without having stored it: it
/// waits for the rest of a poll, for its store, and for Kafka where the store is lost as well.
const UNSTORED_MILLIS: i64 = 5_000;
/// How long a graceful stop may take: the grace period is 20 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// The rate limit: every stream is polled often.
const REQUESTS_PER_SECOND: u32 = 20;

/// Now, in milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    SystemClock.now().millis()
}

/// The vendor. It answers on threads of its own.
pub(crate) struct Vendor {
    runtime: Runtime,
    pub(crate) simulator: Simulator,
}

impl Vendor {
    pub(crate) fn open(seed: u64) -> Self {
        let settings = WorldSettings {
            seed,
            agents: 20,
            calls_per_second: 0.6,
            chats_per_second: 0.4,
            ..WorldSettings::default()
        };
        let runtime = Runtime::new().unwrap();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator = Simulator::start(settings, local, Arc::new(SystemClock));
        let simulator = runtime.block_on(simulator).unwrap();
        Self { runtime, simulator }
    }

    /// The faults of ordinary operation.
    pub(crate) fn set_mild_faults(&self) {
        self.simulator.set_faults(Faults { shifted_rows: 0.0, ..Faults::mild() });
    }

    /// The faults of a failing vendor.
    pub(crate) fn set_severe_faults(&self) {
        let faults =
            Faults { server_error: 0.4, refused: 0.1, cut: 0.2, garbage: 0.1, ..Faults::mild() };
        self.simulator.set_faults(faults);
    }

    /// No faults.
    pub(crate) fn clear_faults(&self) {
        self.simulator.set_faults(Faults::default());
    }

    /// When each request came, in milliseconds since the epoch, and the host that it was addressed
    /// to.
    pub(crate) fn requests(&self) -> Vec<(i64, String)> {
        self.simulator.hosts().into_iter().map(|(at, host)| (at.millis(), host)).collect()
    }

    /// What was served since this time, or a little before, may not have been stored.
    pub(crate) fn mark_uncertain_since(&self, since: i64) {
        self.simulator.mark_uncertain_since(floorcast::model::Timestamp::from_millis(
            since - UNSTORED_MILLIS,
        ));
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // The server ends with its runtime.
        let _guard = self.runtime.enter();
    }
}

/// How bridges are started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartOptions {
    /// A fault that is planted in every bridge.
    pub(crate) planted: Option<PlantedFault>,
}

/// One bridge: its configuration, its state, and its process while it has one.
pub(crate) struct TestBridge {
    /// The name of the vendor's host that it uses: the two bridges are distinguished by it in the
    /// simulator's log.
    host: &'static str,
    directory: TempDir,
    process: Option<Floorcast>,
    /// The failpoint at which its process exits.
    pub(crate) failpoint: Option<Failpoint>,
    options: StartOptions,
    /// The output of its earlier processes.
    outputs: Vec<String>,
}

/// The name of the deployment.
pub(crate) const DEPLOYMENT: &str = "torture";
const TOKEN: (&str, &str) = ("ACME_TOKEN", "simulated-token");

impl TestBridge {
    pub(crate) fn new(
        host: &'static str,
        vendor: &Vendor,
        bootstrap: &str,
        prefix: &str,
        pair: bool,
        options: StartOptions,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = vendor.simulator.address().port();
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{bootstrap}\"\ndeployment = \"{DEPLOYMENT}\"\n\
             topic_prefix = \"{prefix}\"\npartitions = 3\nreplication_factor = 1\n\
             delivery = \"exactly_once\"\nstandby = {pair}\n\
             [state]\ndir = \"{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [[account]]\nname = \"acme\"\nvendor = \"ccai\"\n\
             base_url = \"http://{host}:{port}\"\n\
             username = \"simulated\"\npassword = {{ env = \"{}\" }}\n\
             requests_per_second = {REQUESTS_PER_SECOND}\nlongest_pause = \"5s\"\n\
             [account.sla]\ntarget_percent = 80\n",
            directory.path().join("state").display(),
            TOKEN.0,
        );
        std::fs::write(directory.path().join("floorcast.toml"), text).unwrap();
        Self { host, directory, process: None, failpoint: None, options, outputs: Vec::new() }
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// A path beside its state directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Whether requests to this host are from this bridge.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        host.starts_with(self.host)
    }

    /// Starts it. It exits at this failpoint, if it reaches it.
    pub(crate) fn start(&mut self, failpoint: Option<Failpoint>) {
        assert!(self.process.is_none(), "it is already running");
        let failpoints = failpoint.map(Failpoint::as_variable);
        let mut variables = vec![TOKEN];
        if let Some(failpoints) = &failpoints {
            variables.push(("FAILPOINTS", failpoints));
        }
        if let Some(planted) = self.options.planted {
            variables.push(("PLANTED_FAULT", planted.name()));
        }
        let config = self.beside("floorcast.toml").display().to_string();
        self.process = Some(Floorcast::start(&["run", "--config", &config], &variables));
        self.failpoint = failpoint;
    }

    /// Kills it, if it has not ended.
    pub(crate) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill();
        self.outputs.push(process.output());
        self.failpoint = None;
    }

    /// Stops it gracefully.
    ///
    /// # Errors
    /// A line, when it had ended before, does not end in time, or fails.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        self.failpoint = None;
        if process.has_ended() {
            self.outputs.push(process.output());
            return Err(format!("{} had ended before it was stopped", self.host));
        }
        process.terminate();
        let begun = Instant::now();
        while !process.has_ended() && begun.elapsed() < STOP_TIMEOUT {
            std::thread::sleep(Duration::from_millis(20));
        }
        let verdict = if process.has_ended() {
            let status = process.wait(Duration::from_secs(1));
            if status.success() {
                Ok(())
            } else {
                Err(format!("{} ended with {status}", self.host))
            }
        } else {
            process.kill();
            Err(format!("{} did not end within {STOP_TIMEOUT:?}", self.host))
        };
        self.outputs.push(process.output());
        verdict
    }

    /// Stops its process, as a debugger or a hypervisor does.
    pub(crate) fn pause(&self) {
        if let Some(process) = &self.process {
            guard::signal(process.id(), "STOP");
        }
    }

    /// Resumes its process.
    pub(crate) fn resume(&self) {
        if let Some(process) = &self.process {
            guard::signal(process.id(), "CONT");
        }
    }

    pub(crate) fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// Whether its process has ended, by itself or at its failpoint.
    pub(crate) fn has_exited(&mut self) -> bool {
        self.process.as_mut().is_some_and(Floorcast::has_ended)
    }

    /// The output of all its processes.
    pub(crate) fn output(&self) -> String {
        let now = self.process.as_ref().map(Floorcast::output);
        self.outputs.iter().cloned().chain(now).collect::<Vec<_>>().join("\n=====\n")
    }

    /// The end of the last output.
    pub(crate) fn last_lines(&self) -> String {
        let output = self
            .process
            .as_ref()
            .map_or_else(|| self.outputs.last().cloned().unwrap_or_default(), Floorcast::output);
        let lines: Vec<_> = output.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n    ")
    }

    /// Runs `floorcast state verify`: the store agrees with the state topic.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let config = self.beside("floorcast.toml").display().to_string();
        let mut command = Floorcast::start(&["state", "verify", "--config", &config], &[TOKEN]);
        let status = command.wait(Duration::from_mins(1));
        if status.success() { Ok(()) } else { Err(format!("state verify: {}", command.output())) }
    }
}
