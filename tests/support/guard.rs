//! Ends the processes that the tests have started, however the test binary ends.
//!
//! A guard is a shell in a process group of its own that reads a pipe from this process. When this
//! process ends, by SIGKILL as well, the kernel closes the pipe, and the shell cleans up.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Cleans up when this process ends.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Runs `script` in `sh`, with these arguments, when this process ends before
    /// [`Guard::release`].
    pub(crate) fn new(script: &str, arguments: &[&str]) -> Self {
        let script = format!("read -r word; [ \"$word\" = released ] && exit 0\n{script}");
        let child = Command::new("sh")
            .args(["-c", &script, "guard"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the process group of the tests, and must not end the guard first.
            .process_group(0)
            .spawn()
            .expect("sh is there");
        Self(child)
    }

    /// Kills the process and then removes the directories.
    pub(crate) fn over_process(process: u32, directories: &[&str]) -> Self {
        let script = "
            process=$1; shift
            kill -KILL \"$process\"
            for attempt in 1 2 3 4 5 6 7 8 9 10; do
                kill -0 \"$process\" && sleep 0.1
            done
            rm -rf \"$@\"";
        let process = process.to_string();
        let arguments: Vec<&str> =
            std::iter::once(process.as_str()).chain(directories.iter().copied()).collect();
        Self::new(script, &arguments)
    }

    /// Ends the guard without cleaning up: what it guarded has ended.
    pub(crate) fn release(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // The guard may have ended.
            let _ = pipe.write_all(b"released\n");
        }
        let _ = self.0.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the pipe without a word makes the guard clean up.
        drop(self.0.stdin.take());
    }
}

/// Sends a signal, by `kill`.
pub(crate) fn signal(process: u32, signal: &str) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill is there");
    assert!(status.success(), "{signal} cannot be sent to process {process}: it has ended");
}
