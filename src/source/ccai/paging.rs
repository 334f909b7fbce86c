//! Paging, as pure decisions: what to ask next, and when everything was read.
//!
//! A page that is shorter than was asked for proves nothing, because the server cuts `per` down to
//! 100 silently: the end is told by the headers `Link` and `Total`, and without them by an empty
//! page or one that shows nothing new.

use std::collections::HashSet;

use super::PER_PAGE;
use crate::model::Timestamp;
use crate::source::Fingerprint;

/// What a page of a sweep says about the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageEnd {
    pub(super) rows: usize,
    pub(super) new: bool,
    pub(super) has_next: Option<bool>,
    pub(super) total: Option<u64>,
}

/// The way through the pages of a sweep.
#[derive(Debug)]
pub(super) struct SweepWalk {
    page: u32,
}

impl Default for SweepWalk {
    fn default() -> Self {
        Self { page: 1 }
    }
}

impl SweepWalk {
    pub(super) const fn page(&self) -> u32 {
        self.page
    }

    /// Whether there is another page to ask for; `seen` counts the different ids so far.
    pub(super) fn goes_on(&mut self, end: PageEnd, seen: usize) -> bool {
        self.page += 1;
        match (end.has_next, end.total) {
            _ if end.rows == 0 => false,
            (Some(next), _) => next,
            // Rows may have shifted: the count is reached by different ids, or never.
            (None, Some(total)) => {
                (seen as u64) < total && u64::from(self.page - 1) * (PER_PAGE as u64) < total
            }
            (None, None) => end.new,
        }
    }
}

/// What a tail does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TailStep {
    /// Ask for [`TailWalk::from`] and [`TailWalk::page`].
    Ask,
    /// Everything there is was read.
    Done,
}

/// The way through a tail: by key, so that rows which move while it is read are never stepped
/// over. The next question starts at the last stamp; an offset is used only inside one second that
/// holds more than a page.
#[derive(Debug)]
pub(super) struct TailWalk {
    from: Timestamp,
    page: u32,
    seen: HashSet<Fingerprint>,
    newest: Option<Timestamp>,
    done: bool,
    sorted: bool,
}

impl TailWalk {
    pub(super) fn new(from: Timestamp) -> Self {
        Self { from, page: 1, seen: HashSet::new(), newest: None, done: false, sorted: true }
    }

    pub(super) const fn from(&self) -> Timestamp {
        self.from
    }

    pub(super) const fn page(&self) -> u32 {
        self.page
    }

    /// Takes in the stamps and fingerprints of a page, in the server's order.
    pub(super) fn page_read(
        &mut self,
        rows: &[(Option<Timestamp>, Fingerprint)],
        has_next: Option<bool>,
        total: Option<u64>,
    ) -> TailStep {
        let stamps: Vec<_> = rows.iter().filter_map(|(stamp, _)| *stamp).collect();
        self.sorted &= stamps.is_sorted();
        let mut new = false;
        for (_, fingerprint) in rows {
            new |= self.seen.insert(*fingerprint);
        }
        self.newest = self.newest.max(stamps.iter().max().copied());
        let before = u64::from(self.page - 1) * (PER_PAGE as u64);
        let more = has_next.or_else(|| total.map(|total| total > before + rows.len() as u64));
        if rows.is_empty() || more == Some(false) || (more.is_none() && !new) {
            self.done = true;
            return TailStep::Done;
        }
        match stamps.last() {
            Some(last) if self.sorted && last.floor_second() > self.from => {
                self.from = last.floor_second();
                self.page = 1;
            }
            // Inside one second, or a server that does not sort: by offset, from the same start.
            _ => self.page += 1,
        }
        TailStep::Ask
    }

    /// The stamp up to which everything was read. A walk that was cut off has read only what lies
    /// before the second it was in; one through unsorted pages, nothing for certain.
    pub(super) fn cursor(&self) -> Option<Timestamp> {
        if self.done {
            self.newest
        } else if self.sorted && self.newest.is_some() {
            Some(self.from)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    /// Serves rows of (stamp, number) as the vendor does: sorted, filtered, clamped.
    fn walk(all: &[(i64, u32)], headers: bool, sorted: bool) -> (Vec<u32>, TailWalk, u32) {
        let mut walk = TailWalk::new(at(0));
        let mut found = Vec::new();
        let mut requests = 0;
        loop {
            requests += 1;
            assert!(requests < 100, "the walk does not end");
            let mut there: Vec<_> = all.iter().filter(|row| at(row.0) >= walk.from()).collect();
            if sorted {
                there.sort();
            }
            let start = (walk.page() as usize - 1) * PER_PAGE;
            let page: Vec<_> = there.iter().skip(start).take(PER_PAGE).collect();
            let rows: Vec<_> = page
                .iter()
                .map(|row| (Some(at(row.0)), Fingerprint::of(&row.1.to_be_bytes())))
                .collect();
            found.extend(page.iter().map(|row| row.1));
            let next = headers.then_some(start + page.len() < there.len());
            if walk.page_read(&rows, next, None) == TailStep::Done {
                found.sort_unstable();
                found.dedup();
                return (found, walk, requests);
            }
        }
    }

    fn rows(count: u32, per_second: u32) -> Vec<(i64, u32)> {
        (0..count).map(|number| (i64::from(number / per_second), number)).collect()
    }

    #[test]
    fn a_tail_reads_every_row_with_and_without_headers() {
        for (count, per_second) in [(0, 1), (1, 1), (99, 7), (100, 10), (101, 10), (1000, 30)] {
            for headers in [true, false] {
                let (found, walk, _) = walk(&rows(count, per_second), headers, true);
                assert_eq!(found.len(), count as usize, "{count} {per_second} {headers}");
                assert_eq!(
                    walk.cursor(),
                    count.checked_sub(1).map(|n| at(i64::from(n / per_second)))
                );
            }
        }
    }

    #[test]
    fn a_second_with_more_than_a_page_is_paged_inside() {
        for headers in [true, false] {
            let mut all = rows(30, 10);
            all.extend((1000..1250).map(|number| (3, number)));
            all.extend([(4, 2000)]);
            let (found, walk, _) = walk(&all, headers, true);
            assert_eq!(found.len(), 281, "{headers}");
            assert_eq!(walk.cursor(), Some(at(4)));
        }
    }

    #[test]
    fn a_server_that_does_not_sort_is_read_by_offset() {
        let mut all = rows(250, 5);
        all.reverse();
        let (found, walk, _) = walk(&all, true, false);
        assert_eq!(found.len(), 250);
        assert_eq!(walk.cursor(), Some(at(49)));
    }

    #[test]
    fn a_walk_that_is_cut_off_has_read_what_lies_before_its_second() {
        let mut walk = TailWalk::new(at(0));
        assert_eq!(walk.cursor(), None);
        let page: Vec<_> =
            (0..100).map(|n| (Some(at(n / 10)), Fingerprint::of(&n.to_be_bytes()))).collect();
        assert_eq!(walk.page_read(&page, Some(true), None), TailStep::Ask);
        assert_eq!(walk.cursor(), Some(at(9)));
    }

    #[test]
    fn a_short_page_proves_nothing_and_headers_end_a_sweep() {
        let end = |rows, new, has_next, total| PageEnd { rows, new, has_next, total };
        let cases = [
            (end(100, true, Some(true), Some(250)), 100, true),
            (end(40, true, Some(true), None), 40, true),
            (end(100, true, Some(false), Some(100)), 100, false),
            (end(100, true, None, Some(250)), 100, true),
            (end(50, true, None, Some(50)), 50, false),
            (end(30, true, None, None), 30, true),
            (end(30, false, None, None), 30, false),
            (end(0, false, None, Some(9)), 5, false),
        ];
        for (end, seen, expected) in cases {
            assert_eq!(SweepWalk::default().goes_on(end, seen), expected, "{end:?}");
        }
    }
}
