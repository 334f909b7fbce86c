use std::time::Duration;

use crate::support::process::Floorcast;

/// Runs a command to its end: its exit status and both outputs.
fn run(arguments: &[&str]) -> (i32, Vec<String>, Vec<String>) {
    let mut command = Floorcast::start(arguments, &[]);
    let status = command.wait(Duration::from_mins(1));
    (status.code().unwrap(), command.stdout(), command.stderr())
}

#[test]
fn help_lists_every_command_and_exits_with_0() {
    let (status, out, _) = run(&["--help"]);
    assert_eq!(status, 0);
    for command in ["run", "demo", "simulate", "check", "probe", "tail", "schemas"] {
        assert!(out.iter().any(|line| line.trim_start().starts_with(command)), "{out:?}");
    }
}

#[test]
fn an_invalid_configuration_is_reported_line_by_line_with_exit_status_2() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.toml");
    std::fs::write(&file, "[kafka]\nbootstrap_server = \"b:1\"\ndeployment = \"d\"\n").unwrap();
    let file = file.display().to_string();
    for command in [&["run", "--config", &file][..], &["check", "--offline", "--config", &file]] {
        let (status, _, errors) = run(command);
        assert_eq!(status, 2);
        let expected = format!(
            "floorcast: {file}:2: kafka.bootstrap_server: no such key; did you mean bootstrap_servers?"
        );
        assert!(errors.contains(&expected), "{errors:?}");
    }
    let (status, _, errors) = run(&["run", "--config", "/nowhere/at/all.toml"]);
    assert_eq!(status, 2);
    assert!(errors[0].starts_with("floorcast: /nowhere/at/all.toml: cannot be read"), "{errors:?}");
}

#[test]
fn the_shipped_configurations_pass_the_check() {
    for file in ["config/minimal.toml", "config/floorcast.toml"] {
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let (status, out, errors) = run(&["check", "--offline", "--config", &file]);
        assert_eq!(status, 0, "{errors:?}");
        assert!(out[0].starts_with('✓'), "{out:?}");
    }
}

#[test]
fn a_demo_with_its_own_broker_ends_by_itself_with_nothing_missing() {
    let mut demo = Floorcast::start(&["demo", "--for", "15s", "--calls-per-second", "1"], &[]);
    let status = demo.wait(Duration::from_mins(2));
    let out = demo.stdout();
    assert!(status.success(), "{out:?} {:?}", demo.stderr());
    assert!(out.last().unwrap().ends_with("nothing missing, nothing twice"), "{out:?}");
    for kind in ["call steps", "infobip roster", "maqsam status changes", "deepcall activations"] {
        assert!(out.iter().any(|line| line.starts_with(kind)), "no {kind}: {out:?}");
    }
}

#[test]
fn what_simulate_prints_is_a_configuration_that_reaches_every_system() {
    let mut simulate = Floorcast::start(&["simulate", "--listen", "127.0.0.1:0"], &[]);
    simulate.wait_for_line("Ctrl-C ends it", Duration::from_secs(30));
    let lines = simulate.stdout();
    let kafka = "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\ndeployment = \"d\"\n";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("simulated.toml");
    std::fs::write(&file, format!("{kafka}{}", lines.join("\n"))).unwrap();
    let file = file.display().to_string();
    let secrets: Vec<_> =
        lines.iter().filter_map(|line| line.strip_prefix("# export ")?.split_once('=')).collect();
    assert_eq!(secrets.len(), 4, "{lines:?}");
    for vendor in floorcast::source::VENDORS {
        let arguments = ["probe", "--config", &file, "--account", vendor.name];
        let mut probe = Floorcast::start(&arguments, &secrets);
        let status = probe.wait(Duration::from_mins(2));
        assert!(status.success(), "{}: {:?} {:?}", vendor.name, probe.stdout(), probe.stderr());
    }
    simulate.interrupt();
    assert!(simulate.wait(Duration::from_secs(30)).success());
}

#[test]
fn ctrl_c_ends_a_demo_and_deletes_its_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().display().to_string();
    let mut demo = Floorcast::start(&["demo"], &[("TMPDIR", &directory)]);
    demo.wait_for_line("look at the events", Duration::from_secs(30));
    demo.interrupt();
    assert!(demo.wait(Duration::from_secs(30)).success());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}
