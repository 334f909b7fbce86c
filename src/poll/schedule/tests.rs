use super::*;
use crate::admin::Health;
use crate::model::AccountName;
use crate::poll::arbiter::{BudgetSettings, Share};
use crate::poll::stream_plan::StreamPlan;
use crate::source::{DegradationClass, Planning};
use crate::telemetry::Metrics;

const LOG: StreamName = StreamName::new("log");
const ROSTER: StreamName = StreamName::new("roster");
const TEAMS: StreamName = StreamName::new("teams");
const WAITING: StreamName = StreamName::new("waiting");

fn plan(name: StreamName, weight: f64, bounds: (u64, u64), class: DegradationClass) -> StreamPlan {
    let rows_per_request = (class == DegradationClass::Incremental).then_some(100);
    StreamPlan {
        name,
        share: Share { weight, ceiling: Duration::from_millis(bounds.1) },
        min_interval: Duration::from_millis(bounds.0),
        planning: Some(Planning { class, rows_per_request }),
    }
}

fn streams() -> [StreamPlan; 4] {
    [
        plan(LOG, 4.0, (500, 10_000), DegradationClass::Incremental),
        plan(ROSTER, 1.0, (2_000, 60_000), DegradationClass::Roster),
        plan(TEAMS, 0.25, (10_000, 300_000), DegradationClass::Reference),
        StreamPlan {
            planning: None,
            ..plan(WAITING, 2.0, (2_000, 2_000), DegradationClass::Snapshot)
        },
    ]
}

struct Account {
    budget: Arc<Budget>,
    planner: Arc<AccountPlanner>,
    began: Instant,
}

impl Account {
    fn new(requests_per_second: f64) -> Self {
        let longest_pause = Duration::from_mins(1);
        let budget = Arc::new(Budget::new(BudgetSettings { requests_per_second, longest_pause }));
        let acme = AccountName::new("acme").unwrap();
        let health = Health::new("bridge", Timestamp::from_millis(0), false, []);
        let planner = AccountPlanner::new(
            acme,
            Arc::clone(&budget),
            Arc::new(health),
            Arc::new(Metrics::new().unwrap()),
            &streams(),
        );
        Self { budget, planner: Arc::new(planner), began: Instant::now() }
    }

    fn schedule(&self, stream: &StreamName) -> Schedule {
        let plan = streams().into_iter().find(|plan| plan.name == *stream).unwrap();
        Schedule {
            stream: stream.clone(),
            planner: Arc::clone(&self.planner),
            budget: Arc::clone(&self.budget),
            min_interval: plan.min_interval,
            cap: if *stream == WAITING { RequestCap::Fifth } else { RequestCap::None },
            first_pause: Duration::from_secs(1),
            failures: 0,
        }
    }

    fn start(&self) -> PollStart {
        let instant = Instant::now();
        let millis = i64::try_from((instant - self.began).as_millis()).unwrap();
        PollStart { instant, at: Timestamp::from_millis(millis) }
    }

    /// Polls a stream for so long, with so many requests each time. So many events happen per
    /// second. Returns when its polls began.
    async fn poll(
        &self,
        stream: StreamName,
        requests: u32,
        events_per_second: f64,
        seconds: u64,
    ) -> Vec<Instant> {
        let mut schedule = self.schedule(&stream);
        let mut starts: Vec<Instant> = Vec::new();
        let mut published = 0;
        while self.began.elapsed() < Duration::from_secs(seconds) {
            let start = self.start();
            starts.push(start.instant);
            for _ in 0..requests {
                let _turn = self.budget.turn(&stream).await;
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few")]
            let happened = (self.began.elapsed().as_secs_f64() * events_per_second) as usize;
            let events = happened - std::mem::replace(&mut published, happened);
            let outcome = committed(requests, events, IncrementalProgress::CaughtUp);
            let next = schedule.next(start, outcome);
            schedule.wait(next, None).await;
        }
        starts
    }
}

fn committed(requests: u32, events: usize, progress: IncrementalProgress) -> Outcome {
    Outcome::Committed { requests, events, progress }
}

/// The times between the polls of the last five minutes.
fn gaps(starts: &[Instant]) -> Vec<f64> {
    let from = *starts.last().unwrap() - Duration::from_mins(5);
    let pairs = starts.windows(2).filter(|pair| pair[0] >= from);
    pairs.map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a few")]
fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

#[tokio::test(start_paused = true)]
async fn each_stream_is_polled_at_its_planned_interval() {
    let account = Account::new(1.0);
    let (log, roster, teams) = tokio::join!(
        account.poll(LOG, 1, 5.0, 1_800),
        account.poll(ROSTER, 3, 0.2, 1_800),
        account.poll(TEAMS, 1, 0.0, 1_800),
    );
    let streams = [(LOG, log, 1.0), (ROSTER, roster, 3.0), (TEAMS, teams, 1.0)];
    let mut spent = 0.0;
    for (stream, starts, requests) in streams {
        let plan = self::streams().into_iter().find(|plan| plan.name == stream).unwrap();
        let interval = account.planner.interval(&stream).unwrap().as_secs_f64();
        let gaps = gaps(&starts);
        let mean = mean(&gaps);
        assert!((0.8..1.25).contains(&(mean / interval)), "{stream}: {mean} for {interval}");
        let (least, most) = (plan.min_interval, plan.share.ceiling);
        for gap in gaps {
            assert!(gap >= least.as_secs_f64(), "{stream}: {gap}");
            // A poll that is due may wait for the requests of others.
            assert!(gap <= most.as_secs_f64() + 5.0, "{stream}: {gap}");
        }
        spent += requests / mean;
    }
    // All of the working rate is used.
    assert!((0.85..0.96).contains(&spent), "{spent}");
    let [log, roster] = [LOG, ROSTER].map(|stream| account.planner.interval(&stream).unwrap());
    assert!(log * 4 < roster, "{log:?} {roster:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_follows_a_plan_that_changes_meanwhile() {
    let account = Account::new(1.0);
    let mut schedule = account.schedule(&TEAMS);
    let start = account.start();
    let next = schedule.next(start, committed(1, 0, IncrementalProgress::CaughtUp));
    let waiting = async {
        schedule.wait(next, None).await;
        start.instant.elapsed().as_secs_f64()
    };
    let (waited, _) = tokio::join!(waiting, account.poll(LOG, 1, 5.0, 400));
    // Before anything was learned it was to be polled soon.
    assert!(waited > 12.0, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_behind_is_polled_again_at_once() {
    let account = Account::new(1.0);
    let mut schedule = account.schedule(&LOG);
    for _ in 0..3 {
        let start = account.start();
        let next = schedule.next(start, committed(10, 1_000, IncrementalProgress::Behind));
        assert_eq!(next, NextPoll::AtOnce);
        schedule.wait(next, None).await;
        assert_eq!(start.instant.elapsed(), Duration::ZERO);
    }
    for progress in [IncrementalProgress::CaughtUp, IncrementalProgress::CutOff] {
        let start = account.start();
        let next = schedule.next(start, committed(1, 10, progress));
        assert_eq!(next, NextPoll::Planned { since: start.instant });
        schedule.wait(next, None).await;
        assert!(start.instant.elapsed() >= schedule.min_interval, "{progress:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dispute_ends_the_wait_of_the_log() {
    let account = Account::new(0.01);
    let mut schedule = account.schedule(&LOG);
    let disputed = Notify::new();
    let start = account.start();
    let next = schedule.next(start, committed(1, 0, IncrementalProgress::CaughtUp));
    let notify = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        disputed.notify_one();
    };
    tokio::join!(schedule.wait(next, Some(&disputed)), notify);
    assert_eq!(start.instant.elapsed(), Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn lookups_keep_their_interval_and_a_fifth_of_the_budget() {
    let account = Account::new(1.0);
    let mut schedule = account.schedule(&WAITING);
    let start = account.start();
    assert_eq!(
        schedule.next(start, Outcome::NothingToRequest),
        NextPoll::At(start.instant + IDLE_WAIT)
    );
    let NextPoll::At(next) = schedule.next(start, committed(2, 1, IncrementalProgress::CaughtUp))
    else {
        panic!("a lookup is planned")
    };
    let waits = (next - start.instant).as_secs_f64();
    assert!((waits - 2.0 * 5.0 / 0.95).abs() < 0.01, "{waits}");
}

#[tokio::test(start_paused = true)]
async fn what_lookups_take_is_not_planned_for_others() {
    let account = Account::new(1.0);
    let alone = tokio::join!(account.poll(LOG, 1, 5.0, 600), account.poll(ROSTER, 3, 0.2, 600)).0;
    let beside = Account::new(1.0);
    let (log, _, waiting) = tokio::join!(
        beside.poll(LOG, 1, 5.0, 600),
        beside.poll(ROSTER, 3, 0.2, 600),
        beside.poll(WAITING, 2, 0.1, 600),
    );
    assert!(mean(&gaps(&alone)) < 0.95 * mean(&gaps(&log)));
    assert!(mean(&gaps(&waiting)) < 12.0, "{waiting:?}");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_fails_teaches_nothing_and_is_repeated_later_each_time() {
    let account = Account::new(1.0);
    let mut schedule = account.schedule(&LOG);
    let before = account.planner.interval(&LOG);
    for failures in 1..6 {
        let start = account.start();
        let NextPoll::At(next) = schedule.next(start, Outcome::Failed) else { panic!() };
        assert!(next >= start.instant + backoff(schedule.first_pause, failures, 0.5));
        schedule.wait(NextPoll::At(next), None).await;
    }
    assert_eq!(account.planner.interval(&LOG), before);
}

#[test]
fn a_stream_that_fails_waits_longer_each_time_up_to_a_minute() {
    let half = Duration::from_millis(500);
    let waits: Vec<_> = (1..=9).map(|n| backoff(half, n, 1.0).as_millis()).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    assert_eq!(backoff(half, 1, 0.5), Duration::from_millis(250));
}
