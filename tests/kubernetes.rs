//! What the manifests, the image and the packages promise of the program: its arguments, variables
//! and configurations, and what it answers to a probe. What they are to Kubernetes is checked by
//! `.ci/kubernetes`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::process::Floorcast;

const DEADLINE: Duration = Duration::from_secs(30);
/// The manifests that run the bridge.
const MANIFESTS: [&str; 2] = ["k8s/base/statefulset.yaml", "k8s/components/sidecar/sidecar.yaml"];
/// The configurations that come with manifests and packages.
const CONFIGURATIONS: [&str; 4] = [
    "k8s/base/floorcast.toml",
    "k8s/examples/standalone/floorcast.toml",
    "k8s/examples/sidecar/floorcast.toml",
    "packaging/floorcast.toml",
];

fn root(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root(file)).unwrap()
}

/// The variables of a manifest.
fn variables(manifest: &str) -> Vec<(String, String)> {
    let text = text(manifest);
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let name =
            pair[0].strip_prefix("- name: ").filter(|name| name.starts_with("FLOORCAST_"))?;
        Some((name.to_owned(), pair[1].strip_prefix("value: ")?.trim_matches('"').to_owned()))
    });
    pairs.collect()
}

/// The arguments of a manifest.
fn arguments(manifest: &str) -> Vec<String> {
    let text = text(manifest);
    let after = text.lines().map(str::trim).skip_while(|line| *line != "args:").skip(1);
    after
        .filter(|line| !line.starts_with('#'))
        .map_while(|line| line.strip_prefix("- ").filter(|_| !line.contains("name:")))
        .map(String::from)
        .collect()
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Runs `floorcast health`: its status, and all that it wrote.
fn health(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, Vec<String>) {
    let mut command = Floorcast::start(&[&["health"], arguments].concat(), variables);
    let status = command.wait(DEADLINE).code().unwrap();
    (status, [command.stdout(), command.stderr()].concat())
}

#[test]
fn the_configurations_of_manifests_and_packages_pass_the_check_under_their_variables() {
    for configuration in CONFIGURATIONS {
        for manifest in MANIFESTS {
            let mut variables = variables(manifest);
            assert_eq!(variables.len(), 4, "{manifest}: {variables:?}");
            // In a namespace with a Service named floorcast that has an address.
            variables.push(("FLOORCAST_PORT".into(), "tcp://10.0.0.1:9464".into()));
            let variables: Vec<_> =
                variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let file = root(configuration).display().to_string();
            let mut check =
                Floorcast::start(&["check", "--offline", "--config", &file], &variables);
            let status = check.wait(DEADLINE);
            assert!(status.success(), "{configuration}: {:?}", check.stderr());
            let shown = check.stdout().join("\n");
            for expected in
                ["exactly once, with standby", "/var/lib/floorcast", "http://0.0.0.0:9464"]
            {
                assert!(shown.contains(expected), "{configuration}: no {expected} in {shown}");
            }
        }
    }
}

#[test]
fn the_arguments_of_the_manifests_start_a_bridge_that_is_healthy_without_kafka_or_a_vendor() {
    for manifest in MANIFESTS {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("floorcast.toml");
        let secret = directory.path().join("acme-token");
        std::fs::write(&secret, "token\n").unwrap();
        let (closed, port) = (free_port(), free_port());
        let configuration = format!(
            "[kafka]\nbootstrap_servers = \"127.0.0.1:{closed}\"\ndeployment = \"d\"\n\
             [[account]]\nname = \"acme\"\nvendor = \"ccai\"\nusername = \"acme\"\n\
             base_url = \"http://127.0.0.1:{closed}\"\npassword = {{ file = {secret:?} }}\n"
        );
        std::fs::write(&file, configuration).unwrap();

        let mounted = "/etc/floorcast/floorcast.toml";
        let arguments = arguments(manifest);
        assert!(arguments.contains(&format!("--config={mounted}")), "{manifest}: {arguments:?}");
        let arguments: Vec<_> = arguments
            .iter()
            .map(|argument| argument.replace(mounted, &file.display().to_string()))
            .collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let state = directory.path().join("state").display().to_string();
        let listen = format!("0.0.0.0:{port}");
        let mut variables = variables(manifest);
        for (name, value) in &mut variables {
            match name.as_str() {
                "FLOORCAST_STATE__DIR" => value.clone_from(&state),
                "FLOORCAST_ADMIN__LISTEN" => value.clone_from(&listen),
                _ => {}
            }
        }
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut bridge = Floorcast::start(&arguments, &variables);
        let line = bridge.wait_for_line("admin pages at", DEADLINE);
        assert!(line.starts_with('{'), "the log is no JSON: {line}");

        // As the image requests it: by the variable alone.
        let (status, said) = health(&[], &[("FLOORCAST_ADMIN__LISTEN", &listen)]);
        assert_eq!((status, said.len()), (0, 1), "{said:?}");
        assert_eq!(said[0], format!("healthy: http://127.0.0.1:{port}/healthz: ok"));
        let (status, said) = health(
            &["--config", &file.display().to_string()],
            &[("FLOORCAST_ADMIN__LISTEN", &listen)],
        );
        assert_eq!((status, said.len()), (0, 1), "{said:?}");
        bridge.terminate();
        assert!(bridge.wait(DEADLINE).success());

        let (status, said) = health(&["--address", &format!("127.0.0.1:{port}")], &[]);
        assert_eq!((status, said.len()), (1, 1), "{said:?}");
        assert!(said[0].contains("no answer from") && said[0].contains("refused"), "{said:?}");
    }
}

#[test]
fn health_fails_in_one_line_when_the_answer_is_another_or_none() {
    let cases = [
        ("503 Service Unavailable", "stuck for 70 s\nmore", "not healthy: http://"),
        ("404 Not Found", "what?", "this is not floorcast's admin address"),
        ("302 Found", "elsewhere", "this is not floorcast's admin address"),
    ];
    for (status_line, body, expected) in cases {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status_line}\r\nlocation: /\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        // A proxy of the environment is not used, and no certificate authority is read.
        let variables = [
            ("http_proxy", "http://127.0.0.1:9"),
            ("SSL_CERT_FILE", "/nowhere"),
            ("SSL_CERT_DIR", "/nowhere"),
        ];
        let (status, said) = health(&["--address", &address], &variables);
        assert_eq!((status, said.len()), (1, 1), "{said:?}");
        assert!(said[0].contains(expected), "{said:?}");
        assert!(server.join().unwrap().starts_with("GET /healthz "));
    }
    // It accepts and never answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let (status, said) = health(&["--address", &address, "--timeout", "1"], &[]);
    assert_eq!((status, said.len()), (1, 1), "{said:?}");
    assert!(said[0].contains("longer than 1 s"), "{said:?}");
}

#[test]
fn what_is_copied_into_the_manifests_is_current() {
    let output = Command::new(root("k8s/generate")).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn image_service_and_manifests_name_one_address_one_user_and_one_state_directory() {
    let image = text("Dockerfile");
    let variables = variables(MANIFESTS[0]);
    let value = |wanted: &str| {
        &variables.iter().find(|(name, _)| name == wanted).expect("it is set there").1
    };
    for name in ["FLOORCAST_ADMIN__LISTEN", "FLOORCAST_STATE__DIR"] {
        let line = format!("{name}={}", value(name));
        assert!(image.contains(&line), "the image has no {line}");
    }
    for manifest in MANIFESTS {
        assert!(text(manifest).contains("runAsUser: 65532"), "{manifest}");
    }
    assert!(image.contains("USER 65532:65532"));
    assert!(image.contains("CMD [\"/usr/bin/floorcast\", \"health\"]"));
    let version = env!("CARGO_PKG_VERSION");
    for file in [
        "k8s/base/statefulset.yaml",
        "k8s/components/sidecar/sidecar.yaml",
        "k8s/examples/standalone/kustomization.yaml",
        "k8s/examples/sidecar/kustomization.yaml",
        "k8s/chart/Chart.yaml",
    ] {
        assert!(text(file).contains(version), "{file} does not name version {version}");
    }
    let toolchain = text("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).unwrap();
    assert!(image.contains(&format!("rust:{channel}-")), "the image is not built with {channel}");
}
