//! The whole way: a simulated contact centre, the built program, a real Kafka, and an independent
//! reader whose findings are held against the truth.

mod commands;
mod directories;
mod facts;
mod privacy;
mod troubles;
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

/// The simulator answers on the tests' own threads.
pub(crate) struct Centre {
    runtime: Runtime,
    pub(crate) simulator: Simulator,
}

impl Centre {
    pub(crate) fn open(settings: WorldSettings, faults: Faults) -> Self {
        let runtime = Runtime::new().unwrap();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator = Simulator::start(settings, local, Arc::new(SystemClock));
        let simulator = runtime.block_on(simulator).unwrap();
        simulator.set_faults(faults);
        Self { runtime, simulator }
    }

    /// The requests that have come so far.
    pub(crate) fn requests(&self) -> usize {
        self.simulator.requests().len()
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        // The server goes with its runtime.
        let _guard = self.runtime.enter();
    }
}

/// A configuration and the directory it keeps its state in.
pub(crate) struct Place {
    directory: TempDir,
    prefix: String,
}

pub(crate) const TOKEN: &str = "simulated-token";

impl Place {
    pub(crate) fn new(centre: &Centre, bootstrap: &str, prefix: &str) -> Self {
        let more = "[account.sla]\ntarget_percent = 80\n";
        Self::at(&centre.simulator.base_url(), bootstrap, prefix, more)
    }

    /// A place whose vendor is at this address, with more of the account's and other settings.
    pub(crate) fn at(vendor: &str, bootstrap: &str, prefix: &str, more: &str) -> Self {
        let account = format!(
            "[[account]]\nname = \"acme\"\nvendor = \"ccai\"\nbase_url = \"{vendor}\"\n\
             username = \"simulated\"\npassword = {{ env = \"ACME_TOKEN\" }}\n\
             requests_per_second = 10\nlongest_pause = \"5s\"\n{more}"
        );
        Self::of_accounts(&account, bootstrap, prefix)
    }

    /// A place with these accounts, and settings after them.
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

    /// Where the configuration and the state lie.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What an independent reader finds: another client, another Avro library, and only the
    /// exported schemas to go by.
    pub(crate) fn published(&self, bootstrap: &str) -> Vec<Published> {
        let exported = schemas::exported();
        published(python::read_all(bootstrap, &self.prefix, exported.path()))
    }

    /// Waits until the topics agree with the truth, or for a minute, and judges.
    pub(crate) fn verdict(&self, centre: &Centre, bootstrap: &str) -> Verdict {
        verdict(centre, || self.published(bootstrap))
    }
}

/// Waits until what is read agrees with the truth, or for a minute, and judges.
pub(crate) fn verdict(centre: &Centre, read: impl Fn() -> Vec<Published>) -> Verdict {
    let begun = Instant::now();
    loop {
        let verdict = judge(&centre.simulator.truth(), &read());
        if verdict.passed() || begun.elapsed() > Duration::from_mins(1) {
            return verdict;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// What the independent reader found, as the judge takes it.
pub(crate) fn published(found: Vec<serde_json::Value>) -> Vec<Published> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    found
        .into_iter()
        .map(|record| {
            let headers = &record["headers"];
            let event_type = text(&record["type"]);
            // The headers say the same as the payload.
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

/// One page of the admin listener, whose address is in the log.
pub(crate) fn page(bridge: &mut Floorcast, path: &str) -> String {
    let line = bridge.wait_for_line("admin pages at", Duration::from_secs(30));
    let address = line.rsplit("http://").next().unwrap().trim();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
