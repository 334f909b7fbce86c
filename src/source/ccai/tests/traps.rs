//! The traps of the vendor's data, each by name. Those of paging and HTTP are tested where they
//! are avoided.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::super::mapping;
use super::super::rows::{DecodeRow, decode};
use super::NOON;
use crate::detect::{PollContext, queue_status_row, record_row, service_level_row};
use crate::event::Draft;
use crate::model::{
    AccountName, Activity, Agent, Call, Direction, EntityKey, Measured, Presence, ServiceLevel,
};
use crate::source::{Quarantined, UnknownValue};

fn read<T>(row: &Value, read: DecodeRow<T>) -> (Result<T, Quarantined>, Vec<UnknownValue>) {
    let raw: Box<RawValue> = to_raw_value(row).unwrap();
    let mut unknown = Vec::new();
    let result = decode(&raw, read, &mut unknown);
    (result, unknown)
}

fn call(row: &Value) -> Call {
    read(row, mapping::call).0.unwrap()
}

fn agent(row: &Value) -> Agent {
    read(row, mapping::agent).0.unwrap()
}

fn activity(row: &Value) -> Activity {
    read(row, mapping::activity).0.unwrap()
}

#[test]
fn status_zero_is_a_status_and_names_do_not_identify_it() {
    let presence = |id: i64| {
        let row = json!({"id": 1, "status": {"id": id, "name": "Meal"}});
        agent(&row).status.unwrap().presence
    };
    let cases = [
        (0, Presence::Available),
        (-1, Presence::Away),
        (-2, Presence::Break),
        (-3, Presence::Away),
        (-4, Presence::Break),
        (-5, Presence::Away),
        (-6, Presence::WrapUp),
        (-7, Presence::Busy),
        (-8, Presence::Busy),
        (-10, Presence::Offline),
        (5, Presence::Other),
        (-9, Presence::Other),
    ];
    for (id, expected) in cases {
        assert_eq!(presence(id), expected, "{id}");
    }
}

#[test]
fn a_login_row_carries_the_status_offline_and_stays_a_login() {
    let row = json!({"id": 1, "agent_id": 2, "activity": "login", "ended_at": null,
        "started_at": "2026-03-01T12:00:00.000Z", "status": {"id": -10, "name": "Offline"}});
    let row = activity(&row);
    assert_eq!(row.activity, "login");
    assert_eq!(row.status.unwrap().presence, Presence::Offline);
    assert_eq!(row.ended_at, None);
}

#[test]
fn status_online_and_wrap_up_are_three_facts() {
    let agent = agent(&json!({"id": 1, "online": false, "wrap_up": false,
        "status": {"id": -7, "name": "In-call"}}));
    assert_eq!((agent.online, agent.wrap_up), (Some(false), Some(false)));
    assert_eq!(agent.status.unwrap().presence, Presence::Busy);
}

#[test]
fn one_fact_in_many_forms_has_one_type() {
    let forms = [
        (json!(true), json!(123), json!("nothing")),
        (json!("true"), json!("123"), json!(null)),
        (json!(1), json!(123), json!("nothing")),
        (json!("1"), json!("123"), json!(null)),
    ];
    let mut calls = forms.iter().map(|(flag, text, reason)| {
        call(&json!({"id": "7", "fail_reason": reason, "deflection": text,
            "selected_menu": {"id": 1, "hidden": flag, "deleted": flag},
            "queue_durations": [{"id": 1, "transfer": flag, "transfer_cold": flag}],
            "handle_durations": {"id": 1, "transfer": flag, "barged": flag},
            "agent_info": {"id": 1, "agent_number": text}}))
    });
    let first = calls.next().unwrap();
    assert_eq!(first.interaction.fail_reason, None);
    assert!(
        first.interaction.queue_durations[0].transfer
            && first.interaction.handle_durations[0].transfer
    );
    assert_eq!(first.interaction.agent_info.as_ref().unwrap().agent_number.as_deref(), Some("123"));
    for other in calls {
        assert_eq!(other, first);
    }
}

#[test]
fn a_fraction_of_a_second_is_rounded_and_quarantines_no_row() {
    let row = json!({"menu_path_id": 5, "in_queue_count": 2, "average_queue_duration": 12.5,
        "total_queue_duration": 25.0, "oldest_duration_in_queue": "13.2"});
    let status = read(&row, mapping::queue_status).0.unwrap();
    assert_eq!(status.average_duration, Some(13));
    assert_eq!(status.total_duration, Some(25));
    assert_eq!(status.oldest_duration, Some(13));
    let row = json!({"id": 1, "average_response_time": 7.4,
        "handle_durations": [{"id": 1, "response_time_avg": 3.6}]});
    let chat = read(&row, mapping::chat).0.unwrap();
    assert_eq!(chat.average_response_time, Some(7));
    assert_eq!(chat.interaction.handle_durations[0].response_time_avg, Some(4));
}

#[test]
fn a_menu_path_is_an_object_at_the_top_and_a_text_in_the_rows() {
    let call = call(&json!({"id": 1,
        "menu_path": {"items_count": 1, "name": "Parcels", "materialized_path": "Acme/Parcels"},
        "queue_durations": [{"menu_path_id": 5, "menu_path": "Acme/Parcels"}]}));
    assert_eq!(
        call.interaction.menu_path.unwrap().materialized_path.as_deref(),
        Some("Acme/Parcels")
    );
    assert_eq!(call.interaction.queue_durations[0].menu_path.as_deref(), Some("Acme/Parcels"));
    assert_eq!(call.interaction.queue_durations[0].menu_path_id.as_ref().unwrap().as_str(), "5");
}

#[test]
fn the_verdict_passes_through_whatever_the_times_say() {
    let call = call(&json!({"id": 1, "queue_duration": 22, "queue_durations": [{
        "queue_duration": 10, "service_level_event": "not_in_sla",
        "service_level_target_time": 60}]}));
    assert_eq!(call.interaction.queue_duration, Some(22));
    assert_eq!(call.interaction.queue_durations[0].queue_duration, Some(10));
    assert_eq!(
        call.interaction.queue_durations[0].service_level_event.as_deref(),
        Some("not_in_sla")
    );
}

#[test]
fn a_deprecated_wait_is_not_read() {
    let row = json!({"id": 1, "wait_duration": 99, "queue_duration": 22});
    assert_eq!(call(&row).interaction.queue_duration, Some(22));
    assert_eq!(call(&json!({"id": 1, "wait_duration": 99})).interaction.queue_duration, None);
}

#[test]
fn one_number_as_queue_path_and_group_names_three_things() {
    // Each as its own row is read, and keyed as its events are.
    let queue = read(&json!({"id": 5}), mapping::queue).0.unwrap();
    let row = json!({"menu_path_id": 5, "lang": "en", "comm_type": "Call", "in_queue_count": 1});
    let path = read(&row, mapping::queue_status).0.unwrap();
    let group = read(&json!({"queue_group_id": 5, "sla": 90.0}), mapping::level).0.unwrap();
    let of = Measured::Group { group_id: group.id, channel: String::from("call") };
    let level = ServiceLevel { of, name: group.name, percent: group.percent, minutes: 30 };
    let context = PollContext {
        requested_at: NOON,
        answered_at: NOON,
        previous_requested_at: None,
        start: NOON,
        baseline_at: NOON,
        first_full_scan: true,
    };
    let drafts = [
        record_row(None, &queue, &context).drafts,
        queue_status_row(None, &path, &context).drafts,
        service_level_row(None, &level, None, &context).drafts,
    ];
    let account = AccountName::new("acme").unwrap();
    let key = |draft: Draft| {
        EntityKey { account: account.clone(), kind: draft.kind, id: draft.entity }.to_string()
    };
    let keys: Vec<_> = drafts.into_iter().flatten().map(key).collect();
    assert_eq!(keys, ["acme:queue:5", "acme:queue_path:5/en/call", "acme:queue_group:5/call"]);
}

#[test]
fn names_are_never_composed_and_swapped_ones_stay_as_they_are() {
    let call = call(&json!({"id": 1, "agent_info": {"id": 2, "name": "Tara Probe",
        "first_name": "Probe", "last_name": "Tara"}}));
    let agent = call.interaction.agent_info.unwrap();
    assert_eq!(agent.first_name.as_deref(), Some("Probe"));
    assert_eq!(agent.name.as_deref(), Some("Tara Probe"));
}

#[test]
fn a_participant_that_names_another_call_belongs_to_the_one_it_is_in() {
    let call = call(&json!({"id": 1, "participants": [{"id": 5, "call_id": 3}]}));
    assert_eq!(call.interaction.id.as_str(), "1");
    assert_eq!(call.interaction.participants[0].call_id.as_ref().unwrap().as_str(), "3");
}

fn unknown<T>(row: &Value, decoder: DecodeRow<T>) -> Vec<&'static str> {
    let (result, unknown) = read(row, decoder);
    assert!(result.is_ok(), "an unknown value sets no row aside");
    unknown.iter().map(|unknown| unknown.field).collect()
}

#[test]
fn values_that_no_table_knows_pass_through_and_are_counted() {
    let row = json!({"id": 1, "status": "teleported", "call_type": "Voice Telepathy",
        "fail_reason": "ag_asleep", "adapter_fail_code": 99999,
        "queue_durations": [{"service_level_event": "maybe"}],
        "transfers": [{"id": 1, "fail_reason": "lost_on_the_way"}],
        "participants": [{"id": 1, "fail_reason": "left", "adapter_fail_code": 7}],
        "selected_menu": {"id": 1, "menu_type": "holo_menu"}});
    assert_eq!(
        unknown(&row, mapping::call),
        [
            "call.status",
            "call.call_type",
            "call.fail_reason",
            "call.service_level_event",
            "call.adapter_fail_code",
            "call.transfer.fail_reason",
            "call.participant.fail_reason",
            "call.participant.adapter_fail_code",
            "call.menu_type",
        ]
    );
    let call = call(&row);
    assert_eq!(call.interaction.status.as_deref(), Some("teleported"));
    assert_eq!(call.interaction.fail_reason.as_deref(), Some("ag_asleep"));
    assert_eq!(call.adapter_fail_code, Some(99999));
    assert_eq!(call.interaction.transfers[0].fail_reason.as_deref(), Some("lost_on_the_way"));

    let row = json!({"id": 1, "status": "dreamt", "chat_type": "Messaging (Pigeon)",
        "fail_reason": "rained_off", "queue_durations": [{"service_level_event": "maybe"}],
        "transfers": [{"id": 1, "fail_reason": "eu_busy"}],
        "participants": [{"id": 1, "fail_reason": "left", "adapter_fail_code": 7}],
        "selected_menu": {"id": 1, "menu_type": "holo_menu"}});
    assert_eq!(
        unknown(&row, mapping::chat),
        [
            "chat.status",
            "chat.chat_type",
            "chat.fail_reason",
            "chat.service_level_event",
            // A reason of calls is none of chats.
            "chat.transfer.fail_reason",
            "chat.participant.fail_reason",
            "chat.participant.adapter_fail_code",
            "chat.menu_type",
        ]
    );

    let row = json!({"id": 1, "agent_id": 2, "activity": "levitated",
        "started_at": "2026-03-01T12:00:00.000Z"});
    assert_eq!(unknown(&row, mapping::activity), ["activity.activity"]);
    let channels = json!([{"channel_type": "holo_call", "menu": {"menu_type": "holo_menu"}}]);
    let row = json!({"id": 1, "channels": channels});
    assert_eq!(unknown(&row, mapping::agent), ["agent.channel_type", "agent.menu_type"]);
    let row = json!({"id": 1, "menu_type": "holo_menu",
        "agent_assignments": [{"channel_type": "holo_call"}],
        "team_assignments": [{"channel_type": "chat", "team": {"id": 1}}]});
    assert_eq!(unknown(&row, mapping::queue), ["queue.channel_type", "queue.menu_type"]);
    let row = json!({"menu_path_id": 5, "in_queue_count": 1, "comm_type": "Hologram"});
    assert_eq!(unknown(&row, mapping::queue_status), ["queue_status.comm_type"]);
    let status = read(&row, mapping::queue_status).0.unwrap();
    assert_eq!(status.queue.channel.as_deref(), Some("hologram"));
}

#[test]
fn both_vocabularies_of_call_types_give_the_direction() {
    let direction = |word: &str| call(&json!({"id": 1, "call_type": word})).direction();
    let cases = [
        (Direction::Inbound, &["Voice Inbound (IVR)", "Voice Inbound (App)", "IvrCall"][..]),
        (Direction::Inbound, &["IncomingCallApp", "IncomingCallWeb", "ActionOnlyCall"]),
        (Direction::Outbound, &["Voice Outbound", "OutboundCall"]),
        (Direction::Scheduled, &["Voice Callback (Web)", "Voice Scheduled (App)"]),
        (Direction::Scheduled, &["Voice Scheduled (Web)", "ScheduledCallApp"]),
        (Direction::Scheduled, &["ScheduledCallWeb", "AgentScheduledCall"]),
        (Direction::Unknown, &["Voice Telepathy", ""]),
    ];
    for (expected, words) in cases {
        for word in words {
            assert_eq!(direction(word), expected, "{word}");
        }
    }
    assert_eq!(call(&json!({"id": 1})).direction(), Direction::Unknown);
}

#[test]
fn lists_whose_order_means_nothing_are_sorted() {
    let first = json!({"id": 1, "roles": ["manager", "agent"],
        "teams": [{"id": 11}, {"id": 9}],
        "channels": [{"channel_type": "voice_call", "menu": {"id": 3}},
                     {"channel_type": "chat", "menu": {"id": 3}}]});
    let second = json!({"id": 1, "roles": ["agent", "manager"],
        "teams": [{"id": 9}, {"id": 11}],
        "channels": [{"channel_type": "chat", "menu": {"id": 3}},
                     {"channel_type": "voice_call", "menu": {"id": 3}}]});
    assert_eq!(agent(&first), agent(&second));
    assert_eq!(agent(&first).roles, ["agent", "manager"]);
}

#[test]
fn a_row_that_cannot_be_decoded_names_the_path_and_never_the_value() {
    let row = json!({"id": 4, "queue_durations": [{}, {"started_at": "Ada Sample"}]});
    let quarantined = read(&row, mapping::call).0.unwrap_err();
    assert_eq!(quarantined.id.as_ref().unwrap().as_str(), "4");
    assert_eq!(quarantined.reason.path, "queue_durations[1].started_at");
    assert_eq!(quarantined.reason.kind, "expected a time");
    assert!(!format!("{quarantined:?}").contains("Ada"));
    for row in [json!("Ada"), json!([]), json!({"id": {}}), json!({})] {
        let quarantined = read(&row, mapping::agent).0.unwrap_err();
        assert_eq!(quarantined.id, None, "{row}");
        assert!(!format!("{quarantined:?}").contains("Ada"));
    }
}
