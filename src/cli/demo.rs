//! `floorcast demo`: simulated vendors, a broker and the bridge in one process, and a verdict that
//! compares the topics with the ground truth.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::run::account_parts;
use super::simulate::WorldArguments;
use super::{Failure, say, stop_signal};
use crate::bridge::{Bridge, BridgeParts, EventDestination, Publishing};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Environment};
use crate::consume::{Cluster, Record, read_all};
use crate::delivery::{Delivery, TopicPlan};
use crate::event::Topic;
use crate::event::avro::Decoder;
use crate::kafka::KafkaSettings;
use crate::model::Privacy;
use crate::simulate::{Published, Simulator, System, Verdict, judge};
use crate::source::Limits;

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Stop after this long, with a verdict
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    length: Option<Duration>,
    /// Use this broker instead of an embedded one
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Listen address of the admin pages
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    #[command(flatten)]
    world: WorldArguments,
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text);
    let seconds: u64 = seconds.parse().map_err(|_| String::from("write it such as 60s"))?;
    if (1..=86_400).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(String::from("from 1s to 86400s"))
    }
}

/// A directory that is deleted when the demo ends.
struct TemporaryDirectory(PathBuf);

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How long to wait for the bridge to poll everything again, at most.
const MAX_SETTLING: Duration = Duration::from_mins(6);

/// The broker: embedded, or one that runs already.
enum Broker {
    Embedded(Box<MockCluster<'static, DefaultProducerContext>>),
    External(String),
}

impl Broker {
    fn servers(&self) -> String {
        match self {
            Self::Embedded(cluster) => cluster.bootstrap_servers(),
            Self::External(servers) => servers.clone(),
        }
    }
}

pub(super) async fn demo(arguments: &DemoArguments) -> Result<(), Failure> {
    let clock = Arc::new(SystemClock);
    let run = format!("{}-{}", std::process::id(), clock.now().millis());
    let directory = TemporaryDirectory(std::env::temp_dir().join(format!("floorcast-demo-{run}")));
    let settings = arguments.world.settings();
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator =
        Simulator::start(settings, local, clock.clone()).await.map_err(Failure::failed)?;
    simulator.set_faults(arguments.world.faults());

    // An external broker may hold the events of an earlier demo.
    let (broker, prefix) = match &arguments.kafka {
        Some(servers) => (Broker::External(servers.clone()), format!("demo-{run}")),
        None => {
            let cluster = MockCluster::new(1).map_err(Failure::failed)?;
            for topic in Topic::ALL {
                cluster.create_topic(&topic.full_name("floor"), 3, 1).map_err(Failure::failed)?;
            }
            cluster.create_topic("floor.state.demo", 1, 1).map_err(Failure::failed)?;
            (Broker::Embedded(Box::new(cluster)), String::from("floor"))
        }
    };
    let servers = broker.servers();
    let kafka = KafkaSettings {
        bootstrap_servers: servers.clone(),
        client_id: String::from("floorcast-demo"),
        deployment: String::from("demo"),
        topic_prefix: prefix.clone(),
        properties: Vec::new(),
    };
    let plan = matches!(broker, Broker::External(_)).then_some(TopicPlan {
        create: true,
        partitions: 3,
        replication_factor: -1,
        retention: Duration::from_hours(1),
        shards: 1,
    });
    // The embedded broker shows aborted transactions: exactly once is not possible on it.
    let delivery = match broker {
        Broker::Embedded(_) => Delivery::AtLeastOnce,
        Broker::External(_) => Delivery::ExactlyOnce,
    };
    // An account of each system, read as every configuration is.
    let mut text = format!("[kafka]\nbootstrap_servers = \"{servers}\"\ndeployment = \"demo\"\n");
    let mut environment = Environment::new();
    for system in System::ALL {
        let variable = format!("DEMO_{}", system.vendor().to_uppercase());
        text += &simulator.account(system, system.vendor(), &variable);
        text += "longest_pause = \"5s\"\n[account.sla]\ntarget_percent = 80\n";
        environment.insert(variable, simulator.secret(system).to_owned());
    }
    let config = Config::read("demo", &text, &Environment::new()).map_err(Failure::failed)?;
    let environment = Arc::new(environment);
    let accounts = config.accounts.iter().map(|account| account_parts(account, &environment));
    let bridge = Bridge::start(BridgeParts {
        deployment: String::from("demo"),
        accounts: accounts.collect::<Result<_, _>>()?,
        destination: EventDestination::Kafka(Box::new(Publishing {
            settings: kafka,
            topics: plan,
            delivery,
            standby: false,
            shards: 1,
            retired: Vec::new(),
        })),
        registry: None,
        state_dir: directory.0.join("state"),
        outbox_limit: 256 << 20,
        privacy: Privacy::default(),
        admin: Some(arguments.admin),
        limits: Limits::default(),
        clock: clock.clone(),
    })
    .await
    .map_err(Failure::failed)?;

    say(format_args!("simulated vendors         {}", simulator.base_url()));
    say(format_args!(
        "kafka                     {servers} (topics {prefix}.agents, .calls, .chats, .queues, .sla, .reference)"
    ));
    if let Some(address) = bridge.admin_address() {
        say(format_args!("admin                     http://{address}"));
    }
    say("");
    say("look at the events from another terminal:");
    say(format_args!("  floorcast tail --brokers {servers} --prefix {prefix} --from beginning"));
    say(format_args!("  kcat -b {servers} -t {prefix}.calls -C -f '%k %h\\n'"));
    say("");

    let begun = Instant::now();
    let ended_early = tokio::select! {
        () = stop_signal() => true,
        () = show_progress(&bridge, begun, arguments.length) => false,
    };
    let verdict = match arguments.length {
        Some(_) if !ended_early => {
            simulator.stop_world();
            say("the simulation has stopped; waiting until the bridge has published the rest …");
            Some(settle(&simulator, &servers, &prefix, arguments.world.requests_per_second).await?)
        }
        _ => None,
    };
    let stopped = bridge.stop(Duration::from_secs(10)).await;
    if let Some(verdict) = verdict {
        say(&verdict);
        if !verdict.passed() {
            return Err(Failure::failed("the topics do not agree with the truth, see above"));
        }
    }
    if stopped.remaining > 0 {
        return Err(Failure::failed(format!("{} events were not sent", stopped.remaining)));
    }
    Ok(())
}

/// Shows the number of events every second, until the time is over.
async fn show_progress(bridge: &Bridge, begun: Instant, length: Option<Duration>) {
    let terminal = std::io::stdout().is_terminal();
    loop {
        if length.is_some_and(|length| begun.elapsed() >= length) {
            if terminal {
                say("");
            }
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if terminal {
            let status = bridge.health().status(SystemClock.now());
            let counts: Vec<_> = status["accounts"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, account)| {
                    let streams = account["streams"].as_object().into_iter().flatten();
                    let events = streams.filter_map(|(_, stream)| stream["events"].as_u64());
                    format!("{name} {}", events.sum::<u64>())
                })
                .collect();
            let mut out = std::io::stdout().lock();
            let _ = write!(
                out,
                "\r\x1b[K{:>4} s  events: {}",
                begun.elapsed().as_secs(),
                counts.join(", ")
            );
            let _ = out.flush();
        }
    }
}

/// The verdict, as soon as the topics agree with the truth, or after the time that the bridge may
/// need to poll everything again.
async fn settle(
    simulator: &Simulator,
    servers: &str,
    prefix: &str,
    requests_per_second: f64,
) -> Result<Verdict, Failure> {
    // What was written last becomes visible within three seconds; then every stream has to be
    // polled once more, a full scan three times. The rarest streams get one request of two
    // hundred, and the directories of agents have a slow rate limit of their own.
    let needed = Duration::from_secs(40) + Duration::from_secs_f64(300.0 / requests_per_second);
    let until = Instant::now() + needed.min(MAX_SETTLING);
    tokio::time::sleep(Duration::from_secs(4)).await;
    loop {
        let (servers, prefix) = (servers.to_owned(), prefix.to_owned());
        let published = tokio::task::spawn_blocking(move || read_topics(&servers, &prefix));
        let published = published.await.map_err(Failure::failed)??;
        let verdict = judge(&simulator.truth(), &published);
        if verdict.passed() || Instant::now() >= until {
            return Ok(verdict);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// All records on the topics, decoded.
fn read_topics(servers: &str, prefix: &str) -> Result<Vec<Published>, Failure> {
    let decoder = Decoder::new().map_err(Failure::failed)?;
    let topics: Vec<_> = Topic::ALL.iter().map(|topic| topic.full_name(prefix)).collect();
    let cluster = Cluster { bootstrap_servers: servers.to_owned(), properties: Vec::new() };
    let records = read_all(&cluster, &topics).map_err(Failure::failed)?;
    let decode = |record: Record| {
        let bytes = record.value.as_deref().unwrap_or_default();
        let (event, value) = decoder.decode(bytes).map_err(Failure::failed)?;
        Ok(Published {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            key: String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned(),
            event_type: String::from(event.as_str()),
            value,
        })
    };
    records.into_iter().map(decode).collect()
}
