//! The parts of an account: from its configuration to a vendor's client and to how it is polled.

use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::detect::Targets;
use crate::engine::Start;
use crate::model::{AccountName, Privacy};
use crate::poll::{BudgetSettings, Share, StreamPlan};
use crate::secret::{Environment, SecretError};
use crate::source::{Access, ConnectError, Connection, PollSettings, Source, StreamSpec, Vendor};

/// One account.
#[derive(Clone)]
pub struct AccountParts {
    /// Its name.
    pub name: AccountName,
    /// Its vendor.
    pub vendor: Vendor,
    /// How it is reached.
    pub access: Arc<dyn Access>,
    /// The environment variables that hold its secrets, besides files.
    pub environment: Arc<Environment>,
    /// The window of a service level, in minutes.
    pub service_level_minutes: i64,
    /// How far before its cursor an incremental poll begins; `None` for the vendor's default.
    pub overlap: Option<Duration>,
    /// Its rate limit.
    pub budget: BudgetSettings,
    /// From when on changes are emitted.
    pub start: Start,
    /// The service level targets of its queues, where the vendor does not give them.
    pub targets: Targets,
    /// Its streams: those of the vendor that are enabled, with the configured shares.
    pub streams: Vec<StreamPlan>,
}

impl AccountParts {
    /// The parts of an account, as configured.
    ///
    /// # Errors
    /// When a secret is missing.
    pub fn configured(
        account: &config::AccountConfig,
        environment: &Arc<Environment>,
    ) -> Result<Self, SecretError> {
        for secret in account.access.secrets() {
            secret.fetch(environment)?;
        }
        let mut streams = default_streams(&account.vendor);
        streams.retain_mut(|stream| {
            let Some(settings) = account.streams.get(stream.name.as_str()) else { return true };
            let share = &mut stream.share;
            share.weight = settings.weight.unwrap_or(share.weight);
            share.ceiling = settings.max_interval.unwrap_or(share.ceiling);
            !settings.disabled
        });
        let service_level = account.service_level;
        Ok(Self {
            name: account.name.clone(),
            vendor: account.vendor,
            access: Arc::clone(&account.access),
            environment: Arc::clone(environment),
            service_level_minutes: service_level.minutes,
            overlap: account.overlap,
            budget: BudgetSettings {
                requests_per_second: account.requests_per_second,
                longest_pause: account.longest_pause,
            },
            start: account.start,
            targets: Targets::new(service_level.target_seconds, service_level.target_percent),
            streams,
        })
    }

    /// A client for the account, with its secrets as they are now.
    ///
    /// # Errors
    /// When a secret is missing, or does not fit into a header.
    pub fn connect(
        &self,
        privacy: Privacy,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let Self { service_level_minutes, overlap, .. } = *self;
        let settings = PollSettings { privacy, service_level_minutes, overlap };
        self.access.connect(&self.environment, settings, connection)
    }
}

/// The streams of a vendor, with their defaults.
#[must_use]
pub fn default_streams(vendor: &Vendor) -> Vec<StreamPlan> {
    let plan = |spec: &StreamSpec| StreamPlan {
        name: spec.name.clone(),
        share: Share { weight: spec.pace.weight, ceiling: spec.pace.max_interval },
        min_interval: spec.pace.min_interval,
        planning: spec.planning,
    };
    vendor.streams().into_iter().map(plan).collect()
}
