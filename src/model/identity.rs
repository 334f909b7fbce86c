//! Names and ids, from the configuration to the keys of events.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an account: one set of credentials at one vendor. It is part of every key, event
/// and metric, and so holds only `a-z`, `0-9` and `-`, at most 63 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// The text is not an account name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account's name has 1 to 63 of a-z, 0-9 and '-', and starts with a letter or digit")]
pub struct InvalidAccountName;

impl AccountName {
    /// An account name from a text.
    ///
    /// # Errors
    /// [`InvalidAccountName`] when it has other characters, none, or more than 63.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidAccountName> {
        let name = name.into();
        let fits = (1..=63).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !name.starts_with('-');
        if fits { Ok(Self(name)) } else { Err(InvalidAccountName) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountName {
    type Error = InvalidAccountName;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> String {
        name.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A vendor's id of one entity, as an opaque text: never computed with, never ordered by size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityId(String);

impl EntityId {
    /// The id with this text.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A person or a virtual agent who handles interactions.
    Agent,
    /// One telephone call.
    Call,
    /// One chat.
    Chat,
    /// A queue.
    Queue,
    /// A path through menus that ends in a queue, in one language and on one channel.
    QueuePath,
    /// Queues that are measured together.
    QueueGroup,
    /// A team of agents.
    Team,
    /// A status an agent may be in.
    Status,
    /// A quarantined row.
    Record,
}

impl EntityKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Agent,
        Self::Call,
        Self::Chat,
        Self::Queue,
        Self::QueuePath,
        Self::QueueGroup,
        Self::Team,
        Self::Status,
        Self::Record,
    ];

    /// The kind of this name, as it is in keys.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind as it is in keys and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Call => "call",
            Self::Chat => "chat",
            Self::Queue => "queue",
            Self::QueuePath => "queue_path",
            Self::QueueGroup => "queue_group",
            Self::Team => "team",
            Self::Status => "status",
            Self::Record => "record",
        }
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One entity of one account: the key of its events, `{account}:{kind}:{id}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityKey {
    /// The account.
    pub account: AccountName,
    /// The kind.
    pub kind: EntityKind,
    /// The vendor's id.
    pub id: EntityId,
}

impl fmt::Display for EntityKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.account, self.kind, self.id)
    }
}

/// The name of a stream: one collection that is read from an account, such as `calls`.
///
/// Streams are listed in the vendors' tables; the name is a bounded label of metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StreamName(Cow<'static, str>);

impl StreamName {
    /// The name of a stream from a vendor's table.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_fit_into_keys_and_metrics() {
        for good in ["acme", "a", "acme-2", "0"] {
            assert!(AccountName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Acme", "a_b", "a:b", "-a", "ä", &"a".repeat(64)] {
            assert_eq!(AccountName::new(bad), Err(InvalidAccountName), "{bad}");
        }
    }

    #[test]
    fn a_key_names_account_kind_and_id() {
        let key = EntityKey {
            account: AccountName::new("acme").unwrap(),
            kind: EntityKind::QueuePath,
            id: EntityId::new("5/en/call"),
        };
        assert_eq!(key.to_string(), "acme:queue_path:5/en/call");
    }
}
