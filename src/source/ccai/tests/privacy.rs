//! What is left of a vendor's row under each privacy setting. A text is planted in every field
//! that can hold one, so that a field which is new to the model has to be decided on here.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json, value::to_raw_value};

use super::super::mapping;
use super::super::rows::{DecodeRow, decode};
use crate::model::Chat;
use crate::model::{
    Agent, Call, Destination, Direction, EntityId, GroupReference, Mode, Privacy, PseudonymKey,
    VendorWord, WorkingHours, personal_fields,
};
use crate::secret::Secret;

const PLANTED: &str = "planted";

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

/// Replaces every text and every missing value except times with a text.
fn plant(value: &mut Value, name: &str) {
    match value {
        Value::Object(fields) => {
            // The document leaves some of a person's fields out in some places.
            if fields.contains_key("last_name") {
                for name in ["name", "agent_number", "avatar_url"] {
                    fields.entry(name).or_insert(Value::Null);
                }
            }
            fields.iter_mut().for_each(|(name, value)| plant(value, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, name)),
        Value::String(text) if text.ends_with('Z') => {}
        Value::String(_) => *value = json!(PLANTED),
        Value::Number(_) if name == "id" || name.ends_with("_id") || name.ends_with("number") => {
            *value = json!(PLANTED);
        }
        Value::Null
            if name.starts_with("out_") || name.ends_with("number") || name == "avatar_url" =>
        {
            *value = json!(PLANTED);
        }
        Value::Null if name.ends_with("_id") || name.ends_with("message") || name == "name" => {
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

fn first(text: &str) -> Value {
    match serde_json::from_str(text).unwrap() {
        Value::Array(rows) => rows[0].clone(),
        row => row,
    }
}

fn planted<T>(model: &str, example: &str, read: DecodeRow<T>) -> T {
    let mut row = merged(&first(model), &first(example));
    if row.get("participants").is_some() {
        row["wait_time_sms"] = json!([{"text": PLANTED}]);
        row["in_call_sms"] = json!([{"text": PLANTED}]);
    }
    plant(&mut row, "");
    decode(&to_raw_value(&row).unwrap(), read, &mut Vec::new()).unwrap()
}

/// A kind of row, with a text planted in each of its fields.
trait Planted: Clone + PartialEq + Serialize + std::fmt::Debug {
    /// As the table of personal fields calls it.
    const OF: &'static str;
    /// Fields that are not personal: the vendor's ids, its enumerations, names of queues, teams,
    /// statuses and virtual agents.
    const NOT_PERSONAL: &'static str;
    fn row() -> Self;
    fn close(&mut self, privacy: &Privacy);
}

macro_rules! planted {
    ($kind:ident, $of:literal, $fixture:literal, $redact:ident, $read:path, $nobodys:expr) => {
        planted!($kind, $of, $fixture, $redact, $read, $nobodys, |row| row);
    };
    ($kind:ident, $of:literal, $fixture:literal, $redact:ident, $read:path, $nobodys:expr,
        $more:expr) => {
        impl Planted for crate::model::$kind {
            const OF: &'static str = $of;
            const NOT_PERSONAL: &'static str = $nobodys;
            fn row() -> Self {
                let row = planted(
                    include_str!(concat!(
                        "../../../../tests/fixtures/ccai/",
                        $fixture,
                        "_model.json"
                    )),
                    include_str!(concat!("../../../../tests/fixtures/ccai/", $fixture, ".json")),
                    $read,
                );
                let more: fn(Self) -> Self = $more;
                more(row)
            }
            fn close(&mut self, privacy: &Privacy) {
                privacy.$redact(self);
            }
        }
    };
}

planted!(
    Agent,
    "agent",
    "agents",
    agent,
    mapping::agent,
    NOT_PERSONAL_IN_AN_AGENT,
    plant_what_others_tell
);
planted!(
    Activity,
    "activity",
    "agent_activity_logs",
    activity,
    mapping::activity,
    NOT_PERSONAL_IN_AN_ACTIVITY
);
planted!(Call, "call", "calls", call, mapping::call, NOT_PERSONAL_IN_A_CALL);
planted!(Chat, "chat", "chats", chat, mapping::chat, NOT_PERSONAL_IN_A_CHAT, plant_what_calls_have);
planted!(Queue, "queue", "menus", queue, mapping::queue, NOT_PERSONAL_IN_A_QUEUE);
planted!(Team, "team", "teams", team, mapping::team, NOT_PERSONAL_IN_A_TEAM);

/// The participants of chats are read as those of calls, which have one field more.
fn plant_what_calls_have(mut chat: Chat) -> Chat {
    for participant in &mut chat.interaction.participants {
        participant.adapter_fail_message = Some(String::from(PLANTED));
    }
    chat
}

/// The fields of an agent that only other vendors' rows have.
fn plant_what_others_tell(mut agent: Agent) -> Agent {
    let text = || Some(String::from(PLANTED));
    let id = || Some(EntityId::new(PLANTED));
    agent.groups = vec![GroupReference { id: id(), name: text() }];
    agent.phone = text();
    agent.address = text();
    agent.destination = Some(Destination { kind: text(), value: text() });
    agent.role_id = id();
    agent.parents = id().into_iter().collect();
    agent.user_id = id();
    agent.created_by = id();
    agent.created_by_type = text();
    agent.working_hours =
        vec![WorkingHours { days: text().into_iter().collect(), from: None, to: None }];
    agent.allowed_dids = text().into_iter().collect();
    agent.favorite = text();
    agent
}

/// Calls a generic test for each kind of row.
macro_rules! for_each_kind {
    ($test:ident) => {
        $test::<crate::model::Agent>();
        $test::<crate::model::Activity>();
        $test::<crate::model::Call>();
        $test::<crate::model::Chat>();
        $test::<crate::model::Queue>();
        $test::<crate::model::Team>();
    };
}

/// The row of a class in the table.
fn listed<T: Planted>(class: &str) -> BTreeSet<String> {
    let all = personal_fields().into_iter();
    let of = all.filter(|fields| fields.of == T::OF && fields.class == class);
    of.flat_map(|fields| fields.paths).collect()
}

/// What goes with a field that is a row of a list, when the list is left out as a whole.
fn beside(class: &str, all: &BTreeSet<String>) -> BTreeSet<String> {
    let rows = ["photos.photo_type"].iter().map(|path| String::from(*path));
    rows.filter(|path| class == "content" && all.contains(path)).collect()
}

const CLASSES: [&str; 3] = ["agents", "customers", "content"];

const NOT_PERSONAL_IN_AN_AGENT: &str = "
    allowed_dids channels.channel_type channels.menu.id channels.menu.menu_type channels.menu.name
    channels.menu.output_msg channels.menu.parent_id created_by created_by_type destination.kind
    groups.id groups.name id parents role_id roles status.color status.id status.name
    status.wfm_id teams.id teams.name teams.parent_id user_id working_hours.days
";
const NOT_PERSONAL_IN_AN_ACTIVITY: &str = "
    activity agent_id call_id chat_id id status.color status.id status.name status.wfm_id
    whodunnit.id
";
const NOT_PERSONAL_IN_A_CHAT: &str = "
    agent_info.id chat_type consumer_event_durations.event consumer_event_durations.id
    consumer_event_durations.lang consumer_event_durations.menu_path
    consumer_event_durations.menu_path_id consumer_event_durations.type
    consumer_handle_durations.id handle_durations.agent_id handle_durations.id
    handle_durations.lang handle_durations.menu_path handle_durations.menu_path_id
    handle_durations.transfer_id id lang menu_path.materialized_path menu_path.name
    offer_events.group offer_type participants.call_id
    participants.fail_reason participants.id participants.status participants.type
    participants.user_id queue_durations.agent_id queue_durations.id queue_durations.lang
    queue_durations.menu_path queue_durations.menu_path_id
    queue_durations.service_level_event queue_durations.transfer_id selected_menu.id
    selected_menu.menu_type selected_menu.name selected_menu.output_msg
    selected_menu.parent_id status transfers.fail_reason transfers.from_agent.id
    transfers.from_menu.materialized_path transfers.from_menu.name transfers.id
    transfers.status transfers.to_agent.id transfers.to_menu.materialized_path
    transfers.to_menu.name
";
const NOT_PERSONAL_IN_A_QUEUE: &str = "
    agent_assignments.assignee.id agent_assignments.channel_type agent_assignments.lang
    agent_assignments.queue_level id menu_type name output_msg parent_id
    team_assignments.channel_type team_assignments.lang team_assignments.queue_level
    team_assignments.team.assignees.id team_assignments.team.id team_assignments.team.name
    team_assignments.team.parent_id
";
const NOT_PERSONAL_IN_A_TEAM: &str = "
    assignees.id id name parent_id
";
/// Fields that are not personal: the vendor's ids, its enumerations, names of queues, virtual
/// agents.
const NOT_PERSONAL_IN_A_CALL: &str = "
    agent_info.id answer_type call_type consumer_event_durations.event
    consumer_event_durations.id consumer_event_durations.lang consumer_event_durations.menu_path
    consumer_event_durations.menu_path_id consumer_event_durations.type
    consumer_handle_durations.id consumer_in_menu_durations.event consumer_in_menu_durations.id
    consumer_in_menu_durations.lang consumer_in_menu_durations.menu_path
    consumer_in_menu_durations.menu_path_id deflection disconnected_by
    dispositions.participant_id dispositions.transfer_id dispositions.user_id fail_reason
    handle_durations.agent_id handle_durations.id handle_durations.lang
    handle_durations.menu_path handle_durations.menu_path_id handle_durations.transfer_id id
    lang menu_path.materialized_path menu_path.name offer_events.group offer_type
    parent_id participants.call_id
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

fn each_class_takes_its_own_fields<T: Planted>() {
    let all = fields(&T::row(), PLANTED);
    for closed in 0..8_u32 {
        let mode = |class: u32| if closed >> class & 1 == 1 { Mode::Drop } else { Mode::Keep };
        let privacy = Privacy { agents: mode(0), customers: mode(1), content: mode(2) };
        let mut expected = all.clone();
        for (index, class) in (0..).zip(CLASSES) {
            if mode(index) == Mode::Drop {
                for path in listed::<T>(class).union(&beside(class, &all)) {
                    assert!(expected.remove(path), "nothing was planted at {} {path}", T::OF);
                }
            }
        }
        let mut row = T::row();
        row.close(&privacy);
        assert_eq!(fields(&row, PLANTED), expected, "{} {privacy:?}", T::OF);
    }
}

#[test]
fn each_class_takes_the_fields_that_the_table_lists_and_no_others() {
    for_each_kind!(each_class_takes_its_own_fields);
}

fn nothing_personal_is_left<T: Planted>() {
    let mut row = T::row();
    row.close(&NOTHING);
    let left: Vec<_> = fields(&row, PLANTED).into_iter().collect();
    assert_eq!(left, T::NOT_PERSONAL.split_ascii_whitespace().collect::<Vec<_>>(), "{}", T::OF);
}

#[test]
fn no_personal_data_is_left_when_every_class_is_closed() {
    for_each_kind!(nothing_personal_is_left);
}

fn pseudonyms_replace_personal_fields<T: Planted>() {
    let mut row = T::row();
    let all = fields(&row, PLANTED);
    row.close(&pseudonyms());
    let personal: BTreeSet<_> = CLASSES.iter().flat_map(|class| listed::<T>(class)).collect();
    assert_eq!(fields(&row, "p:"), personal, "{}", T::OF);
    assert_eq!(fields(&row, PLANTED), &all - &personal, "{}", T::OF);
}

#[test]
fn pseudonyms_replace_texts_completely() {
    for_each_kind!(pseudonyms_replace_personal_fields);
}

#[test]
fn a_customer_has_one_pseudonym_wherever_the_customer_is_named() {
    let mut call = Call::row();
    call.close(&pseudonyms());
    let user = call.interaction.end_user.unwrap();
    assert_eq!(user.id, call.interaction.participants[0].end_user_id, "equal ids stay equal");
}

#[test]
fn the_number_that_a_customer_called_is_the_contact_centres_own() {
    let mut call = Call::row();
    call.call_type = Some(VendorWord::new("IvrCall", Direction::Inbound));
    call.close(&NOTHING);
    assert_eq!(call.support_number.as_deref(), Some(PLANTED));
}

/// `a`, `b.{c, d}`: fields of one object are grouped.
fn grouped(paths: &[String]) -> String {
    let parent = |path: &&String| path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    let groups = paths.iter().collect::<Vec<_>>();
    let groups =
        groups.chunk_by(|one, other| parent(one).is_some() && parent(one) == parent(other));
    let groups = groups.map(|group| match (parent(&group[0]), group.len()) {
        (Some(parent), 2..) => {
            let parts = group.iter().map(|path| &path[parent.len() + 1..]);
            format!("`{parent}.{{{}}}`", parts.collect::<Vec<_>>().join(", "))
        }
        _ => format!("`{}`", group[0]),
    });
    groups.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_on_privacy_lists_every_personal_field() {
    let page = include_str!("../../../../docs/privacy.md");
    let table: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let lines = personal_fields().into_iter().map(|fields| {
        format!("| `{}` | {} | {} |", fields.class, fields.of, grouped(&fields.paths))
    });
    assert_eq!(table, lines.collect::<Vec<_>>());
}
