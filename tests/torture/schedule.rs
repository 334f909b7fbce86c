//! The schedule: which faults are injected, and when. It depends on the seed alone, so that a
//! failing run can be repeated.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// The failpoints between store and Kafka, and how often each may be hit before the process exits.
/// Those of ownership are hit at every start.
const PUBLISHING_FAILPOINTS: &[(&str, u32)] = &[
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
/// The failpoints that are hit when a store is restored from the topic.
const RESTORING_FAILPOINTS: &[&str] = &["restore::half_way", "restore::before_adopt"];

/// A failpoint in the program, and how often it is hit before the process exits there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failpoint {
    pub(crate) name: &'static str,
    pub(crate) hits_before: u32,
    /// Whether it is hit only when the store is restored.
    pub(crate) restoring: bool,
}

impl Failpoint {
    /// The value of the variable `FAILPOINTS`.
    pub(crate) fn as_variable(self) -> String {
        format!("{}={}*off->1*return", self.name, self.hits_before)
    }
}

/// Damage to a store after its process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// All its files are deleted.
    Deleted,
    /// Some of its bits are flipped, by this seed.
    Flipped(u64),
    /// Its largest file is truncated, by this seed.
    Truncated(u64),
    /// Some of its entries are removed without a trace, by this seed.
    Tampered(u64),
    /// It is replaced by an older copy, made under an earlier generation while Kafka was
    /// unavailable and the outbox filled.
    Older,
    /// It is replaced by an older copy, made a moment ago under the same generation.
    Stale,
}

/// A fault that is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL at a random moment.
    Kill,
    /// The process exits at a failpoint.
    KillAt(Failpoint),
    /// SIGKILL of all bridges, which then start at once.
    KillAll,
    /// SIGTERM: the bridge stops gracefully.
    End,
    /// SIGSTOP, and SIGCONT after this many seconds.
    Pause(u64),
    /// SIGKILL, and damage to the store.
    Store(Damage),
    /// The broker is stopped gracefully, and started again.
    BrokerStopped,
    /// The broker is killed, and started again.
    BrokerKilled,
    /// The connections of the first bridge to the broker are closed for this long, in milliseconds.
    Cut(u64),
    /// The same connections stay open, and no byte passes for this long, in milliseconds.
    Stall(u64),
    /// The vendor answers with errors for this many seconds.
    VendorFails(u64),
}

impl Fault {
    /// Its name in the report.
    pub(crate) fn kind(self) -> String {
        let name = match self {
            Self::Kill => "SIGKILL",
            Self::KillAt(failpoint) => return format!("killed at {}", failpoint.name),
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
            Self::Stall(_) => "connections held",
            Self::VendorFails(_) => "vendor failing",
        };
        name.to_owned()
    }

    /// The failpoint at which a process has to exit.
    pub(crate) const fn failpoint(self) -> Option<Failpoint> {
        match self {
            Self::KillAt(failpoint) => Some(failpoint),
            _ => None,
        }
    }
}

/// One fault, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// How long everything runs undisturbed before, in milliseconds.
    pub(crate) calm_millis: u64,
    pub(crate) fault: Fault,
    /// How long a killed process stays away, in milliseconds.
    pub(crate) away_millis: u64,
    /// Whether the standby is affected, where there is one.
    pub(crate) to_standby: bool,
}

impl fmt::Display for Round {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "after {} ms: {}", self.calm_millis, self.fault.kind())?;
        match self.fault {
            Fault::KillAt(failpoint) => write!(out, ", hit {}", failpoint.hits_before + 1)?,
            Fault::Pause(seconds) | Fault::VendorFails(seconds) => write!(out, " for {seconds} s")?,
            Fault::Cut(millis) | Fault::Stall(millis) => write!(out, " for {millis} ms")?,
            _ => {}
        }
        if self.to_standby { write!(out, " (standby)") } else { Ok(()) }
    }
}

/// Rounds that are checked together, with a simulation, topics and a deployment of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// The seed of the simulation.
    pub(crate) seed: u64,
    /// Whether there is a standby.
    pub(crate) pair: bool,
    pub(crate) rounds: Vec<Round>,
}

/// A fault in a build with failpoints, to verify that the check notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlantedFault {
    OutboxDeletedBeforeCommit,
    ProgressNotWritten,
    GenerationIgnored,
    IntegrityIgnored,
    FencingIgnored,
}

impl PlantedFault {
    pub(crate) const ALL: &[Self] = &[
        Self::OutboxDeletedBeforeCommit,
        Self::ProgressNotWritten,
        Self::GenerationIgnored,
        Self::IntegrityIgnored,
        Self::FencingIgnored,
    ];

    /// The value of the variable `PLANTED_FAULT`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OutboxDeletedBeforeCommit => "outbox_deleted_before_commit",
            Self::ProgressNotWritten => "progress_not_written",
            Self::GenerationIgnored => "generation_ignored",
            Self::IntegrityIgnored => "integrity_ignored",
            Self::FencingIgnored => "fencing_ignored",
        }
    }

    /// A fault that provokes it.
    fn provoking_fault(self, random: &mut StdRng) -> Fault {
        let at =
            |name, hits_before| Fault::KillAt(Failpoint { name, hits_before, restoring: false });
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

/// How many rounds are checked together.
const ROUNDS_IN_EPOCH: usize = 22;
/// The same for two bridges, whose rounds take longer.
const ROUNDS_OF_PAIR: usize = 8;
/// One of this many epochs has two bridges.
const PAIR_EVERY: usize = 3;

/// This many rounds, in epochs of one bridge and of two.
pub(crate) fn schedule(seed: u64, rounds: usize, with_failpoints: bool) -> Vec<Epoch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut left = rounds;
    let mut epochs = Vec::new();
    while left > 0 {
        let pair = epochs.len() % PAIR_EVERY == 1;
        let count = left.min(if pair { ROUNDS_OF_PAIR } else { ROUNDS_IN_EPOCH });
        epochs.push(epoch(&mut random, pair, count, with_failpoints));
        left -= count;
    }
    epochs
}

/// One epoch.
fn epoch(random: &mut StdRng, pair: bool, rounds: usize, with_failpoints: bool) -> Epoch {
    let seed = random.random();
    let mut next = || round(random, pair, with_failpoints);
    let rounds = (0..rounds).map(|_| next()).collect();
    Epoch { seed, pair, rounds }
}

/// The short form: one bridge that is killed often, then two of which each takes over once.
pub(crate) fn short(seed: u64, with_failpoints: bool) -> Vec<Epoch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut faults: Vec<_> = PUBLISHING_FAILPOINTS
        .iter()
        .filter(|_| with_failpoints)
        .map(|(name, most)| {
            let hits_before = random.random_range(0..(*most).min(10));
            Fault::KillAt(Failpoint { name, hits_before, restoring: false })
        })
        .collect();
    if with_failpoints {
        for name in RESTORING_FAILPOINTS {
            faults.push(Fault::KillAt(Failpoint { name, hits_before: 0, restoring: true }));
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
    faults.extend([Fault::Cut(2_000), Fault::Stall(1_500), Fault::VendorFails(2)]);
    faults.extend([Fault::Pause(7), Fault::End, Fault::BrokerKilled]);
    while kills(&faults) < SHORT_KILLS {
        faults.push(Fault::Kill);
    }
    // Shuffled by the seed.
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

/// This many rounds that provoke a planted fault.
pub(crate) fn provoking(planted: PlantedFault, seed: u64, rounds: usize) -> Vec<Epoch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut next = || Round {
        calm_millis: random.random_range(500..3_000),
        fault: planted.provoking_fault(&mut random),
        away_millis: random.random_range(0..300),
        to_standby: false,
    };
    let rounds = (0..rounds).map(|_| next()).collect();
    vec![Epoch { seed, pair: planted == PlantedFault::FencingIgnored, rounds }]
}

fn round(random: &mut StdRng, pair: bool, with_failpoints: bool) -> Round {
    let fault =
        if pair { fault_of_pair(random, with_failpoints) } else { fault(random, with_failpoints) };
    Round {
        calm_millis: random.random_range(50..4_000),
        fault,
        away_millis: random.random_range(0..1_500),
        to_standby: pair && random.random_bool(0.15),
    }
}

fn fault(random: &mut StdRng, with_failpoints: bool) -> Fault {
    match random.random_range(0..100) {
        0..20 => Fault::Kill,
        20..55 if with_failpoints => Fault::KillAt(failpoint(random)),
        20..55 => Fault::Kill,
        55..77 => Fault::Store(damage(random)),
        77..82 => Fault::End,
        82..86 => Fault::Pause(random.random_range(6..10)),
        86..90 => Fault::Cut(random.random_range(200..9_000)),
        90..93 => Fault::Stall(random.random_range(200..9_000)),
        93..95 => Fault::BrokerStopped,
        95..97 => Fault::BrokerKilled,
        _ => Fault::VendorFails(random.random_range(2..8)),
    }
}

fn fault_of_pair(random: &mut StdRng, with_failpoints: bool) -> Fault {
    match random.random_range(0..100) {
        0..15 => Fault::Kill,
        15..30 if with_failpoints => Fault::KillAt(failpoint(random)),
        15..30 => Fault::Kill,
        30..38 => Fault::KillAll,
        38..55 => Fault::End,
        55..70 => Fault::Pause(random.random_range(22..28)),
        70..78 => Fault::Store(damage(random)),
        78..86 => Fault::Cut(random.random_range(500..32_000)),
        86..92 => Fault::Stall(random.random_range(500..32_000)),
        92..96 => Fault::BrokerKilled,
        _ => Fault::VendorFails(random.random_range(2..8)),
    }
}

fn failpoint(random: &mut StdRng) -> Failpoint {
    if random.random_bool(0.15) {
        let name = RESTORING_FAILPOINTS.choose(random).copied().unwrap_or_default();
        return Failpoint { name, hits_before: 0, restoring: true };
    }
    let (name, most) = PUBLISHING_FAILPOINTS.choose(random).copied().unwrap_or_default();
    Failpoint { name, hits_before: random.random_range(0..most), restoring: false }
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
    fn the_same_seed_gives_the_same_schedule_and_another_seed_another_one() {
        assert_eq!(schedule(7, 200, true), schedule(7, 200, true));
        assert_ne!(schedule(7, 200, true), schedule(8, 200, true));
        assert_eq!(short(7, true), short(7, true));
    }

    #[test]
    fn a_long_schedule_contains_every_fault_for_one_bridge_and_for_two() {
        let epochs = schedule(1, 500, true);
        let kinds: BTreeSet<_> =
            epochs.iter().flat_map(|epoch| &epoch.rounds).map(|round| round.fault.kind()).collect();
        assert_eq!(kinds.len(), 13 + 15, "{kinds:#?}");
        assert_eq!(epochs.iter().map(|epoch| epoch.rounds.len()).sum::<usize>(), 500);
        assert!(epochs.iter().any(|epoch| epoch.pair) && epochs.iter().any(|epoch| !epoch.pair));
    }

    #[test]
    fn each_planted_fault_has_rounds_that_provoke_it() {
        for planted in PlantedFault::ALL {
            let epochs = provoking(*planted, 1, 6);
            let rounds: Vec<_> = epochs.iter().flat_map(|epoch| &epoch.rounds).collect();
            assert_eq!(rounds.len(), 6, "{}", planted.name());
            let provokes = |fault: Fault| match planted {
                PlantedFault::OutboxDeletedBeforeCommit | PlantedFault::ProgressNotWritten => fault
                    .failpoint()
                    .is_some_and(|failpoint| failpoint.name.starts_with("publish::")),
                PlantedFault::GenerationIgnored => {
                    matches!(fault, Fault::Store(Damage::Older | Damage::Stale))
                }
                PlantedFault::IntegrityIgnored => matches!(fault, Fault::Store(_)),
                PlantedFault::FencingIgnored => matches!(fault, Fault::Pause(_)),
            };
            assert!(rounds.iter().all(|round| provokes(round.fault)), "{rounds:?}");
        }
    }

    #[test]
    fn the_short_schedule_kills_at_every_failpoint_and_thirty_times() {
        for with_failpoints in [false, true] {
            let epochs = short(3, with_failpoints);
            let faults: Vec<_> =
                epochs.iter().flat_map(|epoch| &epoch.rounds).map(|round| round.fault).collect();
            assert!(kills(&faults) >= 30);
            let failpoints: BTreeSet<_> = faults
                .iter()
                .filter_map(|fault| fault.failpoint())
                .map(|failpoint| failpoint.name)
                .collect();
            assert_eq!(failpoints.len(), if with_failpoints { 13 } else { 0 });
        }
    }
}
