//! The rows of this vendor: they have their id in `id`, and tails are ordered by a stamp.

use serde_json::Value;
use serde_json::value::RawValue;

use super::mapping;
use crate::model::{Agent, EntityId, Privacy, QueueStatus, Timestamp};
use crate::source::fields::Fields;
use crate::source::rows::{self, Format, MOST_ROWS, PageRows};
use crate::source::{FullScanBuilder, Quarantined, RowMemory, UnknownValue};

pub(super) use crate::source::rows::{Read, Row, split};

/// The field that holds a row's id.
const ID: &str = "id";

/// How rows of a kind are read. Some say themselves that they are deleted; that is a field of the
/// entity here, and detection looks at it.
pub(super) const fn format<T>(read: Read<T>) -> Format<T> {
    Format { id: ID, deleted: None, read }
}

/// Levels of a tree, at most: each is looked at once more for every level above it.
const MOST_LEVELS: usize = 32;

/// The entities of an answer in any of the three forms in which queues and teams are shown: a list
/// (also of one, as `menus/{id}` answers), a single object (`teams/{id}`), or a tree (`menus/tree`,
/// `teams/tree`), of which every branch is an entity. An object without an id is none.
pub(super) fn entities(body: &[u8]) -> Result<Vec<&RawValue>, &'static str> {
    let top = if body.trim_ascii_start().starts_with(b"{") {
        let one: &RawValue = serde_json::from_slice(body).map_err(|_| "it is no JSON")?;
        if rows::row_id(one, ID).is_none() {
            return Err("it is neither a list nor an entity");
        }
        vec![one]
    } else {
        split(body)?
    };
    let mut all = Vec::with_capacity(top.len());
    let mut left: Vec<_> = top.into_iter().rev().map(|row| (row, 1)).collect();
    while let Some((row, level)) = left.pop() {
        all.push(row);
        let Some(children) = children(row) else { continue };
        let children = split(children.get().as_bytes())?;
        if level == MOST_LEVELS && !children.is_empty() {
            return Err("it is a tree of too many levels");
        }
        if all.len() + left.len() + children.len() > MOST_ROWS {
            return Err("it is a tree of too many rows");
        }
        left.extend(children.into_iter().rev().map(|child| (child, level + 1)));
    }
    Ok(all)
}

/// What stands under a branch, where the row says so.
fn children(row: &RawValue) -> Option<&RawValue> {
    #[derive(serde::Deserialize)]
    struct Branch<'a> {
        #[serde(borrow, default)]
        children: Option<&'a RawValue>,
    }
    let branch: Branch = serde_json::from_str(row.get()).ok()?;
    branch.children.filter(|children| children.get() != "null")
}

/// Reads one row in full.
pub(super) fn decode<T>(
    row: &RawValue,
    read: Read<T>,
    unknown: &mut Vec<UnknownValue>,
) -> Result<T, Quarantined> {
    rows::decode(row, ID, read, unknown)
}

/// The stamp of a row, without reading the rest of it.
pub(super) fn stamp(row: &RawValue, column: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Stamps<'a> {
        #[serde(borrow, default, rename = "started_at")]
        started: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "ended_at")]
        ended: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "updated_at")]
        updated: Option<&'a RawValue>,
    }
    let stamps: Stamps = serde_json::from_str(row.get()).ok()?;
    let raw = match column {
        "started_at" => stamps.started,
        "ended_at" => stamps.ended,
        _ => stamps.updated,
    };
    let value = Value::String(serde_json::from_str(raw?.get()).ok()?);
    let object = Value::Object([(String::from("it"), value)].into_iter().collect());
    Fields::of(&object).and_then(|fields| fields.time("it")).ok().flatten()
}

impl Row for QueueStatus {
    fn id(&self) -> EntityId {
        self.queue.id()
    }

    fn redact(&mut self, _: &Privacy) {}
}

/// Reads one page of agents into a sweep, as a reading does; for measurements.
///
/// # Errors
/// When the page is no list of rows.
pub fn scan_agents_page(
    body: &[u8],
    memory: &RowMemory,
    next: &mut RowMemory,
    scan: &mut FullScanBuilder<Agent>,
) -> Result<(), &'static str> {
    let rows = split(body)?;
    let mut page = PageRows { memory, next, unknown: &mut Vec::new() };
    page.take_in(&rows, &format(mapping::agent), scan, &Privacy::default());
    Ok(())
}
