use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::model::Timestamp;

const LOG: StreamName = StreamName::new("log");
const CALLS: StreamName = StreamName::new("calls");
const ROSTER: StreamName = StreamName::new("roster");
const TEAMS: StreamName = StreamName::new("teams");

fn settings(weight: f64, bounds: (f64, f64), class: DegradationClass) -> StreamSettings {
    StreamSettings {
        weight,
        min_interval: Duration::from_secs_f64(bounds.0),
        max_interval: Duration::from_secs_f64(bounds.1),
        class,
        rows_per_request: (class == DegradationClass::Incremental).then_some(100),
    }
}

fn streams() -> [(StreamName, StreamSettings); 4] {
    [
        (LOG, settings(4.0, (0.5, 20.0), DegradationClass::Incremental)),
        (CALLS, settings(4.0, (0.5, 20.0), DegradationClass::Incremental)),
        (ROSTER, settings(1.0, (2.0, 60.0), DegradationClass::Roster)),
        (TEAMS, settings(0.25, (10.0, 600.0), DegradationClass::Reference)),
    ]
}

/// What really happens on each stream: events per second, and requests per poll.
type Truth = [(f64, u32); 4];

/// Polls as planned for so many seconds, and plans anew after each poll.
fn run(planner: &mut Planner, truth: Truth, budget: f64, from: f64, seconds: f64, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let names = [LOG, CALLS, ROSTER, TEAMS];
    let mut last = [from; 4];
    let mut now = from;
    while now < from + seconds {
        let plan = planner.plan(budget);
        let due = |index: usize| last[index] + plan.streams[&names[index]].interval.as_secs_f64();
        let next = (0..4).min_by(|one, other| due(*one).total_cmp(&due(*other))).unwrap();
        now = due(next).max(now);
        let (rate, requests) = truth[next];
        let expected = rate * (now - last[next]);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few events")]
        let events = (expected + random.random_range(0.0..1.0)).floor() as u32;
        #[allow(clippy::cast_possible_truncation, reason = "simulated seconds")]
        let at = Timestamp::from_millis((now * 1000.0) as i64);
        let pages = if next < 2 { 1 + events / 100 } else { requests };
        planner.observe(&names[next], ObservedPoll { at, requests: pages, events });
        last[next] = now;
    }
}

fn intervals(plan: &Plan) -> [f64; 4] {
    [LOG, CALLS, ROSTER, TEAMS].map(|name| plan.streams[&name].interval.as_secs_f64())
}

/// The plan of one that knows the truth.
fn ideal(truth: Truth, budget: f64) -> Vec<f64> {
    let demand =
        |((_, settings), (rate, cost)): ((StreamName, StreamSettings), (f64, u32))| Demand {
            value: settings.weight * rate,
            cost: cost.into(),
            throughput: 0.0,
            min_interval: settings.min_interval,
            max_interval: settings.max_interval,
            class: settings.class,
        };
    let demands: Vec<_> = streams().into_iter().zip(truth).map(demand).collect();
    allocate(&demands, budget).intervals.iter().map(Duration::as_secs_f64).collect()
}

const QUIET: Truth = [(0.5, 1), (0.2, 1), (0.05, 5), (1e-5, 1)];
const BUSY: Truth = [(5.0, 1), (2.0, 1), (0.05, 5), (1e-5, 1)];

#[test]
fn a_plan_comes_near_the_best_one_and_follows_a_tenfold_change_within_five_minutes() {
    for seed in 0..10 {
        let mut planner = Planner::new(streams());
        run(&mut planner, QUIET, 1.0, 0.0, 1_800.0, seed);
        for (truth, from) in [(BUSY, 1_800.0), (QUIET, 2_100.0)] {
            run(&mut planner, truth, 1.0, from, 300.0, !seed);
            let planned = intervals(&planner.plan(1.0));
            // The last one is polled more often than it deserves, since nobody knows that a stream
            // never changes; it costs next to nothing.
            for (planned, best) in planned.into_iter().zip(ideal(truth, 1.0)).take(3) {
                assert!((0.5..2.0).contains(&(planned / best)), "{planned} for {best}");
            }
            // What counts: how late events are.
            let latency = |intervals: &[f64]| -> f64 {
                let each = intervals.iter().zip(truth).zip(streams());
                each.map(|((interval, (rate, _)), (_, settings))| settings.weight * rate * interval)
                    .sum()
            };
            let (planned, best) = (latency(&planned), latency(&ideal(truth, 1.0)));
            assert!(planned < 1.1 * best, "{planned} for {best}");
        }
    }
}

#[test]
fn a_busy_log_is_not_polled_less_often_because_its_pages_are_full() {
    let mut planner = Planner::new(streams());
    run(&mut planner, [(150.0, 1), (0.2, 1), (0.05, 5), (1e-5, 1)], 3.0, 0.0, 1_800.0, 1);
    let plan = planner.plan(3.0);
    assert!(plan.streams[&LOG].interval < Duration::from_secs_f64(1.0), "{plan:?}");
    assert_eq!(plan.degraded, None);
    // 150 rows a second do not fit into one request a second.
    run(&mut planner, [(150.0, 1), (0.2, 1), (0.05, 5), (1e-5, 1)], 1.0, 1_800.0, 600.0, 1);
    let plan = planner.plan(1.0);
    assert!(plan.headroom_ratio < -0.3 && plan.degraded.is_some(), "{plan:?}");
    assert!(plan.streams[&LOG].interval <= Duration::from_secs(21), "{plan:?}");
}

#[test]
fn a_planner_that_has_learned_nothing_polls_every_stream_soon() {
    let plan = Planner::new(streams()).plan(1.0);
    assert!(intervals(&plan).iter().all(|interval| *interval <= 12.0), "{plan:?}");
}

#[test]
fn what_was_learned_survives_a_restart() {
    let mut planner = Planner::new(streams());
    run(&mut planner, BUSY, 1.0, 0.0, 600.0, 1);
    let stored = serde_json::to_string(&planner.learned()).unwrap();
    let mut restarted = Planner::new(streams().into_iter().take(3));
    restarted.restore(&serde_json::from_str(&stored).unwrap());
    for name in [LOG, CALLS, ROSTER] {
        let learned = |planner: &Planner| planner.plan(1.0).streams[&name].learned;
        let rates = |learned: LearnedRates| {
            [learned.events_per_second(), learned.requests_per_poll(), learned.throughput()]
        };
        for (after, before) in rates(learned(&restarted)).into_iter().zip(rates(learned(&planner)))
        {
            // The last digit is lost in the text.
            assert!((after - before).abs() <= 1e-12 * before, "{after} for {before}");
        }
    }
    let mut whole = Planner::new(streams());
    whole.restore(&planner.learned());
    assert_eq!(whole.plan(1.0), planner.plan(1.0));
    // Numbers that cannot be are as good as none.
    let mut other = Planner::new(streams());
    other.restore(&serde_json::from_str(r#"{"log":{"seconds":-5.0},"gone":{}}"#).unwrap());
    assert_eq!(other.plan(1.0), Planner::new(streams()).plan(1.0));
}

proptest! {
    #[test]
    fn the_same_polls_give_the_same_plan_in_whatever_order_streams_are_named(
        order in Just(streams().to_vec()).prop_shuffle(),
        polls in prop::collection::vec((0_usize..4, 0_i64..60_000, 0_u32..20, 0_u32..300), 0..60),
        budget in 0.01_f64..20.0,
    ) {
        let names = [LOG, CALLS, ROSTER, TEAMS];
        let mut one = Planner::new(streams());
        let mut other = Planner::new(order);
        let mut now = 0;
        for (index, later, requests, events) in polls {
            now += later;
            let poll = ObservedPoll { at: Timestamp::from_millis(now), requests, events };
            one.observe(&names[index], poll);
            other.observe(&names[index], poll);
        }
        prop_assert_eq!(one.plan(budget), other.plan(budget));
        prop_assert_eq!(one.plan(budget), one.clone().plan(budget));
        prop_assert_eq!(one.learned(), other.learned());
    }

    #[test]
    fn a_stream_with_more_events_or_more_weight_is_not_polled_less(
        events in prop::array::uniform4(0_u32..50),
        more in 1_u32..500,
        factor in 1.0_f64..10.0,
        budget in 0.05_f64..10.0,
        index in 0_usize..4,
    ) {
        let names = [LOG, CALLS, ROSTER, TEAMS];
        let plan = |events: [u32; 4], streams: [(StreamName, StreamSettings); 4]| {
            let mut planner = Planner::new(streams.map(|(name, settings)| {
                (name, StreamSettings { rows_per_request: None, ..settings })
            }));
            for (name, events) in names.iter().zip(events) {
                for (at, events) in [(0, 0), (20_000, events)] {
                    let at = Timestamp::from_millis(at);
                    planner.observe(name, ObservedPoll { at, requests: 2, events });
                }
            }
            planner.plan(budget).streams[&names[index]].interval
        };
        let before = plan(events, streams());
        let mut busier = events;
        busier[index] += more;
        prop_assert!(plan(busier, streams()) <= before + Duration::from_nanos(10));
        let mut weightier = streams();
        weightier[index].1.weight *= factor;
        prop_assert!(plan(events, weightier) <= before + Duration::from_nanos(10));
    }
}
