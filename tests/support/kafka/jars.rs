//! A broker from Apache's jars: Maven downloads them once, Java runs them.

use std::fmt::Write;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::properties::{Guarding, Ports, properties};
use crate::support::guard::{self, Guard};
use crate::support::{cached, repository_file, run, wait_until};

/// Options for a fast start and a small heap.
const JAVA: &[&str] = &["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];

/// Only warnings are logged, for the message of a failing start.
const LOGGING: &str = "\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
";

/// The directory with the jars, which are downloaded if they are missing.
///
/// # Errors
/// What is missing.
pub(crate) fn libraries() -> Result<PathBuf, String> {
    run(Command::new("java").arg("-version")).map_err(|error| format!("no Java: {error}"))?;
    let project = repository_file("tests/kafka/pom.xml");
    let input = std::fs::read_to_string(&project).map_err(|error| error.to_string())?;
    cached("kafka-jars", &input, |directory| {
        let mut target = std::ffi::OsString::from("-DoutputDirectory=");
        target.push(directory);
        run(Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&project)
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(target))
        .map_err(|error| format!("the jars could not be downloaded: {error}"))?;
        Ok(())
    })
}

/// A broker as a Java process.
#[derive(Debug)]
pub(crate) struct Server {
    libraries: PathBuf,
    directory: PathBuf,
    ports: Ports,
    running: Option<(Child, Guard)>,
}

impl Server {
    /// Formats its storage and starts it. It does not answer yet.
    ///
    /// # Errors
    /// The error of Java.
    pub(crate) fn start_new(
        libraries: &Path,
        ports: Ports,
        advertised: u16,
        guarding: Option<&Guarding>,
    ) -> Result<Self, String> {
        let not_writable =
            |error: std::io::Error| format!("its directory cannot be written: {error}");
        let directory = tempfile::Builder::new()
            .prefix("floorcast-kafka-")
            .tempdir()
            .map_err(not_writable)?
            .keep();
        let mut server = Self { libraries: libraries.to_owned(), directory, ports, running: None };
        server.configure(advertised, guarding).map_err(not_writable)?;
        let cluster = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
        let mut format = server.java("kafka.tools.StorageTool");
        format
            .args(["format", "--cluster-id", &cluster])
            .args(["--config".as_ref(), server.directory.join("server.properties").as_os_str()]);
        if let Some(guarding) = guarding {
            format.args(["--add-scram", &guarding.user()]);
        }
        run(&mut format)?;
        server.try_start().map_err(|error| format!("java cannot be started: {error}"))?;
        Ok(server)
    }

    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    pub(crate) fn process(&self) -> Option<(u32, PathBuf)> {
        self.running.as_ref().map(|(child, _)| (child.id(), self.directory.clone()))
    }

    pub(crate) fn start(&mut self) {
        assert!(self.running.is_none(), "the broker is already running");
        self.try_start().expect("java started before");
    }

    pub(crate) fn stop(&mut self) {
        let Some((mut child, guard)) = self.running.take() else { return };
        guard::signal(child.id(), "TERM");
        wait_until(Duration::from_secs(30), "the broker stops", || {
            child.try_wait().is_ok_and(|status| status.is_some())
        });
        guard.release();
    }

    pub(crate) fn kill(&mut self) {
        let Some((mut child, guard)) = self.running.take() else { return };
        // It may have ended; `wait` reaps it either way.
        let _ = child.kill();
        let _ = child.wait();
        guard.release();
    }

    /// # Errors
    /// The end of its log, when it has ended by itself.
    pub(crate) fn still_runs(&mut self) -> Result<(), String> {
        let Some((child, _)) = &mut self.running else { return Err("is not started".into()) };
        match child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                let end: Vec<_> = log.lines().rev().take(10).collect();
                let end: Vec<_> = end.into_iter().rev().collect();
                Err(format!("the broker ended with {status}: {}", end.join("\n")))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn configure(&self, advertised: u16, guarding: Option<&Guarding>) -> std::io::Result<()> {
        let mut text = String::new();
        let mut all = properties("127.0.0.1", self.ports, advertised, self.ports.direct);
        if let Some(guarding) = guarding {
            let key_store = self.directory.join("server.pem");
            std::fs::write(&key_store, &guarding.key_store)?;
            let guarded = Guarding::properties(&key_store);
            all.retain(|(name, _)| guarded.iter().all(|(other, _)| other != name));
            all.extend(guarded);
        }
        for (name, value) in all {
            let _ = writeln!(text, "{name}={value}");
        }
        let _ = writeln!(text, "log.dirs={}", self.directory.join("data").display());
        std::fs::write(self.directory.join("server.properties"), text)?;
        std::fs::write(self.directory.join("log4j2.properties"), LOGGING)
    }

    /// Runs one of Kafka's command line tools to its end.
    ///
    /// # Errors
    /// The end of its output.
    pub(crate) fn tool(&self, main_class: &str, arguments: &[String]) -> Result<String, String> {
        run(self.java(main_class).args(arguments))
    }

    fn java(&self, main_class: &str) -> Command {
        let mut command = Command::new("java");
        let mut logging = std::ffi::OsString::from("-Dlog4j2.configurationFile=");
        logging.push(self.directory.join("log4j2.properties"));
        command.args(JAVA).arg(logging);
        command.arg("-cp").arg(self.libraries.join("*")).arg(main_class);
        // Ctrl-C ends the tests; the guard then ends the broker.
        command.process_group(0);
        command
    }

    fn try_start(&mut self) -> std::io::Result<()> {
        let log = File::options().create(true).append(true).open(self.directory.join("log"))?;
        let child = self
            .java("kafka.Kafka")
            .arg(self.directory.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let guard = Guard::over_process(child.id(), &[&self.directory.to_string_lossy()]);
        self.running = Some((child, guard));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // It is a temporary directory: a failure does not matter.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
