//! What is left of a vendor's row under each privacy setting. A text is planted in every field
//! that can hold one, so that a field which is new to the model has to be decided on here.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json, value::to_raw_value};

use super::super::mapping;
use super::super::rows::{Read, decode};
use crate::model::{Activity, Agent, Call, Mode, Privacy, PseudonymKey};
use crate::secret::Secret;

const PLANTED: &str = "planted";

const EVERYTHING: Privacy =
    Privacy { agents: Mode::Keep, customers: Mode::Keep, content: Mode::Keep };
const NOTHING: Privacy = Privacy { agents: Mode::Drop, customers: Mode::Drop, content: Mode::Drop };

fn pseudonyms() -> Privacy {
    let mode = Mode::Pseudonymise(PseudonymKey::new(&Secret::new("sixteen bytes...")).unwrap());
    Privacy { agents: mode, customers: mode, content: mode }
}

/// The example's values over the model's: together they have every field.
fn merged(model: &Value, example: &Value) -> Value {
    match (model, example) {
        (Value::Object(one), Value::Object(other)) => {
            let mut all = one.clone();
            for (name, value) in other {
                let before = all.get(name).cloned().unwrap_or(Value::Null);
                all.insert(name.clone(), merged(&before, value));
            }
            Value::Object(all)
        }
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => json!([merged(one, other)]),
            (Some(only), None) | (None, Some(only)) => json!([only]),
            (None, None) => json!([]),
        },
        (model, Value::Null) => model.clone(),
        (_, example) => example.clone(),
    }
}

/// A text in place of every text and every missing value, but times.
fn plant(value: &mut Value, name: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| plant(value, name)),
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, name)),
        Value::String(text) if text.ends_with('Z') => {}
        Value::String(_) => *value = json!(PLANTED),
        Value::Number(_) if name == "id" || name.ends_with("_id") => *value = json!(PLANTED),
        Value::Null if name.starts_with("out_") || name.ends_with("number") => {
            *value = json!(PLANTED);
        }
        Value::Null if name.ends_with("_id") || name.ends_with("message") => {
            *value = json!(PLANTED);
        }
        _ => {}
    }
}

fn left(value: &Value, path: &str, text: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                left(value, &path, text, paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| left(item, path, text, paths)),
        Value::String(found) if found.contains(text) => {
            paths.insert(path.to_owned());
        }
        _ => {}
    }
}

fn fields<T: Serialize>(value: &T, text: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    left(&serde_json::to_value(value).unwrap(), "", text, &mut paths);
    paths
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| String::from(*path)).collect()
}

fn planted<T>(model: &str, example: &str, read: Read<T>) -> T {
    let (model, example): (Value, Value) =
        (serde_json::from_str(model).unwrap(), serde_json::from_str(example).unwrap());
    let mut row = merged(&model[0], &example[0]);
    if row.get("participants").is_some() {
        row["wait_time_sms"] = json!([{"text": PLANTED}]);
        row["in_call_sms"] = json!([{"text": PLANTED}]);
    }
    plant(&mut row, "");
    decode(&to_raw_value(&row).unwrap(), read, &mut Vec::new()).unwrap()
}

fn call() -> Call {
    planted(
        include_str!("../../../../tests/fixtures/ccai/calls_model.json"),
        include_str!("../../../../tests/fixtures/ccai/calls.json"),
        mapping::call,
    )
}

fn agent() -> Agent {
    planted(
        include_str!("../../../../tests/fixtures/ccai/agents_model.json"),
        include_str!("../../../../tests/fixtures/ccai/agents.json"),
        mapping::agent,
    )
}

fn activity() -> Activity {
    planted(
        include_str!("../../../../tests/fixtures/ccai/agent_activity_logs_model.json"),
        include_str!("../../../../tests/fixtures/ccai/agent_activity_logs.json"),
        mapping::activity,
    )
}

/// What each class takes out of a call.
const OF_AGENTS: &[&str] = &[
    "agent_info.agent_number",
    "agent_info.avatar_url",
    "agent_info.first_name",
    "agent_info.last_name",
    "agent_info.name",
    "transfers.from_agent.agent_number",
    "transfers.from_agent.avatar_url",
    "transfers.from_agent.first_name",
    "transfers.from_agent.last_name",
    "transfers.from_agent.name",
    "transfers.to_agent.agent_number",
    "transfers.to_agent.avatar_url",
    "transfers.to_agent.first_name",
    "transfers.to_agent.last_name",
    "transfers.to_agent.name",
];
const OF_CUSTOMERS: &[&str] = &[
    "end_user.id",
    "end_user.identifier",
    "end_user.out_contact_id",
    "outbound_number",
    "participants.end_user_id",
    "support_number",
];
const OF_CONTENT: &[&str] = &[
    "dispositions.code",
    "fail_details",
    "in_call_sms",
    "photos.url",
    "recording_url",
    "recordings.conference_sid",
    "videos.url",
    "wait_time_sms",
];
/// Beside the rows of the lists that are left out as a whole.
const OF_LISTS: &[&str] = &["photos.id", "photos.photo_type", "videos.id"];
/// What is nobody's: the vendor's ids, its enumerations, names of queues and virtual agents.
const NOBODYS: &str = "
    adapter_fail_message agent_info.id answer_type call_type consumer_event_durations.event
    consumer_event_durations.id consumer_event_durations.lang consumer_event_durations.menu_path
    consumer_event_durations.menu_path_id consumer_event_durations.type
    consumer_handle_durations.id consumer_in_menu_durations.event consumer_in_menu_durations.id
    consumer_in_menu_durations.lang consumer_in_menu_durations.menu_path
    consumer_in_menu_durations.menu_path_id deflection disconnected_by
    dispositions.participant_id dispositions.transfer_id dispositions.user_id fail_reason
    handle_durations.agent_id handle_durations.id handle_durations.lang
    handle_durations.menu_path handle_durations.menu_path_id handle_durations.transfer_id id
    lang menu_path.materialized_path menu_path.name offer_events.group offer_type out_ticket_id
    out_ticket_url parent_id participants.adapter_fail_message participants.call_id
    participants.fail_reason participants.id participants.status participants.type
    participants.user_id queue_durations.agent_id queue_durations.id queue_durations.lang
    queue_durations.menu_path queue_durations.menu_path_id queue_durations.service_level_event
    queue_durations.transfer_id recording_permission recordings.call_id recordings.id
    recordings.recording_type recordings.redaction_times.end_agent_id
    recordings.redaction_times.start_agent_id selected_menu.id selected_menu.menu_type
    selected_menu.name selected_menu.output_msg selected_menu.parent_id status
    transfers.fail_reason transfers.from_agent.id transfers.from_menu.materialized_path
    transfers.from_menu.name transfers.id transfers.status transfers.to_agent.id
    transfers.to_menu.materialized_path transfers.to_menu.name virtual_agent.id
    virtual_agent.name virtual_agent_deflected_escalations.deflection
    virtual_agent_deflected_escalations.escalation_id
    virtual_agent_deflected_escalations.escalation_reason virtual_agent_deflected_escalations.id
    virtual_agent_deflected_escalations.lang virtual_agent_deflected_escalations.menu_path
    virtual_agent_deflected_escalations.menu_path_id
    virtual_agent_deflected_escalations.virtual_agent.id
    virtual_agent_deflected_escalations.virtual_agent.name
    virtual_agent_handle_durations.escalation_reason virtual_agent_handle_durations.id
    virtual_agent_handle_durations.initiated_by virtual_agent_handle_durations.lang
    virtual_agent_handle_durations.menu_path virtual_agent_handle_durations.menu_path_id
    virtual_agent_handle_durations.transfer_id virtual_agent_handle_durations.virtual_agent.id
    virtual_agent_handle_durations.virtual_agent.name voicemail_reason voip_provider
";

fn without(mut paths: BTreeSet<String>, gone: &[&[&str]]) -> BTreeSet<String> {
    for path in gone.iter().flat_map(|paths| paths.iter()) {
        assert!(paths.remove(*path), "nothing was planted at {path}");
    }
    paths
}

#[test]
fn each_class_takes_its_own_fields_of_a_call_and_no_others() {
    let all = fields(&call(), PLANTED);
    let cases: &[(Privacy, &[&[&str]])] = &[
        (EVERYTHING, &[]),
        (Privacy { agents: Mode::Drop, ..EVERYTHING }, &[OF_AGENTS]),
        (Privacy { customers: Mode::Drop, ..EVERYTHING }, &[OF_CUSTOMERS]),
        (Privacy { content: Mode::Drop, ..EVERYTHING }, &[OF_CONTENT, OF_LISTS]),
        (NOTHING, &[OF_AGENTS, OF_CUSTOMERS, OF_CONTENT, OF_LISTS]),
        (Privacy::default(), &[OF_CUSTOMERS, OF_CONTENT, OF_LISTS]),
    ];
    for (privacy, gone) in cases {
        let mut call = call();
        privacy.call(&mut call);
        assert_eq!(fields(&call, PLANTED), without(all.clone(), gone), "{privacy:?}");
    }
}

#[test]
fn what_is_left_of_a_call_when_all_is_closed_is_nobodys() {
    let mut call = call();
    NOTHING.call(&mut call);
    let left: Vec<_> = fields(&call, PLANTED).into_iter().collect();
    assert_eq!(left, NOBODYS.split_ascii_whitespace().collect::<Vec<_>>());
}

#[test]
fn pseudonyms_stand_where_texts_stood_and_nothing_shows_through() {
    let all = fields(&call(), PLANTED);
    let mut call = call();
    pseudonyms().call(&mut call);
    let personal: &[&[&str]] = &[OF_AGENTS, OF_CUSTOMERS, OF_CONTENT];
    assert_eq!(fields(&call, PLANTED), without(all, personal));
    let paths: Vec<_> = personal.iter().flat_map(|paths| paths.iter().copied()).collect();
    assert_eq!(fields(&call, "p:"), set(&paths));
    let user = call.end_user.unwrap();
    assert_eq!(user.id, call.participants[0].end_user_id, "equal ids stay equal");
}

#[test]
fn the_number_that_a_customer_called_is_the_contact_centres_own() {
    let mut call = call();
    call.call_type = Some(String::from("IvrCall"));
    NOTHING.call(&mut call);
    assert_eq!(call.support_number.as_deref(), Some(PLANTED));
}

#[test]
fn an_agents_own_fields_go_and_where_the_agent_belongs_stays() {
    let all = fields(&agent(), PLANTED);
    let personal: &[&str] =
        &["agent_number", "avatar_url", "email", "first_name", "last_name", "middle_name"];
    let mut closed = agent();
    NOTHING.agent(&mut closed);
    assert_eq!(fields(&closed, PLANTED), without(all.clone(), &[personal]));
    let mut open = agent();
    Privacy::default().agent(&mut open);
    assert_eq!(fields(&open, PLANTED), all);
}

#[test]
fn who_did_it_is_an_agent_too() {
    let mut row = activity();
    NOTHING.activity(&mut row);
    assert_eq!(
        fields(&row, PLANTED),
        set(&[
            "activity",
            "agent_id",
            "call_id",
            "chat_id",
            "id",
            "status.color",
            "status.id",
            "status.name",
            "status.wfm_id",
            "whodunnit.id",
        ])
    );
}
