//! The built program as a process, as an operator starts it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::guard::{self, Guard};

/// The most lines of each output that are kept.
const LINES: usize = 200_000;

/// A running `floorcast`. It is killed when this is dropped, or when the tests end.
#[derive(Debug)]
pub(crate) struct Floorcast {
    child: Child,
    guard: Option<Guard>,
    stdout: Output,
    stderr: Output,
    ended: Option<ExitStatus>,
}

#[derive(Debug)]
struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                if kept.len() < LINES {
                    kept.push(line);
                }
            }
        });
        Self { lines, reader: Some(reader) }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn read_to_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading lines does not panic");
        }
    }
}

impl Floorcast {
    /// Starts the program with these arguments, and these variables in addition to the environment
    /// of the tests, except for variables that would configure it.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(super::program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOORCAST_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program was built with the tests");
        let guard = Guard::over_process(child.id(), &[]);
        let stdout = Output::of(child.stdout.take().expect("it is piped"));
        let stderr = Output::of(child.stderr.take().expect("it is piped"));
        Self { child, guard: Some(guard), stdout, stderr, ended: None }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines it wrote to its standard output so far.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// The lines it wrote to its standard error so far.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Waits until a line of either output contains the text, and returns the line.
    ///
    /// # Panics
    /// When there is none in time; with the whole output.
    #[track_caller]
    pub(crate) fn wait_for_line(&mut self, text: &str, deadline: Duration) -> String {
        let start = std::time::Instant::now();
        loop {
            let lines = self.stdout().into_iter().chain(self.stderr());
            if let Some(line) = lines.into_iter().find(|line| line.contains(text)) {
                return line;
            }
            let ended = self.has_ended();
            assert!(
                start.elapsed() < deadline && !ended,
                "no line has {text:?}:\n{}",
                self.output()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM, as a service manager does.
    pub(crate) fn terminate(&self) {
        guard::signal(self.id(), "TERM");
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        guard::signal(self.id(), "INT");
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait(Duration::from_secs(10));
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("it is our child");
        }
        self.ended.is_some()
    }

    /// Waits until it ends and its whole output is read.
    ///
    /// # Panics
    /// When it does not end in time; with the whole output.
    #[track_caller]
    pub(crate) fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let start = std::time::Instant::now();
        while !self.has_ended() {
            assert!(start.elapsed() < deadline, "it does not end:\n{}", self.output());
            thread::sleep(Duration::from_millis(20));
        }
        self.stdout.read_to_end();
        self.stderr.read_to_end();
        if let Some(guard) = self.guard.take() {
            guard.release();
        }
        self.ended.expect("it has just ended")
    }

    /// The whole output, for the message of a failing test.
    pub(crate) fn output(&self) -> String {
        let (stdout, stderr) = (self.stdout().join("\n"), self.stderr().join("\n"));
        format!("--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

impl Drop for Floorcast {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if let Some(guard) = self.guard.take() {
            guard.release();
        }
    }
}
