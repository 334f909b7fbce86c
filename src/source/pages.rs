//! Paging of a full scan, as a pure decision: which page to request next, and when everything was
//! read.
//!
//! A page that is shorter than requested proves nothing by itself: servers shorten pages silently.
//! The end is known by a count or a link where the vendor gives one, else by a page that is empty
//! or shows nothing new.

use super::Partial;

/// What a page shows about whether there is another one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PageEnd {
    /// Rows on the page.
    pub(super) rows: usize,
    /// How many of them have an id that no page before had.
    pub(super) new: usize,
    /// Whether there is a further page, where the header `Link` says.
    pub(super) has_next: Option<bool>,
    /// How many rows there are in all, by the header `Total`.
    pub(super) total: Option<u64>,
}

/// What a full scan does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FullScanStep {
    /// Request the page [`FullScanPaging::page`].
    RequestPage,
    /// That was the last page.
    Done,
}

/// Which page of a full scan comes next.
#[derive(Debug)]
pub(super) struct FullScanPaging {
    page: u32,
    rows: u64,
    counted: bool,
    shifted: bool,
}

impl Default for FullScanPaging {
    fn default() -> Self {
        Self { page: 1, rows: 0, counted: false, shifted: false }
    }
}

impl FullScanPaging {
    /// The page to request, counted from 1.
    pub(super) const fn page(&self) -> u32 {
        self.page
    }

    /// What to do after a page.
    pub(super) fn next_step(&mut self, end: PageEnd) -> FullScanStep {
        self.page += 1;
        self.rows += end.rows as u64;
        self.counted |= end.total.is_some();
        let more = end.has_next.or_else(|| end.total.map(|total| total > self.rows));
        // A repeated row shifted between pages, so another row may have been skipped. A repeated
        // whole page is how some servers answer a request beyond the end, unless they have just
        // announced that page.
        let shifted = end.new > 0 && end.rows > end.new;
        self.shifted |= shifted || (end.new == 0 && more == Some(true));
        if end.rows == 0 || end.new == 0 || more == Some(false) {
            return FullScanStep::Done;
        }
        FullScanStep::RequestPage
    }

    /// Why the scan is partial, as far as paging shows. Where the vendor names a count, the number
    /// of different ids decides instead.
    pub(super) fn partial(&self) -> Option<Partial> {
        (self.shifted && !self.counted).then_some(Partial::RowsShifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_page_proves_nothing_and_headers_end_a_full_scan() {
        use FullScanStep::{Done, RequestPage};
        let end = |rows, new, has_next, total| PageEnd { rows, new, has_next, total };
        let cases: &[(&[PageEnd], FullScanStep, Option<Partial>)] = &[
            (&[end(100, 100, Some(true), Some(250))], RequestPage, None),
            (&[end(40, 40, Some(true), None)], RequestPage, None),
            (&[end(100, 100, Some(false), Some(100))], Done, None),
            (&[end(100, 100, None, Some(250))], RequestPage, None),
            (&[end(50, 50, None, Some(50))], Done, None),
            // Without headers: until a page is empty, or comes again.
            (&[end(30, 30, None, None)], RequestPage, None),
            (&[end(30, 30, None, None), end(30, 0, None, None)], Done, None),
            (&[end(30, 30, None, None), end(0, 0, None, None)], Done, None),
            (&[end(0, 0, None, Some(9))], Done, None),
            // A server that clamps at 50, counted: all three pages are requested.
            (&[end(50, 50, None, Some(150)), end(50, 50, None, Some(150))], RequestPage, None),
            // Rows that moved: the count decides; without one, nothing may be concluded.
            (&[end(9, 9, None, Some(19)), end(9, 8, None, Some(19))], RequestPage, None),
            (
                &[end(9, 9, None, None), end(9, 8, None, None)],
                RequestPage,
                Some(Partial::RowsShifted),
            ),
            // A page that was announced and shows the last one again.
            (
                &[end(9, 9, Some(true), None), end(9, 0, Some(true), None)],
                Done,
                Some(Partial::RowsShifted),
            ),
        ];
        for (pages, step, partial) in cases {
            let mut paging = FullScanPaging::default();
            let steps: Vec<_> = pages.iter().map(|page| paging.next_step(*page)).collect();
            assert_eq!(steps.last(), Some(step), "{pages:?}");
            assert_eq!(paging.partial(), *partial, "{pages:?}");
        }
    }
}
