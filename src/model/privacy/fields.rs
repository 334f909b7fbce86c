//! The personal fields, one table for each kind of record: the class of each field and where it
//! is. A test compares the tables with `docs/privacy.md`.

use super::mode::{Class, Mode};
use crate::model::{
    Activity, Agent, AgentReference, Call, Chat, Direction, EndUser, EntityId, InteractionRecord,
    Media, Participant, Queue, StatusDefinition, Team,
};

/// A personal field of a kind of record.
pub(super) struct Field<T> {
    class: Class,
    /// Its path from the record.
    path: &'static str,
    /// Which parts of it are personal, where it is an object; none where the field itself is.
    parts: &'static [&'static str],
    /// Its values in a record: none where it is missing, several in a list.
    values: for<'a> fn(&'a mut T) -> Vec<FieldValue<'a>>,
}

impl<T> Field<T> {
    fn paths(&self) -> Vec<String> {
        match self.parts {
            [] => vec![self.path.to_owned()],
            parts => parts.iter().map(|part| format!("{}.{part}", self.path)).collect(),
        }
    }
}

/// A personal value of a record, to be replaced in place.
enum FieldValue<'a> {
    Text(&'a mut Option<String>),
    Id(&'a mut Option<EntityId>),
    Texts(&'a mut Vec<String>),
    Media(&'a mut Vec<Media>),
    EndUser(&'a mut Option<EndUser>),
}

impl FieldValue<'_> {
    /// Keeps, removes or replaces the value.
    fn apply(self, mode: Mode, class: Class) {
        let key = match mode {
            Mode::Keep => return,
            Mode::Drop => return self.clear(),
            Mode::Pseudonymise(key) => key,
        };
        let replace = |text: &mut Option<String>| {
            if let Some(text) = text {
                *text = key.pseudonym(class.as_str(), text);
            }
        };
        let replace_id = |id: &mut Option<EntityId>| {
            if let Some(id) = id {
                *id = EntityId::new(key.pseudonym(class.as_str(), id.as_str()));
            }
        };
        match self {
            Self::Text(text) => replace(text),
            Self::Id(id) => replace_id(id),
            Self::Texts(texts) => {
                for text in texts {
                    *text = key.pseudonym(class.as_str(), text);
                }
            }
            Self::Media(media) => media.iter_mut().for_each(|media| {
                replace_id(&mut media.id);
                replace(&mut media.url);
            }),
            Self::EndUser(user) => {
                if let Some(user) = user {
                    replace_id(&mut user.id);
                    replace(&mut user.identifier);
                    replace(&mut user.out_contact_id);
                }
            }
        }
    }

    /// Copies the value of the same field of another record.
    fn copy_from(self, other: Self) {
        match (self, other) {
            (Self::Text(own), Self::Text(other)) => own.clone_from(other),
            (Self::Id(own), Self::Id(other)) => own.clone_from(other),
            (Self::Texts(own), Self::Texts(other)) => own.clone_from(other),
            (Self::Media(own), Self::Media(other)) => own.clone_from(other),
            (Self::EndUser(own), Self::EndUser(other)) => own.clone_from(other),
            // The same field has the same type in every record.
            _ => {}
        }
    }

    fn clear(self) {
        match self {
            Self::Text(text) => *text = None,
            Self::Id(id) => *id = None,
            Self::Texts(texts) => texts.clear(),
            Self::Media(media) => media.clear(),
            Self::EndUser(user) => *user = None,
        }
    }
}

/// The personal parts of an agent that something else refers to. Its id stays: it is the agent's
/// identity in every event.
const REFERENCE: &[&str] = &["name", "last_name", "first_name", "agent_number", "avatar_url"];

fn reference(agent: Option<&mut AgentReference>) -> Vec<FieldValue<'_>> {
    let Some(agent) = agent else { return Vec::new() };
    vec![
        FieldValue::Text(&mut agent.name),
        FieldValue::Text(&mut agent.last_name),
        FieldValue::Text(&mut agent.first_name),
        FieldValue::Text(&mut agent.agent_number),
        FieldValue::Text(&mut agent.avatar_url),
    ]
}

fn references<'a>(
    agents: impl IntoIterator<Item = Option<&'a mut AgentReference>>,
) -> Vec<FieldValue<'a>> {
    agents.into_iter().flat_map(reference).collect()
}

/// The parts of a customer.
const CUSTOMER: &[&str] = &["id", "identifier", "out_contact_id"];

fn customers(participants: &mut [Participant]) -> Vec<FieldValue<'_>> {
    participants
        .iter_mut()
        .map(|participant| FieldValue::Id(&mut participant.end_user_id))
        .collect()
}

fn fail_messages(participants: &mut [Participant]) -> Vec<FieldValue<'_>> {
    let messages = participants.iter_mut();
    messages.map(|participant| FieldValue::Text(&mut participant.adapter_fail_message)).collect()
}

/// A line of a table: the class, the path, and the values in a record.
macro_rules! field {
    ($class:ident, $path:literal, $values:expr) => {
        field!($class, $path, &[], $values)
    };
    ($class:ident, $path:literal, $parts:expr, $values:expr) => {
        Field { class: Class::$class, path: $path, parts: $parts, values: $values }
    };
}

pub(super) const AGENT: &[Field<Agent>] = &[
    field!(Agents, "email", |agent| vec![FieldValue::Text(&mut agent.email)]),
    field!(Agents, "name", |agent| vec![FieldValue::Text(&mut agent.name)]),
    field!(Agents, "first_name", |agent| vec![FieldValue::Text(&mut agent.first_name)]),
    field!(Agents, "middle_name", |agent| vec![FieldValue::Text(&mut agent.middle_name)]),
    field!(Agents, "last_name", |agent| vec![FieldValue::Text(&mut agent.last_name)]),
    field!(Agents, "avatar_url", |agent| vec![FieldValue::Text(&mut agent.avatar_url)]),
    field!(Agents, "agent_number", |agent| vec![FieldValue::Text(&mut agent.agent_number)]),
    field!(Agents, "phone", |agent| vec![FieldValue::Text(&mut agent.phone)]),
    field!(Agents, "address", |agent| vec![FieldValue::Text(&mut agent.address)]),
    field!(Agents, "location", |agent| vec![FieldValue::Text(&mut agent.location)]),
    field!(Agents, "destination.value", |agent| {
        let destination = agent.destination.iter_mut();
        destination.map(|destination| FieldValue::Text(&mut destination.value)).collect()
    }),
    // Its content is undocumented, so it is treated as personal.
    field!(Content, "favorite", |agent| vec![FieldValue::Text(&mut agent.favorite)]),
];

pub(super) const ACTIVITY: &[Field<Activity>] =
    &[field!(Agents, "whodunnit", REFERENCE, |row| reference(row.whodunnit.as_mut()))];

pub(super) const TEAM: &[Field<Team>] =
    &[field!(Agents, "assignees", REFERENCE, |team| references(
        team.assignees.iter_mut().map(Some)
    ))];

pub(super) const QUEUE: &[Field<Queue>] = &[
    field!(Agents, "agent_assignments.assignee", REFERENCE, |queue| references(
        queue.agent_assignments.iter_mut().map(|assignment| assignment.assignee.as_mut())
    )),
    field!(Agents, "team_assignments.team.assignees", REFERENCE, |queue| {
        let teams = queue.team_assignments.iter_mut().filter_map(|row| row.team.as_mut());
        references(teams.flat_map(|team| team.assignees.iter_mut().map(Some)))
    }),
];

/// What calls and chats share.
pub(super) const INTERACTION: &[Field<InteractionRecord>] = &[
    field!(Agents, "agent_info", REFERENCE, |record| reference(record.agent_info.as_mut())),
    field!(Agents, "transfers.from_agent", REFERENCE, |record| references(
        record.transfers.iter_mut().map(|transfer| transfer.from_agent.as_mut())
    )),
    field!(Agents, "transfers.to_agent", REFERENCE, |record| references(
        record.transfers.iter_mut().map(|transfer| transfer.to_agent.as_mut())
    )),
    field!(Customers, "end_user", CUSTOMER, |record| vec![FieldValue::EndUser(
        &mut record.end_user
    )]),
    field!(Customers, "participants.end_user_id", |record| customers(&mut record.participants)),
    // The ticket of a customer in another company's system.
    field!(Customers, "out_ticket_id", |record| vec![FieldValue::Text(&mut record.out_ticket_id)]),
    field!(Customers, "out_ticket_url", |record| vec![FieldValue::Text(
        &mut record.out_ticket_url
    )]),
    field!(Content, "participants.adapter_fail_message", |record| fail_messages(
        &mut record.participants
    )),
    field!(Content, "photos", &["id", "url"], |record| vec![FieldValue::Media(&mut record.photos)]),
    field!(Content, "videos", &["id", "url"], |record| vec![FieldValue::Media(&mut record.videos)]),
];

/// What only calls have.
pub(super) const CALL: &[Field<Call>] = &[
    // Whose number it is is undocumented, so it is treated as personal.
    field!(Customers, "outbound_number", |call| vec![FieldValue::Text(&mut call.outbound_number)]),
    // The contact centre's own number in inbound calls; otherwise its owner is undocumented.
    field!(Customers, "support_number", |call| {
        if call.direction() == Direction::Inbound {
            Vec::new()
        } else {
            vec![FieldValue::Text(&mut call.support_number)]
        }
    }),
    field!(Content, "recording_url", |call| vec![FieldValue::Text(&mut call.recording_url)]),
    field!(Content, "recordings.conference_sid", |call| {
        let recordings = call.recordings.iter_mut();
        recordings.map(|recording| FieldValue::Text(&mut recording.conference_sid)).collect()
    }),
    field!(Content, "fail_details", |call| vec![FieldValue::Text(&mut call.fail_details)]),
    // One of two dozen sentences, by the document; a text all the same. Its code stays.
    field!(Content, "adapter_fail_message", |call| vec![FieldValue::Text(
        &mut call.adapter_fail_message
    )]),
    field!(Content, "dispositions.code", |call| {
        let dispositions = call.dispositions.iter_mut();
        dispositions.map(|disposition| FieldValue::Text(&mut disposition.code)).collect()
    }),
    field!(Content, "wait_time_sms", |call| vec![FieldValue::Texts(&mut call.wait_time_sms)]),
    field!(Content, "in_call_sms", |call| vec![FieldValue::Texts(&mut call.in_call_sms)]),
];

/// Applies a mode for each class to the personal fields of a table.
pub(super) fn apply<T>(table: &[Field<T>], record: &mut T, mode: impl Fn(Class) -> Mode) {
    for field in table {
        for value in (field.values)(record) {
            value.apply(mode(field.class), field.class);
        }
    }
}

fn remove<T>(table: &[Field<T>], record: &mut T) {
    for field in table {
        (field.values)(record).into_iter().for_each(FieldValue::clear);
    }
}

fn copy<T>(table: &[Field<T>], record: &mut T, other: &mut T) {
    for field in table {
        let pairs = (field.values)(record).into_iter().zip((field.values)(other));
        pairs.for_each(|(own, other)| own.copy_from(other));
    }
}

/// A kind of record that may have personal fields.
pub trait Personal: Clone {
    /// Removes all personal data, whatever the settings are.
    fn remove_personal(&mut self);
    /// Takes the personal fields over from a later record of the same entity.
    fn adopt_personal(&mut self, later: &Self);
}

macro_rules! personal {
    ($($kind:ident by $($table:ident $(in $part:ident)?),+;)*) => {$(
        impl Personal for $kind {
            fn remove_personal(&mut self) {
                $( remove($table, &mut (*self)$(.$part)?); )+
            }

            fn adopt_personal(&mut self, later: &Self) {
                let mut later = later.clone();
                $( copy($table, &mut (*self)$(.$part)?, &mut later$(.$part)?); )+
            }
        }
    )*};
}

personal! {
    Agent by AGENT;
    Call by INTERACTION in interaction, CALL;
    Chat by INTERACTION in interaction;
    Queue by QUEUE;
    Team by TEAM;
}

/// A status definition has no personal fields.
impl Personal for StatusDefinition {
    fn remove_personal(&mut self) {}
    fn adopt_personal(&mut self, _later: &Self) {}
}

/// The personal fields of a class in a kind of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalFields {
    /// The kind of record.
    pub of: &'static str,
    /// The class, as the configuration names it.
    pub class: &'static str,
    /// The paths of the fields from the record; lists add nothing to a path.
    pub paths: Vec<String>,
}

/// All personal fields that are known, as `docs/privacy.md` lists them.
#[must_use]
pub fn personal_fields() -> Vec<PersonalFields> {
    [
        ("agent", listed(AGENT)),
        ("activity", listed(ACTIVITY)),
        ("call", [listed(INTERACTION), listed(CALL)].concat()),
        ("chat", listed(INTERACTION)),
        ("queue", listed(QUEUE)),
        ("team", listed(TEAM)),
    ]
    .into_iter()
    .flat_map(|(of, fields)| by_class(of, &fields))
    .collect()
}

/// The class and the paths of each field of a table.
fn listed<T>(table: &[Field<T>]) -> Vec<(Class, Vec<String>)> {
    table.iter().map(|field| (field.class, field.paths())).collect()
}

fn by_class(of: &'static str, fields: &[(Class, Vec<String>)]) -> Vec<PersonalFields> {
    let of_class = |class: Class| {
        let fields = fields.iter().filter(|(of, _)| *of == class);
        let paths: Vec<_> = fields.flat_map(|(_, paths)| paths.clone()).collect();
        let fields = PersonalFields { of, class: class.as_str(), paths };
        (!fields.paths.is_empty()).then_some(fields)
    };
    [Class::Agents, Class::Customers, Class::Content].into_iter().filter_map(of_class).collect()
}
