//! Paging, as a pure decision: what to request next, and when everything was read.
//!
//! The document says that `page` skips so many rows; the vendor's clients use it as the number of a
//! page, counted from 0. Pages are numbered here, too, until one shows the rows of the page before
//! it: then `page` is the number of rows to skip.

/// What a page shows about whether there is another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageEnd {
    /// Rows on the page.
    pub(super) rows: usize,
    /// How many of their ids no page before had.
    pub(super) new: usize,
    /// How many different ids there are so far.
    pub(super) ids: usize,
    /// How many agents there are, by the vendor's count.
    pub(super) total: Option<u64>,
}

/// What a full scan does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PagingStep {
    /// Request [`Paging::page`].
    RequestPage,
    /// There is nothing more to read.
    Done,
}

/// Which page of a full scan comes next.
#[derive(Debug, Default)]
pub(super) struct Paging {
    page: usize,
    requested: u32,
    rows: u64,
    /// Whether `page` is a number of rows to skip.
    skips_rows: bool,
}

impl Paging {
    /// The value of `page` to request.
    pub(super) const fn page(&self) -> usize {
        self.page
    }

    /// How many pages were requested.
    pub(super) const fn requested(&self) -> u32 {
        self.requested
    }

    /// What to do after a page.
    pub(super) fn next_step(&mut self, end: PageEnd) -> PagingStep {
        self.requested += 1;
        self.rows += end.rows as u64;
        let all = |count: u64| end.total.is_some_and(|total| count >= total);
        if end.rows == 0 || all(end.ids as u64) {
            return PagingStep::Done;
        }
        if self.skips_rows {
            self.page = end.ids;
            return if end.new == 0 { PagingStep::Done } else { PagingStep::RequestPage };
        }
        // A row or two may move from page to page during a scan, but not more than half of them.
        if self.requested > 1 && end.new * 2 < end.rows {
            self.skips_rows = true;
            self.page = end.ids;
            return PagingStep::RequestPage;
        }
        self.page += 1;
        if end.new == 0 || all(self.rows) { PagingStep::Done } else { PagingStep::RequestPage }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Reads a server's rows: which values of `page` were requested, and how many rows were shown.
    fn read(
        count: usize,
        total: Option<u64>,
        page_of: impl Fn(usize) -> Vec<usize>,
    ) -> (Vec<usize>, usize) {
        let (mut paging, mut requested, mut seen) =
            (Paging::default(), Vec::new(), BTreeSet::new());
        loop {
            requested.push(paging.page());
            let page = page_of(paging.page());
            let before = seen.len();
            seen.extend(page.iter().copied());
            let new = seen.len() - before;
            let end = PageEnd { rows: page.len(), new, ids: seen.len(), total };
            if paging.next_step(end) == PagingStep::Done {
                break;
            }
            assert!(paging.requested() < 50, "{requested:?}");
        }
        assert!(seen.iter().all(|row| *row < count));
        (requested, seen.len())
    }

    #[test]
    fn pages_are_numbered_from_0_until_every_id_was_shown() {
        for (count, pages) in [(0, 1), (1, 1), (10, 1), (11, 2), (35, 4)] {
            let page = |page: usize| (page * 10..count.min(page * 10 + 10)).collect();
            let (requested, seen) = read(count, Some(count as u64), page);
            assert_eq!((requested, seen), ((0..pages).collect(), count));
        }
    }

    #[test]
    fn a_page_that_shows_the_one_before_again_means_that_page_skips_rows() {
        let page = |skip: usize| (skip..35.min(skip + 10)).collect();
        assert_eq!(read(35, Some(35), page), (vec![0, 1, 11, 21, 31], 35));
        // A server that ignores `page` always shows the same.
        let same = |_| (0..10).collect();
        assert_eq!(read(35, Some(35), same), (vec![0, 1, 10], 10));
    }

    #[test]
    fn rows_that_moved_do_not_change_what_page_means() {
        // One came in front of the others after the first page: the row at the border comes twice.
        let page = |page: usize| match page {
            0 => (0..10).collect(),
            1 => [9].into_iter().chain(10..19).collect(),
            _ => vec![19, 20],
        };
        assert_eq!(read(21, Some(21), page), (vec![0, 1, 2], 21));
    }

    #[test]
    fn an_id_that_comes_twice_requests_no_page_beyond_the_end() {
        let page = |page: usize| if page == 0 { vec![0, 1, 2, 2] } else { Vec::new() };
        assert_eq!(read(3, Some(4), page), (vec![0], 3));
    }

    #[test]
    fn without_a_count_a_page_that_is_empty_or_comes_again_is_the_last() {
        let page = |page: usize| (page * 10..25.min(page * 10 + 10)).collect();
        assert_eq!(read(25, None, page), (vec![0, 1, 2, 3], 25));
        let same = |_| (0..10).collect();
        assert_eq!(read(10, None, same), (vec![0, 1, 10], 10));
    }
}
