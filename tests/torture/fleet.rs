//! One bridge, or two of one deployment, as processes before a simulated vendor.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use floorcast::clock::{Clock, SystemClock};
use floorcast::simulate::{Faults, Simulator, WorldSettings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::schedule::{Failpoint, Planted};
use crate::support::guard;
use crate::support::process::Floorcast;

/// How long before its death a bridge may have been answered without having kept the answer: it
/// waits for the rest of a reading, for its store, and for Kafka where the store is lost too.
const UNKEPT_MILLIS: i64 = 5_000;
/// How long leaving in good order may take: the grace time is 20 s.
const LEAVING: Duration = Duration::from_secs(40);

/// The vendor's limit: every stream is asked often.
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

    /// What a vendor does on an ordinary day.
    pub(crate) fn is_ordinary(&self) {
        self.simulator.set_faults(Faults { shifted_rows: 0.0, ..Faults::mild() });
    }

    /// What it does on a bad one.
    pub(crate) fn fails(&self) {
        let faults =
            Faults { server_error: 0.4, refused: 0.1, cut: 0.2, garbage: 0.1, ..Faults::mild() };
        self.simulator.set_faults(faults);
    }

    /// What it never does outside a test.
    pub(crate) fn is_perfect(&self) {
        self.simulator.set_faults(Faults::default());
    }

    /// When each request came, in milliseconds since the epoch, and to which host it was addressed.
    pub(crate) fn requests(&self) -> Vec<(i64, String)> {
        self.simulator.hosts().into_iter().map(|(at, host)| (at.millis(), host)).collect()
    }

    /// Whoever was answered since then, or a little before, may not have kept the answer.
    pub(crate) fn doubt(&self, since: i64) {
        self.simulator
            .mark_uncertain_since(floorcast::model::Timestamp::from_millis(since - UNKEPT_MILLIS));
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // The server goes with its runtime.
        let _guard = self.runtime.enter();
    }
}

/// How bridges are started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// A fault that is planted in all of them.
    pub(crate) planted: Option<Planted>,
}

/// One bridge: its configuration, its state, and its process while it has one.
pub(crate) struct Member {
    /// By which name it knows the vendor's host: the simulator's log tells the two apart by it.
    host: &'static str,
    directory: TempDir,
    process: Option<Floorcast>,
    pub(crate) armed: Option<Failpoint>,
    manner: Manner,
    /// What its processes said that have ended.
    said: Vec<String>,
}

/// What the deployment of a torture is called.
pub(crate) const DEPLOYMENT: &str = "torture";
const TOKEN: (&str, &str) = ("ACME_TOKEN", "simulated-token");

impl Member {
    pub(crate) fn new(
        host: &'static str,
        vendor: &Vendor,
        bootstrap: &str,
        prefix: &str,
        pair: bool,
        manner: Manner,
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
        Self { host, directory, process: None, armed: None, manner, said: Vec::new() }
    }

    /// Where its state lies.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// A place beside it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Whether requests to this host are its own.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        host.starts_with(self.host)
    }

    /// Starts it; it dies at this place, if it comes by.
    pub(crate) fn start(&mut self, armed: Option<Failpoint>) {
        assert!(self.process.is_none(), "it runs already");
        let failpoints = armed.map(Failpoint::as_variable);
        let mut variables = vec![TOKEN];
        if let Some(failpoints) = &failpoints {
            variables.push(("FAILPOINTS", failpoints));
        }
        if let Some(planted) = self.manner.planted {
            variables.push(("PLANTED_FAULT", planted.name()));
        }
        let config = self.beside("floorcast.toml").display().to_string();
        self.process = Some(Floorcast::start(&["run", "--config", &config], &variables));
        self.armed = armed;
    }

    /// Kills it, or takes it away if it has died.
    pub(crate) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill();
        self.said.push(process.said());
        self.armed = None;
    }

    /// Lets it leave in good order. Says what is wrong if it does not.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        self.armed = None;
        if process.has_ended() {
            self.said.push(process.said());
            return Err(format!("{} had ended before it was asked to", self.host));
        }
        process.terminate();
        let begun = Instant::now();
        while !process.has_ended() && begun.elapsed() < LEAVING {
            std::thread::sleep(Duration::from_millis(20));
        }
        let verdict = if process.has_ended() {
            let status = process.wait(Duration::from_secs(1));
            if status.success() { Ok(()) } else { Err(format!("{} left with {status}", self.host)) }
        } else {
            process.kill();
            Err(format!("{} did not leave within {LEAVING:?}", self.host))
        };
        self.said.push(process.said());
        verdict
    }

    /// Stops its process, as a debugger or a hypervisor does.
    pub(crate) fn pause(&self) {
        if let Some(process) = &self.process {
            guard::signal(process.id(), "STOP");
        }
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        if let Some(process) = &self.process {
            guard::signal(process.id(), "CONT");
        }
    }

    pub(crate) fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// Whether a started process has ended, by itself or at its place.
    pub(crate) fn has_died(&mut self) -> bool {
        self.process.as_mut().is_some_and(Floorcast::has_ended)
    }

    /// What all its processes said, for whoever looks for a fault.
    pub(crate) fn said(&self) -> String {
        let now = self.process.as_ref().map(Floorcast::said);
        self.said.iter().cloned().chain(now).collect::<Vec<_>>().join("\n=====\n")
    }

    /// The end of what it said last.
    pub(crate) fn last_lines(&self) -> String {
        let said = self
            .process
            .as_ref()
            .map_or_else(|| self.said.last().cloned().unwrap_or_default(), Floorcast::said);
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n    ")
    }

    /// Asks the program about its store, which agrees with the topic or does not.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let config = self.beside("floorcast.toml").display().to_string();
        let mut asked = Floorcast::start(&["state", "verify", "--config", &config], &[TOKEN]);
        let status = asked.wait(Duration::from_mins(1));
        if status.success() { Ok(()) } else { Err(format!("state verify: {}", asked.said())) }
    }
}
