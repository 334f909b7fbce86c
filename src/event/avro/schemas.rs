//! The schema files, built into the program.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Error;
use crate::event::NAMESPACE;

macro_rules! files {
    ($folder:literal: $($name:ident),* $(,)?) => {
        &[$((
            stringify!($name),
            include_str!(concat!("../../../schemas/", $folder, stringify!($name), ".avsc")),
        )),*]
    };
}

/// Every file under `schemas/`, by the name of its record.
const FILES: &[(&str, &str)] = files!["":
    Activity,
    Agent,
    AgentActivated,
    AgentActivityEnded,
    AgentActivityLogged,
    AgentAdded,
    AgentAssignment,
    AgentDeactivated,
    AgentHoldEnded,
    AgentHoldStarted,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentOfferMissed,
    AgentReference,
    AgentRemoved,
    AgentStatus,
    AgentStatusChanged,
    AgentStatusRecovered,
    AgentUpdated,
    AgentWrapUpEnded,
    AgentWrapUpStarted,
    Call,
    CallAssigned,
    CallConnected,
    CallCreated,
    CallDeflected,
    CallFailed,
    CallFinished,
    CallQueued,
    CallRated,
    CallRecovered,
    CallScheduled,
    CallTransferred,
    CallUpdated,
    CallVoicemailRead,
    CallVoicemailReceived,
    CallWrapUpEnded,
    ChannelAssignment,
    Chat,
    ChatAssigned,
    ChatCanceled,
    ChatFailed,
    ChatFinished,
    ChatQueued,
    ChatRated,
    ChatTransferred,
    ChatUnanswered,
    ChatUpdated,
    ChatWrapUpEnded,
    ConsumerEventDuration,
    ConsumerHandleDuration,
    ConsumerInMenuDuration,
    Destination,
    Direction,
    Disposition,
    EndUser,
    EventMeta,
    EventOmitted,
    GroupReference,
    HandleDuration,
    InteractionContext,
    InteractionReference,
    Media,
    Menu,
    MenuPath,
    OfferEvent,
    Origin,
    Participant,
    Precision,
    Presence,
    Queue,
    QueueAdded,
    QueueDepthChanged,
    QueueDuration,
    QueueGroupReference,
    QueueReference,
    QueueRemoved,
    QueueUpdated,
    RecordQuarantined,
    Recording,
    RedactionTime,
    ServiceLevelChanged,
    SlaBasis,
    SlaBreachWithdrawn,
    SlaBreached,
    SlaRecovered,
    SlaScope,
    StatusDefinition,
    StatusDefinitionAdded,
    StatusDefinitionRemoved,
    StatusDefinitionUpdated,
    StatusValue,
    Team,
    TeamAdded,
    TeamAssignment,
    TeamReference,
    TeamRemoved,
    TeamUpdated,
    Transfer,
    VirtualAgent,
    VirtualAgentDeflectedEscalation,
    VirtualAgentHandleDuration,
    WorkingHours,
];

/// The schemas of a release, as they were published. They never change again.
#[derive(Debug)]
pub(super) struct Release {
    /// Its number: the folder's name under `schemas/released/`.
    pub(super) number: u32,
    files: &'static [(&'static str, &'static str)],
}

/// All releases, oldest first.
pub(super) const RELEASES: &[Release] = &[Release {
    number: 1,
    files: files!["released/1/":
    Activity,
    Agent,
    AgentActivityLogged,
    AgentAdded,
    AgentAssignment,
    AgentHoldEnded,
    AgentHoldStarted,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentOfferMissed,
    AgentReference,
    AgentRemoved,
    AgentStatus,
    AgentStatusChanged,
    AgentStatusRecovered,
    AgentUpdated,
    AgentWrapUpEnded,
    AgentWrapUpStarted,
    Call,
    CallAssigned,
    CallConnected,
    CallCreated,
    CallDeflected,
    CallFailed,
    CallFinished,
    CallQueued,
    CallRated,
    CallRecovered,
    CallScheduled,
    CallTransferred,
    CallUpdated,
    CallVoicemailRead,
    CallVoicemailReceived,
    CallWrapUpEnded,
    ChannelAssignment,
    Chat,
    ChatAssigned,
    ChatCanceled,
    ChatFailed,
    ChatFinished,
    ChatQueued,
    ChatRated,
    ChatTransferred,
    ChatUnanswered,
    ChatUpdated,
    ChatWrapUpEnded,
    ConsumerEventDuration,
    ConsumerHandleDuration,
    ConsumerInMenuDuration,
    Direction,
    Disposition,
    EndUser,
    EventMeta,
    EventOmitted,
    HandleDuration,
    InteractionContext,
    InteractionReference,
    Media,
    Menu,
    MenuPath,
    OfferEvent,
    Origin,
    Participant,
    Precision,
    Presence,
    Queue,
    QueueAdded,
    QueueDepthChanged,
    QueueDuration,
    QueueGroupReference,
    QueueReference,
    QueueRemoved,
    QueueUpdated,
    RecordQuarantined,
    Recording,
    RedactionTime,
    ServiceLevelChanged,
    SlaBasis,
    SlaBreachWithdrawn,
    SlaBreached,
    SlaRecovered,
    SlaScope,
    StatusDefinition,
    StatusDefinitionAdded,
    StatusDefinitionRemoved,
    StatusDefinitionUpdated,
    StatusValue,
    Team,
    TeamAdded,
    TeamAssignment,
    TeamReference,
    TeamRemoved,
    TeamUpdated,
    Transfer,
    VirtualAgent,
    VirtualAgentDeflectedEscalation,
    VirtualAgentHandleDuration,
    ],
}];

impl Release {
    /// Whether it has a record of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.files.iter().any(|(known, _)| *known == name)
    }

    /// Its files, by the name of their record.
    #[cfg(test)]
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.files.iter().copied()
    }

    /// The names of its records.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.files.iter().map(|(name, _)| *name)
    }

    /// The schema of a record as it was in this release, with every other record defined where it
    /// is first used.
    pub(super) fn self_contained(&self, name: &str) -> Result<Value, Error> {
        define(self.files, name, &mut BTreeSet::new())
    }
}

/// The files as they are, by the name of their record: shared records by reference.
pub fn joined_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}

type Files = [(&'static str, &'static str)];

fn parse(files: &Files, name: &str) -> Result<Value, Error> {
    let problem = |problem: String| Error::Schema { name: String::from(name), problem };
    let file = files.iter().find(|(known, _)| *known == name);
    let (_, text) = file.ok_or_else(|| problem(String::from("there is no such file")))?;
    serde_json::from_str(text).map_err(|error| problem(error.to_string()))
}

/// The schema of a record with every other record defined where it is first used.
///
/// # Errors
/// When a file is missing or not right, which a test rules out.
pub fn self_contained(name: &str) -> Result<Value, Error> {
    define(FILES, name, &mut BTreeSet::new())
}

fn define(files: &Files, name: &str, defined: &mut BTreeSet<String>) -> Result<Value, Error> {
    defined.insert(String::from(name));
    let mut schema = parse(files, name)?;
    if let Some(Value::Array(fields)) = schema.get_mut("fields") {
        for field in fields {
            if let Some(field_type) = field.get_mut("type") {
                *field_type = inline(files, field_type.take(), defined)?;
            }
        }
    }
    Ok(schema)
}

fn inline(files: &Files, schema: Value, defined: &mut BTreeSet<String>) -> Result<Value, Error> {
    let prefix = format!("{NAMESPACE}.");
    match schema {
        Value::String(name) => match name.strip_prefix(&prefix) {
            Some(short) if !defined.contains(short) => define(files, short, defined),
            _ => Ok(Value::String(name)),
        },
        Value::Array(variants) => {
            variants.into_iter().map(|variant| inline(files, variant, defined)).collect()
        }
        Value::Object(mut attributes) => {
            if let Some(items) = attributes.get_mut("items") {
                *items = inline(files, items.take(), defined)?;
            }
            Ok(Value::Object(attributes))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let names = |folder: &str, ending: &str| {
            let mut names: Vec<_> = std::fs::read_dir(folder)
                .unwrap()
                .filter_map(|entry| {
                    entry.unwrap().file_name().to_str()?.strip_suffix(ending).map(String::from)
                })
                .collect();
            names.sort();
            names
        };
        let built_in = |files: &Files| {
            let mut names: Vec<_> = files.iter().map(|(name, _)| String::from(*name)).collect();
            names.sort();
            names
        };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
        assert_eq!(names(folder, ".avsc"), built_in(FILES));
        let releases = format!("{folder}/released");
        let mut numbers = Vec::new();
        for release in RELEASES {
            let folder = format!("{releases}/{}", release.number);
            assert_eq!(names(&folder, ".avsc"), built_in(release.files));
            numbers.push(release.number.to_string());
        }
        assert_eq!(names(&releases, ""), numbers);
    }

    #[test]
    fn every_record_and_field_says_what_it_is_and_every_enumeration_has_a_default() {
        let none = Value::Array(Vec::new());
        for (name, _) in FILES {
            let schema = parse(FILES, name).unwrap();
            assert_eq!(schema["name"], **name);
            assert_eq!(schema["namespace"], NAMESPACE);
            assert!(schema["doc"].as_str().is_some_and(|doc| doc.len() > 5), "{name}");
            for field in schema["fields"].as_array().into_iter().flatten() {
                assert!(field["doc"].as_str().is_some_and(|doc| doc.len() > 3), "{name} {field}");
                // What may be missing has a default, so that readers can be older or newer.
                if field["type"].is_array() {
                    assert_eq!(field["type"][0], "null", "{name} {field}");
                    assert_eq!(field.get("default"), Some(&Value::Null), "{name} {field}");
                }
                if field["type"]["type"] == "array" {
                    assert_eq!(field.get("default"), Some(&none), "{name} {field}");
                }
            }
            if schema["type"] == "enum" {
                let symbols = schema["symbols"].as_array().unwrap();
                assert!(symbols.contains(&schema["default"]), "{name}");
            }
        }
    }
}
