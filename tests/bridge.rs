//! End to end: simulated vendors, the built program, a real Kafka, and an independent reader whose
//! records are compared with the ground truth.

mod commands;
mod directories;
mod facts;
mod privacy;
mod startup;
mod vendors;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use floorcast::clock::SystemClock;
use floorcast::simulate::{Faults, Published, Simulator, Verdict, WorldSettings, judge};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::process::Floorcast;
use crate::support::{python, schemas};

/// A running simulator. It answers on threads of its own.
pub(crate) struct SimulatorFixture {
    runtime: Runtime,
    pub(crate) simulator: Simulator,
}

impl SimulatorFixture {
    pub(crate) fn open(settings: WorldSettings, faults: Faults) -> Self {
        let runtime = Runtime::new().unwrap();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator = Simulator::start(settings, local, Arc::new(SystemClock));
        let simulator = runtime.block_on(simulator).unwrap();
        simulator.set_faults(faults);
        Self { runtime, simulator }
    }

    /// How many requests have come so far.
    pub(crate) fn requests(&self) -> usize {
        self.simulator.requests().len()
    }
}

impl Drop for SimulatorFixture {
    fn drop(&mut self) {
        // The server ends with its runtime.
        let _guard = self.runtime.enter();
    }
}

/// A configuration file and a state directory.
pub(crate) struct BridgeFixture {
    directory: TempDir,
    prefix: String,
}

pub(crate) const TOKEN: &str = "simulated-token";

impl BridgeFixture {
    pub(crate) fn new(centre: &SimulatorFixture, bootstrap: &str, prefix: &str) -> Self {
        let more = "[account.sla]\ntarget_percent = 80\n";
        Self::at(&centre.simulator.base_url(), bootstrap, prefix, more)
    }

    /// With a vendor at this address, and more settings of the account and after it.
    pub(crate) fn at(vendor: &str, bootstrap: &str, prefix: &str, more: &str) -> Self {
        let account = format!(
            "[[account]]\nname = \"acme\"\nvendor = \"ccai\"\nbase_url = \"{vendor}\"\n\
             username = \"simulated\"\npassword = {{ env = \"ACME_TOKEN\" }}\n\
             requests_per_second = 10\nlongest_pause = \"5s\"\n{more}"
        );
        Self::of_accounts(&account, bootstrap, prefix)
    }

    /// With these accounts, and settings after them.
    pub(crate) fn of_accounts(accounts: &str, bootstrap: &str, prefix: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{bootstrap}\"\ndeployment = \"tests\"\n\
             topic_prefix = \"{prefix}\"\npartitions = 3\nreplication_factor = 1\n\
             [state]\ndir = \"{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{accounts}",
            directory.path().join("state").display(),
        );
        std::fs::write(directory.path().join("floorcast.toml"), text).unwrap();
        Self { directory, prefix: prefix.to_owned() }
    }

    pub(crate) fn config(&self) -> String {
        self.directory.path().join("floorcast.toml").display().to_string()
    }

    pub(crate) fn run(&self) -> Floorcast {
        self.run_as(TOKEN)
    }

    pub(crate) fn run_as(&self, token: &str) -> Floorcast {
        self.run_with(&[("ACME_TOKEN", token)])
    }

    pub(crate) fn run_with(&self, variables: &[(&str, &str)]) -> Floorcast {
        Floorcast::start(&["run", "--config", &self.config()], variables)
    }

    /// The directory of the configuration and the state.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The records that an independent reader finds: with another client, another Avro library, and
    /// only the exported schemas.
    pub(crate) fn published(&self, bootstrap: &str) -> Vec<Published> {
        let exported = schemas::exported();
        published(python::read_all(bootstrap, &self.prefix, exported.path()))
    }

    /// The verdict, as soon as the topics agree with the truth, or after a minute.
    pub(crate) fn verdict(&self, centre: &SimulatorFixture, bootstrap: &str) -> Verdict {
        verdict(centre, || self.published(bootstrap))
    }
}

/// The verdict, as soon as what is read agrees with the truth, or after a minute.
pub(crate) fn verdict(centre: &SimulatorFixture, read: impl Fn() -> Vec<Published>) -> Verdict {
    let begun = Instant::now();
    loop {
        let verdict = judge(&centre.simulator.truth(), &read());
        if verdict.passed() || begun.elapsed() > Duration::from_mins(1) {
            return verdict;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Converts the records of the independent reader.
pub(crate) fn published(records: Vec<serde_json::Value>) -> Vec<Published> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    records
        .into_iter()
        .map(|record| {
            let headers = &record["headers"];
            let event_type = text(&record["type"]);
            // Headers and payload agree.
            assert_eq!(text(&headers["ce_type"]), format!("floorcast.v1.{event_type}"));
            assert_eq!(headers["ce_id"], record["event"]["meta"]["event_id"]);
            assert_eq!(headers["ce_subject"], record["key"]);
            assert_eq!(headers["ce_specversion"], "1.0");
            Published {
                topic: text(&record["topic"]),
                partition: i32::try_from(record["partition"].as_i64().unwrap()).unwrap(),
                offset: record["offset"].as_i64().unwrap(),
                key: text(&record["key"]),
                event_type,
                value: record["event"].clone(),
            }
        })
        .collect()
}

/// A page of the admin listener, whose address is in the log.
pub(crate) fn page(bridge: &mut Floorcast, path: &str) -> String {
    let line = bridge.wait_for_line("admin pages at", Duration::from_secs(30));
    let address = line.rsplit("http://").next().unwrap().trim();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
