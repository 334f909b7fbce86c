//! All metrics of the process, and the text in which Prometheus reads them. Labels are bounded:
//! accounts, streams, event types and reasons come from the configuration or from tables, never a
//! URL or an entity's id.

use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::delivery::TransactionOutcome;
use crate::event::{EventType, Origin};
use crate::model::{AccountName, EntityKind, StreamName};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// A usable answer.
    Answered,
    /// 429.
    RateLimited,
    /// 401 or 403.
    Unauthorized,
    /// Any other status that is not a success, redirects included.
    Refused,
    /// 5xx.
    ServerError,
    /// No connection, or it broke.
    Disconnected,
    /// No complete answer within the time limit.
    TimedOut,
    /// The answer is larger than the limit.
    TooLarge,
    /// The body is not what the vendor documents.
    Undecodable,
}

impl RequestOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Refused => "refused",
            Self::ServerError => "server_error",
            Self::Disconnected => "disconnected",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Undecodable => "undecodable",
        }
    }
}

/// How a full scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullScanOutcome {
    /// It showed the whole collection.
    Complete,
    /// Pages are missing: what it did not show may still exist.
    Partial,
    /// It ended with an error.
    Failed,
}

impl FullScanOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// All metrics, and the registry that renders them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    poll_duration: HistogramVec,
    requests: IntCounterVec,
    rate_limit: GaugeVec,
    rate_limit_unspent: GaugeVec,
    rate_limit_headroom: GaugeVec,
    rate_limited: IntCounterVec,
    stream_interval: GaugeVec,
    staleness: GaugeVec,
    full_scans: IntCounterVec,
    incomplete_full_scans: IntGaugeVec,
    detection_latency: HistogramVec,
    publish_latency: Histogram,
    events: IntCounterVec,
    entities: IntGaugeVec,
    clock_offset: GaugeVec,
    outbox_events: IntGaugeVec,
    outbox_oldest: GaugeVec,
    outbox_bytes: IntGaugeVec,
    quarantined: IntCounterVec,
    unknown_values: IntCounterVec,
    state_restores: IntCounterVec,
    transactions: IntCounterVec,
    shard_owner: IntGaugeVec,
    account_up: IntGaugeVec,
}

/// Buckets for delays in seconds, from a few milliseconds to ten minutes.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0,
    300.0, 600.0,
];

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// When a name is registered twice, which a test rules out.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let build_info = IntGaugeVec::new(
            Opts::new("floorcast_build_info", "always 1; the label names the version"),
            &["version"],
        )?;
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build_info))?;
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let whole = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, GaugeVec::new(Opts::new(name, help), labels)?)
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, HistogramVec::new(options, labels)?)
        };
        let stream = &["account", "stream"];
        Ok(Self {
            poll_duration: seconds(
                "floorcast_poll_duration_seconds",
                "duration of a poll, from its first request to the last byte of its last answer",
                stream,
            )?,
            requests: counter(
                "floorcast_requests_total",
                "requests sent to the vendor, by outcome",
                &["account", "stream", "outcome"],
            )?,
            rate_limit: gauge(
                "floorcast_rate_limit_requests_per_second",
                "working rate of the account: 95 % of its configured limit, lower after a 429",
                &["account"],
            )?,
            rate_limit_unspent: gauge(
                "floorcast_rate_limit_unspent_ratio",
                "share of the working rate that was not used during the last minute",
                &["account"],
            )?,
            rate_limit_headroom: gauge(
                "floorcast_rate_limit_headroom_ratio",
                "1 - the rate that the longest intervals need ÷ the working rate; below 0 the account is saturated",
                &["account"],
            )?,
            rate_limited: counter(
                "floorcast_rate_limited_total",
                "requests that the vendor refused because of its rate limit (429)",
                &["account"],
            )?,
            stream_interval: gauge(
                "floorcast_stream_interval_seconds",
                "planned time from the beginning of one poll of the stream to that of the next",
                stream,
            )?,
            staleness: gauge(
                "floorcast_stream_staleness_seconds",
                "time since the last committed poll of the stream",
                stream,
            )?,
            full_scans: counter(
                "floorcast_full_scans_total",
                "full scans of a stream, by outcome",
                &["account", "stream", "outcome"],
            )?,
            incomplete_full_scans: whole(
                "floorcast_incomplete_full_scans",
                "full scans since the last complete one",
                stream,
            )?,
            detection_latency: seconds(
                "floorcast_detection_latency_seconds",
                "time from a vendor's timestamp to the poll that showed it, corrected for the clock offset",
                stream,
            )?,
            publish_latency: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "floorcast_publish_latency_seconds",
                        "time from the poll that showed a change to Kafka's acknowledgement of its event",
                    )
                    .buckets(SECONDS.to_vec()),
                )?,
            )?,
            events: counter(
                "floorcast_events_total",
                "events emitted into the outbox, by type and origin",
                &["account", "type", "origin"],
            )?,
            entities: whole(
                "floorcast_entities",
                "entities whose state is stored, by kind",
                &["account", "kind"],
            )?,
            clock_offset: gauge(
                "floorcast_vendor_clock_offset_seconds",
                "how far the vendor's clock is ahead of this machine's",
                &["account"],
            )?,
            outbox_events: whole(
                "floorcast_outbox_events",
                "events in the outbox, not yet published",
                &["shard"],
            )?,
            outbox_oldest: gauge(
                "floorcast_outbox_oldest_seconds",
                "age of the oldest event in the outbox",
                &["shard"],
            )?,
            outbox_bytes: whole(
                "floorcast_outbox_bytes",
                "size of the outbox",
                &["shard"],
            )?,
            quarantined: counter(
                "floorcast_quarantined_total",
                "rows that were skipped: an undecodable row counts once, a row beyond a quota at each poll",
                &["account", "reason"],
            )?,
            unknown_values: counter(
                "floorcast_unknown_values_total",
                "values of a vendor's enumeration that this version does not know",
                &["account", "field"],
            )?,
            state_restores: counter(
                "floorcast_state_restores_total",
                "times the local store was restored from the state topic or started empty, by reason",
                &["reason"],
            )?,
            transactions: counter(
                "floorcast_transactions_total",
                "Kafka transactions, by outcome",
                &["shard", "outcome"],
            )?,
            shard_owner: whole(
                "floorcast_shard_owner",
                "1 while this bridge owns the shard, 0 while another one does",
                &["shard"],
            )?,
            account_up: whole(
                "floorcast_account_up",
                "1 while the account is polled, 0 while it is stopped",
                &["account"],
            )?,
            registry,
        })
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory does not fail; an inconsistent metric leaves the others readable.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A poll took this long.
    pub fn polled(&self, account: &AccountName, stream: &StreamName, seconds: f64) {
        self.poll_duration.with_label_values(&[account.as_str(), stream.as_str()]).observe(seconds);
    }

    /// A request ended.
    pub fn requested(&self, account: &AccountName, stream: &StreamName, outcome: RequestOutcome) {
        let labels = &[account.as_str(), stream.as_str(), outcome.label()];
        self.requests.with_label_values(labels).inc();
        if outcome == RequestOutcome::RateLimited {
            self.rate_limited.with_label_values(&[account.as_str()]).inc();
        }
    }

    /// The working rate of an account in requests per second, and the share of it that is unused.
    pub fn rate(&self, account: &AccountName, working: f64, unspent: f64) {
        self.rate_limit.with_label_values(&[account.as_str()]).set(working);
        self.rate_limit_unspent.with_label_values(&[account.as_str()]).set(unspent);
    }

    /// The headroom of an account's plan; below 0 the account is saturated.
    pub fn headroom(&self, account: &AccountName, ratio: f64) {
        self.rate_limit_headroom.with_label_values(&[account.as_str()]).set(ratio);
    }

    /// The planned interval of a stream.
    pub fn stream_interval(&self, account: &AccountName, stream: &StreamName, seconds: f64) {
        self.stream_interval.with_label_values(&[account.as_str(), stream.as_str()]).set(seconds);
    }

    /// Seconds since a stream's last committed poll.
    pub fn stale(&self, account: &AccountName, stream: &str, seconds: f64) {
        self.staleness.with_label_values(&[account.as_str(), stream]).set(seconds);
    }

    /// A full scan ended; `incomplete` counts the ones since the last complete one.
    pub fn scanned(
        &self,
        account: &AccountName,
        stream: &StreamName,
        outcome: FullScanOutcome,
        incomplete: u32,
    ) {
        let labels = &[account.as_str(), stream.as_str(), outcome.label()];
        self.full_scans.with_label_values(labels).inc();
        let labels = &[account.as_str(), stream.as_str()];
        self.incomplete_full_scans.with_label_values(labels).set(i64::from(incomplete));
    }

    /// A poll showed a change this many seconds after its timestamp.
    pub fn detected(&self, account: &AccountName, stream: &str, seconds: f64) {
        self.detection_latency.with_label_values(&[account.as_str(), stream]).observe(seconds);
    }

    /// Kafka acknowledged an event this many seconds after the poll that showed its change.
    pub fn published(&self, seconds: f64) {
        self.publish_latency.observe(seconds);
    }

    /// An event was emitted into the outbox.
    pub fn emitted(&self, account: &AccountName, event: EventType, origin: Origin) {
        let origin = match origin {
            Origin::Live => "live",
            Origin::Baseline => "baseline",
            Origin::Backfill => "backfill",
            Origin::Recovered => "recovered",
        };
        self.events.with_label_values(&[account.as_str(), event.as_str(), origin]).inc();
    }

    /// How many entities of a kind are stored.
    pub fn entities(&self, account: &AccountName, kind: EntityKind, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.entities.with_label_values(&[account.as_str(), kind.as_str()]).set(count);
    }

    /// How far the vendor's clock is ahead of this machine's.
    pub fn clock_offset(&self, account: &AccountName, seconds: f64) {
        self.clock_offset.with_label_values(&[account.as_str()]).set(seconds);
    }

    /// The size of a shard's outbox, and the age of its oldest event.
    pub fn outbox(&self, shard: i32, events: u64, bytes: u64, oldest_seconds: f64) {
        let shard = shard.to_string();
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.outbox_events.with_label_values(&[&shard]).set(whole(events));
        self.outbox_oldest.with_label_values(&[&shard]).set(oldest_seconds);
        self.outbox_bytes.with_label_values(&[&shard]).set(whole(bytes));
    }

    /// A row was skipped; `reason` is from a table.
    pub fn quarantined(&self, account: &AccountName, reason: &'static str) {
        self.quarantined.with_label_values(&[account.as_str(), reason]).inc();
    }

    /// An unknown value of an enumeration was passed through; `field` is from a table.
    pub fn unknown_value(&self, account: &AccountName, field: &'static str) {
        self.unknown_values.with_label_values(&[account.as_str(), field]).inc();
    }

    /// The local store was restored or started empty; `reason` is from a table.
    pub fn state_restored(&self, reason: &'static str) {
        self.state_restores.with_label_values(&[reason]).inc();
    }

    /// A transaction of a shard ended.
    pub fn transaction(&self, shard: i32, outcome: TransactionOutcome) {
        let outcome = match outcome {
            TransactionOutcome::Committed => "committed",
            TransactionOutcome::Aborted => "aborted",
            TransactionOutcome::Unknown => "unknown",
            TransactionOutcome::Fenced => "fenced",
        };
        self.transactions.with_label_values(&[&*shard.to_string(), outcome]).inc();
    }

    /// Whether this bridge owns a shard.
    pub fn shard_owner(&self, shard: i32, owner: bool) {
        self.shard_owner.with_label_values(&[&*shard.to_string()]).set(i64::from(owner));
    }

    /// Whether an account is polled.
    pub fn account_up(&self, account: &AccountName, up: bool) {
        self.account_up.with_label_values(&[account.as_str()]).set(i64::from(up));
    }
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names of all metrics, as this file registers them.
    fn registered() -> BTreeSet<&'static str> {
        let code = include_str!("metrics.rs").split("#[cfg(test)]").next().unwrap();
        let literals = code.split('"').skip(1).step_by(2);
        literals.filter(|literal| literal.starts_with("floorcast_")).collect()
    }

    #[test]
    fn every_metric_is_rendered_with_its_name_labels_and_value() {
        let metrics = Metrics::new().unwrap();
        let acme = AccountName::new("acme").unwrap();
        let calls = StreamName::new("calls");
        metrics.polled(&acme, &calls, 0.25);
        metrics.requested(&acme, &calls, RequestOutcome::RateLimited);
        metrics.rate(&acme, 9.5, 0.75);
        metrics.headroom(&acme, -0.25);
        metrics.stream_interval(&acme, &calls, 2.5);
        metrics.stale(&acme, "calls", 3.0);
        metrics.scanned(&acme, &calls, FullScanOutcome::Partial, 2);
        metrics.detected(&acme, "calls", 1.5);
        metrics.published(2.5);
        metrics.emitted(&acme, EventType::CallQueued, Origin::Live);
        metrics.entities(&acme, EntityKind::Call, 4);
        metrics.clock_offset(&acme, -0.5);
        metrics.outbox(0, 5, 600, 7.0);
        metrics.quarantined(&acme, "undecodable");
        metrics.unknown_value(&acme, "call.status");
        metrics.state_restored("lost");
        metrics.transaction(0, TransactionOutcome::Committed);
        metrics.shard_owner(0, true);
        metrics.account_up(&acme, true);
        let version = env!("CARGO_PKG_VERSION");
        let build_info = format!("floorcast_build_info{{version=\"{version}\"}} 1");
        let expected = [
            &*build_info,
            "floorcast_poll_duration_seconds_sum{account=\"acme\",stream=\"calls\"} 0.25",
            "floorcast_requests_total{account=\"acme\",outcome=\"rate_limited\",stream=\"calls\"} 1",
            "floorcast_rate_limit_requests_per_second{account=\"acme\"} 9.5",
            "floorcast_rate_limit_unspent_ratio{account=\"acme\"} 0.75",
            "floorcast_rate_limit_headroom_ratio{account=\"acme\"} -0.25",
            "floorcast_rate_limited_total{account=\"acme\"} 1",
            "floorcast_stream_interval_seconds{account=\"acme\",stream=\"calls\"} 2.5",
            "floorcast_stream_staleness_seconds{account=\"acme\",stream=\"calls\"} 3",
            "floorcast_full_scans_total{account=\"acme\",outcome=\"partial\",stream=\"calls\"} 1",
            "floorcast_incomplete_full_scans{account=\"acme\",stream=\"calls\"} 2",
            "floorcast_detection_latency_seconds_sum{account=\"acme\",stream=\"calls\"} 1.5",
            "floorcast_publish_latency_seconds_sum 2.5",
            "floorcast_events_total{account=\"acme\",origin=\"live\",type=\"CallQueued\"} 1",
            "floorcast_entities{account=\"acme\",kind=\"call\"} 4",
            "floorcast_vendor_clock_offset_seconds{account=\"acme\"} -0.5",
            "floorcast_outbox_events{shard=\"0\"} 5",
            "floorcast_outbox_oldest_seconds{shard=\"0\"} 7",
            "floorcast_outbox_bytes{shard=\"0\"} 600",
            "floorcast_quarantined_total{account=\"acme\",reason=\"undecodable\"} 1",
            "floorcast_unknown_values_total{account=\"acme\",field=\"call.status\"} 1",
            "floorcast_state_restores_total{reason=\"lost\"} 1",
            "floorcast_transactions_total{outcome=\"committed\",shard=\"0\"} 1",
            "floorcast_shard_owner{shard=\"0\"} 1",
            "floorcast_account_up{account=\"acme\"} 1",
        ];
        let text = metrics.render();
        let lines: BTreeSet<_> = text.lines().collect();
        for line in expected {
            assert!(lines.contains(line), "{line} is not in\n{text}");
        }
        let help = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
        let rendered: Vec<_> = help.map(|help| help.split(' ').next().unwrap()).collect();
        assert_eq!(rendered.len(), expected.len(), "a metric is missing from the table above");
        assert_eq!(rendered.into_iter().collect::<BTreeSet<_>>(), registered());
    }
}
