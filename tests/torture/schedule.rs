//! The schedule: what is done to the bridges, and when. It depends on its seed alone, so that a
//! failing seed is done again.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// The places between store and Kafka at which a build for the torture can be made to die, and how
/// often each may be passed before. Those of ownership are passed at every start.
const PASSED_IN_PUBLISHING: &[(&str, u32)] = &[
    ("store::before_apply", 80),
    ("store::after_apply", 80),
    ("store::after_flush", 20),
    ("publish::after_begin", 20),
    ("publish::mid_batch", 12),
    ("publish::before_commit", 20),
    ("publish::after_commit", 20),
    ("publish::after_removal", 20),
    ("ownership::after_init", 1),
    ("ownership::after_claim", 1),
    ("ownership::after_generation", 1),
];
/// Those that are passed when a store is filled from the topic.
const PASSED_IN_RESTORING: &[&str] = &["restore::half_way", "restore::before_adopt"];

/// A place in the program, and how often it is passed before the process dies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failpoint {
    pub(crate) name: &'static str,
    pub(crate) passages: u32,
    /// Whether it is passed only when the store is filled anew.
    pub(crate) restoring: bool,
}

impl Failpoint {
    /// What the variable `FAILPOINTS` has to be.
    pub(crate) fn as_variable(self) -> String {
        format!("{}={}*off->1*return", self.name, self.passages)
    }
}

/// What is done to a store after its process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// All its files are deleted.
    Deleted,
    /// Some of its bits are flipped; which, chance says.
    Flipped(u64),
    /// The end of its largest file is cut off; how much, chance says.
    Truncated(u64),
    /// Some of its entries are gone, without a trace of their loss; which, chance says.
    Tampered(u64),
    /// An older copy of it takes its place, made under an earlier generation while Kafka was away
    /// and its outbox full.
    Older,
    /// An older copy of it takes its place, made a moment ago under the same generation.
    Stale,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL at a random moment.
    Kill,
    /// The process dies at a place between store and Kafka.
    KillAt(Failpoint),
    /// SIGKILL of all bridges, which then start at once.
    KillAll,
    /// SIGTERM: the bridge leaves in good order.
    End,
    /// SIGSTOP, and SIGCONT after so many seconds.
    Pause(u64),
    /// SIGKILL, and something happens to the store.
    Store(Damage),
    /// The broker is stopped in good order, and started again.
    BrokerStopped,
    /// The broker is killed, and started again.
    BrokerKilled,
    /// The connections of the first bridge to the broker are cut for so long, in milliseconds.
    Cut(u64),
    /// The same connections stay, and no byte passes for so long, in milliseconds.
    VersionedState(u64),
    /// The vendor answers wrongly, late or not at all for so many seconds.
    VendorFails(u64),
}

impl Fault {
    /// Its name in the report.
    pub(crate) fn kind(self) -> String {
        let name = match self {
            Self::Kill => "SIGKILL",
            Self::KillAt(place) => return format!("killed at {}", place.name),
            Self::KillAll => "SIGKILL of both, started at once",
            Self::End => "SIGTERM",
            Self::Pause(_) => "SIGSTOP and SIGCONT",
            Self::Store(Damage::Deleted) => "SIGKILL, store deleted",
            Self::Store(Damage::Flipped(_)) => "SIGKILL, bits of the store flipped",
            Self::Store(Damage::Truncated(_)) => "SIGKILL, store truncated",
            Self::Store(Damage::Tampered(_)) => "SIGKILL, entries of the store lost",
            Self::Store(Damage::Older) => "SIGKILL, store of an earlier generation",
            Self::Store(Damage::Stale) => "SIGKILL, store rolled back",
            Self::BrokerStopped => "broker stopped and started",
            Self::BrokerKilled => "broker killed and started",
            Self::Cut(_) => "connections cut",
            Self::VersionedState(_) => "connections held",
            Self::VendorFails(_) => "vendor failing",
        };
        name.to_owned()
    }

    /// The place at which a process has to die.
    pub(crate) const fn place(self) -> Option<Failpoint> {
        match self {
            Self::KillAt(place) => Some(place),
            _ => None,
        }
    }
}

/// One fault, with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// How long everything runs undisturbed before, in milliseconds.
    pub(crate) calm_millis: u64,
    pub(crate) fault: Fault,
    /// How long what was killed stays away, in milliseconds.
    pub(crate) away_millis: u64,
    /// Whether it is done to the bridge that stands by, where there is one.
    pub(crate) to_standby: bool,
}

impl fmt::Display for Round {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "after {} ms: {}", self.calm_millis, self.fault.kind())?;
        match self.fault {
            Fault::KillAt(place) => write!(out, ", passage {}", place.passages + 1)?,
            Fault::Pause(seconds) | Fault::VendorFails(seconds) => write!(out, " for {seconds} s")?,
            Fault::Cut(millis) | Fault::VersionedState(millis) => write!(out, " for {millis} ms")?,
            _ => {}
        }
        if self.to_standby { write!(out, " (standby)") } else { Ok(()) }
    }
}

/// A world of its own, with topics and a deployment of its own: its rounds are judged together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// What the world depends on.
    pub(crate) seed: u64,
    /// Whether a second bridge stands by.
    pub(crate) pair: bool,
    pub(crate) rounds: Vec<Round>,
}

/// A fault that a build for the torture has planted, to see whether the check notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    OutboxDeletedBeforeCommit,
    ProgressNotWritten,
    GenerationIgnored,
    IntegrityIgnored,
    FencingIgnored,
}

impl Planted {
    pub(crate) const ALL: &[Self] = &[
        Self::OutboxDeletedBeforeCommit,
        Self::ProgressNotWritten,
        Self::GenerationIgnored,
        Self::IntegrityIgnored,
        Self::FencingIgnored,
    ];

    /// What the variable `PLANTED_FAULT` has to be.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OutboxDeletedBeforeCommit => "outbox_deleted_before_commit",
            Self::ProgressNotWritten => "progress_not_written",
            Self::GenerationIgnored => "generation_ignored",
            Self::IntegrityIgnored => "integrity_ignored",
            Self::FencingIgnored => "fencing_ignored",
        }
    }

    /// The faults that show it.
    fn provocation(self, random: &mut StdRng) -> Fault {
        let at = |name, passages| Fault::KillAt(Failpoint { name, passages, restoring: false });
        match self {
            Self::OutboxDeletedBeforeCommit => {
                let names =
                    ["publish::after_begin", "publish::mid_batch", "publish::before_commit"];
                at(names[random.random_range(0..names.len())], random.random_range(1..10))
            }
            Self::ProgressNotWritten => at("publish::after_commit", random.random_range(1..10)),
            Self::GenerationIgnored => {
                Fault::Store(if random.random_bool(0.5) { Damage::Older } else { Damage::Stale })
            }
            Self::IntegrityIgnored => {
                let chance = random.random();
                Fault::Store(match random.random_range(0..3) {
                    0 => Damage::Truncated(chance),
                    1 => Damage::Flipped(chance),
                    _ => Damage::Tampered(chance),
                })
            }
            Self::FencingIgnored => Fault::Pause(random.random_range(24..28)),
        }
    }
}

/// How many rounds are judged together.
const ROUNDS_IN_EPOCH: usize = 22;
/// The same of two bridges, whose rounds are longer.
const ROUNDS_OF_PAIR: usize = 8;
/// One epoch in so many has two bridges.
const PAIR_EVERY: usize = 3;

/// So many rounds: those of one bridge and of two take turns.
pub(crate) fn schedule(seed: u64, rounds: usize, with_places: bool) -> Vec<Epoch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut left = rounds;
    let mut epochs = Vec::new();
    while left > 0 {
        let pair = epochs.len() % PAIR_EVERY == 1;
        let count = left.min(if pair { ROUNDS_OF_PAIR } else { ROUNDS_IN_EPOCH });
        epochs.push(epoch(&mut random, pair, count, with_places));
        left -= count;
    }
    epochs
}

/// One epoch.
fn epoch(random: &mut StdRng, pair: bool, rounds: usize, with_places: bool) -> Epoch {
    let seed = random.random();
    let mut next = || round(random, pair, with_places);
    let rounds = (0..rounds).map(|_| next()).collect();
    Epoch { seed, pair, rounds }
}

/// The short form: one bridge that dies often, then two of which each takes over once.
pub(crate) fn short(seed: u64, with_places: bool) -> Vec<Epoch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut faults: Vec<_> = PASSED_IN_PUBLISHING
        .iter()
        .filter(|_| with_places)
        .map(|(name, most)| {
            let passages = random.random_range(0..(*most).min(10));
            Fault::KillAt(Failpoint { name, passages, restoring: false })
        })
        .collect();
    if with_places {
        for name in PASSED_IN_RESTORING {
            faults.push(Fault::KillAt(Failpoint { name, passages: 0, restoring: true }));
        }
    }
    for damage in [
        Damage::Deleted,
        Damage::Flipped(random.random()),
        Damage::Truncated(random.random()),
        Damage::Tampered(random.random()),
        Damage::Older,
        Damage::Stale,
    ] {
        faults.push(Fault::Store(damage));
    }
    faults.extend([Fault::Cut(2_000), Fault::VersionedState(1_500), Fault::VendorFails(2)]);
    faults.extend([Fault::Pause(7), Fault::End, Fault::BrokerKilled]);
    while kills(&faults) < SHORT_KILLS {
        faults.push(Fault::Kill);
    }
    // In an order of the seed.
    for last in (1..faults.len()).rev() {
        faults.swap(last, random.random_range(0..=last));
    }
    let rounds = faults.into_iter().map(|fault| Round {
        calm_millis: random.random_range(100..800),
        fault,
        away_millis: random.random_range(0..100),
        to_standby: false,
    });
    let alone = Epoch { seed, pair: false, rounds: rounds.collect() };
    let pair = [Fault::End, Fault::Pause(24), Fault::Kill].map(|fault| Round {
        calm_millis: 1_500,
        fault,
        away_millis: 500,
        to_standby: false,
    });
    vec![alone, Epoch { seed: seed.wrapping_add(1), pair: true, rounds: pair.to_vec() }]
}

/// How often a process has to be killed in the short form's first epoch.
const SHORT_KILLS: usize = 29;

fn kills(faults: &[Fault]) -> usize {
    let kills = |fault: &&Fault| matches!(fault, Fault::Kill | Fault::KillAt(_) | Fault::Store(_));
    faults.iter().filter(kills).count()
}

/// What shows a planted fault, so many times.
pub(crate) fn provoking(planted: Planted, seed: u64, rounds: usize) -> Vec<Epoch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut next = || Round {
        calm_millis: random.random_range(500..3_000),
        fault: planted.provocation(&mut random),
        away_millis: random.random_range(0..300),
        to_standby: false,
    };
    let rounds = (0..rounds).map(|_| next()).collect();
    vec![Epoch { seed, pair: planted == Planted::FencingIgnored, rounds }]
}

fn round(random: &mut StdRng, pair: bool, with_places: bool) -> Round {
    let fault = if pair { fault_of_pair(random, with_places) } else { fault(random, with_places) };
    Round {
        calm_millis: random.random_range(50..4_000),
        fault,
        away_millis: random.random_range(0..1_500),
        to_standby: pair && random.random_bool(0.15),
    }
}

fn fault(random: &mut StdRng, with_places: bool) -> Fault {
    match random.random_range(0..100) {
        0..20 => Fault::Kill,
        20..55 if with_places => Fault::KillAt(place(random)),
        20..55 => Fault::Kill,
        55..77 => Fault::Store(damage(random)),
        77..82 => Fault::End,
        82..86 => Fault::Pause(random.random_range(6..10)),
        86..90 => Fault::Cut(random.random_range(200..9_000)),
        90..93 => Fault::VersionedState(random.random_range(200..9_000)),
        93..95 => Fault::BrokerStopped,
        95..97 => Fault::BrokerKilled,
        _ => Fault::VendorFails(random.random_range(2..8)),
    }
}

fn fault_of_pair(random: &mut StdRng, with_places: bool) -> Fault {
    match random.random_range(0..100) {
        0..15 => Fault::Kill,
        15..30 if with_places => Fault::KillAt(place(random)),
        15..30 => Fault::Kill,
        30..38 => Fault::KillAll,
        38..55 => Fault::End,
        55..70 => Fault::Pause(random.random_range(22..28)),
        70..78 => Fault::Store(damage(random)),
        78..86 => Fault::Cut(random.random_range(500..32_000)),
        86..92 => Fault::VersionedState(random.random_range(500..32_000)),
        92..96 => Fault::BrokerKilled,
        _ => Fault::VendorFails(random.random_range(2..8)),
    }
}

fn place(random: &mut StdRng) -> Failpoint {
    if random.random_bool(0.15) {
        let name = PASSED_IN_RESTORING.choose(random).copied().unwrap_or_default();
        return Failpoint { name, passages: 0, restoring: true };
    }
    let (name, most) = PASSED_IN_PUBLISHING.choose(random).copied().unwrap_or_default();
    Failpoint { name, passages: random.random_range(0..most), restoring: false }
}

fn damage(random: &mut StdRng) -> Damage {
    let chance = random.random();
    match random.random_range(0..6) {
        0 => Damage::Deleted,
        1 => Damage::Flipped(chance),
        2 => Damage::Truncated(chance),
        3 => Damage::Tampered(chance),
        4 => Damage::Older,
        _ => Damage::Stale,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_one_another() {
        assert_eq!(schedule(7, 200, true), schedule(7, 200, true));
        assert_ne!(schedule(7, 200, true), schedule(8, 200, true));
        assert_eq!(short(7, true), short(7, true));
    }

    #[test]
    fn a_long_schedule_does_everything_there_is_to_one_bridge_and_to_two() {
        let epochs = schedule(1, 500, true);
        let kinds: BTreeSet<_> =
            epochs.iter().flat_map(|epoch| &epoch.rounds).map(|round| round.fault.kind()).collect();
        assert_eq!(kinds.len(), 13 + 15, "{kinds:#?}");
        assert_eq!(epochs.iter().map(|epoch| epoch.rounds.len()).sum::<usize>(), 500);
        assert!(epochs.iter().any(|epoch| epoch.pair) && epochs.iter().any(|epoch| !epoch.pair));
    }

    #[test]
    fn each_planted_fault_has_what_shows_it() {
        for planted in Planted::ALL {
            let epochs = provoking(*planted, 1, 6);
            let rounds: Vec<_> = epochs.iter().flat_map(|epoch| &epoch.rounds).collect();
            assert_eq!(rounds.len(), 6, "{}", planted.name());
            let shows = |fault: Fault| match planted {
                Planted::OutboxDeletedBeforeCommit | Planted::ProgressNotWritten => {
                    fault.place().is_some_and(|place| place.name.starts_with("publish::"))
                }
                Planted::GenerationIgnored => {
                    matches!(fault, Fault::Store(Damage::Older | Damage::Stale))
                }
                Planted::IntegrityIgnored => matches!(fault, Fault::Store(_)),
                Planted::FencingIgnored => matches!(fault, Fault::Pause(_)),
            };
            assert!(rounds.iter().all(|round| shows(round.fault)), "{rounds:?}");
        }
    }

    #[test]
    fn the_short_form_kills_at_every_place_and_thirty_times() {
        for with_places in [false, true] {
            let epochs = short(3, with_places);
            let faults: Vec<_> =
                epochs.iter().flat_map(|epoch| &epoch.rounds).map(|round| round.fault).collect();
            assert!(kills(&faults) >= 30);
            let places: BTreeSet<_> =
                faults.iter().filter_map(|fault| fault.place()).map(|place| place.name).collect();
            assert_eq!(places.len(), if with_places { 13 } else { 0 });
        }
    }
}
