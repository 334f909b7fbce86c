//! The rows of this vendor: their id is in `id`, and incremental polls order them by a timestamp.

use serde_json::Value;
use serde_json::value::RawValue;

use super::mapping;
use crate::model::{Agent, EntityId, Privacy, QueueStatus, Timestamp};
use crate::source::fields::Fields;
use crate::source::rows::{self, MOST_ROWS, PageDecoder, RowFormat};
use crate::source::{FullScanBuilder, Quarantined, RowMemory, UnknownValue};

pub(super) use crate::source::rows::{DecodeRow, EntityRow, split};

/// The field that holds a row's id.
const ID: &str = "id";

/// How rows of a kind are decoded. The mark of deletion that some have is a field of the entity,
/// which detection reads.
pub(super) const fn format<T>(read: DecodeRow<T>) -> RowFormat<T> {
    RowFormat { id: ID, deleted: None, read }
}

/// Levels of a tree, at most: each is parsed once more for every level above it.
const MOST_LEVELS: usize = 32;

/// The entities of an answer in any of the three forms of queues and teams: a list (also of one, as
/// `menus/{id}` answers), a single object (`teams/{id}`), or a tree (`menus/tree`, `teams/tree`),
/// of which every branch is an entity. An object without an id is not an entity.
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

/// The children of a branch, where it has some.
fn children(row: &RawValue) -> Option<&RawValue> {
    #[derive(serde::Deserialize)]
    struct Branch<'a> {
        #[serde(borrow, default)]
        children: Option<&'a RawValue>,
    }
    let branch: Branch = serde_json::from_str(row.get()).ok()?;
    branch.children.filter(|children| children.get() != "null")
}

/// Decodes one row in full.
pub(super) fn decode<T>(
    row: &RawValue,
    read: DecodeRow<T>,
    unknown: &mut Vec<UnknownValue>,
) -> Result<T, Quarantined> {
    rows::decode(row, ID, read, unknown)
}

/// The timestamp of a row in this column, without decoding the rest of it.
pub(super) fn timestamp(row: &RawValue, column: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Timestamps<'a> {
        #[serde(borrow, default, rename = "started_at")]
        started: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "ended_at")]
        ended: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "updated_at")]
        updated: Option<&'a RawValue>,
    }
    let timestamps: Timestamps = serde_json::from_str(row.get()).ok()?;
    let raw = match column {
        "started_at" => timestamps.started,
        "ended_at" => timestamps.ended,
        _ => timestamps.updated,
    };
    let value = Value::String(serde_json::from_str(raw?.get()).ok()?);
    let object = Value::Object([(String::from("it"), value)].into_iter().collect());
    Fields::of(&object).and_then(|fields| fields.time("it")).ok().flatten()
}

impl EntityRow for QueueStatus {
    fn id(&self) -> EntityId {
        self.queue.id()
    }

    fn redact(&mut self, _: &Privacy) {}
}

/// Adds one page of agents to a full scan, as a poll does; for benchmarks.
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
    let mut page = PageDecoder { memory, next, unknown: &mut Vec::new() };
    page.decode(&rows, &format(mapping::agent), scan, &Privacy::default());
    Ok(())
}
