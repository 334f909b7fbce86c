use serde_json::{Value, json};

use super::{at, body, context, mapped, names, with};
use crate::detect::{Targets, interaction_row};
use crate::event::Body;
use crate::model::{Chat, EntityId};

fn row(changes: &Value) -> Value {
    let base = json!({"id": "41234", "menu_path_id": "5", "menu_path": "Support/Shipping",
        "lang": "en", "transfer": false, "started_at": at(11).millis(), "ended_at": null,
        "agent_id": null});
    with(base, changes)
}

fn chat(changes: &Value) -> Chat {
    let base = json!({
        "id": "7", "lang": "en", "chat_type": "Messaging Inbound (Web Chat)", "status": "queued",
        "created_at": at(10).millis(), "updated_at": at(11).millis(),
        "queue_durations": [row(&json!({}))],
    });
    mapped(with(base, changes))
}

fn emitted(chat: &Chat) -> Vec<crate::event::Draft> {
    interaction_row(None, chat, &context(100, 5), &Targets::default()).drafts
}

#[test]
fn a_chats_life_cycle_is_emitted_at_the_stamps_of_its_rows() {
    let drafts = emitted(&chat(&json!({
        "status": "finished", "assigned_at": at(20).millis(), "ends_at": at(50).millis(),
        "agent_info": {"id": "18"},
        "queue_durations": [
            row(&json!({"ended_at": at(20).millis(), "agent_id": "17"})),
            row(&json!({"id": "41235", "transfer": true, "transfer_id": "90",
                "started_at": at(30).millis(), "ended_at": at(33).millis()})),
        ],
        "transfers": [{"id": "90", "status": "transferred", "created_at": at(29).millis(),
            "from_agent": {"id": "17"}, "to_agent": {"id": "18"}}],
        "handle_durations": [{"id": "30001", "agent_id": "18", "chat_duration": 15,
            "transfer": true, "transfer_id": "90", "started_at": at(34).millis(),
            "ended_at": at(50).millis()}],
    })));
    assert_eq!(
        names(&drafts),
        [
            "ChatQueued",
            "ChatAssigned",
            "ChatTransferred",
            "ChatQueued",
            "ChatAssigned",
            "ChatFinished"
        ]
    );
    let times: Vec<_> = drafts.iter().map(|draft| draft.occurrence.at).collect();
    assert_eq!(times, [at(11), at(20), at(29), at(30), at(34), at(50)]);
    let Body::ChatAssigned(second) = body(&drafts[4]) else { panic!() };
    assert_eq!(second.chat.agent_id, Some(EntityId::new("18")));
    assert_eq!(second.transfer_id, Some(EntityId::new("90")));
}

#[test]
fn each_end_of_a_chat_has_its_own_event() {
    for (status, event) in [
        ("finished", "ChatFinished"),
        ("canceled", "ChatCanceled"),
        ("failed", "ChatFailed"),
        ("no_response", "ChatUnanswered"),
    ] {
        let ended = chat(&json!({"status": status, "ends_at": at(50).millis()}));
        let drafts = emitted(&ended);
        assert_eq!(names(&drafts), ["ChatQueued", event]);
        assert_eq!(drafts[1].occurrence.at, at(50));
    }
}

#[test]
fn rows_of_two_chats_or_of_two_kinds_may_have_one_number() {
    // The document's own chats share 30001 and 41234.
    let first = chat(&json!({
        "status": "assigned", "assigned_at": at(20).millis(),
        "queue_durations": [row(&json!({"id": "30001", "ended_at": at(20).millis()})),
            row(&json!({"id": "41234", "transfer": true, "started_at": at(30).millis()}))],
        "handle_durations": [{"id": "30001", "agent_id": "17", "transfer": false,
            "started_at": at(20).millis(), "ended_at": at(29).millis(), "acw_duration": 4}],
    }));
    let mut second = first.clone();
    second.interaction.id = EntityId::new("8");
    let (first, second) = (emitted(&first), emitted(&second));
    assert_eq!(names(&first), ["ChatQueued", "ChatAssigned", "ChatQueued", "ChatWrapUpEnded"]);
    assert_eq!(names(&second), names(&first));
    assert!(second.iter().all(|draft| draft.entity == EntityId::new("8")));
}
