//! From an answer's bytes to rows: each row on its own, so that one that cannot be read leaves the
//! others alone, and one that has not changed is not read at all.

use serde_json::Value;
use serde_json::value::RawValue;

use super::mapping;
use crate::model::{
    Agent, Call, Chat, EntityId, Privacy, Queue, QueueStatus, StatusDefinition, Team, Timestamp,
};
use crate::source::fields::{Fields, id};
use crate::source::{
    Fingerprint, Partial, QuarantineReason, Quarantined, RowMemory, SweepBuilder, SweepRow,
    UnknownValue,
};

/// Reads one row; says which values no table knows.
pub(super) type Read<T> = fn(&Fields, &mut Vec<UnknownValue>) -> Result<T, QuarantineReason>;

/// Rows of one answer, at most. Pages have a hundred; what stands at the moment is one answer.
const MOST_ROWS: usize = 100_000;
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

/// Reads one row in full.
pub(super) fn decode<T>(
    row: &RawValue,
    read: Read<T>,
    unknown: &mut Vec<UnknownValue>,
) -> Result<T, Quarantined> {
    let quarantine = |id: Option<EntityId>, reason| Quarantined {
        id,
        reason,
        fingerprint: Fingerprint::of(row.get().as_bytes()),
        size: row.get().len(),
    };
    let size = row.get().len();
    if size > LARGEST_ROW || size > MOST_VALUES && values(row.get()) > MOST_VALUES {
        let kind = String::from("expected a smaller row");
        return Err(quarantine(row_id(row), QuarantineReason { path: String::new(), kind }));
    }
    let value: Value = serde_json::from_str(row.get()).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Syntax => "expected valid text",
            _ => "expected a smaller nesting",
        };
        let reason = QuarantineReason { path: String::new(), kind: String::from(kind) };
        quarantine(row_id(row), reason)
    })?;
    let fields = Fields::of(&value).map_err(|reason| quarantine(None, reason))?;
    read(&fields, unknown).map_err(|reason| quarantine(value.get("id").and_then(id), reason))
}

/// The id of a row that cannot be read as a whole.
fn row_id(row: &RawValue) -> Option<EntityId> {
    #[derive(serde::Deserialize)]
    struct Row<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let row: Row = serde_json::from_str(row.get()).ok()?;
    id(&serde_json::from_str(row.id.get()).ok()?)
}

/// The stamp of a row, without reading the rest of it.
pub(super) fn stamp(row: &RawValue, column: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Stamps<'a> {
        #[serde(borrow, default)]
        started_at: Option<&'a RawValue>,
        #[serde(borrow, default)]
        ended_at: Option<&'a RawValue>,
        #[serde(borrow, default)]
        updated_at: Option<&'a RawValue>,
    }
    let stamps: Stamps = serde_json::from_str(row.get()).ok()?;
    let raw = match column {
        "started_at" => stamps.started_at,
        "ended_at" => stamps.ended_at,
        _ => stamps.updated_at,
    };
    let value = Value::String(serde_json::from_str(raw?.get()).ok()?);
    let object = Value::Object([(String::from("it"), value)].into_iter().collect());
    Fields::of(&object).and_then(|fields| fields.time("it")).ok().flatten()
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

impl Row for QueueStatus {
    fn id(&self) -> EntityId {
        self.queue.id()
    }

    fn redact(&mut self, _: &Privacy) {}
}

/// What reading a page of a sweep adds to.
pub(super) struct PageRows<'a> {
    pub(super) memory: &'a RowMemory,
    pub(super) next: &'a mut RowMemory,
    pub(super) unknown: &'a mut Vec<UnknownValue>,
}

impl PageRows<'_> {
    /// Takes in the rows of a page; returns those that could not be read.
    pub(super) fn take_in<T: Row>(
        &mut self,
        rows: &[&RawValue],
        read: Read<T>,
        sweep: &mut SweepBuilder<T>,
        privacy: &Privacy,
    ) -> Vec<Quarantined> {
        let mut unreadable = Vec::new();
        for row in rows {
            let fingerprint = Fingerprint::of(row.get().as_bytes());
            let (id, seen) = if let Some(id) = self.memory.recall(fingerprint) {
                (id.clone(), SweepRow::Unchanged(id.clone()))
            } else {
                match decode(row, read, self.unknown) {
                    Ok(mut entity) => {
                        entity.redact(privacy);
                        (entity.id(), SweepRow::Seen(entity))
                    }
                    Err(quarantined) => {
                        match &quarantined.id {
                            Some(id) => sweep.present(id.clone()),
                            None => sweep.mark(Partial::RowWithoutId),
                        }
                        unreadable.push(quarantined);
                        continue;
                    }
                }
            };
            if sweep.row(&id, seen) {
                self.next.remember(fingerprint, id);
            } else if conflicts(rows, row, &id) {
                sweep.mark(Partial::ConflictingDuplicate);
            }
        }
        unreadable
    }
}

/// Two rows of one page are one state of the vendor's data: when they differ and have one id, the
/// id does not tell entities apart. (Rows of different pages may differ because the entity changed
/// in between; there the count decides.)
fn conflicts(page: &[&RawValue], row: &RawValue, id: &EntityId) -> bool {
    let mut others = page.iter().filter(|other| other.get() != row.get());
    others.any(|other| row_id(other).as_ref() == Some(id))
}

/// Reads one page of agents into a sweep, as a reading does; for measurements.
///
/// # Errors
/// When the page is no list of rows.
pub fn sweep_agents_page(
    body: &[u8],
    memory: &RowMemory,
    next: &mut RowMemory,
    sweep: &mut SweepBuilder<Agent>,
) -> Result<(), &'static str> {
    let rows = split(body)?;
    let mut page = PageRows { memory, next, unknown: &mut Vec::new() };
    page.take_in(&rows, mapping::agent, sweep, &Privacy::default());
    Ok(())
}
