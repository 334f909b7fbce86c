use proptest::prelude::*;

use super::*;

fn demand(value: f64, cost: f64, min: f64, max: f64, class: DegradationClass) -> Demand {
    Demand {
        value,
        cost,
        throughput: 0.0,
        min_interval: Duration::from_secs_f64(min),
        max_interval: Duration::from_secs_f64(max),
        class,
    }
}

fn seconds(allocation: &Allocation) -> Vec<f64> {
    allocation.intervals.iter().map(Duration::as_secs_f64).collect()
}

/// Requests per second that an allocation takes.
fn spent(demands: &[Demand], allocation: &Allocation) -> f64 {
    demands
        .iter()
        .zip(seconds(allocation))
        .map(|(demand, interval)| demand.cost.max(LEAST_COST) / interval)
        .sum()
}

/// The weighted latency that an allocation leads to.
fn latency(demands: &[Demand], intervals: &[f64]) -> f64 {
    demands.iter().zip(intervals).map(|(demand, interval)| demand.value * interval / 2.0).sum()
}

fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1e-6)
}

use DegradationClass::{Incremental, LookBack, Reference, Roster, Snapshot};

#[test]
fn rates_go_by_the_root_of_value_over_cost() {
    let demands = [
        demand(16.0, 1.0, 0.01, 1000.0, Incremental),
        demand(1.0, 1.0, 0.01, 1000.0, Incremental),
        demand(4.0, 4.0, 0.01, 1000.0, Roster),
    ];
    // Rates 4 : 1 : 1, costs 4 + 1 + 4.
    let allocation = allocate(&demands, 9.0);
    for (interval, expected) in seconds(&allocation).into_iter().zip([0.25, 1.0, 1.0]) {
        assert!(is_near(interval, expected), "{allocation:?}");
    }
    assert_eq!(allocation.degraded, None);
    assert!(is_near(allocation.headroom_ratio, 1.0 - 0.006 / 9.0));
}

#[test]
fn budget_left_by_a_bounded_stream_goes_to_the_others() {
    let demands = [
        demand(100.0, 1.0, 0.5, 10.0, Incremental),
        demand(1.0, 1.0, 0.1, 10.0, Incremental),
        demand(1.0, 1.0, 0.1, 10.0, Incremental),
        demand(0.0, 1.0, 0.1, 10.0, Reference),
    ];
    // The first may take 2 and the last takes 0.1 of the 4.1 requests: the others share 2.
    let allocation = allocate(&demands, 4.1);
    for (interval, expected) in seconds(&allocation).into_iter().zip([0.5, 1.0, 1.0, 10.0]) {
        assert!(is_near(interval, expected), "{allocation:?}");
    }
}

#[test]
fn with_more_than_enough_every_stream_stands_at_its_shortest_interval() {
    let demands =
        [demand(1.0, 2.0, 0.5, 5.0, Incremental), demand(0.001, 1.0, 2.0, 30.0, Reference)];
    assert_eq!(seconds(&allocate(&demands, 100.0)), [0.5, 2.0]);
    assert_eq!(seconds(&allocate(&[], 100.0)), [0.0; 0]);
}

#[test]
fn classes_give_way_in_their_order() {
    // Each needs one request a second at its longest interval.
    let demands = [Incremental, LookBack, Snapshot, Roster, Reference]
        .map(|class| demand(1.0, 1.0, 0.1, 1.0, class));
    let table = [
        (5.0, [1.0, 1.0, 1.0, 1.0, 1.0], None),
        (4.5, [1.0, 1.0, 1.0, 1.0, 2.0], Some(Reference)),
        (4.1, [1.0, 1.0, 1.0, 1.0, 10.0], Some(Reference)),
        (3.6, [1.0, 1.0, 1.0, 2.0, 10.0], Some(Roster)),
        (2.7, [1.0, 1.0, 2.0, 10.0, 10.0], Some(Snapshot)),
        (1.8, [1.0, 2.0, 10.0, 10.0, 10.0], Some(LookBack)),
        (0.9, [2.0, 10.0, 10.0, 10.0, 10.0], Some(Incremental)),
        (0.25, [20.0, 20.0, 20.0, 20.0, 20.0], Some(Incremental)),
    ];
    for (budget, expected, degraded) in table {
        let allocation = allocate(&demands, budget);
        assert_eq!(allocation.degraded, degraded, "{budget}");
        for (interval, expected) in seconds(&allocation).into_iter().zip(expected) {
            assert!(is_near(interval, expected), "{budget}: {allocation:?}");
        }
        assert!(is_near(allocation.headroom_ratio, 1.0 - 5.0 / budget), "{allocation:?}");
    }
}

#[test]
fn pages_full_of_new_rows_are_paid_for_before_polls_are_planned() {
    let log = Demand { throughput: 0.5, ..demand(1.0, 1.0, 0.1, 10.0, Incremental) };
    let allocation = allocate(&[log], 1.0);
    assert!(is_near(seconds(&allocation)[0], 2.0), "{allocation:?}");
    assert!(is_near(allocation.headroom_ratio, 0.4), "{allocation:?}");
    // They take more than there is: the polls that read them go on.
    let log = Demand { throughput: 5.0, ..log };
    let allocation = allocate(&[log], 1.0);
    assert!(is_near(seconds(&allocation)[0], 10.0), "{allocation:?}");
    assert!(allocation.headroom_ratio < -4.0 && allocation.degraded == Some(Incremental));
}

#[test]
fn what_is_no_number_pulls_nothing() {
    for value in [f64::NAN, -1.0, f64::INFINITY] {
        for cost in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            for budget in [f64::NAN, 0.0, -1.0, 1.0] {
                let demands = [
                    demand(value, cost, 0.0, 0.0, Roster),
                    demand(1.0, 1.0, 1.0, 10.0, Incremental),
                ];
                let allocation = allocate(&demands, budget);
                let shortest = allocation.intervals.iter().min().unwrap();
                assert!(*shortest >= SHORTEST_INTERVAL, "{value} {cost} {budget}");
            }
        }
    }
}

prop_compose! {
    fn any_demand()(
        value in prop_oneof![Just(0.0), 1e-6_f64..1e-3, 1e-3_f64..100.0],
        cost in prop_oneof![Just(1.0), 0.0_f64..60.0],
        throughput in prop_oneof![4 => Just(0.0), 1 => 0.0_f64..0.2],
        min in 0.1_f64..10.0,
        stretch in 1.0_f64..100.0,
        class in prop::sample::select(&DegradationClass::ALL),
    ) -> Demand {
        Demand { throughput, ..demand(value, cost, min, min * stretch, class) }
    }
}

fn any_demands() -> impl Strategy<Value = Vec<Demand>> {
    prop::collection::vec(any_demand(), 1..15)
}

/// A budget between next to nothing and more than enough.
fn any_budget() -> impl Strategy<Value = f64> {
    (-2.0_f64..3.0).prop_map(|exponent| 10_f64.powf(exponent))
}

/// What is left for polls.
fn available(demands: &[Demand], budget: f64) -> f64 {
    let throughput: f64 = demands.iter().map(|demand| demand.throughput).sum();
    (budget - throughput).max(budget * LEAST_FOR_POLLS)
}

/// The least latency for streams without throughput, found by moving budget between every two of
/// them as long as that helps, from a start at the bounds.
fn searched(demands: &[Demand], budget: f64) -> f64 {
    let bounds: Vec<_> = demands
        .iter()
        .map(|demand| {
            (1.0 / demand.max_interval.as_secs_f64(), 1.0 / demand.min_interval.as_secs_f64())
        })
        .collect();
    let cost = |index: usize| demands[index].cost.max(LEAST_COST);
    let mut rates: Vec<f64> = bounds.iter().map(|(lowest, _)| *lowest).collect();
    let mut left = budget - (0..rates.len()).map(|index| cost(index) * rates[index]).sum::<f64>();
    for (index, rate) in rates.iter_mut().enumerate() {
        let more = (left / cost(index)).min(bounds[index].1 - *rate).max(0.0);
        *rate += more;
        left -= more * cost(index);
    }
    let value = |index: usize, rate: f64| demands[index].value / rate / 2.0;
    let mut part = 0.5;
    while part > 1e-7 {
        let mut moved = false;
        for from in 0..rates.len() {
            for to in 0..rates.len() {
                let gives = (rates[from] - bounds[from].0) * cost(from);
                let takes = (bounds[to].1 - rates[to]) * cost(to);
                let requests = gives.min(takes) * part;
                let (less, more) =
                    (rates[from] - requests / cost(from), rates[to] + requests / cost(to));
                let before = value(from, rates[from]) + value(to, rates[to]);
                if from != to && value(from, less) + value(to, more) < before * (1.0 - 1e-12) {
                    (rates[from], rates[to], moved) = (less, more, true);
                }
            }
        }
        if !moved {
            part /= 2.0;
        }
    }
    rates.iter().enumerate().map(|(index, rate)| value(index, *rate)).sum()
}

proptest! {
    #[test]
    fn the_budget_is_never_exceeded_and_used_if_it_helps(
        demands in any_demands(),
        budget in any_budget(),
    ) {
        let allocation = allocate(&demands, budget);
        let (spent, available) = (spent(&demands, &allocation), available(&demands, budget));
        prop_assert!(spent <= available * (1.0 + 1e-9), "{spent} of {available}");
        let satisfied = demands.iter().zip(&allocation.intervals).all(|(demand, interval)| {
            demand.value <= 0.0 || *interval <= demand.min_interval + Duration::from_nanos(2)
        });
        prop_assert!(
            satisfied || allocation.degraded.is_some() || spent >= available * (1.0 - 1e-6),
            "{spent} of {available}"
        );
    }

    #[test]
    fn intervals_keep_their_bounds_unless_the_account_is_saturated(
        demands in any_demands(),
        budget in any_budget(),
    ) {
        let allocation = allocate(&demands, budget);
        prop_assert_eq!(allocation.degraded.is_some(), allocation.headroom_ratio < 0.0);
        for (demand, interval) in demands.iter().zip(&allocation.intervals) {
            prop_assert!(*interval >= demand.min_interval);
            match allocation.degraded {
                None => prop_assert!(*interval <= demand.max_interval),
                // What has not given way keeps its longest interval, and gets no more than that.
                Some(class) if demand.class > class => {
                    let beyond = interval.as_secs_f64() / demand.max_interval.as_secs_f64();
                    prop_assert!(is_near(beyond, 1.0), "{beyond}");
                }
                Some(class) if demand.class < class => {
                    let beyond = interval.as_secs_f64() / demand.max_interval.as_secs_f64();
                    prop_assert!(beyond >= LONGEST_STRETCH * (1.0 - 1e-6), "{beyond}");
                }
                Some(_) => {}
            }
        }
    }

    #[test]
    fn a_stream_that_is_worth_more_is_not_polled_less_and_the_others_not_more(
        demands in any_demands(),
        budget in any_budget(),
        index in any::<prop::sample::Index>(),
        factor in 1.0_f64..100.0,
    ) {
        let index = index.index(demands.len());
        let before = seconds(&allocate(&demands, budget));
        let mut demands = demands;
        demands[index].value = demands[index].value * factor + 1e-6;
        let after = seconds(&allocate(&demands, budget));
        for (other, (before, after)) in before.into_iter().zip(after).enumerate() {
            if other == index {
                prop_assert!(after <= before * (1.0 + 1e-6), "{before} to {after}");
            } else {
                prop_assert!(after >= before * (1.0 - 1e-6), "{before} to {after}");
            }
        }
    }

    #[test]
    fn more_budget_makes_no_interval_longer(
        demands in any_demands(),
        budget in any_budget(),
        factor in 1.0_f64..3.0,
    ) {
        let demands: Vec<_> =
            demands.into_iter().map(|demand| Demand { throughput: 0.0, ..demand }).collect();
        let before = allocate(&demands, budget);
        let after = allocate(&demands, budget * factor);
        prop_assert!(after.headroom_ratio >= before.headroom_ratio);
        for (before, after) in seconds(&before).into_iter().zip(seconds(&after)) {
            prop_assert!(after <= before * (1.0 + 1e-6), "{before} to {after}");
        }
    }

    #[test]
    fn the_order_of_the_streams_does_not_matter(
        (demands, shuffled) in any_demands().prop_flat_map(|demands| {
            let numbered: Vec<_> = demands.iter().copied().enumerate().collect();
            (Just(demands), Just(numbered).prop_shuffle())
        }),
        budget in any_budget(),
    ) {
        let one = allocate(&demands, budget);
        let moved: Vec<_> = shuffled.iter().map(|(_, demand)| *demand).collect();
        let other = allocate(&moved, budget);
        prop_assert_eq!(one.degraded, other.degraded);
        for ((index, _), interval) in shuffled.iter().zip(seconds(&other)) {
            prop_assert!(is_near(seconds(&one)[*index], interval));
        }
    }

    #[test]
    fn no_other_rates_are_better(
        demands in prop::collection::vec(any_demand(), 1..5),
        budget in any_budget(),
    ) {
        let demands: Vec<_> =
            demands.into_iter().map(|demand| Demand { throughput: 0.0, ..demand }).collect();
        let allocation = allocate(&demands, budget);
        prop_assume!(allocation.degraded.is_none());
        let planned = latency(&demands, &seconds(&allocation));
        let searched = searched(&demands, budget);
        prop_assert!(planned <= searched * (1.0 + 1e-6) + 1e-9, "{planned}, but {searched}");
        // The search itself is good: it comes near.
        prop_assert!(planned >= searched * 0.99 - 1e-9, "{planned}, and {searched} at best");
    }
}
