//! A full scan: all entities of a kind, read over several pages. It is complete by construction, or
//! partial, and then absence proves nothing.

use std::collections::HashSet;

use crate::model::EntityId;

/// One row of a full scan.
#[derive(Clone, Debug, PartialEq)]
pub enum FullScanRow<T> {
    /// A row that is new, or differs by at least a byte from the last committed result.
    Seen(T),
    /// The same bytes as in the last committed result.
    Unchanged(EntityId),
    /// The vendor marks the entity as deleted: positive evidence, also in a partial scan.
    Deleted(EntityId),
}

/// Why a full scan proves nothing about absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partial {
    /// The vendor's count and the number of different ids disagree.
    CountDisagrees,
    /// The count changed between two pages.
    CountMoved,
    /// The count that the vendor documents is missing.
    CountMissing,
    /// A row has no id that could be decoded.
    RowWithoutId,
    /// Two rows with one id differ: neither is used.
    ConflictingDuplicate,
    /// A limit of pages or rows was reached.
    TooLong,
    /// A page after the first was not answered, or could not be decoded.
    PageUnanswered,
    /// Rows came twice, so they moved from page to page during the scan, and no count says whether
    /// another one was missed.
    RowsShifted,
}

impl Partial {
    /// The reason as a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CountDisagrees => "count_disagrees",
            Self::CountMoved => "count_moved",
            Self::CountMissing => "count_missing",
            Self::RowWithoutId => "row_without_id",
            Self::ConflictingDuplicate => "conflicting_duplicate",
            Self::TooLong => "too_long",
            Self::PageUnanswered => "page_unanswered",
            Self::RowsShifted => "rows_shifted",
        }
    }
}

/// All rows that were read, and what may be concluded from them.
#[derive(Clone, Debug, PartialEq)]
pub struct FullScan<T> {
    rows: Vec<FullScanRow<T>>,
    present: HashSet<EntityId>,
    conflicting: HashSet<EntityId>,
    counted: bool,
    partial: Option<Partial>,
}

impl<T> FullScan<T> {
    /// The rows, in the vendor's order, each id once.
    #[must_use]
    pub fn rows(&self) -> &[FullScanRow<T>] {
        &self.rows
    }

    /// The ids that were shown, those of rows that did not decode included.
    #[must_use]
    pub fn present(&self) -> &HashSet<EntityId> {
        &self.present
    }

    /// The ids whose rows contradict each other: they are present, and none of their rows is used.
    #[must_use]
    pub fn conflicting(&self) -> &HashSet<EntityId> {
        &self.conflicting
    }

    /// Why absence proves nothing; `None` when the scan is complete.
    #[must_use]
    pub const fn partial(&self) -> Option<Partial> {
        self.partial
    }

    /// Whether every entity the vendor has was shown.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.partial.is_none()
    }

    /// Whether the vendor named a count. In a complete scan it agreed.
    #[must_use]
    pub const fn was_counted(&self) -> bool {
        self.counted
    }
}

/// Collects the pages of a full scan. Only [`FullScanBuilder::finish`] makes a [`FullScan`], and
/// decides whether it is complete.
#[derive(Debug)]
pub struct FullScanBuilder<T> {
    rows: Vec<(EntityId, FullScanRow<T>)>,
    present: HashSet<EntityId>,
    conflicting: HashSet<EntityId>,
    changed_between_pages: HashSet<EntityId>,
    total: Option<u64>,
    partial: Option<Partial>,
}

impl<T> Default for FullScanBuilder<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            present: HashSet::new(),
            conflicting: HashSet::new(),
            changed_between_pages: HashSet::new(),
            total: None,
            partial: None,
        }
    }
}

impl<T> FullScanBuilder<T> {
    /// The count that a page named. A count that changes between pages makes the scan partial.
    pub fn counted(&mut self, total: u64) {
        match self.total {
            Some(before) if before != total => self.make_partial(Partial::CountMoved),
            _ => self.total = Some(total),
        }
    }

    /// Adds a row. `false` when its id is there already: rows shift between pages, so the second
    /// one is dropped, and the count shows whether another was missed.
    pub fn row(&mut self, id: &EntityId, row: FullScanRow<T>) -> bool {
        let new = self.present.insert(id.clone());
        if new {
            self.rows.push((id.clone(), row));
        }
        new
    }

    /// Adds a row of which only the id could be decoded: its entity is present.
    pub fn present(&mut self, id: EntityId) {
        self.present.insert(id);
    }

    /// The rows of an id contradict each other: it is present, none of its rows is used, and the
    /// scan is partial. `false` when that was known.
    pub fn conflict(&mut self, id: EntityId) -> bool {
        self.make_partial(Partial::ConflictingDuplicate);
        self.conflicting.insert(id)
    }

    /// An id came again, on another page and with other bytes. It may have changed in between; when
    /// the count says that there are more entities than ids, its rows contradict each other.
    pub fn changed_between_pages(&mut self, id: EntityId) {
        self.changed_between_pages.insert(id);
    }

    /// Makes the scan partial. The first reason stays.
    pub fn make_partial(&mut self, reason: Partial) {
        self.partial.get_or_insert(reason);
    }

    /// How many different ids there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// The full scan: complete when nothing marked it and the vendor's count, where there was one,
    /// equals the number of different ids.
    #[must_use]
    pub fn finish(mut self) -> FullScan<T> {
        if self.total.is_some_and(|total| total != self.present.len() as u64) {
            self.make_partial(Partial::CountDisagrees);
            self.conflicting.extend(std::mem::take(&mut self.changed_between_pages));
        }
        let used = self.rows.into_iter().filter(|(id, _)| !self.conflicting.contains(id));
        FullScan {
            rows: used.map(|(_, row)| row).collect(),
            present: self.present,
            conflicting: self.conflicting,
            counted: self.total.is_some(),
            partial: self.partial,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(total: Option<u64>, ids: &[&str]) -> FullScan<()> {
        let mut builder = FullScanBuilder::default();
        if let Some(total) = total {
            builder.counted(total);
        }
        for id in ids {
            builder.row(&EntityId::new(*id), FullScanRow::Seen(()));
        }
        builder.finish()
    }

    #[test]
    fn a_full_scan_is_complete_when_its_different_ids_reach_the_count() {
        assert!(scan(Some(2), &["1", "2"]).is_complete());
        assert!(scan(None, &["1"]).is_complete());
        let shifted = scan(Some(3), &["1", "2", "2"]);
        assert_eq!(shifted.partial(), Some(Partial::CountDisagrees));
        assert_eq!(shifted.rows().len(), 2);
    }

    #[test]
    fn a_count_that_changes_between_pages_makes_a_full_scan_partial() {
        let mut builder = FullScanBuilder::<()>::default();
        builder.counted(1);
        builder.counted(2);
        builder.row(&EntityId::new("1"), FullScanRow::Seen(()));
        assert_eq!(builder.finish().partial(), Some(Partial::CountMoved));
    }

    #[test]
    fn rows_that_contradict_each_other_are_present_and_not_used() {
        let two = |total| {
            let mut builder = FullScanBuilder::<()>::default();
            builder.counted(total);
            for id in ["1", "2"] {
                builder.row(&EntityId::new(id), FullScanRow::Seen(()));
            }
            builder
        };
        let mut builder = two(3);
        builder.conflict(EntityId::new("1"));
        let scan = builder.finish();
        assert_eq!((scan.rows().len(), scan.present().len()), (1, 2));
        // On two pages: when the count agrees, it was one entity that changed in between.
        for (total, used) in [(2, 2), (3, 1)] {
            let mut builder = two(total);
            builder.changed_between_pages(EntityId::new("2"));
            assert_eq!(builder.finish().rows().len(), used);
        }
    }

    #[test]
    fn a_row_that_did_not_decode_counts_as_present() {
        let mut builder = FullScanBuilder::<()>::default();
        builder.counted(1);
        builder.present(EntityId::new("1"));
        let scan = builder.finish();
        assert!(scan.is_complete());
        assert!(scan.present().contains(&EntityId::new("1")));
    }
}
