//! The life of a shard's publisher: it stands by, takes the shard over, brings the store in order,
//! publishes, and stands by again when another owner has come.
//!
//! It runs on a thread of its own, because the store and librdkafka block. What it has to tell the
//! rest of the shard are phases: only in [`OwnershipChange::Owning`] may vendors be asked, and before the
//! thread goes on after [`OwnershipChange::Left`], whoever uses the store has to have let go of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rand::Rng;
use rdkafka::error::KafkaError;
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use crate::clock::Clock;
use crate::delivery::{
    Delivery, DeliveryFailure, Observer, OutboxNotifier, OutboxRelay, OutboxRelayParts, Producer,
    RelayEnd, ShardState, Signal, TransactionBatch, is_fenced, registry,
};
use crate::failpoints::passing;
use crate::kafka::{BrokerConnection, KafkaSettings, explain};
use crate::model::AccountName;
use crate::ownership::{
    Generation, HEARTBEAT, Lease, OwnerLiveness, OwnerRecord, StandbyDecision, StateReader,
    StateTopicError as TopicError, StateTopicRecord, StoreClaim, TakeoverDecision, decide, orphans,
    restore,
};
use crate::store::{self, Opened, Options, Store};

/// How often a bridge that stands by looks at the topic.
const LOOK: Duration = Duration::from_secs(2);
/// How long to rest after Kafka did not answer.
const REST: Duration = Duration::from_secs(2);
/// How long the thread may take beyond the grace time: a flush of the store, the last word.
const AFTERMATH: Duration = Duration::from_secs(4);

/// What the rest of a shard has to know.
#[derive(Debug)]
pub enum OwnershipChange {
    /// The shard is owned; this is its store.
    Owning(Store),
    /// It is not any more. Whoever uses the store lets go of it and then answers.
    Left(Sender<()>),
    /// It cannot be owned until somebody has looked: one line that says why.
    Refused(String),
}

/// What a publisher is made of.
pub struct PublisherParts {
    /// Which shard.
    pub shard: i32,
    /// How events are delivered.
    pub delivery: Delivery,
    /// Whether another bridge may own the shard, and is waited for.
    pub standby: bool,
    /// Where the shard's store lies.
    pub state_dir: PathBuf,
    /// The fingerprint of the privacy settings.
    pub privacy: u64,
    /// How the broker is reached.
    pub settings: KafkaSettings,
    /// The schema registry that events are framed for; `None` for single objects.
    pub registry: Option<registry::RegistrySettings>,
    /// The accounts of the shard that are configured.
    pub accounts: Vec<AccountName>,
    /// Accounts whose state is to be given up.
    pub retired: Vec<AccountName>,
    /// The right to ask vendors.
    pub lease: Arc<Lease>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Is told what happens.
    pub observer: Arc<dyn Observer>,
    /// Where phases are told.
    pub phases: UnboundedSender<OwnershipChange>,
}

/// Publishes a shard.
#[derive(Debug)]
pub struct Publisher {
    signals: Sender<Signal>,
    /// Closes when the thread ends, however it ends.
    ended: Receiver<()>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(parts: PublisherParts) -> io::Result<Self> {
        let (signals, inbox) = channel();
        let (ending, ended) = channel();
        let name = format!("publisher-{}", parts.shard);
        std::thread::Builder::new().name(name).spawn(move || {
            let _ending: Sender<()> = ending;
            PublisherThread { parts, inbox, finish: None, told: String::new() }.run();
        })?;
        Ok(Self { signals, ended })
    }

    /// A bell to ring when the outbox has grown.
    #[must_use]
    pub fn bell(&self) -> OutboxNotifier {
        OutboxNotifier::new(self.signals.clone())
    }

    /// Sends what is in the outbox, waits until it is there, says that the owner leaves, and ends,
    /// within the grace time. Blocks.
    pub fn finish(self, grace: Duration) {
        let _ = self.signals.send(Signal::Finish(Instant::now() + grace));
        if self.ended.recv_timeout(grace + AFTERMATH) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("publishing does not end; it is left behind");
        }
    }
}

/// Why a step of a life led nowhere.
enum Halt {
    /// It is asked to end.
    Finish,
    /// Another owner has come: stand by.
    Fenced,
    /// Kafka does not answer: again after a rest.
    Again(String),
    /// Somebody has to look.
    Refused(String),
    /// The store failed.
    Store(store::Error),
}

impl From<TopicError> for Halt {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::Kafka(reason) => Self::Again(reason),
            TopicError::Newer(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Foreign => Self::Refused(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl Halt {
    /// Why a producer's delivery failed, by what it has heard.
    fn after(failure: DeliveryFailure, producer: &Producer) -> Self {
        match (failure, producer.heard_down()) {
            (DeliveryFailure::Fenced, _) => Self::Fenced,
            (DeliveryFailure::GivenUp, _) => Self::Finish,
            (DeliveryFailure::Refused(code), _) => Self::Refused(explain(Some(code), "").text),
            (_, Some(reason)) => Self::Again(reason),
            (DeliveryFailure::Undelivered(error) | DeliveryFailure::Unknown(error), None) => {
                Self::of(&error)
            }
        }
    }

    fn of(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) if is_fenced(code) => Self::Fenced,
            code => {
                let words = if code.is_some() { String::new() } else { error.to_string() };
                Self::Again(explain(code, &words).text)
            }
        }
    }
}

/// A shard that is owned.
struct OwnedShard {
    store: Store,
    producer: Producer,
    owner: OwnerRecord,
    state_offset: i64,
}

struct PublisherThread {
    parts: PublisherParts,
    inbox: Receiver<Signal>,
    finish: Option<Instant>,
    /// Why Kafka is not ready, as it was told last.
    told: String,
}

impl PublisherThread {
    fn run(mut self) {
        let (mut wait, mut own) = (self.parts.standby, None);
        loop {
            let halt = match self.stand_by(wait, own).and_then(|seen| self.take_over(wait, seen)) {
                Ok(owned) => {
                    self.told.clear();
                    own = Some(owned.owner.generation);
                    match self.own(owned) {
                        Ok(()) => return,
                        Err(halt) => halt,
                    }
                }
                Err(halt) => halt,
            };
            match halt {
                Halt::Finish => return,
                Halt::Fenced => {
                    tracing::warn!(
                        shard = self.parts.shard,
                        "another bridge of this deployment has taken over; standing by"
                    );
                    wait = true;
                }
                Halt::Again(reason) => {
                    if reason != self.told {
                        tracing::warn!(%reason, "kafka is not ready; nothing is asked before it is");
                        self.told.clone_from(&reason);
                    }
                    self.parts.observer.connection(&BrokerConnection::Down(reason));
                    if !self.rest(REST) {
                        return;
                    }
                }
                Halt::Refused(reason) => {
                    let _ = self.parts.phases.send(OwnershipChange::Refused(reason));
                    return;
                }
                Halt::Store(error) => {
                    self.parts.observer.store_failed(&error);
                    tracing::error!(%error, "publishing ends: the local store failed");
                    return;
                }
            }
        }
    }

    /// Waits until the shard may be taken over, and returns the owner's last word. Without `wait` it
    /// may be at once, if its accounts are ours.
    fn stand_by(
        &mut self,
        wait: bool,
        own: Option<Generation>,
    ) -> Result<Option<OwnerRecord>, Halt> {
        let PublisherParts { shard, settings, observer, .. } = &self.parts;
        let (shard, observer) = (*shard, Arc::clone(observer));
        let reader = StateReader::new(settings, shard)?;
        let mut watch = OwnerLiveness::new(own, Instant::now());
        let finish = std::cell::Cell::new(self.finish);
        let give_up = || finish.get().is_some_and(|until| Instant::now() >= until);
        let (mut last, mut next) = reader.last_owner(&give_up)?;
        let mut told = false;
        loop {
            observer.connection(&BrokerConnection::Up);
            if let Some(owner) = &last {
                let PublisherParts { accounts, retired, .. } = &self.parts;
                let orphans = orphans(&owner.accounts, accounts, retired);
                if !orphans.is_empty() {
                    return Err(Halt::Refused(self.about(&orphans)));
                }
            }
            if !wait || watch.look(last.as_ref(), Instant::now()) == StandbyDecision::Take {
                return Ok(last);
            }
            if !told {
                tracing::info!(shard, "standing by: another bridge owns the accounts");
                told = true;
            }
            observer.activity(shard, ShardState::StandingBy);
            loop {
                // Two that began together drift apart, so that not both see the silence at once.
                if !self.rest(LOOK.mul_f64(rand::rng().random_range(0.5..1.5))) {
                    return Err(Halt::Finish);
                }
                finish.set(self.finish);
                // What was not read to the end says nothing about the owner.
                let read = reader.read(next, &give_up, |_, found| {
                    if let StateTopicRecord::Owner(owner) = found {
                        last = Some(owner);
                    }
                });
                match read {
                    Ok(end) => {
                        next = end;
                        break;
                    }
                    Err(TopicError::Kafka(reason)) => {
                        observer.connection(&BrokerConnection::Down(reason));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    fn about(&self, orphans: &[AccountName]) -> String {
        let names: Vec<_> = orphans.iter().map(AccountName::as_str).collect();
        let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!(
            "the deployment {} owns accounts that this configuration does not have: {}; add them, \
             choose another deployment, or give their state up: [kafka] retire = [{}]",
            self.parts.settings.deployment,
            names.join(", "),
            quoted.join(", ")
        )
    }

    /// Fences every other owner, becomes the next generation, and brings the store in order.
    ///
    /// With `wait` it goes on only if the owner's last word is still the one that was `seen`: of two
    /// that saw the same silence one has spoken first, and asks vendors already.
    fn take_over(&mut self, wait: bool, seen: Option<OwnerRecord>) -> Result<OwnedShard, Halt> {
        let PublisherParts { shard, settings, delivery, observer, clock, .. } = &self.parts;
        let shard = *shard;
        observer.activity(shard, ShardState::TakingOver);
        let reader = StateReader::new(settings, shard)?;
        let finish = self.finish;
        let give_up = || finish.is_some_and(|until| Instant::now() >= until);
        // Looked at before, so that an owner which has begun meanwhile is not fenced for nothing,
        // and again after, when nobody else can write any more.
        if wait && reader.last_owner(&give_up)?.0 != seen {
            return Err(Halt::Fenced);
        }
        let producer =
            Producer::new(settings, *delivery, shard).map_err(|error| Halt::of(&error))?;
        passing("ownership::after_init");
        let (topic, end) = reader.last_owner(&give_up)?;
        if wait && topic != seen {
            return Err(Halt::Fenced);
        }
        let options = Options { privacy: self.parts.privacy, now: clock.now() };
        let (store, opened) = Store::open(&self.parts.state_dir, options)?;
        let local = StoreClaim::load(&store)?;
        let verdict = decide(local.as_ref(), store.newest_entry(), topic.as_ref());
        if let Opened::Replaced { reason, moved_to } = &opened {
            tracing::error!(
                shard, reason = reason.as_str(), moved_to = %moved_to.display(),
                "the local store cannot be trusted; it was set aside"
            );
        }
        let lineage = topic.as_ref().map_or_else(Uuid::new_v4, |owner| owner.lineage);
        let number = topic.as_ref().map_or(0, |owner| owner.generation.number) + 1;
        let generation = Generation { number, owner: Uuid::new_v4() };
        let progress = topic.as_ref().map_or(0, |owner| owner.progress);
        let accounts = topic.map(|owner| owner.accounts).unwrap_or_default();
        let owner = OwnerRecord::new(lineage, generation, progress, accounts, clock.now());
        let claim = StoreClaim {
            lineage,
            held: local.and_then(|local| local.held),
            claimed: Some(generation),
        };
        let store = match verdict {
            TakeoverDecision::Refuse => return Err(Halt::Refused(self.about_lost_topic())),
            TakeoverDecision::Keep => {
                claim.save(&store)?;
                passing("ownership::after_claim");
                store
            }
            TakeoverDecision::Begin => {
                let store = anew(store, &opened, &self.parts.state_dir, options)?;
                StoreClaim { held: None, ..claim }.save(&store)?;
                passing("ownership::after_claim");
                store
            }
            TakeoverDecision::Restore(_) => anew(store, &opened, &self.parts.state_dir, options)?,
        };
        let nothing = TransactionBatch::default();
        let delivered = producer.deliver(&nothing, &owner, &give_up);
        let state_offset = delivered.map_err(|failure| Halt::after(failure, &producer))?;
        passing("ownership::after_generation");
        if let TakeoverDecision::Restore(reason) = verdict {
            let reason = match &opened {
                Opened::Replaced { reason, .. } => reason.as_str(),
                Opened::Fresh | Opened::Kept => reason.as_str(),
            };
            tracing::info!(shard, reason, "the local store is filled from the state topic");
            self.restore(&reader, &producer, &owner, &store, end)?;
            store.number_entries_after(progress)?;
            passing("restore::before_adopt");
            self.parts.observer.restored(reason);
        } else if let Opened::Replaced { reason, .. } = &opened {
            self.parts.observer.restored(reason.as_str());
        }
        StoreClaim { lineage, held: Some(generation), claimed: None }.save(&store)?;
        store.outbox_remove_through(progress)?;
        for account in &self.parts.retired {
            if !self.parts.accounts.contains(account) {
                store.retire(account)?;
            }
        }
        Ok(OwnedShard { store, producer, owner, state_offset })
    }

    fn about_lost_topic(&self) -> String {
        let topic = self.parts.settings.state_topic();
        let dir = self.parts.state_dir.display();
        format!(
            "the topic {topic} is empty, but the store in {dir} was published there: is this \
             another cluster, or was the topic deleted? To begin anew, remove the directory"
        )
    }

    /// Fills an empty store from the topic, up to `end`. Meanwhile the owner shows that it lives.
    fn restore(
        &self,
        reader: &StateReader,
        producer: &Producer,
        owner: &OwnerRecord,
        store: &Store,
        end: i64,
    ) -> Result<(), Halt> {
        let PublisherParts { shard, observer, clock, .. } = &self.parts;
        let finish = self.finish;
        let give_up = || finish.is_some_and(|until| Instant::now() >= until);
        let mut said = Instant::now();
        let alive = |records, of| {
            if said.elapsed() < HEARTBEAT {
                return Ok(());
            }
            said = Instant::now();
            observer.activity(*shard, ShardState::Restoring { records, of });
            tracing::info!(shard, records, of, "restoring");
            let word = owner.next(owner.progress, clock.now());
            let said = producer.deliver(&TransactionBatch::default(), &word, &give_up);
            said.map(drop).map_err(|failure| Halt::after(failure, producer))
        };
        let records = restore(reader, store, end, &give_up, alive)?;
        if give_up() {
            return Err(Halt::Finish);
        }
        tracing::info!(shard, records, "restored");
        Ok(())
    }

    /// Publishes until it is to end (`Ok`), or the shard or the store is lost.
    fn own(&mut self, owned: OwnedShard) -> Result<(), Halt> {
        let OwnedShard { store, producer, owner, state_offset } = owned;
        let PublisherParts { shard, observer, lease, phases, .. } = &self.parts;
        tracing::info!(
            shard,
            generation = owner.generation.number,
            waiting = store.outbox_level().events,
            "owning the accounts"
        );
        observer.activity(*shard, ShardState::Owning);
        let standby = self.parts.standby;
        // Until the first word of its own the drain vouches for nothing.
        if !standby {
            lease.renew(None);
        }
        if phases.send(OwnershipChange::Owning(store.clone())).is_err() {
            return Ok(());
        }
        let drain = OutboxRelay::new(OutboxRelayParts {
            store,
            settings: &self.parts.settings,
            delivery: self.parts.delivery,
            shard: *shard,
            registry: self.parts.registry.clone(),
            producer,
            owner,
            state_offset,
            lease,
            standby,
            clock: self.parts.clock.as_ref(),
            observer,
        });
        let ended = drain.run(&self.inbox);
        lease.end();
        let halt = match ended {
            RelayEnd::Finished => return Ok(()),
            RelayEnd::Lost => Halt::Fenced,
            // What is damaged is looked at again, set aside, and filled from the topic.
            RelayEnd::StoreFailed(error @ (store::Error::Damaged(_) | store::Error::Closed)) => {
                tracing::error!(shard, %error, "the local store failed; it is opened again");
                Halt::Again(error.to_string())
            }
            RelayEnd::StoreFailed(error) => Halt::Store(error),
        };
        let (left, gone) = channel();
        if phases.send(OwnershipChange::Left(left)).is_ok() {
            // Closed without a word is as good: nobody is there any more.
            let _ = gone.recv();
        }
        Err(halt)
    }

    /// Rests; `false` when it is asked to end meanwhile.
    fn rest(&mut self, length: Duration) -> bool {
        let until = Instant::now() + length;
        loop {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Signal::Wake) => {}
                Ok(Signal::Finish(by)) => {
                    self.finish = Some(by);
                    return false;
                }
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

/// A store without anything in it, in the place of this one.
fn anew(
    store: Store,
    opened: &Opened,
    dir: &Path,
    options: Options,
) -> Result<Store, store::Error> {
    if *opened != Opened::Kept {
        return Ok(store);
    }
    drop(store);
    Store::discard(dir)?;
    Ok(Store::open(dir, options)?.0)
}
