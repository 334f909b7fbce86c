//! `floorcast probe`: what an account returns where its vendor's document leaves something open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::run::{account_parts, read_config};
use super::{Failure, say};
use crate::clock::SystemClock;
use crate::config::Environment;
use crate::model::Privacy;
use crate::ownership::Lease;
use crate::poll::{AccountPermits, Budget};
use crate::source::{Connection, Limits};
use crate::telemetry::Metrics;

#[derive(Debug, Args)]
pub(super) struct ProbeArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The account to probe
    #[arg(long, value_name = "NAME")]
    account: String,
}

/// Prints the report. A bridge that runs at the same time spends the same rate limit at the vendor, and
/// neither knows of the other: both then get 429 and slow down.
pub(super) async fn probe(
    arguments: &ProbeArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let config = read_config(&arguments.config, environment)?;
    let account = config.accounts.iter().find(|account| account.name.as_str() == arguments.account);
    let Some(account) = account else {
        let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
        let message = format!("no account of this name; there are: {}", names.join(", "));
        return Err(Failure::Usage(format!("--account {}: {message}", arguments.account)));
    };
    let parts = account_parts(account, &Arc::new(environment.clone()))?;
    let connection = Connection {
        account: parts.name.clone(),
        permits: Arc::new(AccountPermits {
            budget: Arc::new(Budget::new(parts.budget)),
            lease: Arc::new(Lease::unlimited()),
        }),
        metrics: Arc::new(Metrics::new().map_err(Failure::failed)?),
        clock: Arc::new(SystemClock),
        limits: Limits { head: Duration::from_secs(20), ..Limits::default() },
    };
    // The privacy settings do not matter: the report contains counts and field names, and no row.
    let source = parts.connect(Privacy::default(), connection).map_err(Failure::failed)?;
    let report = source
        .probe()
        .await
        .map_err(|error| Failure::Failed(format!("account {}: {error}", arguments.account)))?;
    say(report.to_string().trim_end());
    Ok(())
}
