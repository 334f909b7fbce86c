//! Paging, as a pure decision: what to ask for next, and when everything was read.
//!
//! The document says of `page` that it skips so many rows; the vendor's clients use it as the number
//! of a page, counted from 0. Pages are numbered here, too, until one turns out to show the rows of
//! the one before it: then `page` is the number of rows to skip.

/// What a page says about whether there is another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageEnd {
    /// Rows on the page.
    pub(super) rows: usize,
    /// How many of their ids were not there before.
    pub(super) new: usize,
    /// How many different ids there are so far.
    pub(super) ids: usize,
    /// How many agents there are, as the vendor says.
    pub(super) total: Option<u64>,
}

/// What a sweep does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for [`PageWalk::page`].
    Ask,
    /// There is nothing more to be read.
    Done,
}

/// The way through the pages.
#[derive(Debug, Default)]
pub(super) struct PageWalk {
    page: usize,
    asked: u32,
    rows: u64,
    /// Whether `page` turned out to be a number of rows.
    skips_rows: bool,
}

impl PageWalk {
    /// What to ask for.
    pub(super) const fn page(&self) -> usize {
        self.page
    }

    /// How many pages were read.
    pub(super) const fn asked(&self) -> u32 {
        self.asked
    }

    /// Takes in a page.
    pub(super) fn page_read(&mut self, end: PageEnd) -> Step {
        self.asked += 1;
        self.rows += end.rows as u64;
        let all = |count: u64| end.total.is_some_and(|total| count >= total);
        if end.rows == 0 || all(end.ids as u64) {
            return Step::Done;
        }
        if self.skips_rows {
            self.page = end.ids;
            return if end.new == 0 { Step::Done } else { Step::Ask };
        }
        // A row or two move from page to page while they are read; more than half of them do not.
        if self.asked > 1 && end.new * 2 < end.rows {
            self.skips_rows = true;
            self.page = end.ids;
            return Step::Ask;
        }
        self.page += 1;
        if end.new == 0 || all(self.rows) { Step::Done } else { Step::Ask }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Reads a server's rows; says which pages were asked for and which rows were shown.
    fn walk(
        count: usize,
        total: Option<u64>,
        page_of: impl Fn(usize) -> Vec<usize>,
    ) -> (Vec<usize>, usize) {
        let (mut walk, mut asked, mut seen) = (PageWalk::default(), Vec::new(), BTreeSet::new());
        loop {
            asked.push(walk.page());
            let page = page_of(walk.page());
            let before = seen.len();
            seen.extend(page.iter().copied());
            let new = seen.len() - before;
            let end = PageEnd { rows: page.len(), new, ids: seen.len(), total };
            if walk.page_read(end) == Step::Done {
                break;
            }
            assert!(walk.asked() < 50, "{asked:?}");
        }
        assert!(seen.iter().all(|row| *row < count));
        (asked, seen.len())
    }

    #[test]
    fn pages_are_numbered_from_0_until_every_id_was_shown() {
        for (count, pages) in [(0, 1), (1, 1), (10, 1), (11, 2), (35, 4)] {
            let page = |page: usize| (page * 10..count.min(page * 10 + 10)).collect();
            let (asked, seen) = walk(count, Some(count as u64), page);
            assert_eq!((asked, seen), ((0..pages).collect(), count));
        }
    }

    #[test]
    fn a_page_that_shows_the_one_before_again_means_that_page_skips_rows() {
        let page = |skip: usize| (skip..35.min(skip + 10)).collect();
        assert_eq!(walk(35, Some(35), page), (vec![0, 1, 11, 21, 31], 35));
        // A server that ignores `page` shows the same for ever.
        let same = |_| (0..10).collect();
        assert_eq!(walk(35, Some(35), same), (vec![0, 1, 10], 10));
    }

    #[test]
    fn rows_that_moved_do_not_change_what_page_means() {
        // One came in front of the others after the first page: the row at the border comes twice.
        let page = |page: usize| match page {
            0 => (0..10).collect(),
            1 => [9].into_iter().chain(10..19).collect(),
            _ => vec![19, 20],
        };
        assert_eq!(walk(21, Some(21), page), (vec![0, 1, 2], 21));
    }

    #[test]
    fn an_id_that_stands_twice_makes_nobody_look_behind_the_end() {
        let page = |page: usize| if page == 0 { vec![0, 1, 2, 2] } else { Vec::new() };
        assert_eq!(walk(3, Some(4), page), (vec![0], 3));
    }

    #[test]
    fn without_a_count_a_page_that_is_empty_or_comes_again_is_the_last() {
        let page = |page: usize| (page * 10..25.min(page * 10 + 10)).collect();
        assert_eq!(walk(25, None, page), (vec![0, 1, 2, 3], 25));
        let same = |_| (0..10).collect();
        assert_eq!(walk(10, None, same), (vec![0, 1, 10], 10));
    }
}
