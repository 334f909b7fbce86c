use super::{at, baseline_at, body, context, names};
use crate::detect::{
    Change, LevelState, queue_status_absence, queue_status_row, service_level_row,
};
use crate::event::{Body, Origin};
use crate::model::{EntityId, EntityKind, Measured, QueuePath, QueueStatus, ServiceLevel};

fn path() -> QueuePath {
    QueuePath {
        path_id: EntityId::new("5"),
        lang: Some(String::from("en")),
        channel: Some(String::from("call")),
    }
}

fn level(percent: Option<f64>) -> ServiceLevel {
    ServiceLevel { of: Measured::Path(path()), name: None, percent, minutes: 30 }
}

/// The events of these levels, one after the other, under a target.
fn emitted(target: Option<f64>, percents: &[Option<f64>]) -> Vec<Vec<&'static str>> {
    let mut state: Option<LevelState> = None;
    let mut all = Vec::new();
    for percent in percents {
        let Change { state: next, drafts } =
            service_level_row(state.as_ref(), &level(*percent), target, &context(100, 5));
        all.push(names(&drafts));
        state = Some(next);
    }
    all
}

#[test]
fn a_level_that_varies_around_its_target_breaches_once_and_recovers_well_above_it() {
    let percents = [Some(85.0), Some(79.9), Some(80.5), Some(79.0), Some(82.0), Some(79.0)];
    let changed = "ServiceLevelChanged";
    assert_eq!(
        emitted(Some(80.0), &percents),
        [
            vec![changed],
            vec![changed, "SlaBreached"],
            vec![changed],
            vec![changed],
            vec![changed, "SlaRecovered"],
            vec![changed, "SlaBreached"],
        ]
    );
}

#[test]
fn a_target_near_a_hundred_can_still_be_recovered_from() {
    let emitted = emitted(Some(99.0), &[Some(98.0), Some(99.4), Some(99.5)]);
    assert_eq!(emitted[1], ["ServiceLevelChanged"]);
    assert_eq!(emitted[2], ["ServiceLevelChanged", "SlaRecovered"]);
}

#[test]
fn nothing_to_answer_is_not_zero_and_neither_breaches_nor_recovers() {
    let changed = "ServiceLevelChanged";
    assert_eq!(
        emitted(Some(80.0), &[None, Some(0.0), None, Some(0.0), Some(100.0)]),
        [
            vec![],
            vec![changed, "SlaBreached"],
            vec![changed],
            vec![changed],
            vec![changed, "SlaRecovered"],
        ]
    );
}

#[test]
fn without_a_target_nothing_is_a_breach() {
    assert_eq!(emitted(None, &[Some(1.0)]), [["ServiceLevelChanged"]]);
}

fn status(waiting: i64) -> QueueStatus {
    QueueStatus {
        queue: path(),
        queue_id: Some(EntityId::new("10")),
        path: Some(String::from("Support/Shipping")),
        depth: waiting,
        oldest_queued_at: Some(at(90)),
        oldest_duration: Some(10),
        total_duration: Some(10),
        average_duration: Some(10),
    }
}

#[test]
fn nothing_waits_on_a_path_that_a_complete_snapshot_does_not_show() {
    let first = queue_status_row(None, &status(2), &baseline_at());
    let Body::QueueDepthChanged(change) = body(&first.drafts[0]) else { panic!() };
    assert_eq!((change.previous, change.depth), (None, 2));
    assert_eq!(first.drafts[0].origin, Origin::Baseline);
    assert_eq!(first.drafts[0].kind, EntityKind::QueuePath);

    let same = queue_status_row(Some(&first.state), &status(2), &context(105, 5));
    assert!(same.drafts.is_empty());

    let id = path().id();
    let gone = queue_status_absence(&first.state, &id, &context(110, 5));
    let Body::QueueDepthChanged(change) = body(&gone.drafts[0]) else { panic!() };
    assert_eq!((change.previous, change.depth, change.oldest_queued_at), (Some(2), 0, None));
    assert_eq!(change.queue.id, Some(EntityId::new("10")));

    let still = queue_status_absence(&gone.state, &id, &context(115, 5));
    assert!(still.drafts.is_empty());
}
