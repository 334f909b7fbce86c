use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

fn poll(at: i64, requests: u32, events: u32) -> ObservedPoll {
    ObservedPoll { at: Timestamp::from_millis(at), requests, events }
}

/// Events of a Poisson process in so many seconds.
fn poisson(rate: f64, seconds: f64, random: &mut SmallRng) -> u32 {
    let (mut time, mut events) = (0.0, 0);
    loop {
        time -= random.random_range(f64::MIN_POSITIVE..1.0).ln() / rate;
        if time > seconds {
            return events;
        }
        events += 1;
    }
}

#[test]
fn a_rate_is_events_by_seconds_with_a_half_of_each() {
    let mut learned = LearnedRates::default();
    assert!((learned.events_per_second() - 1.0).abs() < 1e-9, "nothing is known");
    learned.observe(poll(0, 1, 1000), None);
    assert!((learned.events_per_second() - 1.0).abs() < 1e-9, "a baseline is no event");
    learned.observe(poll(2_000, 1, 7), None);
    assert!((learned.events_per_second() - 7.5 / 2.5).abs() < 1e-9);
    // A minute later the first one counts half.
    learned.observe(poll(62_000, 1, 0), None);
    assert!((learned.events_per_second() - 4.0 / 61.5).abs() < 1e-9);
}

#[test]
fn a_stream_on_which_nothing_happens_falls_low_but_never_to_nothing() {
    let mut learned = LearnedRates::default();
    for minute in 0..10_000 {
        learned.observe(poll(minute * 600_000, 1, 0), None);
    }
    let rate = learned.events_per_second();
    assert!((1e-4..1e-3).contains(&rate), "{rate}");
}

#[test]
fn a_cost_is_the_mean_of_the_last_polls_without_pages_full_of_new_rows() {
    let mut learned = LearnedRates::default();
    assert!((learned.requests_per_poll() - 1.0).abs() < 1e-9);
    learned.observe(poll(0, 50, 5_000), None);
    assert!((learned.requests_per_poll() - 50.0).abs() < 1e-9);
    for second in 1..30 {
        learned.observe(poll(second * 1000, 10, 0), None);
    }
    assert!((learned.requests_per_poll() - 10.0).abs() < 0.1);

    let mut log = LearnedRates::default();
    for second in 0..1000 {
        // 25 rows a second, read every ten seconds: two and a half of the three pages are new rows.
        log.observe(poll(second * 10_000, 3, 250), Some(100));
    }
    assert!((log.requests_per_poll() - 0.5).abs() < 1e-9);
    assert!((log.throughput() - 0.25).abs() < 0.002, "{}", log.throughput());
    assert!((log.events_per_second() - 25.0).abs() < 0.2);

    let mut quiet = LearnedRates::default();
    quiet.observe(poll(0, 1, 0), Some(100));
    quiet.observe(poll(10_000, 1, 99), Some(100));
    assert!((quiet.requests_per_poll() - 1.0).abs() < 1e-9, "no page is full");
    assert!(quiet.throughput().abs() < 1e-9);
}

#[test]
fn an_outage_counts_as_minutes_at_the_same_rate() {
    let mut learned = LearnedRates::default();
    learned.observe(poll(0, 1, 0), None);
    let day = 86_400_000;
    learned.observe(poll(day, 9, 86_400), Some(100));
    assert!((learned.events_per_second() - 1.0).abs() < 0.01);
    // And it is forgotten as quickly.
    for second in (10..=300).step_by(10) {
        learned.observe(poll(day + second * 1000, 1, 100), Some(100));
    }
    assert!(learned.events_per_second() > 7.0, "{}", learned.events_per_second());
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let mut learned = LearnedRates::default();
    for at in [10_000, 20_000, 5_000, 5_000, 15_000] {
        learned.observe(poll(at, 1, 10), None);
        assert!(learned.checked().is_some());
    }
    let rate = learned.events_per_second();
    assert!((1.5..2.5).contains(&rate), "40 events in 20 seconds: {rate}");
}

#[test]
fn a_tenfold_change_is_followed_within_five_minutes() {
    for (before, after) in [(0.1, 1.0), (1.0, 10.0), (10.0, 100.0), (1.0, 0.1), (10.0, 1.0)] {
        for interval in [500, 1_000, 5_000, 15_000, 30_000] {
            let mut ratios = Vec::new();
            for seed in 0..40 {
                let mut random = SmallRng::seed_from_u64(seed);
                let mut learned = LearnedRates::default();
                let mut now = 0;
                let mut watch = |rate: f64, seconds: i64, learned: &mut LearnedRates| {
                    for _ in 0..seconds * 1000 / interval {
                        now += interval;
                        let events = poisson(rate, LearnedRates::seconds(interval), &mut random);
                        learned.observe(poll(now, 1, events), None);
                    }
                };
                watch(before, 1_800, &mut learned);
                watch(after, 300, &mut learned);
                ratios.push(learned.events_per_second() / after);
            }
            let mean = ratios.iter().sum::<f64>() / 40.0;
            assert!((0.8..1.4).contains(&mean), "{before} to {after} by {interval} ms: {mean}");
        }
    }
}

#[test]
fn what_was_learned_is_stored_and_read_again() {
    let mut learned = LearnedRates::default();
    let empty = serde_json::to_string(&learned).unwrap();
    assert_eq!(serde_json::from_str::<LearnedRates>(&empty).unwrap(), learned);
    learned.observe(poll(1_000, 3, 5), Some(100));
    learned.observe(poll(3_500, 2, 105), Some(100));
    let text = serde_json::to_string(&learned).unwrap();
    assert_eq!(serde_json::from_str::<LearnedRates>(&text).unwrap(), learned);
    // A field that an older version did not write, and one that only a newer one has.
    let other = serde_json::from_str::<LearnedRates>(r#"{"events":1.5,"mood":"good"}"#).unwrap();
    assert!((other.events_per_second() - 4.0).abs() < 1e-9);
    for bad in [r#"{"events":-1.0}"#, r#"{"seconds":1e300}"#] {
        assert_eq!(serde_json::from_str::<LearnedRates>(bad).unwrap().checked(), None);
    }
}

proptest! {
    #[test]
    fn learned_rates_stay_finite_for_any_observation(
        polls in prop::collection::vec((any::<i32>(), 0_u32..10_000, 0_u32..1_000_000), 0..50),
        page in prop::option::of(0_u32..1000),
    ) {
        let mut learned = LearnedRates::default();
        for (at, requests, events) in polls {
            learned.observe(poll(at.into(), requests, events), page);
            prop_assert!(learned.checked().is_some());
            prop_assert!(learned.events_per_second() > 0.0);
            prop_assert!(learned.requests_per_poll() >= 0.0 && learned.throughput() >= 0.0);
        }
    }
}
