//! `floorcast tail` against a real broker.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::{Args, FromArgMatches};
use floorcast::cli::tail::{self, TailArguments};
use floorcast::event::Topic;
use floorcast::event::avro::Decoder;
use serde_json::{Value, json};

use super::consumers::topics;
use super::events::{publish, publish_at, samples};
use crate::support::process::Floorcast;
use crate::support::{kafka, wait_until};

/// Lines that are read while they are written.
#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        String::from_utf8(bytes.clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn arguments(brokers: &str, words: &[&str]) -> TailArguments {
    let command = TailArguments::augment_args(clap::Command::new("tail").no_binary_name(true));
    let words = ["--brokers", brokers].into_iter().chain(words.iter().copied());
    TailArguments::from_arg_matches(&command.get_matches_from(words)).unwrap()
}

fn run(
    brokers: &str,
    words: &[&str],
    out: &mut Output,
    stop: &dyn Fn() -> bool,
) -> Result<(), tail::Error> {
    let arguments = arguments(brokers, words);
    tail::run(&arguments, &arguments.source(None), &Decoder::new().unwrap(), out, stop)
}

/// The lines of a bounded read.
fn lines(brokers: &str, words: &[&str]) -> Vec<String> {
    let mut out = Output::default();
    let start = Instant::now();
    run(brokers, words, &mut out, &|| start.elapsed() > Duration::from_mins(1)).unwrap();
    out.lines()
}

#[test]
fn a_bounded_tail_prints_what_is_there_and_its_filters_choose() {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("tail");
    topics(broker, &prefix);
    let samples = samples(&prefix);
    publish(broker, &samples);
    let print = |words: &[&str]| {
        let all = [&["--prefix", &prefix, "--until-end"], words].concat();
        lines(broker.bootstrap(), &all)
    };

    let everything = [
        "08:00:05.000Z agents acme:agent:17 r1 AgentStatusChanged from=Available to=\"Café\" \
         previous_duration_ms=61000 (+1.2 s)",
        "08:00:10.000Z calls acme:call:4711 r2 CallAssigned agent=17 queue=\"Support/Shipping\" \
         (+1.2 s)",
        "08:00:20.000Z calls acme:call:4711 r4 CallFinished agent=17 queue=\"Support/Shipping\" \
         (+1.2 s)",
        "08:00:15.000Z sla acme:call:4711 r3 SlaBreached scope=INTERACTION basis=VENDOR_VERDICT \
         agent=17 queue=\"Support/Shipping\" channel=call target_seconds=20 value=31.5 (+1.2 s)",
    ];
    assert_eq!(print(&[]), everything);
    let [status, assigned, finished, breached] = everything;
    let calls = [assigned, finished];
    assert_eq!(print(&["--topic", "calls"]), calls);
    assert_eq!(print(&["--topic", "sla", "--topic", "agents"]), [breached, status]);
    assert_eq!(print(&["--type", "CallFinished", "--type", "SlaBreached"]), [finished, breached]);
    assert_eq!(print(&["--entity", "agent:17"]), [status]);
    assert_eq!(print(&["--entity", "4711", "--topic", "calls"]), calls);
    assert_eq!(print(&["--account", "other"]), Vec::<String>::new());
    assert_eq!(print(&["--max", "2"]), [status, assigned]);
    assert_eq!(print(&["--from", "2026-03-01T08:00:15Z"]), [finished, breached]);
    assert_eq!(print(&["--from", "end"]), Vec::<String>::new());

    let json = print(&["--format", "json", "--type", "CallAssigned"]);
    let event: Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(event["_type"], json!("CallAssigned"));
    assert_eq!(
        (&event["meta"], &event["call"]),
        (&samples[1].event["meta"], &samples[1].event["call"])
    );
    assert_eq!(event["_kafka"]["key"], json!("acme:call:4711"));
    assert_eq!(event["_kafka"]["topic"], json!(format!("{prefix}.calls")));
    assert_eq!(event["_kafka"]["offset"], json!(0));
}

#[test]
fn a_following_tail_prints_what_comes_until_it_is_stopped() {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("follow");
    topics(broker, &prefix);
    let samples = samples(&prefix);
    publish(broker, &samples[..1]);
    let (out, stop) = (Output::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let tailing = scope.spawn(|| {
            let words = ["--prefix", &prefix, "--from", "beginning"];
            run(broker.bootstrap(), &words, &mut out.clone(), &|| stop.load(Ordering::SeqCst))
        });
        let deadline = Duration::from_secs(20);
        wait_until(deadline, "what was there is printed", || out.lines().len() == 1);
        publish(broker, &samples[1..]);
        wait_until(deadline, "what came is printed", || out.lines().len() == samples.len());
        stop.store(true, Ordering::SeqCst);
        wait_until(Duration::from_secs(2), "a request to stop is handled", || {
            tailing.is_finished()
        });
        tailing.join().unwrap().unwrap();
    });
}

#[test]
fn what_cannot_be_decoded_is_reported_and_the_rest_is_printed() {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("unknown");
    topics(broker, &prefix);
    let mut samples = samples(&prefix);
    // After its two fixed bytes a single object names its schema.
    samples[1].value[2] ^= 0xFF;
    publish(broker, &samples);
    let words = ["--prefix", &prefix, "--until-end", "--topic", "calls"];
    let printed = lines(broker.bootstrap(), &words);
    assert_eq!(printed.len(), 2, "{printed:?}");
    assert!(printed[0].starts_with("? calls acme:call:4711 partition="), "{printed:?}");
    assert!(printed[0].contains("not decoded: "), "{printed:?}");
    assert!(printed[1].contains(" CallFinished "), "{printed:?}");
    let json = lines(broker.bootstrap(), &[&words[..], &["--format", "json"]].concat());
    let line: Value = serde_json::from_str(&json[0]).unwrap();
    assert!(line["_undecoded"].as_str().unwrap().contains("schema"), "{line}");
    assert_eq!(line["_kafka"]["key"], json!("acme:call:4711"));
}

#[test]
fn missing_topics_are_named_in_one_line() {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("missing");
    let mut out = Output::default();
    let problem = |words: &[&str], out: &mut Output| {
        let words = [&["--prefix", &prefix], words].concat();
        run(broker.bootstrap(), &words, out, &|| false).unwrap_err().to_string()
    };
    let all: Vec<_> = Topic::ALL.iter().map(|topic| topic.full_name(&prefix)).collect();
    assert_eq!(
        problem(&[], &mut out),
        format!("no topic {} at {}: is the prefix right?", all.join(", "), broker.bootstrap())
    );
    broker.create_topic(&format!("{prefix}.calls"), 1);
    assert!(problem(&["--topic", "calls", "--topic", "sla"], &mut out).contains(".sla at"));
    // Of all topics, one is enough.
    assert_eq!(lines(broker.bootstrap(), &["--prefix", &prefix, "--until-end"]).len(), 0);
}

#[test]
fn a_broker_that_is_down_is_reported_in_one_line_after_a_few_seconds() {
    // A port that was free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let brokers = format!("127.0.0.1:{port}");
    let start = Instant::now();
    let error = run(&brokers, &[], &mut Output::default(), &|| false).unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(error.starts_with(&format!("no Kafka answers at {brokers} (")), "{error}");
    assert!(error.contains("Connection refused") && !error.contains('\n'), "{error}");
}

#[test]
fn a_request_to_stop_is_handled_while_no_broker_answers() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let brokers = listener.local_addr().unwrap().to_string();
    let start = Instant::now();
    let stop = || start.elapsed() > Duration::from_millis(500);
    run(&brokers, &[], &mut Output::default(), &stop).unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_reader_that_goes_away_ends_a_tail_without_an_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("gone");
    topics(broker, &prefix);
    publish(broker, &samples(&prefix));
    let arguments = arguments(broker.bootstrap(), &["--prefix", &prefix, "--from", "beginning"]);
    let (source, decoder) = (arguments.source(None), Decoder::new().unwrap());
    let start = Instant::now();
    let stop = || start.elapsed() > Duration::from_secs(30);
    tail::run(&arguments, &source, &decoder, &mut Gone, &stop).unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "it went on reading without a reader of its output"
    );
}

#[test]
fn a_following_tail_outlives_a_cut_connection() {
    let (broker, proxy) = kafka::behind_proxy();
    let prefix = kafka::unique_prefix("cut");
    topics(&broker, &prefix);
    let samples = samples(&prefix);
    publish(&broker, &samples[..1]);
    let (out, stop) = (Output::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let tailing = scope.spawn(|| {
            let words = ["--prefix", &prefix, "--from", "beginning"];
            run(broker.bootstrap(), &words, &mut out.clone(), &|| stop.load(Ordering::SeqCst))
        });
        let deadline = Duration::from_secs(20);
        wait_until(deadline, "what was there is printed", || out.lines().len() == 1);
        proxy.cut();
        publish_at(broker.direct(), &samples[1..]);
        proxy.open();
        wait_until(deadline, "what came is printed", || out.lines().len() == samples.len());
        stop.store(true, Ordering::SeqCst);
        tailing.join().unwrap().unwrap();
    });
}

#[test]
fn the_command_follows_until_a_signal_and_exits_with_0() {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("command");
    topics(broker, &prefix);
    publish(broker, &samples(&prefix));
    let words = ["tail", "--brokers", broker.bootstrap(), "--prefix", &prefix];
    for signal in [Floorcast::interrupt, Floorcast::terminate] {
        let mut following = Floorcast::start(&[&words[..], &["--from", "beginning"]].concat(), &[]);
        following.wait_for_line("SlaBreached", Duration::from_secs(20));
        wait_until(Duration::from_secs(20), "all is printed", || following.stdout().len() == 4);
        signal(&following);
        let status = following.wait(Duration::from_secs(5));
        assert_eq!(status.code(), Some(0), "{}", following.output());
        assert_eq!(following.stderr(), Vec::<String>::new());
    }
    let mut killed = Floorcast::start(&words, &[]);
    killed.kill();
    assert_eq!(killed.wait(Duration::ZERO).code(), None);

    let mut bounded = Floorcast::start(&[&words[..], &["--until-end", "--max", "3"]].concat(), &[]);
    assert_eq!(bounded.wait(Duration::from_secs(20)).code(), Some(0), "{}", bounded.output());
    assert_eq!(bounded.stdout().len(), 3);
}

#[test]
fn exit_codes_distinguish_failure_from_wrong_usage() {
    for (words, status, text) in [
        (&["tail", "--brokers", "127.0.0.1:1"][..], 1, "no Kafka answers at 127.0.0.1:1"),
        (&["tail", "--type", "CallFinish"], 2, "did you mean CallFinished?"),
        (&["tail", "--config", "/nowhere/floorcast.toml"], 2, "/nowhere/floorcast.toml"),
    ] {
        let mut tail = Floorcast::start(words, &[]);
        let code = tail.wait(Duration::from_secs(20)).code();
        assert_eq!(code, Some(status), "{words:?}: {}", tail.output());
        assert!(tail.stderr().join("\n").contains(text), "{words:?}: {}", tail.output());
        assert_eq!(tail.stdout(), Vec::<String>::new());
    }
}
