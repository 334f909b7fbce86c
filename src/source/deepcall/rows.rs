//! From an answer's bytes to the rows of a sweep, and what they prove.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::envelope::{Count, Envelope};
use super::mapping;
use super::scrub::{ID, scrubbed};
use crate::model::Agent;
use crate::source::Partial;
use crate::source::gathered::FullScanInProgress;
use crate::source::rows::Format;

/// How the rows are read, once they are scrubbed.
pub(super) const FORMAT: Format<Agent> =
    Format { id: ID, deleted: Some("isDeleted"), read: mapping::agent };

/// Takes in an answer. It is one only when it says so itself.
pub(super) fn take_in(
    scan: &mut FullScanInProgress<Agent>,
    body: &[u8],
) -> Result<(), &'static str> {
    let envelope = Envelope::of(body).ok_or("it is no answer of this vendor")?;
    if !envelope.says_success() {
        return Err("it does not say success");
    }
    let mut deleted = HashSet::new();
    let mut rows = Vec::new();
    for listed in envelope.rows()? {
        match scrubbed(&listed) {
            Ok(row) => {
                deleted.extend(row.deleted);
                rows.push(row.text);
            }
            Err(quarantined) => scan.set_aside(quarantined),
        }
    }
    let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
    scan.take_in(&rows);
    if !envelope.is_whole() {
        scan.mark(Partial::PageUnanswered);
    }
    match envelope.total_records() {
        Count::Missing => {}
        Count::Unreadable => scan.mark(Partial::CountDisagrees),
        // Whether deleted agents are counted is not documented. When the others alone reach the
        // count, all are shown: were the deleted ones counted, others would be missing.
        Count::Of(total) if total + deleted.len() as u64 == scan.len() as u64 => {
            scan.counted(scan.len() as u64);
        }
        Count::Of(total) => scan.counted(total),
    }
    Ok(())
}
