//! A real Apache Kafka, found in this order:
//!
//! 1. `FLOORCAST_TEST_KAFKA=HOST:PORT`, a broker that runs already (for [`shared`] alone: nobody
//!    else's broker is ever stopped);
//! 2. Docker, where an engine answers, through testcontainers;
//! 3. Apache's own jars from Maven Central, with Java 17 and Maven.
//!
//! None of the three: the test fails and names them. A broker dies with the test binary, however
//! that ends.

pub(crate) mod docker;
mod jars;
mod properties;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigEntry, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

pub(crate) use self::properties::Guarding;
use self::properties::Ports;
use super::proxy::Proxy;

/// How long a broker may take to answer after it was started.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// How often a broker is started anew when somebody else took one of its ports meanwhile.
const ATTEMPTS: u32 = 3;

/// A running broker. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    bootstrap: String,
    direct: String,
    backing: Backing,
}

#[derive(Debug)]
enum Backing {
    Elsewhere,
    Container(Box<docker::Container>),
    Process(jars::Server),
}

/// The broker that all tests of the binary share. Never stopped, never cleared: name topics with
/// a [`unique_prefix`].
#[track_caller]
pub(crate) fn shared() -> &'static Broker {
    static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match std::env::var("FLOORCAST_TEST_KAFKA") {
        Ok(address) => Broker::elsewhere(address),
        Err(_) => Broker::launch(None),
    });
    match shared {
        Ok(broker) => broker,
        Err(problem) => panic!("{problem}"),
    }
}

/// A broker of one's own, that may be stopped and started.
#[track_caller]
pub(crate) fn dedicated() -> Broker {
    Broker::launch(None).unwrap_or_else(|problem| panic!("{problem}"))
}

/// A broker of one's own that clients reach through a proxy, whose address it advertises.
/// [`Broker::bootstrap`] is the proxy's address, [`Broker::direct`] goes past it.
#[track_caller]
pub(crate) fn behind_proxy() -> (Broker, Proxy) {
    let proxy = Proxy::listen();
    let broker = Broker::launch(Some(proxy.port())).unwrap_or_else(|problem| panic!("{problem}"));
    let behind = match &broker.backing {
        Backing::Elsewhere => unreachable!("a broker of one's own is never elsewhere"),
        Backing::Container(container) => container.ports().client,
        Backing::Process(server) => server.ports().client,
    };
    proxy.forward_to(behind);
    (broker, proxy)
}

/// A broker of one's own whose outer listener is guarded; [`Broker::direct`] goes past the guard.
/// Always from Apache's jars: nobody else's broker has such a configuration.
#[track_caller]
pub(crate) fn guarded(guarding: &Guarding) -> Broker {
    let launched = jars::libraries().and_then(|libraries| {
        Broker::attempt(None, |ports, advertised| {
            jars::Server::start_new(&libraries, ports, advertised, Some(guarding))
                .map(Backing::Process)
        })
    });
    launched.unwrap_or_else(|reason| {
        let reason = format!("Apache's jars: {reason}");
        panic!("{}", nothing_works(&[reason]))
    })
}

/// A prefix of topics' names that no other test has, also no test of another run.
pub(crate) fn unique_prefix(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let run = &uuid::Uuid::new_v4().simple().to_string()[..8];
    format!("{name}-{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// How a topic was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) partitions: usize,
    /// Copies of its first partition.
    pub(crate) replicas: usize,
    /// Its settings, those of the broker where it has none of its own.
    pub(crate) config: BTreeMap<String, String>,
}

impl Broker {
    /// Where clients are sent: `host:port`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where the broker is reached without the proxy, for the checking side of a test.
    pub(crate) fn direct(&self) -> &str {
        &self.direct
    }

    /// Makes a topic.
    ///
    /// # Panics
    /// When the broker refuses.
    #[track_caller]
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.direct).create().unwrap();
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // On a thread of its own: a test may already be inside a runtime.
        let results = std::thread::scope(|scope| {
            let asked = scope.spawn(|| runtime.block_on(admin.create_topics([&topic], &options)));
            asked.join().unwrap().unwrap()
        });
        for result in results {
            result.unwrap_or_else(|(topic, error)| panic!("topic {topic} was not made: {error}"));
        }
    }

    /// What the broker says of a topic.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub(crate) fn describe(&self, topic: &str) -> Description {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.direct).create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asked = [ResourceSpecifier::Topic(topic)];
        let described = runtime.block_on(admin.describe_configs(&asked, &AdminOptions::new()));
        let described = described.unwrap().remove(0);
        let described = described.unwrap_or_else(|error| panic!("{topic}: {error}"));
        let value = |entry: ConfigEntry| Some((entry.name, entry.value?));
        let config = described.entries.into_iter().filter_map(value).collect();
        let patience = Duration::from_secs(20);
        let metadata = admin.inner().fetch_metadata(Some(topic), patience).unwrap();
        let partitions = metadata.topics()[0].partitions();
        let first = partitions.first().unwrap_or_else(|| panic!("there is no {topic}"));
        Description { partitions: partitions.len(), replicas: first.replicas().len(), config }
    }

    /// Lets a topic take messages of so many bytes and no larger ones.
    ///
    /// # Panics
    /// When the broker refuses.
    #[track_caller]
    pub(crate) fn limit_messages(&self, topic: &str, bytes: usize) {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.direct).create().unwrap();
        let bytes = bytes.to_string();
        let change =
            AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let altered = runtime.block_on(admin.alter_configs([&change], &AdminOptions::new()));
        for result in altered.unwrap() {
            result.unwrap_or_else(|(_, error)| panic!("{topic} was not altered: {error}"));
        }
    }

    /// Stops the broker in good order. Its ports and data stay its own.
    ///
    /// # Panics
    /// When it is not one of our own.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        match &mut self.backing {
            Backing::Elsewhere => panic!("a broker that others run is not stopped"),
            Backing::Container(container) => container.stop(),
            Backing::Process(server) => server.stop(),
        }
    }

    /// Stops the broker as a power cut does.
    ///
    /// # Panics
    /// When it is not one of our own.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        match &mut self.backing {
            Backing::Elsewhere => panic!("a broker that others run is not killed"),
            Backing::Container(container) => container.kill(),
            Backing::Process(server) => server.kill(),
        }
    }

    /// Starts a stopped broker again, on the same ports and data, and waits until it answers.
    ///
    /// # Panics
    /// When it is not one of our own, or does not answer in time.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        match &mut self.backing {
            Backing::Elsewhere => panic!("a broker that others run is not started"),
            Backing::Container(container) => container.start(),
            Backing::Process(server) => server.start(),
        }
        self.wait_for_answer().unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Runs one of Kafka's own tools to its end; for a broker from the jars.
    #[track_caller]
    pub(crate) fn tool(&self, main_class: &str, arguments: &[String]) -> String {
        let Backing::Process(server) = &self.backing else { panic!("no broker from the jars") };
        server.tool(main_class, arguments).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// The process and the directory of a broker from the jars.
    pub(crate) fn process(&self) -> Option<(u32, PathBuf)> {
        match &self.backing {
            Backing::Process(server) => server.process(),
            Backing::Elsewhere | Backing::Container(_) => None,
        }
    }

    fn elsewhere(address: String) -> Result<Self, String> {
        let broker = Self {
            bootstrap: address.clone(),
            direct: address.clone(),
            backing: Backing::Elsewhere,
        };
        probe(&address, Duration::from_secs(10)).map_err(|error| {
            format!("no Kafka answers at FLOORCAST_TEST_KAFKA={address}: {error}")
        })?;
        Ok(broker)
    }

    /// Starts one in the first way that works. Clients are sent to the advertised port, or where
    /// there is none to the broker's own.
    fn launch(advertised_port: Option<u16>) -> Result<Self, String> {
        let mut reasons = vec![];
        if docker::answers() {
            match Self::attempt(advertised_port, |ports, advertised| {
                docker::Container::start_new(ports, advertised)
                    .map(|container| Backing::Container(Box::new(container)))
            }) {
                Ok(broker) => return Ok(broker),
                Err(reason) => reasons.push(format!("Docker: {reason}")),
            }
        } else {
            reasons.push(String::from("Docker: no engine answers"));
        }
        let libraries = match jars::libraries() {
            Ok(libraries) => libraries,
            Err(reason) => {
                reasons.push(format!("Apache's jars: {reason}"));
                return Err(nothing_works(&reasons));
            }
        };
        Self::attempt(advertised_port, |ports, advertised| {
            jars::Server::start_new(&libraries, ports, advertised, None).map(Backing::Process)
        })
        .map_err(|reason| {
            reasons.push(format!("Apache's jars: {reason}"));
            nothing_works(&reasons)
        })
    }

    fn attempt(
        advertised_port: Option<u16>,
        start: impl Fn(Ports, u16) -> Result<Backing, String>,
    ) -> Result<Self, String> {
        let mut reasons = vec![];
        for _ in 0..ATTEMPTS {
            let ports = Ports::free().map_err(|error| format!("no free ports: {error}"))?;
            let advertised = advertised_port.unwrap_or(ports.client);
            let started = start(ports, advertised).and_then(|backing| {
                let mut broker = Self {
                    bootstrap: format!("127.0.0.1:{advertised}"),
                    direct: format!("127.0.0.1:{}", ports.direct),
                    backing,
                };
                broker.wait_for_answer().map(|()| broker)
            });
            match started {
                Ok(broker) => return Ok(broker),
                Err(reason) => reasons.push(reason),
            }
        }
        reasons.dedup();
        Err(reasons.join("; "))
    }

    fn wait_for_answer(&mut self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if let Backing::Process(server) = &mut self.backing {
                server.still_runs()?;
            }
            match probe(&self.direct, Duration::from_secs(1)) {
                Ok(()) => return Ok(()),
                Err(error) if start.elapsed() > START_PATIENCE => {
                    return Err(format!("does not answer after {START_PATIENCE:?}: {error}"));
                }
                Err(_) => {}
            }
        }
    }
}

/// Whether a broker answers there and is one that can take part in transactions.
fn probe(address: &str, patience: Duration) -> Result<(), rdkafka::error::KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("reconnect.backoff.max.ms", "200")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
        .create()?;
    consumer.fetch_metadata(None, patience).map(|_| ())
}

fn nothing_works(reasons: &[String]) -> String {
    format!(
        "these tests need a real Apache Kafka, and there is none. One of three ways:\n\
         1. set FLOORCAST_TEST_KAFKA=HOST:PORT to a broker that runs already (tests that stop a \
         broker need one of the other ways);\n\
         2. start Docker;\n\
         3. install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven).\n\
         What was tried:\n- {}",
        reasons.join("\n- ")
    )
}
