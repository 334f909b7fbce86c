//! A secured Kafka: TLS with a private authority, passwords (SCRAM), and ACLs.

use std::time::{Duration, Instant};

use floorcast::simulate::{Faults, WorldSettings};

use crate::bridge::{BridgeFixture, SimulatorFixture, TOKEN, page};
use crate::support::certificates::Authority;
use crate::support::kafka::{self, Broker, Guarding};
use crate::support::process::Floorcast;
use crate::support::{repository_file, wait_until};

const PASSWORD: &str = "a-secret-password";

fn guarded() -> (Broker, Authority) {
    let authority = Authority::of("127.0.0.1");
    let key_store = format!("{}{}", authority.key.serialize_pem(), authority.server.pem());
    let broker = kafka::guarded(&Guarding { key_store, username: "floorcast", password: PASSWORD });
    (broker, authority)
}

/// The commands of docs/kafka.md that grant rights, each with the operations it grants.
fn documented() -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(repository_file("docs/kafka.md")).unwrap();
    let commands = page.lines().filter(|line| line.starts_with("kafka-acls "));
    let arguments = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).map(String::from).collect()
    };
    commands.map(arguments).collect()
}

/// Runs the documented commands that grant this operation on this kind of thing (`--topic` or
/// `--transactional-id`), for names of this prefix.
fn grant(broker: &Broker, prefix: &str, operation: &str, on: &str) {
    let commands = documented();
    let mut granted = 0;
    for mut arguments in commands {
        if ![operation, on].iter().all(|wanted| arguments.iter().any(|given| given == wanted)) {
            continue;
        }
        for index in 0..arguments.len() {
            match arguments[index].as_str() {
                "--bootstrap-server" => broker.direct().clone_into(&mut arguments[index + 1]),
                name if name == on => {
                    let own = arguments[index + 1].strip_prefix("floor").unwrap().to_owned();
                    arguments[index + 1] = format!("{prefix}{own}");
                }
                _ => {}
            }
        }
        broker.tool("org.apache.kafka.tools.AclCommand", &arguments);
        granted += 1;
    }
    assert_eq!(granted, 1, "docs/kafka.md has one command for {operation}");
}

/// A configuration for the guarded broker; `check` sends a request to `vendor`, too.
fn fixture(
    vendor: &str,
    bootstrap: &str,
    prefix: &str,
    authority: &str,
    kafka: &str,
) -> BridgeFixture {
    let fixture =
        BridgeFixture::at(vendor, bootstrap, prefix, "[account.sla]\ntarget_percent = 80\n");
    let ca = fixture.directory().join("ca.pem");
    std::fs::write(&ca, authority).unwrap();
    let text = std::fs::read_to_string(fixture.config()).unwrap();
    let text = text.replace("[state]", &format!("{kafka}\n[state]"));
    let properties = format!(
        "[kafka.properties]\n\"security.protocol\" = \"sasl_ssl\"\n\
         \"ssl.ca.location\" = \"{}\"\n\"sasl.mechanism\" = \"SCRAM-SHA-512\"\n\
         \"sasl.username\" = \"floorcast\"\n\"sasl.password\" = {{ env = \"KAFKA_PASSWORD\" }}\n",
        ca.display()
    );
    std::fs::write(fixture.config(), format!("{text}{properties}")).unwrap();
    fixture
}

/// The line about Kafka in the output of `check`.
fn checked(fixture: &BridgeFixture, password: &str) -> String {
    let output = all_checked(fixture, password);
    let line = output.lines().find(|line| line.contains(" kafka: "));
    line.unwrap_or_else(|| panic!("{output}")).to_owned()
}

/// The output of `check`.
fn all_checked(fixture: &BridgeFixture, password: &str) -> String {
    let arguments = ["check", "--config", &fixture.config()];
    let variables = [("ACME_TOKEN", TOKEN), ("KAFKA_PASSWORD", password)];
    let mut check = Floorcast::start(&arguments, &variables);
    check.wait(Duration::from_mins(2));
    assert!(!check.output().contains(password), "{}", check.output());
    check.stdout().join("\n")
}

#[test]
fn events_reach_a_guarded_kafka_once_each_right_is_granted_and_each_lack_is_one_line() {
    let (broker, authority) = guarded();
    let prefix = kafka::unique_prefix("guarded");
    let closed_port = "http://127.0.0.1:1";
    let configured = |bootstrap: &str, ca: &str, kafka: &str| {
        fixture(closed_port, bootstrap, &prefix, ca, kafka)
    };
    let there = configured(broker.bootstrap(), &authority.pem, "");

    let output = checked(&there, "a-wrong-password");
    assert!(
        output.starts_with("✗ kafka: ") && output.contains("SASL authentication error"),
        "{output}"
    );
    assert!(output.contains("check sasl.mechanism, sasl.username and sasl.password"), "{output}");
    let another = Authority::of("127.0.0.1").pem;
    let output = checked(&configured(broker.bootstrap(), &another, ""), PASSWORD);
    assert!(output.contains("certificate verify failed"), "{output}");
    assert!(
        output.contains("check ssl.ca.location in [kafka.properties], and that the"),
        "{output}"
    );
    let by_name = broker.bootstrap().replace("127.0.0.1", "localhost");
    let output = checked(&configured(&by_name, &authority.pem, ""), PASSWORD);
    assert!(output.contains("the broker's certificate names this host"), "{output}");

    // Without any right topics are not visible; with the right to describe them, they are missing.
    let output = checked(&there, PASSWORD);
    let hidden = format!("{prefix}.calls, ");
    assert!(
        output.contains(&hidden) && output.contains("are not visible to this client: "),
        "{output}"
    );
    assert!(output.contains("grant the rights that docs/kafka.md lists"), "{output}");
    grant(&broker, &prefix, "Describe", "--topic");
    let output =
        checked(&configured(broker.bootstrap(), &authority.pem, "create_topics = false"), PASSWORD);
    assert!(output.starts_with("✗ kafka: missing topics: "), "{output}");
    let how = format!(
        "kafka-topics --bootstrap-server {} --create --topic NAME --partitions 3 \
         --replication-factor 1 --config retention.ms=604800000",
        broker.bootstrap()
    );
    assert!(output.contains(&how), "{output}");
    let state = format!(
        "--create --topic {prefix}.state.tests --partitions 1 --replication-factor 1 --config \
         cleanup.policy=compact --config delete.retention.ms=604800000 --config \
         max.message.bytes=10485760"
    );
    assert!(output.ends_with(&state), "{output}");

    // The bridge waits, names the missing right, and publishes everything once it has all.
    let settings = WorldSettings { seed: 51, calls_per_second: 1.0, ..WorldSettings::default() };
    let centre = SimulatorFixture::open(settings, Faults::default());
    let url = centre.simulator.base_url();
    let fixture = fixture(&url, broker.bootstrap(), &prefix, &authority.pem, "");
    let mut bridge = fixture.run_with(&[("ACME_TOKEN", TOKEN), ("KAFKA_PASSWORD", PASSWORD)]);
    let line = bridge.wait_for_line("kafka is not ready", Duration::from_mins(1));
    assert!(line.contains("topics cannot be created: ") && line.contains(&hidden), "{line}");
    assert!(line.contains("Topic authorization failed; grant the rights"), "{line}");
    grant(&broker, &prefix, "Create", "--topic");
    bridge.wait_for_line("topics created", Duration::from_mins(1));
    let lacks = [
        ("Topic authorization failed", "Read", "--topic"),
        ("Transactional Id authorization failed", "Write", "--transactional-id"),
        ("Topic authorization failed", "Write", "--topic"),
    ];
    // The first line was about the topics; later ones may also be about a broker that still starts.
    let mut seen = 0;
    for (lack, operation, on) in lacks {
        let reason = format!("{lack}; grant the rights that docs/kafka.md lists");
        let found = || {
            let output = bridge.stderr().into_iter();
            let output = output.filter(|line| line.contains("kafka is not ready"));
            output.enumerate().find(|(index, line)| *index > seen && line.contains(&reason))
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        seen = loop {
            if let Some((index, _)) = found() {
                break index;
            }
            assert!(Instant::now() < deadline, "{operation} {on}: {}", bridge.output());
            std::thread::sleep(Duration::from_millis(100));
        };
        let ready = page(&mut bridge, "/readyz");
        assert!(ready.contains("grant the rights that docs/kafka.md lists"), "{ready}");
        assert_eq!(centre.requests(), 0, "it polls before it owns the account");
        grant(&broker, &prefix, operation, on);
    }
    bridge.wait_for_line("connected to kafka", Duration::from_mins(1));
    wait_until(Duration::from_mins(1), "calls end", || {
        let truth = centre.simulator.truth();
        truth.calls.iter().filter(|call| !call["ends_at"].is_null()).count() > 25
    });
    centre.simulator.stop_world();
    let settled = centre.requests() + 60;
    wait_until(Duration::from_mins(1), "the bridge goes on polling", || {
        centre.requests() > settled
    });
    let verdict = fixture.verdict(&centre, broker.direct());
    assert!(verdict.passed(), "{verdict}\n{}", bridge.output());
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert!(!bridge.output().contains(PASSWORD), "{}", bridge.output());

    // Topics that differ from the configuration are reported, and left as they are.
    let otherwise = configured(broker.bootstrap(), &authority.pem, "");
    let text = std::fs::read_to_string(otherwise.config()).unwrap();
    std::fs::write(otherwise.config(), text.replace("partitions = 3", "partitions = 6")).unwrap();
    let output = checked(&otherwise, PASSWORD);
    assert_eq!(output, "✓ kafka: answers, all topics are there");
    let differs = all_checked(&otherwise, PASSWORD);
    assert!(differs.contains(&format!("! {prefix}.calls has 3 partitions and not 6")), "{differs}");
}
