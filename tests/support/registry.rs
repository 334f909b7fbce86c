//! A real schema registry (Apicurio), found in this order:
//!
//! 1. `FLOORCAST_TEST_REGISTRY=http://HOST:PORT/PATH`, a registry that runs already: the address of
//!    its Confluent-compatible API;
//! 2. Docker, if an engine answers, through testcontainers;
//! 3. Apicurio's own jars from Maven Central, with Java 17 and Maven.
//!
//! Without any of them the test fails and names them. The registry ends with the test binary.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use testcontainers::core::{ContainerPort, ImageExt};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage};

use super::guard::Guard;
use super::kafka::docker;
use super::{cached, repository_file, run};

const IMAGE: &str = "apicurio/apicurio-registry-mem";
/// The same as in `tests/registry/server/pom.xml`.
const TAG: &str = "2.6.13.Final";
/// The path of its Confluent-compatible API.
const PATH: &str = "/apis/ccompat/v7";
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// Confluent's default; Apicurio's default is no check.
const COMPATIBILITY: &str = "BACKWARD";

/// A running registry.
pub(crate) struct Registry {
    url: String,
    port: u16,
    _backing: Backing,
}

#[allow(dead_code, reason = "they are kept for their `Drop`")]
enum Backing {
    External,
    Container(Box<ContainerAsync<GenericImage>>, Guard),
    Process(Child, Guard),
}

/// The registry that all tests share. Subjects begin with topic names: use a unique prefix.
#[track_caller]
pub(crate) fn shared() -> &'static Registry {
    static SHARED: OnceLock<Result<Registry, String>> = OnceLock::new();
    match SHARED.get_or_init(find) {
        Ok(registry) => registry,
        Err(problem) => panic!("{problem}"),
    }
}

impl Registry {
    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same behind a proxy at this port.
    pub(crate) fn behind(&self, proxy: u16) -> String {
        self.url.replace(&format!(":{}", self.port), &format!(":{proxy}"))
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sends a request without the program under test: the status and the body.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> (u16, String) {
        let answer = self.exchange(method, path, body.unwrap_or_default());
        let answer = answer.unwrap_or_else(|problem| panic!("{}: {problem}", self.url));
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.unwrap_or_else(|| panic!("{}: no HTTP: {answer}", self.url)), body.to_owned())
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let (host, base) = self.url.trim_start_matches("http://").split_once('/').unwrap();
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let length = body.len();
        write!(
            stream,
            "{method} /{base}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/vnd.schemaregistry.v1+json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn find() -> Result<Registry, String> {
    if let Ok(url) = std::env::var("FLOORCAST_TEST_REGISTRY") {
        let port = url::Url::parse(&url).ok().and_then(|url| url.port_or_known_default());
        let port = port.ok_or("FLOORCAST_TEST_REGISTRY is no address")?;
        let url = url.trim_end_matches('/').to_owned();
        return ready(Registry { url, port, _backing: Backing::External });
    }
    let mut reasons = Vec::new();
    if docker::answers() {
        match container() {
            Ok(registry) => return Ok(registry),
            Err(reason) => reasons.push(format!("Docker: {reason}")),
        }
    } else {
        reasons.push(String::from("Docker: no engine answers"));
    }
    match process() {
        Ok(registry) => Ok(registry),
        Err(reason) => {
            reasons.push(format!("Apicurio's jars: {reason}"));
            Err(format!(
                "these tests need a real schema registry, and there is none. One of three ways:\n\
                 1. set FLOORCAST_TEST_REGISTRY=URL to one that runs already;\n\
                 2. start Docker;\n\
                 3. install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless \
                 maven).\nWhat was tried:\n- {}",
                reasons.join("\n- ")
            ))
        }
    }
}

fn container() -> Result<Registry, String> {
    let port = free_port()?;
    let request = GenericImage::new(IMAGE, TAG).with_mapped_port(port, ContainerPort::Tcp(8080));
    let container = docker::wait_for(async { request.start().await });
    let container = container.map_err(|error| error.to_string())?;
    let guard = Guard::new("docker rm -f -v \"$1\"", &[container.id()]);
    let backing = Backing::Container(Box::new(container), guard);
    ready(Registry { url: format!("http://127.0.0.1:{port}{PATH}"), port, _backing: backing })
}

fn process() -> Result<Registry, String> {
    run(Command::new("java").arg("-version")).map_err(|error| format!("no Java: {error}"))?;
    let project = repository_file("tests/registry/server/pom.xml");
    let input = std::fs::read_to_string(&project).map_err(|error| error.to_string())?;
    let directory = cached("registry-jars", &input, |directory| {
        let mut target = std::ffi::OsString::from("-DoutputDirectory=");
        target.push(directory);
        run(Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&project)
            .arg("dependency:unpack-dependencies")
            .arg(target))
        .map_err(|error| format!("the jars could not be fetched: {error}"))?;
        Ok(())
    })?;
    let port = free_port()?;
    let failed = |error: std::io::Error| format!("java cannot be started: {error}");
    let log = File::create(directory.join(format!("log-{port}"))).map_err(failed)?;
    let child = Command::new("java")
        .args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dquarkus.http.host=127.0.0.1")
        .arg(format!("-Dquarkus.http.port={port}"))
        .arg("-jar")
        .arg(directory.join(format!("apicurio-registry-app-{TAG}-runner.jar")))
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        // Ctrl-C ends the tests; the guard then ends the registry.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let log = directory.join(format!("log-{port}"));
    let guard = Guard::over_process(child.id(), &[&log.to_string_lossy()]);
    let backing = Backing::Process(child, guard);
    ready(Registry { url: format!("http://127.0.0.1:{port}{PATH}"), port, _backing: backing })
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|open| open.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// Waits until it answers, and sets its compatibility level.
fn ready(registry: Registry) -> Result<Registry, String> {
    let start = Instant::now();
    while let Err(problem) = registry.exchange("GET", "/subjects", "") {
        if start.elapsed() > START_TIMEOUT {
            return Err(format!("{} does not answer: {problem}", registry.url));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let rule = format!("{{\"compatibility\":\"{COMPATIBILITY}\"}}");
    let (status, answer) = registry.request("PUT", "/config", Some(&rule));
    if status != 200 {
        return Err(format!("{} takes no compatibility rule: {answer}", registry.url));
    }
    Ok(registry)
}
