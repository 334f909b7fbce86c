//! From an answer's bytes to rows. Each row is decoded on its own, so that one that cannot be
//! decoded costs no other, and one that has not changed is not decoded.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::{Fields, id};
use super::{
    Fingerprint, FullScanBuilder, FullScanRow, Partial, QuarantineReason, Quarantined, RowMemory,
    UnknownValue,
};
use crate::model::{Agent, Call, Chat, EntityId, Privacy, Queue, StatusDefinition, Team};

/// Decodes one row, and adds the values that no table knows.
pub(super) type DecodeRow<T> = fn(&Fields, &mut Vec<UnknownValue>) -> Result<T, QuarantineReason>;

/// How the rows of a list are decoded.
#[derive(Debug)]
pub(super) struct RowFormat<T> {
    /// The field that holds a row's id.
    pub(super) id: &'static str,
    /// The field by which the vendor itself calls an entity deleted, where it has one.
    pub(super) deleted: Option<&'static str>,
    /// Decodes a row in full.
    pub(super) read: DecodeRow<T>,
}

/// Rows of one answer, at most. Pages have a hundred or a thousand; a snapshot is one answer.
pub(super) const MOST_ROWS: usize = 100_000;
/// Values of one row, at most: in memory each takes tens of bytes, and may be two bytes of an
/// answer. A queue with five thousand agents has some tens of thousands.
const MOST_VALUES: usize = 100_000;
/// Bytes of an id as it is written, at most.
const LONGEST_RAW_ID: usize = 2 << 10;
/// Bytes of one row, at most: brokers refuse events of a quarter of that.
const LARGEST_ROW: usize = 4 << 20;

/// The rows of an answer, or why it is no list of rows.
pub(super) fn split(body: &[u8]) -> Result<Vec<&RawValue>, &'static str> {
    let RawRows(rows) = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle",
        serde_json::error::Category::Data => "it is no list, or one of too many rows",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    })?;
    // An item that is no object is a bad row; a list without any object is no list of rows.
    if !rows.is_empty() && !rows.iter().any(|row| row.get().starts_with('{')) {
        return Err("it is a list of something else than rows");
    }
    Ok(rows)
}

/// Decodes an object by its fields. A list is an error: serde would take its items for the fields
/// in their order.
pub(super) fn parts<'a, T: serde::Deserialize<'a>>(object: &'a [u8]) -> Result<T, &'static str> {
    if !object.trim_ascii_start().starts_with(b"{") {
        return Err("it is no object");
    }
    serde_json::from_slice(object).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle",
        serde_json::error::Category::Data => "it has a field twice",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    })
}

/// A list of raw values, of which there may be [`MOST_ROWS`].
struct RawRows<'a>(Vec<&'a RawValue>);

impl<'de> serde::Deserialize<'de> for RawRows<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor;
        impl<'de> serde::de::Visitor<'de> for RowsVisitor {
            type Value = RawRows<'de>;

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
                Ok(RawRows(rows))
            }
        }
        deserializer.deserialize_seq(RowsVisitor)
    }
}

/// An upper bound of the number of values in a row, by their separators. Those inside strings count
/// as well: that is cheaper than parsing.
fn most_values(row: &str) -> usize {
    row.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// Whether a row has more bytes or values than any row has.
pub(super) fn is_too_large(row: &RawValue) -> bool {
    let size = row.get().len();
    size > LARGEST_ROW || size > MOST_VALUES && most_values(row.get()) > MOST_VALUES
}

/// Decodes one row in full. `id_field` is the field that holds its id.
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

/// The id of a row, without decoding the rest of it.
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
    // A longer value is no id, and could fill the memory.
    (raw.get().len() <= LONGEST_RAW_ID)
        .then(|| serde_json::from_str(raw.get()).ok())?
        .and_then(|it| id(&it))
}

/// A decoded row of an entity.
pub(super) trait EntityRow: Sized {
    /// The entity's id.
    fn id(&self) -> EntityId;
    /// Applies the privacy settings.
    fn redact(&mut self, privacy: &Privacy);
}

/// Implements [`EntityRow`] by a field for the id and a method of the privacy settings.
macro_rules! rows {
    ($( $row:ident $( in $part:ident )?, $( $redact:ident )?; )*) => {$(
        impl EntityRow for $row {
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

impl<T: EntityRow> RowFormat<T> {
    /// Decodes a row of a full scan. Of a deleted entity only the id is decoded; a mark of deletion
    /// that cannot be decoded is no evidence.
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

/// Decodes the pages of a full scan.
pub(super) struct PageDecoder<'a> {
    /// The rows of the last committed scan.
    pub(super) memory: &'a RowMemory,
    /// The rows of this one.
    pub(super) next: &'a mut RowMemory,
    /// The values that no table knows.
    pub(super) unknown: &'a mut Vec<UnknownValue>,
}

impl PageDecoder<'_> {
    /// Adds the rows of a page to the scan. Returns the quarantined ones: they cannot be decoded,
    /// or contradict each other.
    pub(super) fn decode<T: EntityRow>(
        &mut self,
        rows: &[&RawValue],
        format: &RowFormat<T>,
        scan: &mut FullScanBuilder<T>,
        privacy: &Privacy,
    ) -> Vec<Quarantined> {
        let mut quarantine = Vec::new();
        // Rows of one page are one state of the vendor's data: two that differ contradict each
        // other. A page may be full of them, so they are found by id and not by a search.
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
                                if !has_same_bytes(first, row) {
                                    scan.conflict(id.clone());
                                }
                                scan.present(id.clone());
                            }
                            None => scan.make_partial(Partial::RowWithoutId),
                        }
                        quarantine.push(quarantined);
                        continue;
                    }
                }
            };
            let first = *first_of.entry(id.clone()).or_insert(*row);
            if scan.row(&id, seen) {
                self.next.remember(fingerprint, id);
                continue;
            }
            // A repetition of the same bytes is not a change.
            if self.next.recall(fingerprint).is_some() {
                continue;
            }
            if has_same_bytes(first, row) {
                // On another page it may have changed in between: the count decides.
                scan.changed_between_pages(id);
                continue;
            }
            // The id does not identify one entity: neither row is used.
            let conflict = |row| quarantined(row, Some(id.clone()), QuarantineReason::conflict());
            // A first row that could not be decoded is quarantined already.
            let first_was_decoded =
                self.next.recall(Fingerprint::of(first.get().as_bytes())).is_some();
            if scan.conflict(id.clone()) && first_was_decoded {
                quarantine.push(conflict(first));
            }
            quarantine.push(conflict(row));
        }
        quarantine
    }
}

/// Compares two rows of a page.
fn has_same_bytes(one: &RawValue, other: &RawValue) -> bool {
    #[cfg(test)]
    tests::COMPARISONS.set(tests::COMPARISONS.get() + 1);
    one.get() == other.get()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::{json, value::to_raw_value};

    use super::*;

    const FORMAT: RowFormat<Agent> = RowFormat {
        id: "id",
        deleted: None,
        read: |row, _| Ok(Agent { name: row.text("name")?, ..Agent::new(row.required_id("id")?) }),
    };

    thread_local! {
        /// How many pairs of rows this thread has compared.
        pub(super) static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// Decodes a page: the ids that are used, why it is partial, how many rows are quarantined, and
    /// how many are remembered.
    fn page(rows: &[Value]) -> (Vec<EntityId>, Option<Partial>, usize, usize) {
        let rows: Vec<_> = rows.iter().map(|row| to_raw_value(row).unwrap()).collect();
        let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
        let (memory, mut next) = (RowMemory::default(), RowMemory::default());
        let mut scan = FullScanBuilder::default();
        let mut page = PageDecoder { memory: &memory, next: &mut next, unknown: &mut Vec::new() };
        let quarantined = page.decode(&rows, &FORMAT, &mut scan, &Privacy::default());
        let scan = scan.finish();
        let used = scan.rows().iter().map(|row| match row {
            FullScanRow::Seen(agent) => agent.id.clone(),
            other => panic!("{other:?}"),
        });
        (used.collect(), scan.partial(), quarantined.len(), next.len())
    }

    #[test]
    fn rows_of_one_id_that_differ_are_quarantined_in_whatever_order_they_come() {
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
        for (rows, used, partial, quarantined) in cases {
            let used: Vec<_> = used.into_iter().map(EntityId::new).collect();
            let (found_used, found_partial, found_quarantined, _) = page(&rows);
            assert_eq!(
                (found_used, found_partial, found_quarantined),
                (used, partial, quarantined),
                "{rows:?}"
            );
        }
    }

    #[test]
    fn each_row_of_one_id_is_compared_once_and_only_the_first_is_remembered() {
        let count = 50_000;
        let rows: Vec<_> =
            (0..count).map(|number| json!({"id": 7, "name": number.to_string()})).collect();
        COMPARISONS.set(0);
        let (used, partial, quarantined, remembered) = page(&rows);
        assert_eq!((used.len(), quarantined), (0, count));
        assert_eq!(partial, Some(Partial::ConflictingDuplicate));
        // Each compared with each other would be a billion comparisons.
        assert!(COMPARISONS.get() <= count, "{} comparisons", COMPARISONS.get());
        assert_eq!(remembered, 1);
    }
}
