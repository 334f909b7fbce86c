use proptest::prelude::*;

use super::*;
use crate::fuzz::{Outcome, PLANTED, run};
use crate::model::{Mode, Privacy};

const MINIMAL: &str = include_str!("../../config/minimal.toml");

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Config::read("f.toml", text, &environment)
        .map_err(|mistakes| mistakes.all().iter().map(ToString::to_string).collect())
}

#[test]
fn the_shipped_files_are_valid() {
    for (name, text) in
        [("minimal", MINIMAL), ("floorcast", include_str!("../../config/floorcast.toml"))]
    {
        let config = read(text, &[]).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
        assert_eq!(config.kafka.topic_prefix, "floor");
        assert_eq!(config.accounts[0].requests_per_second.to_bits(), 1.0_f64.to_bits());
    }
    // The commented-out keys show the defaults.
    let shipped = include_str!("../../config/floorcast.toml");
    let uncommented: String = shipped
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with("[registry]") => format!("{rest}\n"),
            Some(rest)
                if rest.contains(" = ") && !rest.contains("sasl") && !rest.ends_with('.') =>
            {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let (uncommented, shipped) = (read(&uncommented, &[]).unwrap(), read(shipped, &[]).unwrap());
    assert_eq!(format!("{:?}", uncommented.kafka), format!("{:?}", shipped.kafka));
    assert_eq!(format!("{:?}", uncommented.privacy), format!("{:?}", shipped.privacy));
    assert!(uncommented.registry.is_some_and(|registry| registry.auto_register));
    assert!(shipped.registry.is_none());
}

#[test]
fn fuzzed_files_are_valid_or_refused_line_by_line() {
    let shipped = include_str!("../../config/floorcast.toml");
    let secrets = format!("{MINIMAL}\n[kafka.properties]\n\"sasl.password\" = {{ env = \"K\" }}\n");
    let corpus = [MINIMAL.as_bytes(), shipped.as_bytes(), secrets.as_bytes()];
    let tokens = [
        "[kafka]",
        "[[account]]",
        "password = \"Planted-7f3a\"",
        "{ env = \"P\" }",
        "= 1",
        "\n",
        "requests_per_second = nan",
        "start = \"now\"",
        "'''",
    ];
    run("configurations", &corpus, &tokens, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match read(&text, &[("FLOORCAST_KAFKA__TOPIC_PREFIX", "floor")]) {
            Ok(config) => {
                assert!(!config.accounts.is_empty());
                assert!(config.accounts.iter().all(|account| account.requests_per_second > 0.0));
                let class = format!("valid {}", config.accounts.len());
                Outcome { class, whole: format!("{config:?} {config}") }
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty());
                for mistake in &mistakes {
                    assert_eq!(mistake.lines().count(), 1, "{mistake:?}");
                    // What stands where a secret belongs may be one.
                    let secret = mistake.contains("password:");
                    assert!(!secret || !mistake.contains(PLANTED), "{mistake}");
                }
                let first = mistakes.first().map_or("", |mistake| mistake.as_str());
                let class = first.split(": ").skip(1).take(2).collect();
                Outcome { class, whole: mistakes.join("\n") }
            }
        }
    });
}

#[test]
fn each_mistake_is_one_line_with_location_and_remedy() {
    let kafka = "[kafka]\nbootstrap_servers = \"b:1\"\ndeployment = \"d\"\n";
    let account = "[[account]]\nname = \"acme\"\nvendor = \"ccai\"\n\
                   base_url = \"https://a.example\"\nusername = \"u\"\npassword = { env = \"P\" }\n";
    let in_kafka = |line: &str| format!("{kafka}{line}\n{account}");
    let in_account = |line: &str| format!("{kafka}{account}{line}\n");
    let cases = [
        ("[kafka", "f.toml:1: not valid TOML:"),
        (
            account,
            "f.toml:1: kafka: it is missing; add [kafka] with bootstrap_servers and deployment",
        ),
        (kafka, "f.toml:1: account: it is missing; add at least one [[account]]"),
        (
            &in_kafka("deliverry = \"x\""),
            "f.toml:4: kafka.deliverry: no such key; did you mean delivery?",
        ),
        (
            &in_kafka("delivery = \"at_most_once\""),
            "f.toml:4: kafka.delivery: unknown value; did you mean \"at_least_once\"?",
        ),
        (
            &in_kafka("standby = true\ndelivery = \"at_least_once\""),
            "f.toml:4: kafka.standby: with \"at_least_once\" nothing keeps two bridges from owning",
        ),
        (&in_kafka("shards = 0"), "f.toml:4: kafka.shards: expected a whole number from 1 to 1000"),
        (&in_kafka("retire = \"acme\""), "f.toml:4: kafka.retire: expected a list of texts"),
        (&in_kafka("retire = [\"A b\"]"), "f.toml:4: kafka.retire: an account's name has 1 to 63"),
        (
            &in_kafka("outbox_limit = 5"),
            "f.toml:4: kafka.outbox_limit: expected a size such as \"512 MiB\" or \"1 GiB\"",
        ),
        (
            &in_kafka("partitions = 0"),
            "f.toml:4: kafka.partitions: expected a whole number from 1 to 10000",
        ),
        (
            &in_kafka("create_topics = \"yes\""),
            "f.toml:4: kafka.create_topics: expected true or false",
        ),
        (
            &in_kafka("[kafka.properties]\nacks = 1"),
            "f.toml:5: kafka.properties.acks: this property cannot be set; an event is published when all in-sync replicas have it",
        ),
        (
            &in_kafka("[kafka.properties]\n\"sasl.password\" = \"hunter2\""),
            "f.toml:5: kafka.properties.sasl.password: a secret must not be written here; name its source",
        ),
        (
            &in_kafka("[registry]\nauto_register = true"),
            "f.toml:4: registry.url: it is missing; set it: its address, such as \"http://localhost:8081\"",
        ),
        (
            &in_kafka("[registry]\nurl = \"http://ada:hunter2@r\""),
            "f.toml:5: registry.url: it holds credentials; set username and password beside it",
        ),
        (
            &in_kafka("[registry]\nurl = \"http://r\"\nusername = \"u\""),
            "f.toml:4: registry.password: missing, and there is a username",
        ),
        (
            &in_kafka("[registry]\nurl = \"http://r\"\npassword = { env = \"P\" }"),
            "f.toml:4: registry.username: missing, and there is a password",
        ),
        (
            &in_kafka("[registry]\nurl = \"http://r\"\ntoken = \"hunter2\""),
            "f.toml:6: registry.token: a secret must not be written here; name its source",
        ),
        (
            &in_kafka("[registry]\nurl = \"http://r\"\ntoken = { env = \"T\" }\nusername = \"u\""),
            "f.toml:6: registry.token: there are two kinds of credentials",
        ),
        (
            &in_kafka("[admin]\nlisten = \"here\""),
            "f.toml:5: admin.listen: expected an address such as",
        ),
        (
            &in_kafka("[privacy]\nagents = \"hide\""),
            "f.toml:5: privacy.agents: unknown value; one of drop, keep, pseudonymise",
        ),
        (
            &in_kafka("[privacy]\ncontent = \"pseudonymise\""),
            "f.toml:4: privacy.pseudonym_key: missing, and a class is pseudonymised; name a secret of at least 16 bytes",
        ),
        (
            &in_kafka("[privacy]\npseudonym_key = \"hunter2 and more of it\""),
            "f.toml:5: privacy.pseudonym_key: a secret must not be written here; name its source",
        ),
        (&in_kafka("[statee]"), "f.toml:4: statee: no such key; did you mean state?"),
        (
            &in_account("requests_per_second = 0"),
            "f.toml:10: account.requests_per_second: expected a number from 0.001 to 1000",
        ),
        (
            &in_account("start = \"yesterday\""),
            "f.toml:10: account.start: expected \"now\" or a time such as",
        ),
        (
            &in_account("overlap = \"6m\""),
            "f.toml:10: account.overlap: it is not between 1s and 5m; such as \"10s\"",
        ),
        (
            &in_account("[account.streams.call]"),
            "f.toml:10: account.streams.call: no such key; did you mean calls?",
        ),
        (
            &in_account("[account.streams.calls]\nmax_interval = 30"),
            "f.toml:11: account.streams.calls.max_interval: expected a duration such as",
        ),
        (
            &in_account("").replace("{ env = \"P\" }", "\"hunter2\""),
            "f.toml:9: account.password: a secret must not be written here; name its source: { env = \"NAME\" } or { file = \"PATH\" }",
        ),
        (
            &in_account("").replace("{ env = \"P\" }", "{ env = \"P\", file = \"p\" }"),
            "f.toml:9: account.password.env: a secret has one source",
        ),
        (
            &in_account("").replace("\"acme\"", "\"Acme GmbH\""),
            "f.toml:5: account.name: an account's name has 1 to 63",
        ),
        (
            &in_account("").replace("\"ccai\"", "\"ccia\""),
            "f.toml:6: account.vendor: unknown value; did you mean \"ccai\"?",
        ),
        (
            &in_account("").replace("https://a.example", "https://u:p@a.example"),
            "f.toml:7: account.base_url: it holds credentials; set username and password beside it",
        ),
        (
            &in_account("").replace("https://a.example", "a.example"),
            "f.toml:7: account.base_url: not a URL",
        ),
        (
            &in_account("").replace("username = \"u\"", ""),
            "f.toml:4: account.username: it is missing; set it: at CCAI, the subdomain",
        ),
        (
            &format!("{kafka}{account}{account}"),
            "f.toml:4: account: two accounts are named acme; give each its own name",
        ),
        (
            &format!("{kafka}[account]\nname = \"a\""),
            "f.toml:4: account: expected [[account]], with two brackets",
        ),
    ];
    for (text, expected) in cases {
        let mistakes = read(text, &[]).expect_err(text);
        assert!(mistakes[0].starts_with(expected), "expected {expected}\n   found {mistakes:?}");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(!mistakes[0].contains("hunter2") && !mistakes[0].contains('\n'));
    }
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_their_lines() {
    let text =
        MINIMAL.replace("deployment", "deploymant").replace("vendor = \"ccai\"", "vendor = 5");
    let mistakes = read(&text, &[]).unwrap_err();
    let places: Vec<_> =
        mistakes.iter().map(|mistake| mistake.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["f.toml:3", "f.toml:5", "f.toml:9"], "{mistakes:?}");
}

#[test]
fn the_environment_overrides_the_file() {
    let config = read(
        MINIMAL,
        &[
            ("FLOORCAST_KAFKA__BOOTSTRAP_SERVERS", "elsewhere:9092"),
            ("FLOORCAST_KAFKA__CREATE_TOPICS", "false"),
            ("FLOORCAST_ADMIN__LISTEN", "0.0.0.0:1"),
            ("FLOORCAST_ACCOUNT__ACME__REQUESTS_PER_SECOND", "7.5"),
            ("FLOORCAST_ACCOUNT__ACME__STREAMS__CALLS__WEIGHT", "9"),
            ("FLOORCAST_LOG", "debug"),
            ("FLOORCAST_LOG_FORMAT", "json"),
            ("FLOORCAST_TEST_KAFKA", "x:1"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.kafka.bootstrap_servers, "elsewhere:9092");
    assert!(!config.kafka.create_topics);
    assert_eq!(config.admin_listen.port(), 1);
    assert!((config.accounts[0].requests_per_second - 7.5).abs() < 1e-9);
    assert_eq!(config.accounts[0].streams["calls"].weight, Some(9.0));
}

#[test]
fn an_unknown_variable_is_a_mistake_that_names_it() {
    let cases = [
        (
            "FLOORCAST_KAFKA__BOOTSTRAP_SERVER",
            "FLOORCAST_KAFKA__BOOTSTRAP_SERVER: kafka.bootstrap_server: no such key; did you mean bootstrap_servers?",
        ),
        (
            "FLOORCAST_ACCOUNT__OTHER__USERNAME",
            "FLOORCAST_ACCOUNT__OTHER__USERNAME: there is no account other in the file",
        ),
        (
            "FLOORCAST_KAFKA__PARTITIONS",
            "FLOORCAST_KAFKA__PARTITIONS: kafka.partitions: expected a whole number",
        ),
    ];
    for (name, expected) in cases {
        let mistakes = read(MINIMAL, &[(name, "x")]).unwrap_err();
        assert!(mistakes[0].starts_with(expected), "{mistakes:?}");
    }
}

#[test]
fn addresses_of_kubernetes_services_are_no_keys() {
    for name in [
        "FLOORCAST_SERVICE_HOST",
        "FLOORCAST_SERVICE_PORT",
        "FLOORCAST_SERVICE_PORT_FLOORCAST_ADMIN",
        "FLOORCAST_PORT",
        "FLOORCAST_PORT_9464_TCP",
        "FLOORCAST_PORT_9464_TCP_ADDR",
        "FLOORCAST_METRICS_SERVICE_HOST",
        "FLOORCAST_METRICS_PORT_9464_UDP_PROTO",
    ] {
        assert!(read(MINIMAL, &[(name, "tcp://10.0.0.1:9464")]).is_ok(), "{name}");
    }
    for name in [
        "FLOORCAST_PORTS",
        "FLOORCAST_SERVICE",
        "FLOORCAST_PORT_9464",
        "FLOORCAST_X",
        "FLOORCAST_ADMIN__PORT",
        "FLOORCAST_KAFKA__SERVICE_HOST",
    ] {
        assert!(read(MINIMAL, &[(name, "x")]).is_err(), "{name}");
    }
}

#[test]
fn an_account_may_be_named_like_a_kubernetes_variable() {
    let text = MINIMAL.replace("\"acme\"", "\"service-port\"");
    let variable = ("FLOORCAST_ACCOUNT__SERVICE_PORT__REQUESTS_PER_SECOND", "7.5");
    let config = read(&text, &[variable]).unwrap();
    assert!((config.accounts[0].requests_per_second - 7.5).abs() < f64::EPSILON);
}

#[test]
fn secrets_are_read_from_their_source_and_never_shown() {
    let config = read(MINIMAL, &[]).unwrap();
    let password = config.accounts[0].access.secrets()[0];
    let missing = password.fetch(&Environment::new()).unwrap_err().to_string();
    assert_eq!(
        missing,
        "account.password: the variable ACME_TOKEN is not set; set it to the secret"
    );
    let environment = Environment::from([("ACME_TOKEN".into(), "hunter2\n".into())]);
    assert_eq!(password.fetch(&environment).unwrap().expose(), "hunter2");
    let empty = Environment::from([("ACME_TOKEN".into(), "\n".into())]);
    assert!(password.fetch(&empty).is_err());
    assert!(!format!("{config} {config:?}").contains("hunter2"));

    // The variable of the key holds the secret itself.
    let name = "FLOORCAST_ACCOUNT__ACME__PASSWORD";
    let config = read(MINIMAL, &[(name, "hunter3")]).unwrap();
    let password = config.accounts[0].access.secrets()[0];
    let environment = Environment::from([(name.into(), "hunter3".into())]);
    assert_eq!(password.fetch(&environment).unwrap().expose(), "hunter3");
    assert!(!format!("{config:?}").contains("hunter3"));
}

#[test]
fn pseudonyms_need_a_key_that_exists_and_is_long_enough() {
    let privacy = "[privacy]\ncustomers = \"pseudonymise\"\npseudonym_key = { env = \"KEY\" }\n";
    let config = read(&format!("{MINIMAL}\n{privacy}"), &[]).unwrap();
    let resolve = |key: Option<&str>| {
        let variables = key.map(|key| (String::from("KEY"), String::from(key)));
        config.privacy.resolve(&variables.into_iter().collect())
    };
    let cases = [
        (None, "privacy.pseudonym_key: the variable KEY is not set; set it to the secret"),
        (Some("\n"), "privacy.pseudonym_key: the secret is empty"),
        (Some("hunter2"), "privacy.pseudonym_key: a key of pseudonyms has at least 16 bytes;"),
    ];
    for (key, expected) in cases {
        let error = resolve(key).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let resolved = resolve(Some("hunter2 and more of it")).unwrap();
    assert!(matches!(resolved.customers, Mode::Pseudonymise(_)));
    assert_eq!((resolved.agents, resolved.content), (Mode::Keep, Mode::Drop));
    assert!(!format!("{resolved:?} {config:?}").contains("hunter2"));

    // A key that no class needs is not read.
    let config = read(&format!("{MINIMAL}\n[privacy]\npseudonym_key = {{ env = \"KEY\" }}\n"), &[]);
    assert_eq!(config.unwrap().privacy.resolve(&Environment::new()).unwrap(), Privacy::default());
}

#[test]
fn plain_http_to_another_machine_gives_a_warning() {
    let config = read(&MINIMAL.replace("https://", "http://"), &[]).unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].starts_with("plain http to acme.example.com"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", at in 0..400_usize) {
        let _ = read(&text, &[]);
        // A valid file with something in the middle of it.
        let mut broken: String = MINIMAL.chars().take(at).collect();
        broken.push_str(&text);
        broken.extend(MINIMAL.chars().skip(at));
        let _ = read(&broken, &[("FLOORCAST_KAFKA__PROPERTIES", &text)]);
    }
}
