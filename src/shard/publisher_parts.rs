//! What a publisher is made of, and what it reports to the rest of its shard.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Clock;
use crate::delivery::{Delivery, Observer, registry};
use crate::kafka::KafkaSettings;
use crate::model::AccountName;
use crate::ownership::Lease;
use crate::store::Store;

/// A change of a shard's ownership.
#[derive(Debug)]
pub enum OwnershipChange {
    /// The shard is owned; this is its store.
    Owning(Store),
    /// It is no longer owned. The receiver stops using the store and then answers.
    Left(Sender<()>),
    /// It cannot be owned before an operator has acted: one line that says why.
    Refused(String),
}

/// What a publisher is made of.
pub struct PublisherParts {
    /// The shard's number.
    pub shard: i32,
    /// How events are delivered.
    pub delivery: Delivery,
    /// Whether to wait on standby while another bridge owns the shard.
    pub standby: bool,
    /// The directory of the shard's store.
    pub state_dir: PathBuf,
    /// The fingerprint of the privacy settings.
    pub privacy: u64,
    /// How the brokers are reached.
    pub settings: KafkaSettings,
    /// The schema registry that events are framed for; `None` for single objects.
    pub registry: Option<registry::RegistrySettings>,
    /// Runs the registry's client. The publisher's own thread only waits for it.
    pub runtime: Handle,
    /// The accounts of the shard that are configured.
    pub accounts: Vec<AccountName>,
    /// Accounts whose state is to be removed.
    pub retired: Vec<AccountName>,
    /// The right to send vendor requests.
    pub lease: Arc<Lease>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Receives what delivery and ownership report.
    pub observer: Arc<dyn Observer>,
    /// Receives the changes of ownership.
    pub changes: UnboundedSender<OwnershipChange>,
}
