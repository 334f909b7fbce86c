//! Rows that cannot be decoded: each is quarantined by a stream that was served it, and by no
//! stream twice.

use std::collections::BTreeMap;

use super::judge::Judge;
use super::published::Published;
use crate::simulate::truth::Truth;

/// The row of the table.
const KIND: &str = "quarantined rows";

pub(super) fn rows(truth: &Truth, published: &[Published], judge: &mut Judge) {
    let mut by_hash: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for event in published.iter().filter(|event| event.event_type == "RecordQuarantined") {
        let hash = event.value["hash"].as_str().unwrap_or_default();
        *by_hash.entry(hash).or_default().entry(&event.key).or_default() += 1;
    }
    for hash in &truth.broken_rows {
        let by_stream = by_hash.remove(hash.as_str()).unwrap_or_default();
        let row = judge.row(KIND);
        row.facts += 1;
        if by_stream.is_empty() {
            row.missing += 1;
            judge.problem(format!("missing: row {hash} was quarantined"));
            continue;
        }
        row.published += 1;
        for (key, times) in by_stream.into_iter().filter(|(_, times)| *times > 1) {
            judge.row(KIND).twice += times - 1;
            judge.problem(format!("{times} times: {key} was quarantined"));
        }
    }
    for hash in by_hash.keys() {
        judge.problem(format!("invented: row {hash} was quarantined"));
    }
}
