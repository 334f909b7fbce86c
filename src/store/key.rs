//! The keys of the one tree. The first byte is the kind of record; a name that is followed by another
//! part ends with a zero byte, which no account's name holds, so that no two keys collide.

use std::ops::Range;

use crate::event::Topic;
use crate::model::{AccountName, EntityId, EntityKey, EntityKind, StreamName, Timestamp};

/// The store's own records: format version, checksum, claim.
const META: u8 = b'm';
const STATE: u8 = b's';
const CURSOR: u8 = b'c';
const SEQUENCE: u8 = b'q';
const ACCOUNT: u8 = b'a';
const ACTIVITY: u8 = b'l';
const OUTBOX: u8 = b'o';
const REGISTRY: u8 = b'r';

/// The key of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The state of an entity.
    #[must_use]
    pub fn state(entity: &EntityKey) -> Self {
        let mut key = states_prefix(&entity.account, entity.kind);
        key.extend_from_slice(entity.id.as_str().as_bytes());
        Self(key)
    }

    /// The cursor of a stream.
    #[must_use]
    pub fn cursor(account: &AccountName, stream: &StreamName) -> Self {
        let mut key = prefix(CURSOR, account);
        key.extend_from_slice(stream.as_str().as_bytes());
        Self(key)
    }

    /// The last sequence number of an account on a topic.
    #[must_use]
    pub fn sequence(account: &AccountName, topic: Topic) -> Self {
        let mut key = prefix(SEQUENCE, account);
        key.extend_from_slice(topic.as_str().as_bytes());
        Self(key)
    }

    /// The record of an account.
    #[must_use]
    pub fn account(account: &AccountName) -> Self {
        Self(prefix(ACCOUNT, account))
    }

    /// The id that a schema registry gave a schema, by the registry's address, the subject, and a hash
    /// of the schema's text.
    #[must_use]
    pub fn schema_id(registry: &str, subject: &str, schema: &[u8]) -> Self {
        // Neither an address nor a subject holds a zero byte.
        Self([&[REGISTRY], registry.as_bytes(), &[0], subject.as_bytes(), &[0], schema].concat())
    }

    /// The claim of the store, see [`crate::ownership::StoreClaim`].
    #[must_use]
    pub fn store_claim() -> Self {
        Self(vec![META, b'o'])
    }

    /// The deduplication key of a row of the activity log.
    #[must_use]
    pub fn activity_deduplication(
        account: &AccountName,
        started_at: Timestamp,
        id: &EntityId,
    ) -> Self {
        let mut key = deduplication_keys_at(account, started_at);
        key.extend_from_slice(id.as_str().as_bytes());
        Self(key)
    }

    /// The deduplication key of the end of a row of the activity log. It expires like the others.
    #[must_use]
    pub fn activity_end_deduplication(
        account: &AccountName,
        ended_at: Timestamp,
        id: &EntityId,
    ) -> Self {
        let mut key = deduplication_keys_at(account, ended_at);
        // No text holds this byte: the start of a row and the end of another never share a key.
        key.push(0xff);
        key.extend_from_slice(id.as_str().as_bytes());
        Self(key)
    }
}

/// Whether records of this key are published on the state topic: all but the store's own records, the
/// outbox, and schema ids.
pub(super) fn is_published(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(STATE | CURSOR | SEQUENCE | ACCOUNT | ACTIVITY)))
}

/// Whether a key is the cursor of a stream, which is published later than it is stored.
pub(super) fn is_cursor(key: &[u8]) -> bool {
    key.first() == Some(&CURSOR)
}

/// The prefix of the keys of an account's cursors.
pub(super) fn cursors_prefix(account: &AccountName) -> Vec<u8> {
    prefix(CURSOR, account)
}

/// The account of a published key.
pub(super) fn account_of(key: &[u8]) -> Option<AccountName> {
    let name = key.get(1..)?.split(|byte| *byte == 0).next()?;
    AccountName::new(std::str::from_utf8(name).ok()?).ok()
}

/// The prefixes of all published keys of an account.
pub(super) fn prefixes_of(account: &AccountName) -> impl Iterator<Item = Vec<u8>> {
    [STATE, CURSOR, SEQUENCE, ACCOUNT, ACTIVITY].into_iter().map(|what| prefix(what, account))
}

/// The range of the accounts' records.
pub(super) fn accounts() -> Range<Vec<u8>> {
    vec![ACCOUNT]..vec![ACCOUNT + 1]
}

impl Key {
    /// A key in words, such as `state acme agent 17`.
    #[must_use]
    pub fn describe(key: &[u8]) -> String {
        let Some((what, rest)) = key.split_first() else { return String::new() };
        let what = match *what {
            STATE => "state",
            CURSOR => "cursor",
            SEQUENCE => "sequence",
            ACCOUNT => "account",
            ACTIVITY => "activity deduplication",
            _ => "other",
        };
        let parts = rest.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        format!("{what} {}", parts.join(" ")).trim_end().to_owned()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn raw(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

fn prefix(what: u8, account: &AccountName) -> Vec<u8> {
    let mut key = vec![what];
    key.extend_from_slice(account.as_str().as_bytes());
    key.push(0);
    key
}

pub(super) fn states_prefix(account: &AccountName, kind: EntityKind) -> Vec<u8> {
    let mut key = prefix(STATE, account);
    key.extend_from_slice(kind.as_str().as_bytes());
    key.push(0);
    key
}

/// The first key after all that begin with this prefix, which ends with a zero byte.
pub(super) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last = 1;
    }
    end
}

fn deduplication_keys_at(account: &AccountName, time: Timestamp) -> Vec<u8> {
    let mut key = prefix(ACTIVITY, account);
    // Flipping the sign makes the bytes sort as the numbers do.
    #[allow(clippy::cast_sign_loss, reason = "the bits are wanted, not the number")]
    let sortable = (time.millis() as u64) ^ (1 << 63);
    key.extend_from_slice(&sortable.to_be_bytes());
    key
}

pub(super) fn deduplication_keys_before(account: &AccountName, time: Timestamp) -> Range<Vec<u8>> {
    prefix(ACTIVITY, account)..deduplication_keys_at(account, time)
}

pub(super) fn outbox(number: u64) -> Vec<u8> {
    let mut key = vec![OUTBOX];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

pub(super) fn outbox_end() -> Vec<u8> {
    vec![OUTBOX + 1]
}

pub(super) fn outbox_number(key: &[u8]) -> Option<u64> {
    let (first, rest) = key.split_first()?;
    (*first == OUTBOX).then_some(())?;
    Some(u64::from_be_bytes(rest.try_into().ok()?))
}

/// The key of the checksum over all other entries, and of what is kept with it.
pub(super) fn checksum() -> Vec<u8> {
    vec![META, b's']
}

/// The key of the format version.
pub(super) fn format() -> Vec<u8> {
    vec![META, b'f']
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(name: &str) -> AccountName {
        AccountName::new(name).unwrap()
    }

    proptest! {
        #[test]
        fn different_entities_have_different_keys(
            one in "[a-b]{1,2}", other in "[a-b]{1,2}", a in ".{0,3}", b in ".{0,3}",
        ) {
            let key = |account_name: &str, id: &str| {
                let entity = EntityKey {
                    account: account(account_name),
                    kind: EntityKind::Agent,
                    id: EntityId::new(id),
                };
                Key::state(&entity)
            };
            prop_assert_eq!(key(&one, &a) == key(&other, &b), one == other && a == b);
        }

        #[test]
        fn the_deduplication_keys_of_a_start_and_of_an_end_differ(
            one in ".{0,3}", other in ".{0,3}", second in any::<i64>(),
        ) {
            let (acme, time) = (account("a"), Timestamp::from_millis(second));
            let (one, other) = (EntityId::new(one), EntityId::new(other));
            let end = |id| Key::activity_end_deduplication(&acme, time, id);
            prop_assert_ne!(Key::activity_deduplication(&acme, time, &one), end(&other));
            prop_assert_eq!(end(&one) == end(&other), one == other);
            prop_assert!(deduplication_keys_at(&acme, time) <= end(&one).into_bytes());
        }

        #[test]
        fn deduplication_keys_sort_by_their_time(one in any::<i64>(), other in any::<i64>()) {
            let at = |millis| deduplication_keys_at(&account("a"), Timestamp::from_millis(millis));
            prop_assert_eq!(at(one).cmp(&at(other)), one.cmp(&other));
        }
    }
}
