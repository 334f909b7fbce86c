//! Polling of one account: a poller for each of its streams, started again after the account had to
//! stop.
//!
//! An account whose credentials are refused stops alone and reports it. It is tried again every few
//! minutes, because credentials are also renewed while a process runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::stream_poller::{PollerContext, PollingEnd, StreamPlan, StreamPoller};
use crate::model::AccountName;
use crate::source::Source;

/// How long an account that had to stop waits before it is tried again.
const RETRY_AFTER_STOP: Duration = Duration::from_mins(5);

/// How one account is polled.
pub struct AccountPlan {
    /// Its name.
    pub name: AccountName,
    /// Its budget.
    pub budget: Arc<Budget>,
    /// Its streams: those that are enabled.
    pub streams: Vec<StreamPlan>,
    /// Makes the client anew, with the secrets as they are now.
    pub connect: Box<dyn Fn() -> Result<Source, String> + Send + Sync>,
}

/// Polls one account.
pub struct AccountSupervisor {
    context: Arc<PollerContext>,
    plan: AccountPlan,
}

impl AccountSupervisor {
    /// The supervisor of an account. Nothing is polled yet.
    #[must_use]
    pub fn new(context: Arc<PollerContext>, plan: AccountPlan) -> Self {
        Self { context, plan }
    }

    /// Polls the account until the future is dropped or the engine stops.
    pub async fn run(self) {
        let Self { context, plan } = &self;
        for stream in &plan.streams {
            plan.budget.set_share(&stream.name, stream.share);
        }
        loop {
            let reason = match (plan.connect)() {
                Ok(source) => {
                    context.metrics.account_up(&plan.name, true);
                    context.health.account(&plan.name).up();
                    match self.poll_streams(&source).await {
                        PollingEnd::AccountStopped(reason) => reason,
                        PollingEnd::EngineStopped => return,
                    }
                }
                Err(reason) => reason,
            };
            context.metrics.account_up(&plan.name, false);
            context.health.account(&plan.name).stopped(&reason);
            tracing::error!(
                account = %plan.name, %reason, retry_in_s = RETRY_AFTER_STOP.as_secs(),
                "account stopped"
            );
            tokio::time::sleep(RETRY_AFTER_STOP).await;
        }
    }

    /// Polls the enabled streams until one of them ends; the others end with it.
    async fn poll_streams(&self, source: &Source) -> PollingEnd {
        let Self { context, plan } = self;
        let log_discrepancy = Arc::new(Notify::new());
        let mut pollers = JoinSet::new();
        for stream in source.streams() {
            let enabled = plan.streams.iter().find(|enabled| enabled.name == stream.name);
            let Some(stream_plan) = enabled else { continue };
            let poller = StreamPoller {
                context: Arc::clone(context),
                account: plan.name.clone(),
                budget: Arc::clone(&plan.budget),
                stream: stream.clone(),
                min_interval: stream_plan.min_interval,
                log_discrepancy: Arc::clone(&log_discrepancy),
            };
            pollers.spawn(poller.run());
        }
        match pollers.join_next().await {
            Some(Ok(end)) => end,
            Some(Err(error)) => {
                PollingEnd::AccountStopped(format!("the task of a stream failed: {error}"))
            }
            None => PollingEnd::AccountStopped(String::from("no stream is enabled")),
        }
    }
}
