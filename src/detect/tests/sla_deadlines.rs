use serde_json::{Value, json};

use super::{at, body, context, mapped, names, with};
use crate::detect::{InteractionState, SlaDeadline, Targets, interaction_row};
use crate::event::body::SlaBasis;
use crate::event::{Body, Draft};
use crate::model::{Call, Chat};

/// A call that waits since second 12, in a queue whose target is 20 s.
fn waiting(row: &Value) -> Call {
    let base = json!({"id": "20", "menu_path_id": "5", "menu_path": "Support/Shipping",
        "transfer": false, "started_at": at(13).millis(), "ended_at": null,
        "service_level_target_time": 20});
    mapped(json!({
        "id": "4711", "call_type": "Voice Inbound (IVR)", "status": "queued",
        "created_at": at(10).millis(), "queued_at": at(12).millis(), "updated_at": at(12).millis(),
        "selected_menu": {"id": "11", "name": "Shipping"}, "queue_durations": [with(base, row)],
    }))
}

fn read(
    state: Option<&InteractionState<Call>>,
    call: &Call,
    requested: i64,
) -> (InteractionState<Call>, Vec<Draft>) {
    let change = interaction_row(state, call, &context(requested, 5), &Targets::default());
    (change.state, change.drafts)
}

#[test]
fn a_breach_is_found_a_second_after_the_deadline_and_emitted_once_at_the_deadline() {
    let call = waiting(&json!({}));
    assert_eq!(SlaDeadline::of(&call, &Targets::default()).unwrap().overdue_at, at(33));
    let (state, drafts) = read(None, &call, 32);
    assert_eq!(names(&drafts), ["CallCreated", "CallQueued"]);
    let (state, drafts) = read(Some(&state), &call, 33);
    assert_eq!(names(&drafts), ["SlaBreached"]);
    let Body::SlaBreached(breach) = body(&drafts[0]) else { panic!() };
    assert_eq!((breach.basis, breach.target_seconds), (SlaBasis::Deadline, Some(20)));
    assert_eq!(drafts[0].occurrence.at, at(32));
    let (state, drafts) = read(Some(&state), &call, 60);
    assert!(drafts.is_empty(), "{:?}", names(&drafts));
    // The vendor's own verdict says the same.
    let verdict = json!({"ended_at": at(70).millis(), "service_level_event": "not_in_sla"});
    let (_, drafts) = read(Some(&state), &waiting(&verdict), 75);
    assert!(!names(&drafts).contains(&"SlaBreached"), "{:?}", names(&drafts));
}

#[test]
fn a_breach_that_the_vendor_denies_is_withdrawn_once() {
    let (state, _) = read(None, &waiting(&json!({})), 40);
    for verdict in ["in_sla", "excluded"] {
        let denied = json!({"ended_at": at(31).millis(), "service_level_event": verdict});
        let (after, drafts) = read(Some(&state), &waiting(&denied), 45);
        let withdrawn: Vec<_> = drafts
            .iter()
            .filter(|draft| matches!(body(draft), Body::SlaBreachWithdrawn(_)))
            .collect();
        assert_eq!(withdrawn.len(), 1, "{verdict}");
        let (_, drafts) = read(Some(&after), &waiting(&denied), 50);
        assert!(drafts.is_empty(), "{:?}", names(&drafts));
    }
    // Without a breach there is nothing to withdraw.
    let denied = json!({"ended_at": at(31).millis(), "service_level_event": "in_sla"});
    let (_, drafts) = read(None, &waiting(&denied), 45);
    assert!(!names(&drafts).contains(&"SlaBreachWithdrawn"));
}

#[test]
fn a_target_is_the_rows_own_or_the_queues_or_the_configured_one() {
    let without_target = waiting(&json!({"service_level_target_time": null}));
    let overdue = |targets: &Targets| {
        SlaDeadline::of(&without_target, targets).map(|deadline| deadline.overdue_at)
    };
    assert_eq!(overdue(&Targets::default()), None);
    let mut targets = Targets::new(Some(60), None);
    assert_eq!(overdue(&targets), Some(at(73)));
    targets.learn(&waiting(&json!({})));
    assert_eq!(overdue(&targets), Some(at(33)));
}

#[test]
fn a_queued_chat_without_a_row_has_no_deadline_until_its_first_row_names_the_start() {
    // Chats have no stamp of their own for it, and a chat is created before it is queued.
    let chat = |rows: &Value| -> Chat {
        mapped(json!({
            "id": "7", "chat_type": "Messaging Inbound (Web Chat)", "status": "queued",
            "created_at": at(10).millis(), "updated_at": at(10).millis(), "queue_durations": rows,
        }))
    };
    let targets = Targets::new(Some(20), None);
    let bare = chat(&json!([]));
    assert_eq!(SlaDeadline::of(&bare, &targets), None);
    let change = interaction_row(None, &bare, &context(60, 5), &targets);
    assert_eq!(names(&change.drafts), [""; 0]);
    let rows = json!([{"id": "30", "menu_path_id": "5", "transfer": false,
        "started_at": at(13).millis(), "ended_at": null}]);
    let queued = chat(&rows);
    assert_eq!(SlaDeadline::of(&queued, &targets).map(|wait| wait.overdue_at), Some(at(34)));
    let change = interaction_row(Some(&change.state), &queued, &context(70, 60), &targets);
    assert_eq!(names(&change.drafts), ["ChatQueued", "SlaBreached"]);
    let times: Vec<_> = change.drafts.iter().map(|draft| draft.occurrence.at).collect();
    assert_eq!(times, [at(13), at(33)]);
    let again = interaction_row(Some(&change.state), &queued, &context(75, 70), &targets);
    assert_eq!(names(&again.drafts), [""; 0]);
}
