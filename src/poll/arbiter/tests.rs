//! The arbiter, driven by a clock of its own through whatever streams may do.

#![allow(clippy::cast_precision_loss, reason = "counts of a simulation, far below 2^52")]

use std::collections::VecDeque;

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// The weights and ceilings, in seconds, of a vendor with all kinds of streams.
const SHARES: [(f64, f64); 14] = [
    (4.0, 5.0),
    (1.0, 15.0),
    (2.0, 10.0),
    (1.0, 30.0),
    (4.0, 5.0),
    (3.0, 5.0),
    (1.0, 60.0),
    (2.0, 2.0),
    (1.0, 20.0),
    (0.5, 60.0),
    (0.25, 120.0),
    (0.25, 300.0),
    (0.25, 300.0),
    (0.1, 600.0),
];

fn share((weight, ceiling): (f64, f64)) -> Share {
    Share { weight, ceiling: Duration::from_secs_f64(ceiling) }
}

fn name(index: usize) -> StreamName {
    const NAMES: [&str; 20] = [
        "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13",
        "s14", "s15", "s16", "s17", "s18", "s19",
    ];
    StreamName::new(NAMES[index])
}

/// How an account behaves.
#[derive(Clone, Debug)]
struct Behaviour {
    requests_per_second: f64,
    shares: Vec<Share>,
    /// The longest time a stream does something else after a request, in seconds.
    longest_pause: f64,
    /// How likely a request is refused, and a waiting stream gives up, at each step.
    refusals: f64,
    drops: f64,
}

/// What a run came to.
#[derive(Debug, Default)]
struct Run {
    grants: usize,
    by_stream: Vec<usize>,
}

/// What a stream does.
#[derive(Clone, Copy, Debug)]
enum Doing {
    /// And how much of all pauses was over when it began.
    Waits {
        since: Instant,
        pauses: f64,
    },
    ComesAt(Instant),
}

/// Drives an arbiter for so long, and checks at every step what it promises:
///
/// 1. two requests are never closer than the rate at that time allows, so that no second holds more
///    than the limit, and none is granted in a pause;
/// 2. as soon as a stream waits, no pause is on and the spacing is over, one is granted;
/// 3. no stream waits for longer than a bound;
/// 4. whatever gave up waiting is never granted.
fn drive(behaviour: &Behaviour, seed: u64, length: Duration) -> Run {
    let Behaviour { requests_per_second, shares, refusals, drops, .. } = behaviour;
    let (streams, longest) = (shares.len(), behaviour.longest_pause);
    let mut random = SmallRng::seed_from_u64(seed);
    let start = Instant::now();
    let mut now = start;
    let longest_pause = Duration::from_secs(30);
    let settings = BudgetSettings { requests_per_second: *requests_per_second, longest_pause };
    let mut arbiter = Arbiter::new(settings, now);
    for (index, share) in shares.iter().enumerate() {
        arbiter.set_share(&name(index), *share, now);
    }
    let lowest = requests_per_second * if *refusals > 0.0 { LOWEST_RATIO } else { WORKING_RATIO };
    let demand: f64 = shares.iter().map(|share| 1.0 / share.ceiling.as_secs_f64().max(0.001)).sum();
    // Above this ratio of its ceiling nothing passes a stream more than once in twice the time that
    // all of them need (the sum of the others' rates is then half of the rate at most).
    let late = (2.0 * demand / lowest).max(1.0);
    let turns = 2.0 * (streams + 1) as f64 / lowest;

    let mut doing: Vec<_> = (0..streams)
        .map(|_| Doing::ComesAt(now + Duration::from_secs_f64(random.random_range(0.0..longest))))
        .collect();
    let mut allowed = now;
    let mut paused_until = now;
    let mut pauses = 0.0;
    let mut recent = VecDeque::new();
    let in_a_second =
        (1_u32..=100).find(|count| f64::from(*count) >= *requests_per_second).unwrap();
    let mut run = Run { grants: 0, by_stream: vec![0; streams] };
    while now - start < length {
        for (index, doing) in doing.iter_mut().enumerate() {
            if let Doing::ComesAt(time) = *doing
                && time <= now
            {
                arbiter.enter(&name(index), now);
                let ahead = paused_until.saturating_duration_since(now).as_secs_f64();
                *doing = Doing::Waits { since: now, pauses: pauses - ahead };
            }
        }
        let coming = doing.iter().filter_map(|doing| match doing {
            Doing::ComesAt(time) => Some(*time),
            Doing::Waits { .. } => None,
        });
        let comes_next = coming.min();
        let waits = doing.iter().any(|doing| matches!(doing, Doing::Waits { .. }));
        let from = allowed.max(paused_until);
        let decision = arbiter.decide(now);
        match decision {
            Decision::Idle => {
                assert!(!waits, "idle while a stream waits");
                now = comes_next.unwrap();
            }
            Decision::WaitUntil(time) => {
                assert!(waits && time > now);
                assert_eq!(time, from, "it waits for nothing else than the rate and a pause");
                now = comes_next.map_or(time, |comes| comes.min(time));
            }
            Decision::Grant(stream) => {
                assert!(now >= from, "{:?} too early", from - now);
                let index = (0..streams).find(|index| name(*index) == stream).unwrap();
                let Doing::Waits { since, pauses: before } = doing[index] else {
                    panic!("{stream} does not wait")
                };
                let ceiling = shares[index].ceiling.as_secs_f64();
                let in_pauses: f64 = pauses - before;
                let waited = (now - since).as_secs_f64();
                assert!(waited <= ceiling * late + turns + in_pauses, "{stream} waited {waited} s");
                // The task takes its turn, a little late now and then.
                if random.random_bool(0.1) {
                    now += Duration::from_micros(random.random_range(0..20_000));
                }
                arbiter.spend(&stream, now);
                allowed = now + Duration::from_secs_f64(1.0 / arbiter.state(now).working_rate);
                recent.push_back(now);
                if recent.len() > usize::try_from(in_a_second).unwrap() {
                    let first = recent.pop_front().unwrap();
                    assert!(now - first >= Duration::from_secs(1), "more than the limit");
                }
                run.grants += 1;
                run.by_stream[index] += 1;
                // Another page at once, or something else first.
                let wait = if random.random_bool(0.5) {
                    Duration::ZERO
                } else {
                    Duration::from_secs_f64(random.random_range(0.0..longest))
                };
                doing[index] = Doing::ComesAt(now + wait);
                if *refusals > 0.0 && random.random_bool(*refusals) {
                    let asked = random
                        .random_bool(0.5)
                        .then(|| Duration::from_millis(random.random_range(0..60_000)));
                    arbiter.refused(asked, now);
                    let until = now + arbiter.state(now).pause.unwrap_or_default();
                    pauses += until.saturating_duration_since(paused_until.max(now)).as_secs_f64();
                    paused_until = paused_until.max(until);
                } else {
                    arbiter.answered();
                }
            }
        }
        if *drops > 0.0 && random.random_bool(*drops) {
            let index = random.random_range(0..streams);
            if matches!(doing[index], Doing::Waits { .. }) {
                arbiter.leave(&name(index), now);
                let wait = Duration::from_secs_f64(random.random_range(0.0..longest));
                doing[index] = Doing::ComesAt(now + wait);
            }
        }
    }
    run
}

/// An account with the usual streams.
fn account(requests_per_second: f64) -> Behaviour {
    Behaviour {
        requests_per_second,
        shares: SHARES.into_iter().map(share).collect(),
        longest_pause: 20.0,
        refusals: 0.0,
        drops: 0.0,
    }
}

const DAY: Duration = Duration::from_hours(24);

/// More of it by hand: `just budget`.
fn from_environment(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn accounts_with_all_their_streams_run_for_days_without_a_stop() {
    let accounts = from_environment("FLOORCAST_BUDGET_ACCOUNTS", 50);
    let days = from_environment("FLOORCAST_BUDGET_DAYS", 1);
    for (seed, limit) in (0..accounts).zip([0.05, 0.1, 0.15, 0.2, 0.5].into_iter().cycle()) {
        let behaviour = Behaviour { drops: 0.01, ..account(limit) };
        let run = drive(&behaviour, seed.into(), DAY * days);
        assert!(run.by_stream.iter().all(|grants| *grants > 3), "{run:?}");
        // More is wanted than there is: all of the rate is used.
        let used = run.grants as f64 / (DAY * days).as_secs_f64() / limit;
        assert!((0.93..=WORKING_RATIO + 0.001).contains(&used), "{used}");
    }
}

#[test]
fn a_vendor_that_refuses_now_and_then_stops_no_stream() {
    for seed in 0..10 {
        let run = drive(&Behaviour { refusals: 0.02, drops: 0.01, ..account(1.0) }, seed, DAY);
        assert!(run.by_stream.iter().all(|grants| *grants > 100), "{run:?}");
    }
}

#[test]
fn an_account_runs_for_a_month() {
    drive(&account(0.1), 1, DAY * 30);
}

prop_compose! {
    fn any_behaviour()(
        requests_per_second in prop_oneof![0.05_f64..2.0, 1.0_f64..50.0, (1_u32..20).prop_map(f64::from)],
        shares in prop::collection::vec((0.0_f64..10.0, 0.001_f64..600.0).prop_map(share), 1..20),
        longest_pause in 0.01_f64..60.0,
        refusals in prop_oneof![Just(0.0), 0.0_f64..0.3],
        drops in prop_oneof![Just(0.0), 0.0_f64..0.9],
    ) -> Behaviour {
        Behaviour { requests_per_second, shares, longest_pause, refusals, drops }
    }
}

proptest! {
    #[test]
    fn the_limit_holds_and_no_stream_waits_forever_whatever_the_streams_do(
        behaviour in any_behaviour(),
        seed in any::<u64>(),
    ) {
        let length = Duration::from_secs_f64(2_000.0 / behaviour.requests_per_second);
        drive(&behaviour, seed, length);
    }
}

#[test]
fn streams_that_wait_all_the_time_share_by_weight_whatever_weights_there_are() {
    for other in [0.0, -1.0, f64::NAN, 1e-300, 1e-9] {
        let shares = [(3.0, 1e6), (1.0, 1e6), (other, 1e6)].into_iter().map(share).collect();
        let behaviour = Behaviour { shares, longest_pause: 0.001, ..account(10.0) };
        let run = drive(&behaviour, 1, Duration::from_hours(1));
        let ratio = run.by_stream[0] as f64 / run.by_stream[1] as f64;
        assert!((2.98..=3.02).contains(&ratio) && run.by_stream[2] < 10, "{other}: {run:?}");
    }
}

#[test]
fn a_stream_that_goes_first_because_it_is_late_leaves_the_others_their_shares() {
    let shares = [(3.0, 1e6), (1.0, 1e6), (0.001, 0.3)].into_iter().map(share).collect();
    let behaviour = Behaviour { shares, longest_pause: 0.001, ..account(10.0) };
    let run = drive(&behaviour, 1, Duration::from_hours(1));
    let ratio = run.by_stream[0] as f64 / run.by_stream[1] as f64;
    assert!((2.98..=3.02).contains(&ratio), "{run:?}");
}

#[test]
fn zero_ceilings_and_infinite_weights_are_harmless() {
    let shares = [(1.0, 0.0), (f64::INFINITY, 1.0), (1e300, 1.0), (1.0, 1e9)];
    let behaviour = Behaviour { shares: shares.into_iter().map(share).collect(), ..account(1.0) };
    let run = drive(&behaviour, 1, Duration::from_hours(10));
    assert!(run.by_stream[..3].iter().all(|grants| *grants > 100), "{run:?}");
}

#[test]
fn a_limit_too_low_to_count_is_a_request_a_day() {
    for limit in [1e-12, 0.0, f64::NAN] {
        let now = Instant::now();
        let settings = BudgetSettings { requests_per_second: limit, longest_pause: DAY };
        let mut arbiter = Arbiter::new(settings, now);
        arbiter.enter(&name(0), now);
        assert_eq!(arbiter.decide(now), Decision::Grant(name(0)));
        arbiter.spend(&name(0), now);
        assert_eq!(arbiter.decide(now), Decision::Idle);
        arbiter.enter(&name(0), now);
        assert_eq!(arbiter.decide(now), Decision::WaitUntil(now + LONGEST_SPACING));
    }
}
