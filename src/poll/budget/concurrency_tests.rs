//! Streams that wait together, on a runtime that is never on time: in virtual time every task is
//! polled a moment after it was woken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// The names of an account's streams.
const STREAMS: [StreamName; 14] = [
    StreamName::new("agent_activity"),
    StreamName::new("activity_ends"),
    StreamName::new("agent_statuses"),
    StreamName::new("agents"),
    StreamName::new("calls"),
    StreamName::new("chats"),
    StreamName::new("recent"),
    StreamName::new("waiting"),
    StreamName::new("queue_statuses"),
    StreamName::new("sla"),
    StreamName::new("sla_by_queue_group"),
    StreamName::new("queues"),
    StreamName::new("teams"),
    StreamName::new("status_definitions"),
];
/// Their weights and ceilings in seconds.
const SHARES: [(f64, u64); 14] = [
    (4.0, 5),
    (1.0, 15),
    (2.0, 10),
    (1.0, 30),
    (4.0, 5),
    (3.0, 5),
    (1.0, 60),
    (2.0, 2),
    (1.0, 20),
    (0.5, 60),
    (0.25, 120),
    (0.25, 300),
    (0.25, 300),
    (0.1, 600),
];

/// Polls a future up to a millisecond after it was woken, as a busy runtime does.
struct Delayed<F> {
    future: Pin<Box<F>>,
    random: SmallRng,
}

impl<F: Future> Future for Delayed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let delay = Duration::from_micros(self.random.random_range(0..1000));
        // The first poll moves the clock; what follows it only yields.
        let mut advance = Box::pin(tokio::time::advance(delay));
        let _ = advance.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.future.as_mut().poll(context)
    }
}

fn delayed<F: Future>(future: F, seed: u64) -> Delayed<F> {
    Delayed { future: Box::pin(future), random: SmallRng::seed_from_u64(seed) }
}

/// When an account with all streams was given a turn, over some hours. The tasks give up waiting,
/// and are refused, as likely as the behaviour says.
async fn turns_of_an_account(behaviour: Behaviour, seed: u64, hours: u64) -> Vec<Instant> {
    let Behaviour { requests_per_second, drops, refusals } = behaviour;
    let settings = BudgetSettings { requests_per_second, longest_pause: Duration::from_secs(5) };
    let budget = Arc::new(Budget::new(settings));
    let turns = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for (index, (stream, (weight, ceiling))) in STREAMS.into_iter().zip(SHARES).enumerate() {
        budget.set_share(&stream, Share { weight, ceiling: Duration::from_secs(ceiling) });
        let (budget, turns) = (Arc::clone(&budget), Arc::clone(&turns));
        let seed = (seed << 8) | index as u64;
        let mut random = SmallRng::seed_from_u64(!seed);
        let polls = async move {
            loop {
                let patience = Duration::from_millis(random.random_range(0..3_000));
                let turn = budget.turn(&stream);
                let turn = if random.random_bool(drops) {
                    tokio::time::timeout(patience, turn).await.ok()
                } else {
                    Some(turn.await)
                };
                if turn.is_some() {
                    turns.lock().unwrap().push(Instant::now());
                    if random.random_bool(refusals) {
                        budget.refused(None);
                    } else {
                        budget.answered();
                    }
                }
                tokio::time::sleep(Duration::from_millis(random.random_range(20..700))).await;
            }
        };
        tasks.spawn(delayed(polls, seed));
    }
    tokio::time::sleep(Duration::from_hours(hours)).await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    std::mem::take(&mut *turns.lock().unwrap())
}

#[derive(Clone, Copy)]
struct Behaviour {
    requests_per_second: f64,
    drops: f64,
    refusals: f64,
}

/// The longest time from one turn to the next, and the shortest for as many turns as the limit has
/// in a second, and one more.
fn gaps(turns: &[Instant], limit: usize) -> (Duration, Duration) {
    let longest = turns.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    let shortest = turns.windows(limit + 1).map(|window| window[limit] - window[0]).min().unwrap();
    (longest, shortest)
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_streams_wait_all_the_time_never_stops() {
    let behaviour = Behaviour { requests_per_second: 1.0, drops: 0.0, refusals: 0.0 };
    for seed in 0..8 {
        let turns = turns_of_an_account(behaviour, seed, 2).await;
        let (longest, shortest) = gaps(&turns, 1);
        assert!(longest < Duration::from_millis(1_100), "seed {seed}: {longest:?}");
        // Not a microsecond less, although tasks take their turns late.
        assert!(shortest >= Duration::from_micros(1_052_631), "seed {seed}: {shortest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_waits_delay_no_other_stream() {
    let behaviour = Behaviour { requests_per_second: 1.0, drops: 0.5, refusals: 0.0 };
    for seed in 0..4 {
        let turns = turns_of_an_account(behaviour, seed, 2).await;
        let (longest, shortest) = gaps(&turns, 1);
        assert!(longest < Duration::from_millis(1_500), "seed {seed}: {longest:?}");
        assert!(shortest > Duration::from_secs(1), "seed {seed}: {shortest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_goes_on_after_every_pause_that_the_vendor_asks_for() {
    let behaviour = Behaviour { requests_per_second: 5.0, drops: 0.1, refusals: 0.01 };
    for seed in 0..4 {
        let turns = turns_of_an_account(behaviour, seed, 1).await;
        let (longest, shortest) = gaps(&turns, 5);
        // A pause of five seconds, and the lowest rate.
        assert!(longest < Duration::from_millis(7_100), "seed {seed}: {longest:?}");
        assert!(shortest > Duration::from_secs(1), "seed {seed}: {shortest:?}");
    }
}

/// A budget of one request a second of which the first is spent, and two tasks that wait.
async fn two_wait() -> (Arc<Budget>, [Pin<Box<dyn Future<Output = Turn> + Send>>; 2]) {
    let settings =
        BudgetSettings { requests_per_second: 1.0, longest_pause: Duration::from_secs(5) };
    let budget = Arc::new(Budget::new(settings));
    let _turn = budget.turn(&STREAMS[0]).await;
    let wait = |stream: usize| {
        let budget = Arc::clone(&budget);
        let mut turn: Pin<Box<dyn Future<Output = Turn> + Send>> =
            Box::pin(async move { budget.turn(&STREAMS[stream]).await });
        let mut context = Context::from_waker(Waker::noop());
        assert!(turn.as_mut().poll(&mut context).is_pending());
        turn
    };
    let waits = [wait(1), wait(2)];
    (budget, waits)
}

#[tokio::test(start_paused = true)]
async fn tasks_that_wait_go_one_after_the_other_though_none_comes_any_more() {
    let settings =
        BudgetSettings { requests_per_second: 10.0, longest_pause: Duration::from_secs(5) };
    let budget = Arc::new(Budget::new(settings));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for stream in STREAMS {
        let budget = Arc::clone(&budget);
        tasks.spawn(async move {
            let _turn = budget.turn(&stream).await;
        });
    }
    tasks.join_all().await;
    // Thirteen times the spacing of 105.3 ms, and a millisecond more each for the timer.
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_millis(1_368 + 14), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_task_that_is_dropped_the_next_one_is_granted_at_once() {
    let (_budget, [first, second]) = two_wait().await;
    let start = Instant::now();
    let second = tokio::spawn(second);
    // The first one is due, and does not run.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!second.is_finished());
    drop(first);
    let _turn = second.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_also_holds_up_a_task_whose_turn_had_come() {
    let (budget, [first, _second]) = two_wait().await;
    let start = Instant::now();
    tokio::time::advance(Duration::from_millis(1_500)).await;
    budget.refused(Some(Duration::from_secs(4)));
    let _turn = first.await;
    assert_eq!(start.elapsed(), Duration::from_millis(5_500));
}

#[tokio::test(start_paused = true)]
async fn another_share_counts_for_those_that_wait_already() {
    let (budget, [first, second]) = two_wait().await;
    let start = Instant::now();
    let first = tokio::spawn(first);
    budget.set_share(&STREAMS[2], Share { weight: 1.0, ceiling: Duration::from_millis(100) });
    let _turn = second.await;
    assert!(!first.is_finished() && start.elapsed() < Duration::from_millis(1_100));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_run_costs_the_others_a_second_once() {
    let (budget, [mut first, second]) = two_wait().await;
    let start = Instant::now();
    let _turn = second.await;
    let (spacing, patience) = (1_053, 1_000);
    assert_eq!(start.elapsed().as_millis(), spacing + patience);
    // Others come and go, and it stays away.
    for turns in 1..10 {
        let _turn = budget.turn(&STREAMS[3]).await;
        assert_eq!(start.elapsed().as_millis() / 10, (spacing * (turns + 1) + patience) / 10);
    }
    // It runs again: it waits again, and keeps its place.
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    let _turn = first.await;
    assert_eq!(start.elapsed().as_millis() / 10, (spacing * 11 + patience) / 10);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_come_and_go_do_not_prolong_the_wait_for_one_that_does_not_run() {
    let (budget, [_first, second]) = two_wait().await;
    let start = Instant::now();
    let visitors = tokio::spawn(async move {
        loop {
            let _ =
                tokio::time::timeout(Duration::from_millis(100), budget.turn(&STREAMS[4])).await;
        }
    });
    let _turn = second.await;
    assert!(start.elapsed() < Duration::from_millis(3_200), "{:?}", start.elapsed());
    visitors.abort();
}
