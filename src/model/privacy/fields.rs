//! The personal fields, in one table a kind of row: which class each belongs to, and where it
//! stands. `docs/privacy.md` tells the same, and a test compares the two.

use super::{Class, Mode};
use crate::model::{
    Activity, Agent, AgentReference, Call, Chat, Direction, EndUser, EntityId, Media, Participant,
    Queue, StatusDefinition, Team,
};

/// A personal field of a kind of row.
pub(super) struct Field<T> {
    pub(super) class: Class,
    /// Where it stands, from the row on.
    pub(super) path: &'static str,
    /// Which parts of it are meant, where it is an object; none where it is the field itself.
    pub(super) parts: &'static [&'static str],
    /// Its places in a row: none where it is missing, several in a list.
    pub(super) places: for<'a> fn(&'a mut T) -> Vec<Place<'a>>,
}

impl<T> Field<T> {
    fn paths(&self) -> Vec<String> {
        match self.parts {
            [] => vec![self.path.to_owned()],
            parts => parts.iter().map(|part| format!("{}.{part}", self.path)).collect(),
        }
    }
}

/// Where a value stands.
pub(super) enum Place<'a> {
    Text(&'a mut Option<String>),
    Id(&'a mut Option<EntityId>),
    Texts(&'a mut Vec<String>),
    Media(&'a mut Vec<Media>),
    EndUser(&'a mut Option<EndUser>),
}

impl Place<'_> {
    /// Keeps, leaves out or replaces what stands here.
    pub(super) fn apply(self, mode: Mode, class: Class) {
        let key = match mode {
            Mode::Keep => return,
            Mode::Drop => return self.clear(),
            Mode::Pseudonymise(key) => key,
        };
        let replace = |text: &mut Option<String>| {
            if let Some(text) = text {
                *text = key.pseudonym(class, text);
            }
        };
        let replace_id = |id: &mut Option<EntityId>| {
            if let Some(id) = id {
                *id = EntityId::new(key.pseudonym(class, id.as_str()));
            }
        };
        match self {
            Self::Text(text) => replace(text),
            Self::Id(id) => replace_id(id),
            Self::Texts(texts) => {
                for text in texts {
                    *text = key.pseudonym(class, text);
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

    /// Takes over what stands in the same place of another row.
    fn take_over(self, other: Self) {
        match (self, other) {
            (Self::Text(mine), Self::Text(theirs)) => mine.clone_from(theirs),
            (Self::Id(mine), Self::Id(theirs)) => mine.clone_from(theirs),
            (Self::Texts(mine), Self::Texts(theirs)) => mine.clone_from(theirs),
            (Self::Media(mine), Self::Media(theirs)) => mine.clone_from(theirs),
            (Self::EndUser(mine), Self::EndUser(theirs)) => mine.clone_from(theirs),
            // The same field has the same form in every row.
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

fn reference(agent: Option<&mut AgentReference>) -> Vec<Place<'_>> {
    let Some(agent) = agent else { return Vec::new() };
    vec![
        Place::Text(&mut agent.name),
        Place::Text(&mut agent.last_name),
        Place::Text(&mut agent.first_name),
        Place::Text(&mut agent.agent_number),
        Place::Text(&mut agent.avatar_url),
    ]
}

fn references<'a>(
    agents: impl IntoIterator<Item = Option<&'a mut AgentReference>>,
) -> Vec<Place<'a>> {
    agents.into_iter().flat_map(reference).collect()
}

/// The parts of a customer.
const CUSTOMER: &[&str] = &["id", "identifier", "out_contact_id"];

fn customers(participants: &mut [Participant]) -> Vec<Place<'_>> {
    participants.iter_mut().map(|participant| Place::Id(&mut participant.end_user_id)).collect()
}

fn fail_messages(participants: &mut [Participant]) -> Vec<Place<'_>> {
    let messages = participants.iter_mut();
    messages.map(|participant| Place::Text(&mut participant.adapter_fail_message)).collect()
}

/// A line of a table: the class, where the field stands, and its places in a row.
macro_rules! field {
    ($class:ident, $path:literal, $places:expr) => {
        field!($class, $path, &[], $places)
    };
    ($class:ident, $path:literal, $parts:expr, $places:expr) => {
        Field { class: Class::$class, path: $path, parts: $parts, places: $places }
    };
}

pub(super) const AGENT: &[Field<Agent>] = &[
    field!(Agents, "email", |agent| vec![Place::Text(&mut agent.email)]),
    field!(Agents, "name", |agent| vec![Place::Text(&mut agent.name)]),
    field!(Agents, "first_name", |agent| vec![Place::Text(&mut agent.first_name)]),
    field!(Agents, "middle_name", |agent| vec![Place::Text(&mut agent.middle_name)]),
    field!(Agents, "last_name", |agent| vec![Place::Text(&mut agent.last_name)]),
    field!(Agents, "avatar_url", |agent| vec![Place::Text(&mut agent.avatar_url)]),
    field!(Agents, "agent_number", |agent| vec![Place::Text(&mut agent.agent_number)]),
    field!(Agents, "phone", |agent| vec![Place::Text(&mut agent.phone)]),
    field!(Agents, "address", |agent| vec![Place::Text(&mut agent.address)]),
    field!(Agents, "location", |agent| vec![Place::Text(&mut agent.location)]),
    field!(Agents, "destination.value", |agent| {
        let destination = agent.destination.iter_mut();
        destination.map(|destination| Place::Text(&mut destination.value)).collect()
    }),
    // The document does not say what stands in it. Closed by default.
    field!(Content, "favorite", |agent| vec![Place::Text(&mut agent.favorite)]),
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

pub(super) const CALL: &[Field<Call>] = &[
    field!(Agents, "agent_info", REFERENCE, |call| reference(call.agent_info.as_mut())),
    field!(Agents, "transfers.from_agent", REFERENCE, |call| references(
        call.transfers.iter_mut().map(|transfer| transfer.from_agent.as_mut())
    )),
    field!(Agents, "transfers.to_agent", REFERENCE, |call| references(
        call.transfers.iter_mut().map(|transfer| transfer.to_agent.as_mut())
    )),
    field!(Customers, "end_user", CUSTOMER, |call| vec![Place::EndUser(&mut call.end_user)]),
    field!(Customers, "participants.end_user_id", |call| customers(&mut call.participants)),
    // The ticket of a customer in somebody else's system.
    field!(Customers, "out_ticket_id", |call| vec![Place::Text(&mut call.out_ticket_id)]),
    field!(Customers, "out_ticket_url", |call| vec![Place::Text(&mut call.out_ticket_url)]),
    // The document does not say whose number it is. Closed by default.
    field!(Customers, "outbound_number", |call| vec![Place::Text(&mut call.outbound_number)]),
    // The contact centre's own, where a customer called it; otherwise nobody says.
    field!(Customers, "support_number", |call| {
        if call.direction() == Direction::Inbound {
            Vec::new()
        } else {
            vec![Place::Text(&mut call.support_number)]
        }
    }),
    field!(Content, "recording_url", |call| vec![Place::Text(&mut call.recording_url)]),
    field!(Content, "recordings.conference_sid", |call| {
        let recordings = call.recordings.iter_mut();
        recordings.map(|recording| Place::Text(&mut recording.conference_sid)).collect()
    }),
    field!(Content, "fail_details", |call| vec![Place::Text(&mut call.fail_details)]),
    // One of two dozen sentences, by the document; a text all the same. Its code stays.
    field!(Content, "adapter_fail_message", |call| vec![Place::Text(
        &mut call.adapter_fail_message
    )]),
    field!(Content, "participants.adapter_fail_message", |call| fail_messages(
        &mut call.participants
    )),
    field!(Content, "dispositions.code", |call| {
        let dispositions = call.dispositions.iter_mut();
        dispositions.map(|disposition| Place::Text(&mut disposition.code)).collect()
    }),
    field!(Content, "wait_time_sms", |call| vec![Place::Texts(&mut call.wait_time_sms)]),
    field!(Content, "in_call_sms", |call| vec![Place::Texts(&mut call.in_call_sms)]),
    field!(Content, "photos", &["id", "url"], |call| vec![Place::Media(&mut call.photos)]),
    field!(Content, "videos", &["id", "url"], |call| vec![Place::Media(&mut call.videos)]),
];

pub(super) const CHAT: &[Field<Chat>] = &[
    field!(Agents, "agent_info", REFERENCE, |chat| reference(chat.agent_info.as_mut())),
    field!(Agents, "transfers.from_agent", REFERENCE, |chat| references(
        chat.transfers.iter_mut().map(|transfer| transfer.from_agent.as_mut())
    )),
    field!(Agents, "transfers.to_agent", REFERENCE, |chat| references(
        chat.transfers.iter_mut().map(|transfer| transfer.to_agent.as_mut())
    )),
    field!(Customers, "end_user", CUSTOMER, |chat| vec![Place::EndUser(&mut chat.end_user)]),
    field!(Customers, "participants.end_user_id", |chat| customers(&mut chat.participants)),
    field!(Customers, "out_ticket_id", |chat| vec![Place::Text(&mut chat.out_ticket_id)]),
    field!(Customers, "out_ticket_url", |chat| vec![Place::Text(&mut chat.out_ticket_url)]),
    field!(Content, "participants.adapter_fail_message", |chat| fail_messages(
        &mut chat.participants
    )),
    field!(Content, "photos", &["id", "url"], |chat| vec![Place::Media(&mut chat.photos)]),
    field!(Content, "videos", &["id", "url"], |chat| vec![Place::Media(&mut chat.videos)]),
];

/// A kind of row that may have personal fields.
pub trait Personal: Clone {
    /// Leaves all personal fields out, whatever the settings are.
    fn close(&mut self);
    /// Takes the personal fields over from a later row of the same entity.
    fn adopt_personal(&mut self, later: &Self);
}

macro_rules! personal {
    ($($kind:ident by $table:expr;)*) => {$(
        impl Personal for $kind {
            fn close(&mut self) {
                for field in $table {
                    (field.places)(self).into_iter().for_each(Place::clear);
                }
            }

            fn adopt_personal(&mut self, later: &Self) {
                let mut later = later.clone();
                for field in $table {
                    let places = (field.places)(self).into_iter().zip((field.places)(&mut later));
                    places.for_each(|(mine, theirs)| mine.take_over(theirs));
                }
            }
        }
    )*};
}

personal! {
    Agent by AGENT;
    Call by CALL;
    Chat by CHAT;
    Queue by QUEUE;
    Team by TEAM;
}

/// A status is nobody's.
impl Personal for StatusDefinition {
    fn close(&mut self) {}
    fn adopt_personal(&mut self, _later: &Self) {}
}

/// The personal fields of a class in a kind of row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalFields {
    /// The kind of row.
    pub of: &'static str,
    /// The class, as the configuration names it.
    pub class: &'static str,
    /// Where the fields stand, from the row on; lists are passed over.
    pub paths: Vec<String>,
}

/// All personal fields that are known, as `docs/privacy.md` lists them.
#[must_use]
pub fn personal_fields() -> Vec<PersonalFields> {
    let mut all = Vec::new();
    list("agent", AGENT, &mut all);
    list("activity", ACTIVITY, &mut all);
    list("call", CALL, &mut all);
    list("chat", CHAT, &mut all);
    list("queue", QUEUE, &mut all);
    list("team", TEAM, &mut all);
    all
}

fn list<T>(of: &'static str, table: &[Field<T>], all: &mut Vec<PersonalFields>) {
    for class in [Class::Agents, Class::Customers, Class::Content] {
        let fields = table.iter().filter(|field| field.class == class);
        let paths: Vec<_> = fields.flat_map(Field::paths).collect();
        if !paths.is_empty() {
            all.push(PersonalFields { of, class: class.as_str(), paths });
        }
    }
}
