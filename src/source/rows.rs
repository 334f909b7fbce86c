//! From an answer's bytes to rows: each row on its own, so that one that cannot be read leaves the
//! others alone, and one that has not changed is not read at all.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::{Fields, id};
use super::{
    Fingerprint, FullScanBuilder, FullScanRow, Partial, QuarantineReason, Quarantined, RowMemory,
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
/// Bytes of an id as it is written, at most.
const LONGEST_RAW_ID: usize = 2 << 10;
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

/// The parts of an object. A list is none, though its items could be taken for them in their order.
pub(super) fn parts<'a, T: serde::Deserialize<'a>>(object: &'a [u8]) -> Result<T, &'static str> {
    if !object.trim_ascii_start().starts_with(b"{") {
        return Err("it is no object");
    }
    serde_json::from_slice(object).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle",
        serde_json::error::Category::Data => "a part of it stands there twice",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    })
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

/// Whether a row has more bytes or values than any row has.
pub(super) fn is_too_large(row: &RawValue) -> bool {
    let size = row.get().len();
    size > LARGEST_ROW || size > MOST_VALUES && values(row.get()) > MOST_VALUES
}

/// Reads one row in full. `id_field` is the one that holds its id.
pub(super) fn decode<T>(
    row: &RawValue,
    id_field: &'static str,
    read: impl FnOnce(&Fields, &mut Vec<UnknownValue>) -> Result<T, QuarantineReason>,
    unknown: &mut Vec<UnknownValue>,
) -> Result<T, Quarantined> {
    let quarantine = |id, reason| quarantined(row, id, reason);
    if is_too_large(row) {
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
    // What is longer is no id, and may be long enough to fill the memory.
    (raw.get().len() <= LONGEST_RAW_ID)
        .then(|| serde_json::from_str(raw.get()).ok())?
        .and_then(|it| id(&it))
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
    ($( $row:ident $( in $part:ident )?, $( $redact:ident )?; )*) => {$(
        impl Row for $row {
            fn id(&self) -> EntityId {
                self.$( $part. )?id.clone()
            }

            fn redact(&mut self, _privacy: &Privacy) {
                $( _privacy.$redact(self); )?
            }
        }
    )*};
}

rows! {
    Agent, agent;
    Call in interaction, call;
    Chat in interaction, chat;
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
    ) -> Result<(EntityId, FullScanRow<T>), Quarantined> {
        let read = |fields: &Fields, unknown: &mut Vec<UnknownValue>| {
            let deleted = self.deleted.map(|name| fields.flag(name));
            if matches!(deleted, Some(Ok(Some(true)))) {
                let id = fields.required_id(self.id)?;
                return Ok((id.clone(), FullScanRow::Deleted(id)));
            }
            let mut entity = (self.read)(fields, unknown)?;
            entity.redact(privacy);
            Ok((entity.id(), FullScanRow::Seen(entity)))
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
        scan: &mut FullScanBuilder<T>,
        privacy: &Privacy,
    ) -> Vec<Quarantined> {
        let mut set_aside = Vec::new();
        // Rows of one page are one state of the vendor's data: two that differ contradict each
        // other. There may be many, so that they are found by their ids and not by looking again.
        let mut first_of = HashMap::new();
        for row in rows {
            let fingerprint = Fingerprint::of(row.get().as_bytes());
            let (id, seen) = if let Some(id) = self.memory.recall(fingerprint) {
                (id.clone(), FullScanRow::Unchanged(id.clone()))
            } else {
                match format.row(row, privacy, self.unknown) {
                    Ok(row) => row,
                    Err(quarantined) => {
                        match &quarantined.id {
                            Some(id) => {
                                let first = *first_of.entry(id.clone()).or_insert(*row);
                                if first.get() != row.get() {
                                    scan.disbelieve(id.clone());
                                }
                                scan.present(id.clone());
                            }
                            None => scan.mark(Partial::RowWithoutId),
                        }
                        set_aside.push(quarantined);
                        continue;
                    }
                }
            };
            let first = *first_of.entry(id.clone()).or_insert(*row);
            if scan.row(&id, seen) {
                self.next.remember(fingerprint, id);
                continue;
            }
            // The same bytes once more say nothing new.
            if self.next.recall(fingerprint).is_some() {
                continue;
            }
            if first.get() == row.get() {
                // On another page it may have changed in between: the count decides.
                scan.came_otherwise(id);
                continue;
            }
            // The id does not tell entities apart: neither row is believed.
            let conflict = |row| quarantined(row, Some(id.clone()), QuarantineReason::conflict());
            // One that cannot be read was set aside for that.
            let first_was_read =
                self.next.recall(Fingerprint::of(first.get().as_bytes())).is_some();
            if scan.disbelieve(id.clone()) && first_was_read {
                set_aside.push(conflict(first));
            }
            set_aside.push(conflict(row));
        }
        set_aside
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;

    const FORMAT: Format<Agent> = Format {
        id: "id",
        deleted: None,
        read: |row, _| Ok(Agent { name: row.text("name")?, ..Agent::new(row.required_id("id")?) }),
    };

    /// What a page comes to: the ids that are believed, why it is partial, and what is set aside.
    fn page(rows: &[Value]) -> (Vec<EntityId>, Option<Partial>, usize) {
        let rows: Vec<_> = rows.iter().map(|row| to_raw_value(row).unwrap()).collect();
        let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
        let (memory, mut next) = (RowMemory::default(), RowMemory::default());
        let mut scan = FullScanBuilder::default();
        let mut page = PageRows { memory: &memory, next: &mut next, unknown: &mut Vec::new() };
        let set_aside = page.take_in(&rows, &FORMAT, &mut scan, &Privacy::default());
        let scan = scan.finish();
        let believed = scan.rows().iter().map(|row| match row {
            FullScanRow::Seen(agent) => agent.id.clone(),
            other => panic!("{other:?}"),
        });
        (believed.collect(), scan.partial(), set_aside.len())
    }

    #[test]
    fn rows_of_one_id_that_differ_are_believed_neither_in_whatever_order_they_come() {
        let one = || json!({"id": 7, "name": "Mira"});
        let other = || json!({"id": 7, "name": "Tom"});
        let broken = || json!({"id": 7, "name": {}});
        let beside = || json!({"id": 8, "name": "Ines"});
        let conflict = Some(Partial::ConflictingDuplicate);
        let cases = [
            (vec![one(), beside(), one()], vec!["7", "8"], None, 0),
            (vec![one(), beside(), other()], vec!["8"], conflict, 2),
            (vec![one(), other(), one(), beside()], vec!["8"], conflict, 2),
            (vec![one(), broken(), beside()], vec!["8"], conflict, 1),
            (vec![broken(), one(), beside()], vec!["8"], conflict, 2),
            (vec![broken(), broken(), beside()], vec!["8"], None, 2),
        ];
        for (rows, believed, partial, set_aside) in cases {
            let believed: Vec<_> = believed.into_iter().map(EntityId::new).collect();
            assert_eq!(page(&rows), (believed, partial, set_aside), "{rows:?}");
        }
    }

    #[test]
    fn as_many_rows_of_one_id_as_there_may_be_take_no_time_and_no_room() {
        let rows: Vec<_> =
            (0..50_000).map(|number| json!({"id": 7, "name": number.to_string()})).collect();
        let began = std::time::Instant::now();
        let (believed, partial, set_aside) = page(&rows);
        assert_eq!((believed.len(), set_aside), (0, 50_000));
        assert_eq!(partial, Some(Partial::ConflictingDuplicate));
        // Each compared with each other would take minutes, and gigabytes.
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }
}
