//! Paging of incremental polls, as pure decisions: what to request next, and when everything was
//! read.
//!
//! A page that is shorter than requested proves nothing by itself, because the server clamps `per`
//! to 100 (or less) silently. The headers `Link` and `Total` mark the end; without them an empty
//! page, one that shows nothing new, or one that is shorter than a page that the same server has
//! just returned.

use std::collections::HashSet;
use std::time::Duration;

use super::PER_PAGE;
use crate::model::Timestamp;
use crate::source::Fingerprint;

/// What an incremental poll does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IncrementalStep {
    /// Request [`IncrementalPaging::from`], [`IncrementalPaging::page`] and
    /// [`IncrementalPaging::per`].
    RequestPage,
    /// Everything was read.
    Done,
}

/// What follows from an answer that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// The same request is repeated: it may have been an accident.
    Retry,
    /// A smaller page is requested.
    SmallerPage,
    /// It was a single row, which is skipped.
    SkippedRow,
    /// Too many single rows were skipped: the rows are not the cause.
    GaveUp,
}

/// Single rows that one poll skips before it gives up.
const MOST_SKIPPED_ROWS: u32 = 20;

/// The paging of an incremental poll: by key, so that rows which move during the poll are never
/// missed. The next request starts at the last timestamp; an offset is used only inside one second
/// that holds more than a page, where the overlap of later polls repairs what an offset may miss.
///
/// A long poll may end early, once it has come far enough: what it has read is committed, and the
/// next one begins there.
///
/// A server that does not sort is read by offset from the start. When its first pages were in order
/// by chance, a later page shows it, or the count of rows that the first page named.
///
/// An answer that cannot be decoded (too large, broken in the middle) is requested in smaller
/// pages, down to one row, which is then skipped. Smaller pages isolate a row for certain; a
/// smaller window would rely on filters whose documentation contradicts their names.
#[derive(Debug)]
pub(super) struct IncrementalPaging {
    origin: Timestamp,
    from: Timestamp,
    page: u32,
    per: usize,
    /// Rows before the offset: those since `from` was last set.
    passed: u64,
    /// The longest page since `per` was last set.
    longest: usize,
    /// The page before, by the fingerprints of its rows; empty when `page` is the first.
    previous: Vec<Fingerprint>,
    /// The rows that were shown since `from` or `per` was last set.
    shown: HashSet<Fingerprint>,
    /// How many rows there are in all, by the first page.
    expected: Option<u64>,
    /// All rows that were shown.
    seen: HashSet<Fingerprint>,
    newest: Option<Timestamp>,
    done: bool,
    sorted: bool,
    skipped_rows: u32,
    retried: bool,
}

impl IncrementalPaging {
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            origin: from,
            from,
            page: 1,
            per: PER_PAGE,
            passed: 0,
            longest: 0,
            previous: Vec::new(),
            shown: HashSet::new(),
            expected: None,
            seen: HashSet::new(),
            newest: None,
            done: false,
            sorted: true,
            skipped_rows: 0,
            retried: false,
        }
    }

    pub(super) const fn from(&self) -> Timestamp {
        self.from
    }

    pub(super) const fn page(&self) -> u32 {
        self.page
    }

    pub(super) const fn per(&self) -> usize {
        self.per
    }

    /// Whether a row is in the requested range. The descriptions of the vendor's filters contradict
    /// their names, so the server is not relied on for it.
    pub(super) fn is_in_range(&self, timestamp: Option<Timestamp>) -> bool {
        timestamp.is_none_or(|timestamp| timestamp >= self.origin.floor_second())
    }

    /// What to do after a page, of which `rows` are the timestamps and fingerprints in the server's
    /// order.
    pub(super) fn next_step(
        &mut self,
        rows: &[(Option<Timestamp>, Fingerprint)],
        has_next: Option<bool>,
        total: Option<u64>,
    ) -> IncrementalStep {
        self.retried = false;
        let timestamps: Vec<_> = rows.iter().filter_map(|(timestamp, _)| *timestamp).collect();
        let page: Vec<_> = rows.iter().map(|(_, fingerprint)| *fingerprint).collect();
        if self.from == self.origin && self.page == 1 {
            self.expected = self.expected.or(total);
        }
        self.seen.extend(&page);
        self.newest = self.newest.max(timestamps.iter().max().copied());
        let advanced = self.from != self.origin;
        if self.sorted && !timestamps.is_sorted() {
            self.sorted = false;
            if advanced {
                self.restart(self.origin);
                return IncrementalStep::RequestPage;
            }
        }
        self.passed += rows.len() as u64;
        let known = self.shown.len();
        self.shown.extend(&page);
        if has_next == Some(true) && !page.is_empty() && self.shown.len() == known {
            // An announced page that shows nothing new: the pages repeat.
            return IncrementalStep::Done;
        }
        let more = has_next.or_else(|| total.map(|total| total > self.passed));
        let full = rows.len() >= self.longest;
        self.longest = self.longest.max(rows.len());
        if rows.is_empty() || !more.unwrap_or(full && page != self.previous) {
            let seen = self.seen.len() as u64 + u64::from(self.skipped_rows);
            if self.sorted && advanced && self.expected.is_some_and(|expected| expected > seen) {
                self.sorted = false;
                self.restart(self.origin);
                return IncrementalStep::RequestPage;
            }
            self.done = true;
            return IncrementalStep::Done;
        }
        match timestamps.last() {
            Some(last) if self.sorted && last.floor_second() > self.from => {
                self.restart(last.floor_second());
            }
            _ => {
                self.page += 1;
                self.previous = page;
            }
        }
        IncrementalStep::RequestPage
    }

    /// A skipped row could be decoded on its retry.
    pub(super) fn recovered(&mut self, timestamp: Option<Timestamp>, row: Fingerprint) {
        self.skipped_rows = self.skipped_rows.saturating_sub(1);
        self.seen.insert(row);
        self.newest = self.newest.max(timestamp);
    }

    /// Restarts at a timestamp.
    fn restart(&mut self, from: Timestamp) {
        self.from = from;
        self.page = 1;
        self.passed = 0;
        self.previous.clear();
        self.shown.clear();
        if self.per < PER_PAGE {
            // Page sizes grow again: with small pages a poll would never end where rows are added
            // faster than it reads them.
            self.per = (self.per * 4).min(PER_PAGE);
            self.longest = 0;
        }
    }

    /// Whether the poll may end here: it has come farther than the overlap with which the next one
    /// begins, which otherwise would not get beyond it.
    pub(super) fn is_far(&self, overlap: Duration) -> bool {
        self.page == 1 && self.from >= self.origin + 2 * overlap
    }

    /// Whether a poll that ends here has read more than the overlap.
    pub(super) fn has_passed(&self, overlap: Duration) -> bool {
        self.from > self.origin + overlap
    }

    /// Whether the server sorts, so that paging is by timestamp.
    pub(super) const fn pages_by_key(&self) -> bool {
        self.sorted
    }

    /// An answer cannot be decoded: narrows the next request, or skips the one row that there was.
    /// What may have been an accident (`once`) is retried first.
    pub(super) fn narrow(&mut self, once: bool) -> Narrowing {
        if once && !std::mem::replace(&mut self.retried, true) {
            return Narrowing::Retry;
        }
        self.retried = false;
        if self.per > 1 {
            self.per = if self.per > 10 { 10 } else { 1 };
            self.longest = 0;
            self.previous.clear();
            self.shown.clear();
            self.page = u32::try_from(self.passed / self.per as u64).unwrap_or(u32::MAX - 1) + 1;
            self.passed = u64::from(self.page - 1) * self.per as u64;
            return Narrowing::SmallerPage;
        }
        if self.skipped_rows == MOST_SKIPPED_ROWS {
            return Narrowing::GaveUp;
        }
        self.skipped_rows += 1;
        self.passed += 1;
        self.page += 1;
        Narrowing::SkippedRow
    }

    /// The timestamp up to which everything was read; `now` is the vendor's clock. A poll that was
    /// cut off has read only what lies before the second that it was in. A timestamp in the future
    /// is no cursor: everything that is recorded until then would be missed.
    pub(super) fn cursor(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = self.newest?;
        if self.done {
            Some(newest.min(now))
        } else {
            (self.from > self.origin).then_some(self.from.min(now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    /// A server with rows of (second, number).
    #[allow(clippy::struct_excessive_bools, reason = "each is a quirk of its own")]
    struct Server {
        rows: Vec<(i64, u32)>,
        link: bool,
        total: bool,
        sorts: bool,
        filters: bool,
        clamp: usize,
        /// Rows that make every answer with them undecodable.
        bad: Vec<u32>,
        /// Whether a bad answer may be an accident.
        accidents: bool,
    }

    impl Server {
        fn new(rows: Vec<(i64, u32)>) -> Self {
            Self {
                rows,
                link: true,
                total: false,
                sorts: true,
                filters: true,
                clamp: PER_PAGE,
                bad: Vec::new(),
                accidents: false,
            }
        }

        /// Polls from a second until it is done, or for that many requests.
        fn read(&self, from: i64, most: u32) -> (Vec<u32>, IncrementalPaging, u32) {
            let mut paging = IncrementalPaging::new(at(from));
            let mut found = Vec::new();
            for request in 1..=most {
                let mut there: Vec<_> = self
                    .rows
                    .iter()
                    .filter(|row| !self.filters || at(row.0) >= paging.from())
                    .collect();
                if self.sorts {
                    there.sort();
                }
                let per = paging.per().min(self.clamp);
                let start = (paging.page() as usize - 1) * per;
                let page: Vec<_> = there.iter().skip(start).take(per).collect();
                if page.iter().any(|row| self.bad.contains(&row.1)) {
                    if paging.narrow(self.accidents) == Narrowing::GaveUp {
                        return (found, paging, request);
                    }
                    continue;
                }
                let rows: Vec<_> = page
                    .iter()
                    .map(|row| (Some(at(row.0)), Fingerprint::of(&row.1.to_be_bytes())))
                    .collect();
                let wanted = page.iter().filter(|row| paging.is_in_range(Some(at(row.0))));
                found.extend(wanted.map(|row| row.1));
                let next = self.link.then_some(start + page.len() < there.len());
                let total = self.total.then_some(there.len() as u64);
                if paging.next_step(&rows, next, total) == IncrementalStep::Done {
                    found.sort_unstable();
                    found.dedup();
                    return (found, paging, request);
                }
            }
            (found, paging, most)
        }
    }

    fn rows(count: u32, per_second: u32) -> Vec<(i64, u32)> {
        (0..count).map(|number| (i64::from(number / per_second), number)).collect()
    }

    #[test]
    fn an_incremental_poll_reads_every_row_whatever_the_headers_and_the_clamp() {
        for (count, per_second) in [(0, 1), (1, 1), (99, 7), (100, 10), (101, 10), (1000, 30)] {
            for (link, total) in [(true, false), (false, true), (true, true), (false, false)] {
                for clamp in [PER_PAGE, 50, 33] {
                    let mut server = Server::new(rows(count, per_second));
                    (server.link, server.total, server.clamp) = (link, total, clamp);
                    let (found, paging, _) = server.read(0, 200);
                    assert!(paging.done, "{count} {per_second} {link} {total} {clamp}");
                    assert_eq!(found.len(), count as usize, "{link} {total} {clamp}");
                    let newest = count.checked_sub(1).map(|n| at(i64::from(n / per_second)));
                    assert_eq!(paging.cursor(at(9999)), newest);
                }
            }
        }
    }

    #[test]
    fn a_second_with_more_than_a_page_is_paged_inside() {
        for (link, total) in [(true, false), (false, true), (false, false)] {
            for clamp in [PER_PAGE, 50] {
                let mut all = rows(30, 10);
                all.extend((1000..1250).map(|number| (3, number)));
                all.extend([(4, 2000)]);
                let mut server = Server::new(all);
                (server.link, server.total, server.clamp) = (link, total, clamp);
                let (found, paging, _) = server.read(0, 100);
                assert_eq!(found.len(), 281, "{link} {total} {clamp}");
                assert_eq!(paging.cursor(at(9999)), Some(at(4)));
            }
        }
    }

    #[test]
    fn an_idle_incremental_poll_takes_one_request_with_headers_and_few_without() {
        let mut server = Server::new(rows(5, 1));
        assert_eq!(server.read(0, 10).2, 1);
        server.link = false;
        assert_eq!(server.read(0, 10).2, 2);
    }

    #[test]
    fn a_server_that_does_not_sort_is_read_by_offset() {
        for (link, total) in [(true, false), (false, true), (false, false)] {
            let mut all = rows(250, 5);
            all.reverse();
            let mut server = Server::new(all);
            (server.link, server.total, server.sorts) = (link, total, false);
            let (found, paging, _) = server.read(0, 100);
            assert_eq!(found.len(), 250, "{link} {total}");
            assert_eq!(paging.cursor(at(9999)), Some(at(49)));
        }
    }

    #[test]
    fn a_first_page_that_is_in_order_by_chance_does_not_hide_older_rows() {
        // The first hundred are in order, and rows of later pages lie before them.
        let mut all: Vec<_> = (0..100).map(|n| (i64::from(n) + 500, n)).collect();
        all.extend((100..150).map(|n| (i64::from(n), n)));
        // Only the count shows it: what lies at or after the last timestamp is in order.
        let mut server = Server::new(all.clone());
        (server.sorts, server.total) = (false, true);
        assert_eq!(server.read(0, 100).0.len(), 150);
        // A page out of order shows it.
        all.extend([(602, 150), (601, 151)]);
        let mut server = Server::new(all);
        server.sorts = false;
        for total in [true, false] {
            server.total = total;
            let (found, paging, _) = server.read(0, 100);
            assert_eq!(found.len(), 152);
            assert_eq!(paging.cursor(at(9999)), Some(at(602)));
        }
    }

    #[test]
    fn rows_before_the_requested_range_are_dropped_when_the_filter_is_ignored() {
        let mut server = Server::new(rows(300, 10));
        server.filters = false;
        let (found, paging, _) = server.read(25, 100);
        assert_eq!(found, (250..300).collect::<Vec<_>>());
        assert_eq!(paging.cursor(at(9999)), Some(at(29)));
    }

    #[test]
    fn a_poll_that_is_cut_off_has_read_what_lies_before_its_second() {
        let (_, paging, _) = Server::new(rows(300, 10)).read(0, 1);
        assert_eq!(paging.cursor(at(9999)), Some(at(9)));
        assert_eq!(IncrementalPaging::new(at(0)).cursor(at(9999)), None);
    }

    #[test]
    fn a_cut_off_poll_of_pages_without_order_has_no_cursor() {
        let mut server = Server::new(rows(300, 10).into_iter().rev().collect());
        server.sorts = false;
        assert_eq!(server.read(0, 2).1.cursor(at(9999)), None);
    }

    #[test]
    fn a_timestamp_in_the_future_is_no_cursor() {
        let mut all = rows(10, 1);
        all.push((4_000_000, 99));
        let (found, paging, _) = Server::new(all).read(0, 10);
        assert_eq!(found.len(), 11);
        assert_eq!(paging.cursor(at(12)), Some(at(12)));
    }

    #[test]
    fn one_row_that_no_answer_can_hold_is_skipped_and_the_others_are_read() {
        for (link, total) in [(true, false), (false, true), (false, false)] {
            for clamp in [PER_PAGE, 30] {
                for bad in [0, 7, 142, 249] {
                    let mut server = Server::new(rows(250, 5));
                    (server.link, server.total, server.clamp) = (link, total, clamp);
                    server.bad = vec![bad];
                    let (found, paging, requests) = server.read(0, 400);
                    assert_eq!(found.len(), 249, "{link} {total} {clamp} {bad}");
                    assert!(paging.skipped_rows >= 1 && paging.done);
                    assert!(requests < 60, "{requests}");
                }
            }
        }
    }

    #[test]
    fn announced_pages_that_repeat_end_the_poll_without_a_cursor() {
        let row = |number: u32| (Some(at(0)), Fingerprint::of(&number.to_be_bytes()));
        for circle in [vec![row(1)], vec![row(1), row(2)], vec![row(1), row(2), row(3)]] {
            let mut paging = IncrementalPaging::new(at(0));
            let mut pages = circle.iter().cycle();
            let steps =
                (0..50).map(|_| paging.next_step(&[*pages.next().unwrap()], Some(true), None));
            assert_eq!(
                steps.take_while(|step| *step == IncrementalStep::RequestPage).count(),
                circle.len()
            );
            assert_eq!(paging.cursor(at(9999)), None);
        }
    }

    #[test]
    fn an_accident_is_retried_and_small_pages_do_not_stay() {
        let mut paging = IncrementalPaging::new(at(0));
        assert_eq!(paging.narrow(true), Narrowing::Retry);
        assert_eq!((paging.page(), paging.per()), (1, 100));
        assert_eq!(paging.narrow(true), Narrowing::SmallerPage);
        assert_eq!(paging.per(), 10);
        for (second, per) in [(1, 40), (2, 100), (3, 100)] {
            let row = [(Some(at(second)), Fingerprint::of(&second.to_be_bytes()))];
            assert_eq!(paging.next_step(&row, Some(true), None), IncrementalStep::RequestPage);
            assert_eq!(paging.per(), per);
        }
    }

    #[test]
    fn a_poll_may_end_early_only_where_the_next_one_gets_farther() {
        let mut paging = IncrementalPaging::new(at(0));
        for (second, far) in [(19, false), (20, true)] {
            let row = [(Some(at(second)), Fingerprint::of(&second.to_be_bytes()))];
            paging.next_step(&row, Some(true), None);
            assert_eq!(paging.is_far(Duration::from_secs(10)), far);
        }
        let row = [(Some(at(20)), Fingerprint::of(b"inside the second"))];
        paging.next_step(&row, Some(true), None);
        assert!(
            !paging.is_far(Duration::from_secs(10)),
            "inside a second that is not read to its end"
        );
    }

    #[test]
    fn a_poll_gives_up_on_a_server_whose_rows_all_fail() {
        let mut server = Server::new(rows(250, 5));
        server.bad = (0..250).collect();
        let (found, paging, requests) = server.read(0, 400);
        assert!(found.is_empty() && !paging.done);
        assert_eq!(requests, 3 + MOST_SKIPPED_ROWS);
    }
}
