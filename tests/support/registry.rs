//! A real schema registry, found in this order:
//!
//! 1. `FLOORCAST_TEST_REGISTRY=URL`, one that runs already, with its path;
//! 2. Docker, where an engine answers, through testcontainers;
//! 3. Apicurio's own distribution from Maven Central: 3.3.3 with a Java 21 or newer, else 2.6.13
//!    with Java 17.
//!
//! None of the three: the test fails and names them. What was started dies with the test binary.

mod docker;

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::{cached, repository_file, run};

/// Where Apicurio speaks Confluent's API.
const PATH: &str = "/apis/ccompat/v7";
/// How long a registry may take to answer after it was started.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// The registry that all tests of the binary share, by its URL. Never stopped, never cleared: the
/// topics of a test have a prefix of their own, and so have its subjects.
#[track_caller]
pub(crate) fn shared() -> &'static str {
    static SHARED: OnceLock<Result<Registry, String>> = OnceLock::new();
    match SHARED.get_or_init(Registry::find) {
        Ok(registry) => &registry.url,
        Err(problem) => panic!("{problem}"),
    }
}

/// The port of the shared registry, for a proxy in front of it.
#[track_caller]
pub(crate) fn shared_port() -> u16 {
    url::Url::parse(shared()).unwrap().port_or_known_default().expect("http has a port")
}

#[derive(Debug)]
struct Registry {
    url: String,
    _backing: Backing,
}

#[derive(Debug)]
enum Backing {
    Elsewhere,
    Container(#[expect(dead_code, reason = "it is kept alive")] Box<docker::Container>),
    Process(#[expect(dead_code, reason = "it is kept alive")] Server),
}

impl Registry {
    fn find() -> Result<Self, String> {
        if let Ok(url) = std::env::var("FLOORCAST_TEST_REGISTRY") {
            let url = url.trim_end_matches('/').to_owned();
            wait_for_answer(&url, Duration::from_secs(10), || Ok(())).map_err(|problem| {
                format!("no registry answers at FLOORCAST_TEST_REGISTRY={url}: {problem}")
            })?;
            return Ok(Self { url, _backing: Backing::Elsewhere });
        }
        let mut reasons = vec![];
        if super::kafka::docker::answers() {
            let port = free_port()?;
            match docker::Container::start(port) {
                Ok(container) => {
                    let url = format!("http://127.0.0.1:{port}{PATH}");
                    wait_for_answer(&url, START_PATIENCE, || Ok(()))?;
                    return Ok(Self { url, _backing: Backing::Container(Box::new(container)) });
                }
                Err(reason) => reasons.push(format!("Docker: {reason}")),
            }
        } else {
            reasons.push(String::from("Docker: no engine answers"));
        }
        match Self::from_jars() {
            Ok(registry) => Ok(registry),
            Err(reason) => {
                reasons.push(format!("Apicurio's jars: {reason}"));
                Err(nothing_works(&reasons))
            }
        }
    }

    fn from_jars() -> Result<Self, String> {
        let (java, version) = match newer_java() {
            Some(java) => (java, "3.3.3"),
            None => (PathBuf::from("java"), "2.6.13.Final"),
        };
        let files = distribution(version)?;
        let (port, management) = (free_port()?, free_port()?);
        let url = format!("http://127.0.0.1:{port}{PATH}");
        let mut server = Server::start(&java, &files, port, management)?;
        wait_for_answer(&url, START_PATIENCE, || server.still_runs())?;
        Ok(Self { url, _backing: Backing::Process(server) })
    }
}

/// A Java of version 21 or newer: `JAVA_HOME`, the path, or where Debian puts them.
fn newer_java() -> Option<PathBuf> {
    let mut candidates = vec![PathBuf::from("java")];
    candidates.extend(std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java")));
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    candidates.extend(installed.map(|entry| entry.path().join("bin/java")));
    candidates.into_iter().find(|java| {
        let said = Command::new(java).arg("-version").stdin(Stdio::null()).output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        // `openjdk version "25.0.1" …`, or `"26-ea"`.
        let version = said.ok().and_then(|said| {
            let digits = said.split('"').nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u32>().ok()
        });
        version.is_some_and(|version| version >= 21)
    })
}

/// The directory with the distribution, fetched if it is not there yet.
fn distribution(version: &str) -> Result<PathBuf, String> {
    let project = repository_file("tests/registry/pom.xml");
    let input = std::fs::read_to_string(&project).map_err(|error| error.to_string())?;
    cached(&format!("registry-{version}"), &format!("{version}\n{input}"), |directory| {
        let archive = directory.join("archive");
        run(Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&project)
            .args(["dependency:copy-dependencies", &format!("-Dapicurio.version={version}")])
            .arg(format!("-DoutputDirectory={}", archive.display())))
        .map_err(|error| format!("the jars could not be fetched: {error}"))?;
        let file = archive.join(format!("apicurio-registry-app-{version}-all.tar.gz"));
        run(Command::new("tar").arg("-xzf").arg(&file).arg("-C").arg(directory))?;
        std::fs::remove_dir_all(&archive).map_err(|error| error.to_string())
    })
}

#[derive(Debug)]
struct Server {
    child: Child,
    guard: Option<Guard>,
    directory: PathBuf,
}

impl Server {
    fn start(java: &Path, files: &Path, port: u16, management: u16) -> Result<Self, String> {
        let in_vain = |error: std::io::Error| format!("it cannot be started: {error}");
        let directory = tempfile::Builder::new().prefix("floorcast-registry-").tempdir();
        let directory = directory.map_err(in_vain)?.keep();
        let log = std::fs::File::create(directory.join("log")).map_err(in_vain)?;
        let jar = ["quarkus-run.jar", "apicurio-registry-app-2.6.13.Final-runner.jar"]
            .map(|name| files.join(name))
            .into_iter()
            .find(|jar| jar.exists())
            .ok_or("there is no jar to run in the distribution")?;
        let mut command = Command::new(java);
        command
            .args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("-Dquarkus.http.host=127.0.0.1")
            .arg(format!("-Dquarkus.http.port={port}"))
            .arg("-Dquarkus.management.host=127.0.0.1")
            .arg(format!("-Dquarkus.management.port={management}"))
            // Version 3.
            .args(["-Dapicurio.storage.kind=sql", "-Dapicurio.storage.sql.kind=h2"])
            .arg("-Dapicurio.datasource.url=jdbc:h2:mem:registry")
            .arg("-Dapicurio.rules.global.compatibility=BACKWARD")
            // Version 2.6, which keeps all in memory by itself.
            .arg("-Dregistry.rules.global.compatibility=BACKWARD")
            .arg("-jar")
            .arg(jar)
            .current_dir(&directory)
            // Ctrl-C ends the tests; the guard then ends the registry.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(in_vain)?)
            .stderr(log);
        let child = command.spawn().map_err(in_vain)?;
        let guard = Guard::over_process(child.id(), &[&directory.to_string_lossy()]);
        Ok(Self { child, guard: Some(guard), directory })
    }

    fn still_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                let end: Vec<_> = log.lines().rev().take(10).collect();
                let end: Vec<_> = end.into_iter().rev().collect();
                Err(format!("it ended with {status}: {}", end.join("\n")))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
        if let Some(guard) = self.guard.take() {
            guard.release();
        }
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

fn wait_for_answer(
    url: &str,
    patience: Duration,
    mut still_runs: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let start = Instant::now();
    loop {
        still_runs()?;
        let problem = match get(&format!("{url}/subjects")) {
            Ok((200, _)) => return Ok(()),
            Ok((status, _)) => format!("it answers with {status}"),
            Err(problem) => problem,
        };
        if start.elapsed() > patience {
            return Err(format!("no answer after {patience:?}: {problem}"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Asks the registry by other means than the library's.
pub(crate) fn get(url: &str) -> Result<(u16, String), String> {
    request("GET", url, None)
}

/// Sends JSON to the registry by other means than the library's.
pub(crate) fn post(url: &str, body: &str) -> Result<(u16, String), String> {
    request("POST", url, Some(body))
}

fn request(method: &str, url: &str, body: Option<&str>) -> Result<(u16, String), String> {
    use std::io::{Read, Write};
    let url = url::Url::parse(url).map_err(|error| error.to_string())?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
    let mut stream = std::net::TcpStream::connect((host, port.unwrap_or(80)))
        .map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(|error| error.to_string())?;
    let body = body.unwrap_or_default();
    write!(
        stream,
        "{method} {} HTTP/1.0\r\nHost: {host}\r\nContent-Type: \
         application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
        url.path(),
        body.len()
    )
    .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    Ok((status.ok_or("no answer of HTTP")?, body.unwrap_or_default()))
}

fn nothing_works(reasons: &[String]) -> String {
    format!(
        "these tests need a real schema registry, and there is none. One of three ways:\n\
         1. set FLOORCAST_TEST_REGISTRY=URL to one that runs already, with its path;\n\
         2. start Docker;\n\
         3. install Java 17 or newer and Maven (Debian: apt-get install openjdk-17-jre-headless \
         maven).\nWhat was tried:\n- {}",
        reasons.join("\n- ")
    )
}

/// Has the registry delete something.
pub(crate) fn delete(url: &str) -> Result<(u16, String), String> {
    request("DELETE", url, None)
}
