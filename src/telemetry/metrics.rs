//! Every metric there is. Labels are bounded: accounts, streams, event types and reasons come from
//! the configuration or from tables, never a URL or an entity's id.

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
    /// An answer that could be used.
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
    /// Too slow.
    TimedOut,
    /// Larger than the limit.
    TooLarge,
    /// The body was not what the vendor documents.
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

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullScanOutcome {
    /// Everything was shown.
    Complete,
    /// Nothing may be concluded from absence.
    Partial,
    /// No answer.
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

/// All metrics and the registry they are read from.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    poll_duration: HistogramVec,
    requests: IntCounterVec,
    rate_limit: GaugeVec,
    rate_limit_unspent: GaugeVec,
    rate_limited: IntCounterVec,
    staleness: GaugeVec,
    scans: IntCounterVec,
    incomplete_sweeps: IntGaugeVec,
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
    /// Registers all of them.
    ///
    /// # Errors
    /// When a name is registered twice, which a test rules out.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let build_info = IntGaugeVec::new(
            Opts::new("floorcast_build_info", "1, with the version as a label"),
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
                "from the first request of a reading to its last byte",
                stream,
            )?,
            requests: counter(
                "floorcast_requests_total",
                "requests sent to the vendor, by how they ended",
                &["account", "stream", "outcome"],
            )?,
            rate_limit: gauge(
                "floorcast_rate_limit_requests_per_second",
                "the rate the account works at: 95 % of its limit, less after refusals",
                &["account"],
            )?,
            rate_limit_unspent: gauge(
                "floorcast_rate_limit_unspent_ratio",
                "the part of the working rate that the last minute left unspent",
                &["account"],
            )?,
            rate_limited: counter(
                "floorcast_rate_limited_total",
                "answers that refused a request because there were too many (429)",
                &["account"],
            )?,
            staleness: gauge(
                "floorcast_stream_staleness_seconds",
                "age of the last committed reading of a stream",
                stream,
            )?,
            scans: counter(
                "floorcast_sweeps_total",
                "sweeps, by how they ended",
                &["account", "stream", "outcome"],
            )?,
            incomplete_sweeps: whole(
                "floorcast_incomplete_sweeps",
                "sweeps in a row that were not complete",
                stream,
            )?,
            detection_latency: seconds(
                "floorcast_detection_latency_seconds",
                "from a vendor's stamp to our reading of it, the clocks' offset removed",
                stream,
            )?,
            publish_latency: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "floorcast_publish_latency_seconds",
                        "from the reading that showed a change to its event's acknowledgement",
                    )
                    .buckets(SECONDS.to_vec()),
                )?,
            )?,
            events: counter(
                "floorcast_events_total",
                "events decided, by type and origin",
                &["account", "type", "origin"],
            )?,
            entities: whole(
                "floorcast_entities",
                "entities whose state is held",
                &["account", "kind"],
            )?,
            clock_offset: gauge(
                "floorcast_vendor_clock_offset_seconds",
                "how far the vendor's clock is ahead of ours",
                &["account"],
            )?,
            outbox_events: whole(
                "floorcast_outbox_events",
                "events decided and not yet published",
                &["shard"],
            )?,
            outbox_oldest: gauge(
                "floorcast_outbox_oldest_seconds",
                "age of the oldest event that is not yet published",
                &["shard"],
            )?,
            outbox_bytes: whole(
                "floorcast_outbox_bytes",
                "size of what waits in the outbox",
                &["shard"],
            )?,
            quarantined: counter(
                "floorcast_quarantined_total",
                "rows that were stepped over: what could not be decoded once, what was too many each time",
                &["account", "reason"],
            )?,
            unknown_values: counter(
                "floorcast_unknown_values_total",
                "values of open enumerations that no table knows",
                &["account", "field"],
            )?,
            state_restores: counter(
                "floorcast_state_restores_total",
                "times the local store was filled from the state topic, or begun anew",
                &["reason"],
            )?,
            transactions: counter(
                "floorcast_transactions_total",
                "deliveries to the broker, by how they ended",
                &["shard", "outcome"],
            )?,
            shard_owner: whole(
                "floorcast_shard_owner",
                "1 while the shard is owned here, 0 while another bridge owns it",
                &["shard"],
            )?,
            account_up: whole(
                "floorcast_account_up",
                "1 while the account is polled, 0 when it was stopped",
                &["account"],
            )?,
            registry,
        })
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // Writing into memory cannot fail; an inconsistent metric would leave the rest readable.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A reading took this long.
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

    /// The rate an account works at, in requests per second, and the ratio it left unspent.
    pub fn rate(&self, account: &AccountName, working: f64, unspent: f64) {
        self.rate_limit.with_label_values(&[account.as_str()]).set(working);
        self.rate_limit_unspent.with_label_values(&[account.as_str()]).set(unspent);
    }

    /// The age of a stream's last committed reading.
    pub fn stale(&self, account: &AccountName, stream: &str, seconds: f64) {
        self.staleness.with_label_values(&[account.as_str(), stream]).set(seconds);
    }

    /// A sweep ended; `in_a_row` counts the ones since the last complete one.
    pub fn scanned(
        &self,
        account: &AccountName,
        stream: &StreamName,
        outcome: FullScanOutcome,
        in_a_row: u32,
    ) {
        let labels = &[account.as_str(), stream.as_str(), outcome.label()];
        self.scans.with_label_values(labels).inc();
        let labels = &[account.as_str(), stream.as_str()];
        self.incomplete_sweeps.with_label_values(labels).set(i64::from(in_a_row));
    }

    /// A stamped change was seen this many seconds after it happened.
    pub fn detected(&self, account: &AccountName, stream: &str, seconds: f64) {
        self.detection_latency.with_label_values(&[account.as_str(), stream]).observe(seconds);
    }

    /// An event was acknowledged this many seconds after the reading that showed it.
    pub fn published(&self, seconds: f64) {
        self.publish_latency.observe(seconds);
    }

    /// An event was decided.
    pub fn decided(&self, account: &AccountName, event: EventType, origin: Origin) {
        let origin = match origin {
            Origin::Live => "live",
            Origin::Baseline => "baseline",
            Origin::Backfill => "backfill",
            Origin::Recovered => "recovered",
        };
        self.events.with_label_values(&[account.as_str(), event.as_str(), origin]).inc();
    }

    /// How many entities of a kind are held.
    pub fn entities(&self, account: &AccountName, kind: EntityKind, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.entities.with_label_values(&[account.as_str(), kind.as_str()]).set(count);
    }

    /// How far the vendor's clock is ahead of ours.
    pub fn clock_offset(&self, account: &AccountName, seconds: f64) {
        self.clock_offset.with_label_values(&[account.as_str()]).set(seconds);
    }

    /// What is in a shard's outbox.
    pub fn outbox(&self, shard: i32, events: u64, bytes: u64, oldest_seconds: f64) {
        let shard = shard.to_string();
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.outbox_events.with_label_values(&[&shard]).set(whole(events));
        self.outbox_oldest.with_label_values(&[&shard]).set(oldest_seconds);
        self.outbox_bytes.with_label_values(&[&shard]).set(whole(bytes));
    }

    /// A row was set aside; `reason` is from a table.
    pub fn quarantined(&self, account: &AccountName, reason: &'static str) {
        self.quarantined.with_label_values(&[account.as_str(), reason]).inc();
    }

    /// A value that no table knows was passed through; `field` is from a table.
    pub fn unknown_value(&self, account: &AccountName, field: &'static str) {
        self.unknown_values.with_label_values(&[account.as_str(), field]).inc();
    }

    /// The local store was set aside; `reason` is from a table.
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

    /// Whether a shard is owned here.
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
    use super::*;

    #[test]
    fn every_metric_registers_once_and_is_rendered() {
        let metrics = Metrics::new().unwrap();
        metrics.account_up(&AccountName::new("acme").unwrap(), true);
        let text = metrics.render();
        assert!(text.contains("floorcast_build_info{version="));
        assert!(text.contains("floorcast_account_up{account=\"acme\"} 1"));
    }
}
