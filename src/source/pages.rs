//! The way through the pages of a sweep, as a pure decision: what to ask next, and when everything
//! was read.
//!
//! A page that is shorter than was asked for proves nothing by itself: servers cut pages down
//! silently. The end is told by a count or a link where the vendor gives one, else by a page that is
//! empty or shows nothing new.

use super::Partial;

/// What a page says about whether there is another one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PageEnd {
    /// Rows on the page.
    pub(super) rows: usize,
    /// How many of them were not there before.
    pub(super) new: usize,
    /// Whether there is a further page, where the header `Link` tells.
    pub(super) has_next: Option<bool>,
    /// How many rows there are in all, by the header `Total`.
    pub(super) total: Option<u64>,
}

/// What a sweep does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FullScanStep {
    /// Ask for [`FullScanPaging::page`].
    Ask,
    /// That was the last page.
    Done,
}

/// The way through the pages of a sweep.
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
    pub(super) const fn page(&self) -> u32 {
        self.page
    }

    /// Takes in a page.
    pub(super) fn page_read(&mut self, end: PageEnd) -> FullScanStep {
        self.page += 1;
        self.rows += end.rows as u64;
        self.counted |= end.total.is_some();
        let more = end.has_next.or_else(|| end.total.map(|total| total > self.rows));
        // Rows that come twice have moved, and another one may have moved away unseen. A whole
        // page that comes again is the way some servers answer a question beyond the end; but not
        // when they have just announced that page.
        let shifted = end.new > 0 && end.rows > end.new;
        self.shifted |= shifted || (end.new == 0 && more == Some(true));
        if end.rows == 0 || end.new == 0 || more == Some(false) {
            return FullScanStep::Done;
        }
        FullScanStep::Ask
    }

    /// Why the pages prove nothing about absence, so far as paging can tell. Where the vendor
    /// names a count, the number of different ids decides instead.
    pub(super) fn doubt(&self) -> Option<Partial> {
        (self.shifted && !self.counted).then_some(Partial::RowsShifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_page_proves_nothing_and_headers_end_a_sweep() {
        use FullScanStep::{Ask, Done};
        let end = |rows, new, has_next, total| PageEnd { rows, new, has_next, total };
        let cases: &[(&[PageEnd], FullScanStep, Option<Partial>)] = &[
            (&[end(100, 100, Some(true), Some(250))], Ask, None),
            (&[end(40, 40, Some(true), None)], Ask, None),
            (&[end(100, 100, Some(false), Some(100))], Done, None),
            (&[end(100, 100, None, Some(250))], Ask, None),
            (&[end(50, 50, None, Some(50))], Done, None),
            // Without headers: until a page is empty, or comes again.
            (&[end(30, 30, None, None)], Ask, None),
            (&[end(30, 30, None, None), end(30, 0, None, None)], Done, None),
            (&[end(30, 30, None, None), end(0, 0, None, None)], Done, None),
            (&[end(0, 0, None, Some(9))], Done, None),
            // A server that clamps at 50, counted: all three pages are asked for.
            (&[end(50, 50, None, Some(150)), end(50, 50, None, Some(150))], Ask, None),
            // Rows that moved: the count decides; without one, nothing may be concluded.
            (&[end(9, 9, None, Some(19)), end(9, 8, None, Some(19))], Ask, None),
            (&[end(9, 9, None, None), end(9, 8, None, None)], Ask, Some(Partial::RowsShifted)),
            // A page that was announced and shows the last one again, for ever.
            (
                &[end(9, 9, Some(true), None), end(9, 0, Some(true), None)],
                Done,
                Some(Partial::RowsShifted),
            ),
        ];
        for (pages, step, doubt) in cases {
            let mut walk = FullScanPaging::default();
            let steps: Vec<_> = pages.iter().map(|page| walk.page_read(*page)).collect();
            assert_eq!(steps.last(), Some(step), "{pages:?}");
            assert_eq!(walk.doubt(), *doubt, "{pages:?}");
        }
    }
}
