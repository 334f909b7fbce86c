//! A sweep: all entities of a kind, read over several pages. It is complete by construction, or
//! it is partial and nothing may be concluded from what it does not show.

use std::collections::HashSet;

use crate::model::EntityId;

/// One row of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub enum FullScanRow<T> {
    /// A row that is new, or differs by at least a byte from the last committed reading.
    Seen(T),
    /// The same bytes as in the last committed reading.
    Unchanged(EntityId),
    /// The vendor itself calls the entity deleted: evidence enough, whatever else the sweep shows.
    Deleted(EntityId),
}

/// Why a sweep proves nothing about absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partial {
    /// The vendor's count and the number of different ids disagree.
    CountDisagrees,
    /// The count changed between two pages.
    CountMoved,
    /// The vendor names a count, and did not.
    CountMissing,
    /// A row had no id that could be decoded.
    RowWithoutId,
    /// Two rows with one id differ: neither is believed.
    ConflictingDuplicate,
    /// A limit of pages or rows was reached.
    TooLong,
    /// A page after the first was not answered, or could not be read.
    PageUnanswered,
    /// Rows came twice, so they moved from page to page while these were read, and no count says
    /// whether another one was lost.
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
    disbelieved: HashSet<EntityId>,
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

    /// The ids of rows that contradict each other: they are present, and nothing that their rows
    /// say is believed.
    #[must_use]
    pub fn disbelieved(&self) -> &HashSet<EntityId> {
        &self.disbelieved
    }

    /// Why absence proves nothing; `None` when the sweep is complete.
    #[must_use]
    pub const fn partial(&self) -> Option<Partial> {
        self.partial
    }

    /// Whether every entity the vendor has was shown.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.partial.is_none()
    }

    /// Whether the vendor named a count that agreed.
    #[must_use]
    pub const fn was_counted(&self) -> bool {
        self.counted
    }

    /// The rows, to be taken over.
    #[must_use]
    pub fn into_rows(self) -> Vec<FullScanRow<T>> {
        self.rows
    }
}

/// Gathers the pages of a sweep. Only [`FullScanBuilder::finish`] makes a sweep, and it decides
/// whether the sweep is complete.
#[derive(Debug)]
pub struct FullScanBuilder<T> {
    rows: Vec<(EntityId, FullScanRow<T>)>,
    present: HashSet<EntityId>,
    disbelieved: HashSet<EntityId>,
    came_otherwise: HashSet<EntityId>,
    total: Option<u64>,
    partial: Option<Partial>,
}

impl<T> Default for FullScanBuilder<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            present: HashSet::new(),
            disbelieved: HashSet::new(),
            came_otherwise: HashSet::new(),
            total: None,
            partial: None,
        }
    }
}

impl<T> FullScanBuilder<T> {
    /// The count a page named. A count that moves between pages makes the sweep partial.
    pub fn counted(&mut self, total: u64) {
        match self.total {
            Some(before) if before != total => self.mark(Partial::CountMoved),
            _ => self.total = Some(total),
        }
    }

    /// A row. `false` when its id was there already: rows shift between pages, so the second one
    /// is dropped, and the count will tell whether another was lost.
    pub fn row(&mut self, id: &EntityId, row: FullScanRow<T>) -> bool {
        let new = self.present.insert(id.clone());
        if new {
            self.rows.push((id.clone(), row));
        }
        new
    }

    /// A row whose id decoded and whose rest did not: it is present all the same.
    pub fn present(&mut self, id: EntityId) {
        self.present.insert(id);
    }

    /// An id whose rows contradict each other: it is present, and none of them is believed, nor is
    /// any absence. `false` when that was known.
    pub fn disbelieve(&mut self, id: EntityId) -> bool {
        self.mark(Partial::ConflictingDuplicate);
        self.disbelieved.insert(id)
    }

    /// An id came again, on another page and with other bytes. It may have changed in between;
    /// when the count says that there are more entities than ids, it is two of them.
    pub fn came_otherwise(&mut self, id: EntityId) {
        self.came_otherwise.insert(id);
    }

    /// Something that makes the sweep prove nothing about absence. The first reason stays.
    pub fn mark(&mut self, reason: Partial) {
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

    /// The sweep: complete when nothing marked it and the vendor's count, where there was one,
    /// equals the number of different ids.
    #[must_use]
    pub fn finish(mut self) -> FullScan<T> {
        if self.total.is_some_and(|total| total != self.present.len() as u64) {
            self.mark(Partial::CountDisagrees);
            self.disbelieved.extend(std::mem::take(&mut self.came_otherwise));
        }
        let believed = self.rows.into_iter().filter(|(id, _)| !self.disbelieved.contains(id));
        FullScan {
            rows: believed.map(|(_, row)| row).collect(),
            present: self.present,
            disbelieved: self.disbelieved,
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
    fn a_sweep_is_complete_when_its_different_ids_reach_the_count() {
        assert!(scan(Some(2), &["1", "2"]).is_complete());
        assert!(scan(None, &["1"]).is_complete());
        let shifted = scan(Some(3), &["1", "2", "2"]);
        assert_eq!(shifted.partial(), Some(Partial::CountDisagrees));
        assert_eq!(shifted.rows().len(), 2);
    }

    #[test]
    fn a_count_that_moves_between_pages_makes_a_sweep_partial() {
        let mut builder = FullScanBuilder::<()>::default();
        builder.counted(1);
        builder.counted(2);
        builder.row(&EntityId::new("1"), FullScanRow::Seen(()));
        assert_eq!(builder.finish().partial(), Some(Partial::CountMoved));
    }

    #[test]
    fn rows_that_contradict_each_other_are_present_and_not_believed() {
        let two = |total| {
            let mut builder = FullScanBuilder::<()>::default();
            builder.counted(total);
            for id in ["1", "2"] {
                builder.row(&EntityId::new(id), FullScanRow::Seen(()));
            }
            builder
        };
        let mut builder = two(3);
        builder.disbelieve(EntityId::new("1"));
        let scan = builder.finish();
        assert_eq!((scan.rows().len(), scan.present().len()), (1, 2));
        // On two pages: when the count agrees, it was one entity that changed in between.
        for (total, believed) in [(2, 2), (3, 1)] {
            let mut builder = two(total);
            builder.came_otherwise(EntityId::new("2"));
            assert_eq!(builder.finish().rows().len(), believed);
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
