//! A real Apache Kafka, found in this order:
//!
//! 1. `FLOORCAST_TEST_KAFKA=HOST:PORT`, a broker that runs already (for [`shared`] only: it is never
//!    stopped);
//! 2. Docker, if an engine answers, through testcontainers;
//! 3. Apache's own jars from Maven Central, with Java 17 and Maven.
//!
//! Without any of them the test fails and names them. A broker ends with the test binary, however
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
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// How often a broker is started again when another process has taken one of its ports.
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
    External,
    Container(Box<docker::Container>),
    Process(jars::Server),
}

/// The broker that all tests share. It is never stopped and never cleared: name topics with a
/// [`unique_prefix`].
#[track_caller]
pub(crate) fn shared() -> &'static Broker {
    static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match std::env::var("FLOORCAST_TEST_KAFKA") {
        Ok(address) => Broker::external(address),
        Err(_) => Broker::launch(None),
    });
    match shared {
        Ok(broker) => broker,
        Err(problem) => panic!("{problem}"),
    }
}

/// A broker for one test, which may be stopped and started.
#[track_caller]
pub(crate) fn dedicated() -> Broker {
    Broker::launch(None).unwrap_or_else(|problem| panic!("{problem}"))
}

/// A broker for one test that clients reach through a proxy, whose address it advertises.
/// [`Broker::bootstrap`] is the proxy's address, [`Broker::direct`] bypasses it.
#[track_caller]
pub(crate) fn behind_proxy() -> (Broker, Proxy) {
    let proxy = Proxy::listen();
    let broker = Broker::launch(Some(proxy.port())).unwrap_or_else(|problem| panic!("{problem}"));
    let behind = match &broker.backing {
        Backing::External => unreachable!("a dedicated broker is never external"),
        Backing::Container(container) => container.ports().client,
        Backing::Process(server) => server.ports().client,
    };
    proxy.forward_to(behind);
    (broker, proxy)
}

/// A broker for one test whose client listener has TLS, SASL and ACLs; [`Broker::direct`] has none.
/// Always from Apache's jars, because of this configuration.
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

/// A prefix of topic names that no other test has, in any run.
pub(crate) fn unique_prefix(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let run = &uuid::Uuid::new_v4().simple().to_string()[..8];
    format!("{name}-{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A topic as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) partitions: usize,
    /// Replicas of its first partition.
    pub(crate) replicas: usize,
    /// Its configuration, including the broker's defaults.
    pub(crate) config: BTreeMap<String, String>,
}

impl Broker {
    /// The address for clients under test: `host:port`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The address that bypasses a proxy, for the checks of a test.
    pub(crate) fn direct(&self) -> &str {
        &self.direct
    }

    /// Creates a topic.
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
        // On a separate thread: a test may already be inside a runtime.
        let results = std::thread::scope(|scope| {
            let created = scope.spawn(|| runtime.block_on(admin.create_topics([&topic], &options)));
            created.join().unwrap().unwrap()
        });
        for result in results {
            result
                .unwrap_or_else(|(topic, error)| panic!("topic {topic} was not created: {error}"));
        }
    }

    /// The broker's description of a topic.
    ///
    /// # Panics
    /// When the topic does not exist.
    #[track_caller]
    pub(crate) fn describe(&self, topic: &str) -> Description {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.direct).create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let resources = [ResourceSpecifier::Topic(topic)];
        let described = runtime.block_on(admin.describe_configs(&resources, &AdminOptions::new()));
        let described = described.unwrap().remove(0);
        let described = described.unwrap_or_else(|error| panic!("{topic}: {error}"));
        let value = |entry: ConfigEntry| Some((entry.name, entry.value?));
        let config = described.entries.into_iter().filter_map(value).collect();
        let timeout = Duration::from_secs(20);
        let metadata = admin.inner().fetch_metadata(Some(topic), timeout).unwrap();
        let partitions = metadata.topics()[0].partitions();
        let first = partitions.first().unwrap_or_else(|| panic!("there is no {topic}"));
        Description { partitions: partitions.len(), replicas: first.replicas().len(), config }
    }

    /// Sets the size in bytes of the largest message of a topic.
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

    /// Stops the broker gracefully. It keeps its ports and data.
    ///
    /// # Panics
    /// When it is external.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        match &mut self.backing {
            Backing::External => panic!("an external broker is not stopped"),
            Backing::Container(container) => container.stop(),
            Backing::Process(server) => server.stop(),
        }
    }

    /// Kills the broker.
    ///
    /// # Panics
    /// When it is external.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        match &mut self.backing {
            Backing::External => panic!("an external broker is not killed"),
            Backing::Container(container) => container.kill(),
            Backing::Process(server) => server.kill(),
        }
    }

    /// Starts a stopped broker again, on the same ports and data, and waits until it answers.
    ///
    /// # Panics
    /// When it is external, or does not answer in time.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        match &mut self.backing {
            Backing::External => panic!("an external broker is not started"),
            Backing::Container(container) => container.start(),
            Backing::Process(server) => server.start(),
        }
        self.wait_for_answer().unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Runs one of Kafka's command line tools to its end; for a broker from the jars.
    #[track_caller]
    pub(crate) fn tool(&self, main_class: &str, arguments: &[String]) -> String {
        let Backing::Process(server) = &self.backing else { panic!("no broker from the jars") };
        server.tool(main_class, arguments).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// The process and the directory of a broker from the jars.
    pub(crate) fn process(&self) -> Option<(u32, PathBuf)> {
        match &self.backing {
            Backing::Process(server) => server.process(),
            Backing::External | Backing::Container(_) => None,
        }
    }

    fn external(address: String) -> Result<Self, String> {
        let broker = Self {
            bootstrap: address.clone(),
            direct: address.clone(),
            backing: Backing::External,
        };
        probe(&address, Duration::from_secs(10)).map_err(|error| {
            format!("no Kafka answers at FLOORCAST_TEST_KAFKA={address}: {error}")
        })?;
        Ok(broker)
    }

    /// Starts a broker in the first way that works. It advertises this port, or its own.
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
                Err(error) if start.elapsed() > START_TIMEOUT => {
                    return Err(format!("does not answer after {START_TIMEOUT:?}: {error}"));
                }
                Err(_) => {}
            }
        }
    }
}

/// Requests the metadata of a broker.
///
/// # Errors
/// When it does not answer within the timeout.
fn probe(address: &str, timeout: Duration) -> Result<(), rdkafka::error::KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("reconnect.backoff.max.ms", "200")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
        .create()?;
    consumer.fetch_metadata(None, timeout).map(|_| ())
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
