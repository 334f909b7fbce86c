//! From an answer's bytes to the rows of a full scan, and what they prove.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::envelope::{Count, Envelope};
use super::mapping;
use super::scrub::{ID, scrubbed};
use crate::model::Agent;
use crate::source::Partial;
use crate::source::full_scan_in_progress::FullScanInProgress;
use crate::source::rows::RowFormat;

/// How the rows are decoded, once they are scrubbed.
pub(super) const FORMAT: RowFormat<Agent> =
    RowFormat { id: ID, deleted: Some("isDeleted"), read: mapping::agent };

/// Adds the rows of an answer. It is an answer only when it says success.
pub(super) fn add_rows(
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
            Err(quarantined) => scan.quarantine(quarantined),
        }
    }
    let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
    scan.add_rows(&rows);
    if !envelope.is_whole() {
        scan.make_partial(Partial::PageUnanswered);
    }
    match envelope.total_records() {
        Count::Missing => {}
        Count::Unreadable => scan.make_partial(Partial::CountDisagrees),
        // Whether deleted agents are counted is not documented. When the others alone reach the
        // count, all are shown: if the deleted ones were counted, others would be missing.
        Count::Of(total) if total + deleted.len() as u64 == scan.len() as u64 => {
            scan.counted(scan.len() as u64);
        }
        Count::Of(total) => scan.counted(total),
    }
    Ok(())
}
