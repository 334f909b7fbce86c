//! From an answer's bytes to rows: each row on its own, so that one that cannot be read leaves the
//! others alone, and one that has not changed is not read at all.

use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::{Fields, id};
use super::{
    Fingerprint, Partial, QuarantineReason, Quarantined, RowMemory, SweepBuilder, SweepRow,
    UnknownValue,
};
use crate::model::{Agent, Call, Chat, EntityId, Privacy, Queue, StatusDefinition, Team};

/// Reads one row; says which values no table knows.
pub(super) type Read<T> = fn(&Fields, &mut Vec<UnknownValue>) -> Result<T, QuarantineReason>;

/// How the rows of a list are read.
#[derive(Debug)]
pub(super) struct Format<T> {
    /// The field that holds a row's id.
    pub(super) id: &'static str,
    /// The field by which the vendor itself calls an entity deleted, where it has one.
    pub(super) deleted: Option<&'static str>,
    /// Reads a row in full.
    pub(super) read: Read<T>,
}

/// Rows of one answer, at most. Pages have a hundred or a thousand; what stands at the moment is
/// one answer.
pub(super) const MOST_ROWS: usize = 100_000;
/// Values of one row, at most: in memory each takes tens of bytes, and may be two bytes of an
/// answer. A queue with five thousand agents has some tens of thousands.
const MOST_VALUES: usize = 100_000;
/// Bytes of one row, at most: brokers refuse events of a quarter of that.
const LARGEST_ROW: usize = 4 << 20;

/// The rows of an answer. An answer that is no list of rows is nothing to conclude from.
pub(super) fn split(body: &[u8]) -> Result<Vec<&RawValue>, &'static str> {
    let Page(rows) = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle",
        serde_json::error::Category::Data => "it is no list, or one of too many rows",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    })?;
    // One that is something else is a bad row; a list of nothing but that is no list of rows.
    if !rows.is_empty() && !rows.iter().any(|row| row.get().starts_with('{')) {
        return Err("it is a list of something else than rows");
    }
    Ok(rows)
}

/// A list of raw values, of which there may be [`MOST_ROWS`].
struct Page<'a>(Vec<&'a RawValue>);

impl<'de> serde::Deserialize<'de> for Page<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> serde::de::Visitor<'de> for Rows {
            type Value = Page<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = list.next_element()? {
                    if rows.len() == MOST_ROWS {
                        return Err(serde::de::Error::custom("too many rows"));
                    }
                    rows.push(row);
                }
                Ok(Page(rows))
            }
        }
        deserializer.deserialize_seq(Rows)
    }
}

/// How many values a row has at most, by what separates them. What stands in texts counts as well:
/// it is cheaper to look than to parse.
fn values(row: &str) -> usize {
    row.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// Reads one row in full. `id_field` is the one that holds its id.
pub(super) fn decode<T>(
    row: &RawValue,
    id_field: &'static str,
    read: impl FnOnce(&Fields, &mut Vec<UnknownValue>) -> Result<T, QuarantineReason>,
    unknown: &mut Vec<UnknownValue>,
) -> Result<T, Quarantined> {
    let quarantine = |id, reason| quarantined(row, id, reason);
    let size = row.get().len();
    if size > LARGEST_ROW || size > MOST_VALUES && values(row.get()) > MOST_VALUES {
        let kind = String::from("expected a smaller row");
        let reason = QuarantineReason { path: String::new(), kind };
        return Err(quarantine(row_id(row, id_field), reason));
    }
    let value: Value = serde_json::from_str(row.get()).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Syntax => "expected valid text",
            _ => "expected a smaller nesting",
        };
        let reason = QuarantineReason { path: String::new(), kind: String::from(kind) };
        quarantine(row_id(row, id_field), reason)
    })?;
    let fields = Fields::of(&value).map_err(|reason| quarantine(None, reason))?;
    read(&fields, unknown).map_err(|reason| quarantine(value.get(id_field).and_then(id), reason))
}

fn quarantined(row: &RawValue, id: Option<EntityId>, reason: QuarantineReason) -> Quarantined {
    let fingerprint = Fingerprint::of(row.get().as_bytes());
    Quarantined { id, reason, fingerprint, size: row.get().len() }
}

/// The id of a row, without reading the rest of it.
pub(super) fn row_id(row: &RawValue, field: &'static str) -> Option<EntityId> {
    struct Only(&'static str);
    impl<'de> serde::de::DeserializeSeed<'de> for Only {
        type Value = Option<&'de RawValue>;

        fn deserialize<D: serde::Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(self)
        }
    }
    impl<'de> serde::de::Visitor<'de> for Only {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<&RawValue>()? {
                let value: &RawValue = map.next_value()?;
                if serde_json::from_str::<String>(name.get()).is_ok_and(|name| name == self.0) {
                    found = Some(value);
                }
            }
            Ok(found)
        }
    }
    let mut row = serde_json::Deserializer::from_str(row.get());
    let raw = serde::de::DeserializeSeed::deserialize(Only(field), &mut row).ok()??;
    id(&serde_json::from_str(raw.get()).ok()?)
}

/// A row that stands for an entity.
pub(super) trait Row: Sized {
    /// The entity's id.
    fn id(&self) -> EntityId;
    /// Takes out what the configuration does not open.
    fn redact(&mut self, privacy: &Privacy);
}

/// Implements [`Row`] by a field for the id and a method of the privacy settings.
macro_rules! rows {
    ($( $row:ident, $( $redact:ident )?; )*) => {$(
        impl Row for $row {
            fn id(&self) -> EntityId {
                self.id.clone()
            }

            fn redact(&mut self, _privacy: &Privacy) {
                $( _privacy.$redact(self); )?
            }
        }
    )*};
}

rows! {
    Agent, agent;
    Call, call;
    Chat, chat;
    Queue, queue;
    Team, team;
    StatusDefinition, ;
}

impl<T: Row> Format<T> {
    /// Reads a row of a sweep. What stands in the row of a deleted entity is of no interest; a mark
    /// that cannot be read is no evidence.
    fn row(
        &self,
        row: &RawValue,
        privacy: &Privacy,
        unknown: &mut Vec<UnknownValue>,
    ) -> Result<(EntityId, SweepRow<T>), Quarantined> {
        let read = |fields: &Fields, unknown: &mut Vec<UnknownValue>| {
            let deleted = self.deleted.map(|name| fields.flag(name));
            if matches!(deleted, Some(Ok(Some(true)))) {
                let id = fields.required_id(self.id)?;
                return Ok((id.clone(), SweepRow::Deleted(id)));
            }
            let mut entity = (self.read)(fields, unknown)?;
            entity.redact(privacy);
            Ok((entity.id(), SweepRow::Seen(entity)))
        };
        decode(row, self.id, read, unknown)
    }
}

/// What reading a page of a sweep adds to.
pub(super) struct PageRows<'a> {
    pub(super) memory: &'a RowMemory,
    pub(super) next: &'a mut RowMemory,
    pub(super) unknown: &'a mut Vec<UnknownValue>,
}

impl PageRows<'_> {
    /// Takes in the rows of a page; returns those that are set aside: they cannot be read, or
    /// contradict each other.
    pub(super) fn take_in<T: Row>(
        &mut self,
        rows: &[&RawValue],
        format: &Format<T>,
        sweep: &mut SweepBuilder<T>,
        privacy: &Privacy,
    ) -> Vec<Quarantined> {
        let mut set_aside = Vec::new();
        for row in rows {
            let fingerprint = Fingerprint::of(row.get().as_bytes());
            let (id, seen) = if let Some(id) = self.memory.recall(fingerprint) {
                (id.clone(), SweepRow::Unchanged(id.clone()))
            } else {
                match format.row(row, privacy, self.unknown) {
                    Ok(row) => row,
                    Err(quarantined) => {
                        match &quarantined.id {
                            Some(id) => sweep.present(id.clone()),
                            None => sweep.mark(Partial::RowWithoutId),
                        }
                        set_aside.push(quarantined);
                        continue;
                    }
                }
            };
            if sweep.row(&id, seen) {
                self.next.remember(fingerprint, id);
                continue;
            }
            // The same bytes once more say nothing new.
            if self.next.recall(fingerprint).is_some() {
                continue;
            }
            let others = contradicting(rows, row, format.id, &id);
            if others.is_empty() {
                // On another page it may have changed in between: the count decides.
                sweep.came_otherwise(id);
                continue;
            }
            // The id does not tell entities apart: neither row is believed.
            sweep.mark(Partial::ConflictingDuplicate);
            for row in others.into_iter().chain([*row]) {
                set_aside.push(quarantined(row, Some(id.clone()), QuarantineReason::conflict()));
            }
            sweep.disbelieve(id);
        }
        set_aside
    }
}

/// Other rows of the page with the same id. One page is one state of the vendor's data, so that
/// they contradict each other.
fn contradicting<'a>(
    page: &[&'a RawValue],
    row: &RawValue,
    field: &'static str,
    id: &EntityId,
) -> Vec<&'a RawValue> {
    let others = page.iter().filter(|other| other.get() != row.get());
    others.filter(|other| row_id(other, field).as_ref() == Some(id)).copied().collect()
}
