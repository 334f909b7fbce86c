//! The consumer behind a read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::{Cluster, Error, Finish, Missing, ReadFrom, ReadStep, Record};
use crate::kafka::{ErrorClass, KafkaContext, refused_property};
use crate::model::Timestamp;

/// How long the broker may take to answer before it counts as down.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt may take: between attempts a request to stop is handled.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a bounded read waits for the next record before it fails.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What [`read_all`] keeps at most, in bytes of keys, headers and values.
const MOST_BYTES: usize = 1 << 30;
/// What librdkafka reads ahead. Its default is 64 MiB a partition.
const READ_AHEAD_KIB: u32 = 8 * 1024;

/// A part of a partition: `start` is read, `end` is not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    topic: String,
    partition: i32,
    start: i64,
    end: i64,
}

/// Reads topics, record by record.
pub struct Reader {
    consumer: BaseConsumer<KafkaContext>,
    servers: String,
    remaining: Remaining,
    /// Whether an interruption was logged since the last record.
    interrupted: bool,
    idle_since: Option<Instant>,
    stall_timeout: Duration,
}

/// What is left to read.
enum Remaining {
    Unbounded,
    Bounded { current: Option<Span>, rest: VecDeque<Span> },
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("servers", &self.servers).finish_non_exhaustive()
    }
}

impl Reader {
    /// Finds the topics' partitions and their ends. Takes five seconds at most when no broker
    /// answers; `stop` ends that early, and then there is nothing to read.
    ///
    /// # Errors
    /// When no broker answers, it refuses, or topics are missing.
    pub fn open(
        cluster: &Cluster,
        topics: &[String],
        missing: Missing,
        start: ReadFrom,
        finish: Finish,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, Error> {
        let servers = cluster.bootstrap_servers.clone();
        let consumer = client(cluster, finish)?;
        let mut reader = Self {
            consumer,
            servers,
            remaining: Remaining::Unbounded,
            interrupted: false,
            idle_since: None,
            stall_timeout: STALL_TIMEOUT,
        };
        let Some(partitions) = reader.partitions(topics, missing, stop)? else {
            reader.remaining = Remaining::Bounded { current: None, rest: VecDeque::new() };
            return Ok(reader);
        };
        let spans = reader.spans(&partitions, start)?;
        match finish {
            Finish::Never => reader.assign(&spans)?,
            Finish::End => {
                let rest = spans.into_iter().filter(|span| span.start < span.end).collect();
                reader.remaining = Remaining::Bounded { current: None, rest };
            }
        }
        Ok(reader)
    }

    /// The next record, if it comes in that time. Lost connections are reestablished.
    ///
    /// # Errors
    /// When the broker refuses for good, or a bounded read gets no record for half a minute.
    pub fn next(&mut self, timeout: Duration) -> Result<ReadStep, Error> {
        if let Remaining::Bounded { current: current @ None, rest } = &mut self.remaining {
            let Some(span) = rest.pop_front() else { return Ok(ReadStep::Finished) };
            *current = Some(span.clone());
            self.assign(&[span])?;
        }
        let found = self.consumer.poll(timeout).map(|found| found.map(|message| record(&message)));
        match found {
            Some(Ok(record)) => {
                (self.interrupted, self.idle_since) = (false, None);
                Ok(self.advance(record))
            }
            // The visible end: records after it are not committed.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Remaining::Bounded { current, .. } = &mut self.remaining {
                    current.take_if(|span| span.partition == partition);
                }
                self.idle_since = None;
                Ok(ReadStep::Idle)
            }
            Some(Err(error)) => self.fail_if_final(error).and_then(|()| self.idle()),
            None => self.idle(),
        }
    }

    /// No record came. A bounded read does not wait for ever.
    fn idle(&mut self) -> Result<ReadStep, Error> {
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        if matches!(self.remaining, Remaining::Bounded { .. })
            && since.elapsed() > self.stall_timeout
        {
            let (servers, seconds) = (self.servers.clone(), self.stall_timeout.as_secs());
            return Err(Error::Stalled { servers, seconds });
        }
        Ok(ReadStep::Idle)
    }

    /// Advances a bounded read by this record.
    fn advance(&mut self, record: Record) -> ReadStep {
        if let Remaining::Bounded { current, .. } = &mut self.remaining {
            let Some(span) = current else { return ReadStep::Idle };
            if (record.topic.as_str(), record.partition) != (span.topic.as_str(), span.partition) {
                return ReadStep::Idle;
            }
            let (is_last, is_later) = (record.offset + 1 >= span.end, record.offset >= span.end);
            if is_last {
                *current = None;
            }
            if is_later {
                return ReadStep::Idle;
            }
        }
        ReadStep::Record(record)
    }

    /// Fails for errors that do not pass; logs the others once.
    fn fail_if_final(&mut self, error: KafkaError) -> Result<(), Error> {
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return Err(Error::Client(error));
        }
        match (ErrorClass::of(&error), error.rdkafka_error_code()) {
            (ErrorClass::AccessDenied | ErrorClass::Authentication, Some(code)) => {
                Err(Error::Refused { servers: self.servers.clone(), topic: None, code })
            }
            // Also an unknown topic: a broker that has just started may not know it yet.
            _ => {
                // librdkafka retries by itself.
                if !self.interrupted {
                    tracing::warn!(servers = self.servers, %error, "reading is interrupted");
                }
                self.interrupted = true;
                Ok(())
            }
        }
    }

    /// The partitions of the topics that exist. `None` when it is to stop.
    fn partitions(
        &self,
        topics: &[String],
        missing: Missing,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<(String, i32)>>, Error> {
        let (mut partitions, mut absent) = (vec![], vec![]);
        for topic in topics {
            let Some(found) = self.partitions_of(topic, stop)? else { return Ok(None) };
            if found.is_empty() {
                absent.push(topic.clone());
            }
            partitions.extend(found.into_iter().map(|partition| (topic.clone(), partition)));
        }
        if partitions.is_empty() || (missing == Missing::Refuse && !absent.is_empty()) {
            return Err(Error::Missing { servers: self.servers.clone(), topics: absent });
        }
        Ok(Some(partitions))
    }

    fn partitions_of(
        &self,
        topic: &str,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<i32>>, Error> {
        let mut attempts_left = TIMEOUT.as_secs() / ATTEMPT_TIMEOUT.as_secs();
        let metadata = loop {
            if stop() {
                return Ok(None);
            }
            attempts_left -= 1;
            let answer = self.consumer.fetch_metadata(Some(topic), ATTEMPT_TIMEOUT);
            // librdkafka reports the reason only while it is polled. Nothing is assigned yet, so no
            // record is lost here.
            while self.consumer.poll(Duration::ZERO).is_some() {}
            match answer {
                Ok(metadata) => break metadata,
                Err(error) if attempts_left == 0 => return Err(self.unreachable(&error)),
                Err(_) => {}
            }
        };
        let Some(found) = metadata.topics().first() else { return Ok(Some(vec![])) };
        if let Some(code) = found.error().map(RDKafkaErrorCode::from)
            && ErrorClass::of_code(code) != ErrorClass::UnknownTopic
        {
            let (servers, topic) = (self.servers.clone(), Some(topic.to_owned()));
            return Err(Error::Refused { servers, topic, code });
        }
        Ok(Some(found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect()))
    }

    /// Where reading starts and where the partitions end now.
    fn spans(&self, partitions: &[(String, i32)], start: ReadFrom) -> Result<Vec<Span>, Error> {
        let since = match start {
            ReadFrom::At(time) => Some(self.offsets_at(partitions, time)?),
            ReadFrom::Beginning | ReadFrom::End => None,
        };
        let span = |(topic, partition): &(String, i32)| {
            let ends = self.consumer.fetch_watermarks(topic, *partition, TIMEOUT);
            let (first, end) = ends.map_err(|error| self.unreachable(&error))?;
            let start = match (start, &since) {
                (ReadFrom::Beginning, _) => first,
                (ReadFrom::End, _) => end,
                (ReadFrom::At(_), offsets) => {
                    let found =
                        offsets.as_ref().and_then(|all| all.find_partition(topic, *partition));
                    match found.map(|found| found.offset()) {
                        Some(Offset::Offset(offset)) => offset,
                        _ => end,
                    }
                }
            };
            Ok(Span { topic: topic.clone(), partition: *partition, start, end })
        };
        partitions.iter().map(span).collect()
    }

    fn offsets_at(
        &self,
        partitions: &[(String, i32)],
        time: Timestamp,
    ) -> Result<TopicPartitionList, Error> {
        let mut times = TopicPartitionList::new();
        for (topic, partition) in partitions {
            // In this request the offsets are times.
            times
                .add_partition_offset(topic, *partition, Offset::Offset(time.millis().max(0)))
                .map_err(Error::Client)?;
        }
        self.consumer.offsets_for_times(times, TIMEOUT).map_err(|error| self.unreachable(&error))
    }

    fn assign(&self, spans: &[Span]) -> Result<(), Error> {
        let mut assignment = TopicPartitionList::new();
        for Span { topic, partition, start, .. } in spans {
            assignment
                .add_partition_offset(topic, *partition, Offset::Offset(*start))
                .map_err(Error::Client)?;
        }
        self.consumer.assign(&assignment).map_err(Error::Client)
    }

    fn unreachable(&self, error: &KafkaError) -> Error {
        let reason = self.consumer.context().last_connection_error();
        let reason = reason.unwrap_or_else(|| match error.rdkafka_error_code() {
            Some(code) => code.to_string(),
            None => error.to_string(),
        });
        Error::Unreachable { servers: self.servers.clone(), reason }
    }
}

/// Reads topics from their beginnings to their ends.
///
/// # Errors
/// As [`Reader`]; or when the topics hold more than a gibibyte.
pub fn read_all(cluster: &Cluster, topics: &[String]) -> Result<Vec<Record>, Error> {
    let stop = || false;
    let mut reader =
        Reader::open(cluster, topics, Missing::Refuse, ReadFrom::Beginning, Finish::End, &stop)?;
    let (mut records, mut bytes) = (vec![], 0);
    loop {
        match reader.next(Duration::from_millis(200))? {
            ReadStep::Record(record) => {
                bytes += size(&record);
                if bytes > MOST_BYTES {
                    return Err(Error::TooMuch { limit: MOST_BYTES });
                }
                records.push(record);
            }
            ReadStep::Idle => {}
            ReadStep::Finished => return Ok(records),
        }
    }
}

fn client(cluster: &Cluster, finish: Finish) -> Result<BaseConsumer<KafkaContext>, Error> {
    let mut config = ClientConfig::new();
    for (name, value) in &cluster.properties {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", &cluster.bootstrap_servers)
        .set("isolation.level", "read_committed")
        // No group is joined, but librdkafka requires a name.
        .set("group.id", "floorcast-tail")
        .set("enable.auto.commit", "false")
        .set("allow.auto.create.topics", "false")
        // Where retention has removed a record meanwhile, continue with the next one, not at the
        // end.
        .set("auto.offset.reset", "earliest")
        .set("queued.max.messages.kbytes", READ_AHEAD_KIB.to_string())
        .set("reconnect.backoff.max.ms", "1000")
        .set("enable.partition.eof", (finish == Finish::End).to_string())
        .set_log_level(RDKafkaLogLevel::Warning);
    if finish == Finish::End {
        // An empty answer reports the end of a partition: the broker is not to delay it.
        config.set("fetch.wait.max.ms", "20");
    }
    config.create_with_context(KafkaContext::default()).map_err(|error| {
        match refused_property(&error) {
            Some(property) => Error::Property(property),
            None => Error::Client(error),
        }
    })
}

fn record(message: &impl Message) -> Record {
    let headers = message.headers().map(|headers| {
        let own = |header: rdkafka::message::Header<'_, &[u8]>| {
            (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
        };
        headers.iter().map(own).collect()
    });
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().map(Timestamp::from_millis),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        value: message.payload().map(<[u8]>::to_vec),
    }
}

fn size(record: &Record) -> usize {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + length(value));
    length(&record.key) + length(&record.value) + headers.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

    use super::*;

    /// A broker of librdkafka's own with a topic of two partitions and some records on each.
    fn cluster() -> (MockCluster<'static, DefaultProducerContext>, Cluster) {
        let broker = MockCluster::new(1).unwrap();
        broker.create_topic("floor.calls", 2, 1).unwrap();
        let cluster = Cluster { bootstrap_servers: broker.bootstrap_servers(), properties: vec![] };
        (broker, cluster)
    }

    fn produce(cluster: &Cluster, count: i64) {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", &cluster.bootstrap_servers)
            .create()
            .unwrap();
        for number in 0..count {
            for partition in 0..2 {
                let text = number.to_string();
                let record =
                    BaseRecord::to("floor.calls").partition(partition).key(&text).payload(&text);
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
        }
        producer.flush(Duration::from_secs(20)).unwrap();
    }

    fn open(cluster: &Cluster, start: ReadFrom, finish: Finish) -> Reader {
        let topics = [String::from("floor.calls")];
        Reader::open(cluster, &topics, Missing::Refuse, start, finish, &|| false).unwrap()
    }

    fn offsets(records: &[Record]) -> Vec<(i32, i64)> {
        records.iter().map(|record| (record.partition, record.offset)).collect()
    }

    #[test]
    fn a_bounded_read_ends_where_the_end_was_when_it_began() {
        let (_broker, cluster) = cluster();
        produce(&cluster, 3);
        let mut reader = open(&cluster, ReadFrom::Beginning, Finish::End);
        produce(&cluster, 2);
        let mut records = vec![];
        loop {
            match reader.next(Duration::from_millis(100)).unwrap() {
                ReadStep::Record(record) => records.push(record),
                ReadStep::Idle => {}
                ReadStep::Finished => break,
            }
        }
        assert_eq!(offsets(&records), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn a_read_from_the_end_gets_only_later_records() {
        let (_broker, cluster) = cluster();
        produce(&cluster, 3);
        let mut reader = open(&cluster, ReadFrom::End, Finish::Never);
        produce(&cluster, 1);
        let mut records = vec![];
        let begun = Instant::now();
        while records.len() < 2 && begun.elapsed() < Duration::from_secs(20) {
            if let ReadStep::Record(record) = reader.next(Duration::from_millis(100)).unwrap() {
                records.push(record);
            }
        }
        let mut offsets = offsets(&records);
        offsets.sort_unstable();
        assert_eq!(offsets, [(0, 3), (1, 3)]);
    }

    #[test]
    fn a_bounded_read_fails_when_the_broker_sends_nothing() {
        let (broker, cluster) = cluster();
        produce(&cluster, 3);
        let mut reader = open(&cluster, ReadFrom::Beginning, Finish::End);
        reader.stall_timeout = Duration::from_secs(1);
        broker.broker_down(1).unwrap();
        let begun = Instant::now();
        let error = loop {
            assert!(begun.elapsed() < Duration::from_secs(20), "it goes on waiting");
            match reader.next(Duration::from_millis(100)) {
                Ok(ReadStep::Finished) => panic!("it claims to have reached the end"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Stalled { seconds: 1, .. }), "{error}");
    }
}
