use proptest::prelude::*;
use serde_json::{Value, json};

use super::{at, body, context, mapped, names, with};
use crate::detect::{
    Change, HORIZON, InteractionState, PollContext, Targets, interaction_row, settle,
};
use crate::event::{Body, Draft, Origin};
use crate::model::{Call, EntityId, InteractionPhase, Precision, SlaVerdict, VendorWord};

fn call(changes: &Value) -> Call {
    let base = json!({
        "id": "4711", "lang": "en", "call_type": "Voice Inbound (IVR)", "status": "queued",
        "created_at": at(10).millis(), "queued_at": at(12).millis(), "updated_at": at(12).millis(),
        "selected_menu": {"id": "11", "name": "Shipping"},
        "queue_durations": [queue_row(20, 13, None)],
    });
    mapped(with(base, changes))
}

fn queue_row(id: i64, started: i64, ended: Option<i64>) -> Value {
    json!({
        "id": id.to_string(), "menu_path_id": "5", "menu_path": "Support/Shipping", "lang": "en",
        "transfer": false, "started_at": at(started).millis(),
        "ended_at": ended.map(|ended| at(ended).millis()),
        "agent_id": ended.map(|_| "17"),
    })
}

fn finished() -> Call {
    call(&json!({
        "status": "finished", "assigned_at": at(14).millis(), "connected_at": at(20).millis(),
        "ends_at": at(50).millis(), "updated_at": at(50).millis(),
        "agent_info": {"id": "17"},
        "queue_durations": [queue_row(20, 13, Some(20))],
        "handle_durations": [{"id": "30", "agent_id": "17", "call_duration": 30, "transfer": false,
            "started_at": at(20).millis(), "ended_at": at(50).millis()}],
    }))
}

fn row_of(
    state: Option<&InteractionState<Call>>,
    row: &Call,
    context: &PollContext,
) -> Change<InteractionState<Call>> {
    interaction_row(state, row, context, &Targets::default())
}

fn first(row: &Call, requested: i64) -> (InteractionState<Call>, Vec<Draft>) {
    let change = row_of(None, row, &context(requested, 5));
    (change.state, change.drafts)
}

#[test]
fn a_call_first_seen_finished_yields_its_whole_life_cycle_at_its_stamps() {
    let (_, drafts) = first(&finished(), 60);
    assert_eq!(
        names(&drafts),
        ["CallCreated", "CallQueued", "CallAssigned", "CallConnected", "CallFinished"]
    );
    let times: Vec<_> = drafts.iter().map(|draft| draft.occurrence.at).collect();
    assert_eq!(times, [at(10), at(12), at(14), at(20), at(50)]);
    assert!(drafts.iter().all(|draft| draft.occurrence.precision == Precision::Second));
}

#[test]
fn facts_of_a_step_are_those_of_that_step() {
    let (_, drafts) = first(&finished(), 60);
    let Body::CallCreated(created) = body(&drafts[0]) else { panic!() };
    assert_eq!((&created.call.queue, &created.call.agent_id), (&None, &None));
    let Body::CallQueued(queued) = body(&drafts[1]) else { panic!() };
    let queue = queued.call.queue.clone().unwrap();
    // Three id spaces: the menu's at the top, the path's in the row.
    assert_eq!(queue.id, Some(EntityId::new("11")));
    assert_eq!(queue.path_id, Some(EntityId::new("5")));
    assert_eq!(queued.call.agent_id, None);
    assert_eq!(queued.row_id, Some(EntityId::new("20")));
    let Body::CallAssigned(assigned) = body(&drafts[2]) else { panic!() };
    assert_eq!(assigned.call.agent_id, Some(EntityId::new("17")));
}

#[test]
fn steps_follow_the_life_cycle_also_where_the_stamps_cross() {
    // As in the vendor's sample: queued before the row starts, assigned before the row, too.
    let row = call(&json!({
        "status": "finished", "assigned_at": at(11).millis(), "connected_at": at(20).millis(),
        "ends_at": at(50).millis(), "queue_durations": [queue_row(20, 18, Some(20))],
        "transfers": [{"id": "11", "created_at": at(90).millis(), "to_agent": {"id": "18"}}],
    }));
    let (_, drafts) = first(&row, 100);
    assert_eq!(
        names(&drafts),
        [
            "CallCreated",
            "CallQueued",
            "CallAssigned",
            "CallConnected",
            "CallTransferred",
            "CallFinished"
        ]
    );
}

#[test]
fn the_first_queue_row_without_a_transfer_is_the_stamped_step() {
    let row = call(&json!({"queued_at": null}));
    let (_, drafts) = first(&row, 20);
    assert_eq!(names(&drafts), ["CallCreated", "CallQueued"]);
    assert_eq!(drafts[1].occurrence.at, at(13));
}

#[test]
fn a_transfer_repeats_the_steps_it_brings_and_each_once() {
    let before = first(&finished_open(), 40).0;
    let row = with_transfer(&json!({"assigned_at": at(44).millis()}), &json!([]));
    let change = row_of(Some(&before), &row, &context(45, 5));
    assert_eq!(names(&change.drafts), ["CallTransferred", "CallQueued", "CallAssigned"]);
    let Body::CallAssigned(assigned) = body(&change.drafts[2]) else { panic!() };
    assert_eq!(assigned.transfer_id, Some(EntityId::new("9")));
    assert_eq!(assigned.call.agent_id, Some(EntityId::new("18")));

    // The transfer's connection is emitted, and the handling row that comes later is the same step.
    let connected = json!({"assigned_at": at(44).millis(), "connected_at": at(47).millis()});
    let change =
        row_of(Some(&change.state), &with_transfer(&connected, &json!([])), &context(50, 5));
    assert_eq!(names(&change.drafts), ["CallConnected"]);
    let handled = json!([{"id": "31", "agent_id": "18", "transfer": true, "transfer_id": "9",
        "call_duration": 5, "started_at": at(47).millis(), "ended_at": at(52).millis()}]);
    let change = row_of(Some(&change.state), &with_transfer(&connected, &handled), &context(55, 5));
    assert_eq!(names(&change.drafts), ["CallUpdated"]);
}

fn late() -> VendorWord<SlaVerdict> {
    VendorWord::new("not_in_sla", SlaVerdict::Late)
}

fn finished_open() -> Call {
    let mut call = finished();
    call.interaction.status = Some(VendorWord::new("connected", InteractionPhase::Connected));
    call.interaction.ends_at = None;
    call
}

fn with_transfer(stamps: &Value, handled: &Value) -> Call {
    let transfer = with(
        json!({"id": "9", "created_at": at(42).millis(), "from_agent": {"id": "17"},
            "to_agent": {"id": "18"}}),
        stamps,
    );
    let mut queued = queue_row(21, 43, Some(44));
    queued["transfer"] = json!(true);
    queued["transfer_id"] = json!("9");
    let mut row = finished_open();
    row.interaction.transfers = serde_json::from_value(json!([transfer])).unwrap();
    row.interaction.queue_durations.push(serde_json::from_value(queued).unwrap());
    row.interaction
        .handle_durations
        .extend(serde_json::from_value::<Vec<_>>(handled.clone()).unwrap());
    row
}

#[test]
fn rows_without_an_id_are_identified_by_their_content() {
    let mut row = finished();
    row.interaction.queue_durations[0].id = None;
    row.interaction.queue_durations[0].service_level_event = Some(late());
    let (state, drafts) = first(&row, 60);
    assert!(names(&drafts).contains(&"SlaBreached"));
    row.interaction.rating = Some(4);
    let again = row_of(Some(&state), &row, &context(65, 5));
    assert_eq!(names(&again.drafts), ["CallRated"]);
}

#[test]
fn the_vendors_verdict_is_emitted_unchanged() {
    // A wait of 7 s is late under a target of 60 s, says the vendor.
    let mut row = finished();
    row.interaction.queue_durations[0].service_level_event = Some(late());
    row.interaction.queue_durations[0].service_level_target_time = Some(60);
    row.interaction.queue_durations[0].queue_duration = Some(7);
    let (_, drafts) = first(&row, 60);
    let breach = drafts.iter().find(|draft| draft.body.event_type().as_str() == "SlaBreached");
    let Body::SlaBreached(breach) = body(breach.unwrap()) else { panic!() };
    assert_eq!((breach.target_seconds, breach.value), (Some(60), Some(7.0)));
}

#[test]
fn after_call_work_that_comes_late_is_emitted_with_the_whole_record() {
    let (state, _) = first(&finished(), 60);
    let mut row = finished();
    row.interaction.handle_durations.push(
        serde_json::from_value(json!({"id": "32", "agent_id": "17", "acw_duration": 25,
            "call_duration": 0, "started_at": at(50).millis(), "ended_at": at(75).millis()}))
        .unwrap(),
    );
    let change = row_of(Some(&state), &row, &context(90, 30));
    assert_eq!(names(&change.drafts), ["CallWrapUpEnded"]);
    assert_eq!(change.drafts[0].occurrence.at, at(75));
    // Nor after the record itself was removed.
    let change = row_of(Some(&settle(&change.state)), &row, &context(95, 5));
    assert_eq!(change.drafts, []);
}

#[test]
fn a_call_is_abandoned_by_its_failure_reason() {
    for (reason, abandoned) in [("eu_abandoned", true), ("voip_conn_timeout", false)] {
        let row = call(&json!({
            "status": "failed", "fail_reason": reason, "ends_at": at(30).millis(),
        }));
        let (_, drafts) = first(&row, 40);
        let Body::CallFailed(failed) = body(drafts.last().unwrap()) else { panic!() };
        assert_eq!((failed.reason.as_deref(), failed.abandoned), (Some(reason), abandoned));
    }
}

#[test]
fn voicemails_deflections_and_schedules_are_separate_steps() {
    let cases = [
        (json!({"status": "deflected", "deflection": "voicemail"}), vec!["CallDeflected"]),
        (
            json!({"status": "voicemail_received", "deflection": "voicemail"}),
            vec!["CallDeflected", "CallVoicemailReceived"],
        ),
        (json!({"status": "voicemail_read"}), vec!["CallVoicemailReceived", "CallVoicemailRead"]),
        (json!({"status": "recovered"}), vec!["CallRecovered"]),
    ];
    for (changes, expected) in cases {
        let (_, drafts) = first(&call(&changes), 40);
        assert_eq!(names(&drafts)[2..], expected, "{changes}");
    }
    let scheduled = call(&json!({
        "status": "scheduled", "scheduled_at": at(4000).millis(), "queued_at": null,
        "queue_durations": [],
    }));
    let (_, drafts) = first(&scheduled, 40);
    assert_eq!(names(&drafts), ["CallCreated", "CallScheduled"]);
    assert_eq!(drafts[1].occurrence.at, at(10));
}

#[test]
fn a_stamp_that_moves_without_a_row_is_an_update() {
    let (state, _) = first(&finished_open(), 40);
    let moved = Call { connected_at: Some(at(21)), ..finished_open() };
    let change = row_of(Some(&state), &moved, &context(45, 5));
    let Body::CallUpdated(update) = body(&change.drafts[0]) else { panic!() };
    assert_eq!(update.changed, ["connected_at"]);
    assert!(update.before.is_some());
}

#[test]
fn a_record_whose_bookkeeping_alone_changed_emits_nothing() {
    let (state, _) = first(&finished(), 60);
    let mut touched = finished();
    touched.interaction.updated_at = Some(at(55));
    assert_eq!(row_of(Some(&state), &touched, &context(65, 5)).drafts, []);
}

#[test]
fn a_call_that_ended_before_the_start_or_the_horizon_yields_only_an_update() {
    let mut old = finished();
    old.interaction.created_at = Some(at(-90));
    old.interaction.ends_at = Some(at(-30));
    old.interaction.rating = Some(5);
    old.interaction.updated_at = Some(at(20));
    let (state, drafts) = first(&old, 25);
    assert_eq!(names(&drafts), ["CallUpdated"]);
    let Body::CallUpdated(update) = body(&drafts[0]) else { panic!() };
    assert_eq!(update.before, None);
    // And from then on it is known.
    assert_eq!(row_of(Some(&state), &old, &context(30, 5)).drafts, []);

    let horizon = i64::try_from(HORIZON.as_secs()).unwrap();
    let (_, drafts) = first(&finished(), 50 + horizon + 1);
    assert_eq!(names(&drafts), ["CallUpdated"]);
}

#[test]
fn the_steps_of_a_call_before_the_start_belong_to_the_baseline() {
    let mut row = finished_open();
    row.interaction.created_at = Some(at(-20));
    let (_, drafts) = first(&row, 30);
    assert_eq!(drafts[0].origin, Origin::Baseline);
    assert_eq!(drafts[1].origin, Origin::Live);
}

proptest! {
    /// The same facts, however many of the versions of a call are seen.
    #[test]
    fn stamped_facts_are_the_same_however_the_poll_results_are_split(
        seen in prop::collection::vec(any::<bool>(), 6), rating in prop::option::of(1..=5_i64),
    ) {
        let versions = versions(rating);
        let facts = |seen: &[bool]| {
            let mut state: Option<InteractionState<Call>> = None;
            let mut facts = Vec::new();
            for (n, version) in versions.iter().enumerate() {
                let last = n == versions.len() - 1;
                if !last && !seen[n] {
                    continue;
                }
                let requested = 60 + 10 * i64::try_from(n).unwrap_or(0);
                let change = row_of(state.as_ref(), version, &context(requested, 10));
                for draft in change.drafts {
                    let name = draft.body.event_type().as_str();
                    if !matches!(name, "CallUpdated" | "CallRated") {
                        facts.push((name, draft.occurrence.at, draft.occurrence.precision));
                    }
                }
                state = Some(change.state);
            }
            facts.sort_by_key(|fact| (fact.1, fact.0));
            facts
        };
        prop_assert_eq!(facts(&seen), facts(&[true; 6]));
    }
}

fn versions(rating: Option<i64>) -> Vec<Call> {
    let waiting = call(&json!({}));
    let assigned = call(&json!({
        "status": "assigned", "assigned_at": at(14).millis(), "agent_info": {"id": "17"},
    }));
    let connected = finished_open();
    let mut transferred = with_transfer(
        &json!({"assigned_at": at(44).millis(), "connected_at": at(47).millis()}),
        &json!([]),
    );
    transferred.interaction.queue_durations[0].service_level_event = Some(late());
    let mut ended = transferred.clone();
    ended.interaction.status = Some(VendorWord::new("finished", InteractionPhase::Finished));
    ended.interaction.ends_at = Some(at(58));
    ended.interaction.rating = rating;
    let mut wrapped = ended.clone();
    wrapped.interaction.handle_durations.push(
        serde_json::from_value(json!({"id": "33", "agent_id": "18", "acw_duration": 5,
            "started_at": at(58).millis(), "ended_at": at(63).millis()}))
        .unwrap(),
    );
    vec![waiting, assigned, connected, transferred, ended, wrapped]
}
