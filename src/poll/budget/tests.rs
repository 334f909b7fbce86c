use std::collections::HashMap;
use std::sync::Arc;

use super::*;

fn budget(requests_per_second: f64) -> Arc<Budget> {
    let longest_pause = Duration::from_mins(1);
    Arc::new(Budget::new(BudgetSettings { requests_per_second, longest_pause }))
}

const CALLS: StreamName = StreamName::new("calls");
const AGENTS: StreamName = StreamName::new("agents");

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_requests_than_the_limit() {
    let budget = budget(10.0);
    let mut times = Vec::new();
    for _ in 0..50 {
        let _turn = budget.turn(&CALLS).await;
        times.push(Instant::now());
    }
    for window in times.windows(11) {
        assert!(window[10] - window[0] > Duration::from_secs(1));
    }
    let rate = 49.0 / (times[49] - times[0]).as_secs_f64();
    assert!((9.3..=9.5).contains(&rate), "{rate}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_vendor_asks_for_is_bounded() {
    let budget = budget(10.0);
    let _turn = budget.turn(&CALLS).await;
    let start = Instant::now();
    budget.refused(Some(Duration::from_hours(24 * 365 * 31)));
    let _turn = budget.turn(&CALLS).await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_mins(1) && waited < Duration::from_secs(61), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_lower_the_rate_and_it_recovers_slowly() {
    let budget = budget(10.0);
    budget.refused(Some(Duration::ZERO));
    budget.refused(Some(Duration::ZERO));
    let low = budget.state().working_rate;
    assert!(low < 5.0, "{low}");
    tokio::time::advance(Duration::from_mins(1)).await;
    let better = budget.state().working_rate;
    assert!(better > low && better < 7.0, "{better}");
    tokio::time::advance(Duration::from_mins(10)).await;
    assert!((budget.state().working_rate - 9.5).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn refusals_without_a_time_pause_twice_as_long_each_time() {
    let budget = budget(10.0);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        budget.refused(None);
        let start = Instant::now();
        let _turn = budget.turn(&CALLS).await;
        pauses.push(start.elapsed().as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8]);
    budget.answered();
    budget.refused(None);
    assert_eq!(budget.state().pause, Some(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn streams_that_wait_together_take_turns_by_weight() {
    let budget = budget(10.0);
    let ceiling = Duration::from_mins(10);
    budget.set_share(&CALLS, Share { weight: 3.0, ceiling });
    budget.set_share(&AGENTS, Share { weight: 1.0, ceiling });
    let counts = Arc::new(Mutex::new(HashMap::new()));
    let tasks: Vec<_> = [CALLS, AGENTS]
        .into_iter()
        .map(|stream| {
            let (budget, counts) = (Arc::clone(&budget), Arc::clone(&counts));
            tokio::spawn(async move {
                loop {
                    let _turn = budget.turn(&stream).await;
                    *counts.lock().unwrap().entry(stream.clone()).or_insert(0) += 1;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(100)).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let counts = counts.lock().unwrap();
    let ratio = f64::from(counts[&CALLS]) / f64::from(counts[&AGENTS]);
    assert!((2.8..=3.2).contains(&ratio), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_beyond_its_ceiling_goes_first() {
    let budget = budget(1.0);
    budget.set_share(&CALLS, Share { weight: 1000.0, ceiling: Duration::from_mins(10) });
    budget.set_share(&AGENTS, Share { weight: 0.001, ceiling: Duration::from_secs(5) });
    let _turn = budget.turn(&AGENTS).await;
    let busy = {
        let budget = Arc::clone(&budget);
        tokio::spawn(async move {
            loop {
                let _turn = budget.turn(&CALLS).await;
            }
        })
    };
    let start = Instant::now();
    let _turn = budget.turn(&AGENTS).await;
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_gives_its_place_up() {
    let budget = budget(1.0);
    let _turn = budget.turn(&CALLS).await;
    {
        let agents = AGENTS;
        let waiting = budget.turn(&agents);
        tokio::pin!(waiting);
        assert!(futures_are_pending(&mut waiting).await);
    }
    let _turn = budget.turn(&CALLS).await;
}

async fn futures_are_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
    })
    .await
}
