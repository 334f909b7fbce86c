//! Paging, as pure decisions: what to ask next, and when everything was read.
//!
//! A page that is shorter than was asked for proves nothing by itself, because the server cuts
//! `per` down to 100 (or less) silently. The end is told by the headers `Link` and `Total`; without
//! them by an empty page, by one that shows nothing new, or by one that is shorter than a page the
//! same server has just given.

use std::collections::HashSet;
use std::time::Duration;

use super::PER_PAGE;
use crate::model::Timestamp;
use crate::source::Fingerprint;

/// What a tail does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IncrementalStep {
    /// Ask for [`IncrementalPaging::from`], [`IncrementalPaging::page`] and [`IncrementalPaging::per`].
    Ask,
    /// Everything there is was read.
    Done,
}

/// What becomes of an answer that cannot be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// The same is asked for again: it may have been an accident.
    Again,
    /// Fewer rows are asked for.
    Fewer,
    /// It was a single row: it was stepped over.
    SteppedOver,
    /// Too many rows in a row: it is not the rows' fault.
    GivenUp,
}

/// Single rows that are stepped over in one reading before it is given up.
const MOST_STEPPED_OVER: u32 = 20;

/// The way through a tail: by key, so that rows which move while it is read are never stepped
/// over. The next question starts at the last stamp; an offset is used only inside one second that
/// holds more than a page, where the overlap of later readings repairs what an offset may miss.
///
/// A reading that goes on for long ends where it is once it has come far enough: what it has read
/// is committed, and the next one begins there.
///
/// A server that does not sort is read by offset from the start, also when its first pages were in
/// order by chance: a later page tells, or the count of rows that the first page named. An answer that cannot be taken in
/// (too large, broken in the middle) is asked for in smaller pages, down to one row, which is then
/// stepped over: smaller pages isolate a row surely, while the bounds of a smaller window are
/// fields whose documentation contradicts their names.
#[derive(Debug)]
pub(super) struct IncrementalPaging {
    origin: Timestamp,
    from: Timestamp,
    page: u32,
    per: usize,
    /// Rows behind the offset: those since `from` was set last.
    passed: u64,
    /// The longest page since `per` was set last.
    longest: usize,
    /// The page before, by the fingerprints of its rows; empty when `page` is the first.
    previous: Vec<Fingerprint>,
    /// What was shown since `from` or `per` was set last.
    shown: HashSet<Fingerprint>,
    /// How many rows there are in all, as the first page said.
    expected: Option<u64>,
    seen: HashSet<Fingerprint>,
    newest: Option<Timestamp>,
    done: bool,
    sorted: bool,
    stepped_over: u32,
    asked_again: bool,
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
            stepped_over: 0,
            asked_again: false,
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

    /// Whether a row belongs to what was asked for. The filters' descriptions contradict their
    /// names, so nobody relies on the server for it.
    pub(super) fn wanted(&self, stamp: Option<Timestamp>) -> bool {
        stamp.is_none_or(|stamp| stamp >= self.origin.floor_second())
    }

    /// Takes in the stamps and fingerprints of a page, in the server's order.
    pub(super) fn page_read(
        &mut self,
        rows: &[(Option<Timestamp>, Fingerprint)],
        has_next: Option<bool>,
        total: Option<u64>,
    ) -> IncrementalStep {
        self.asked_again = false;
        let stamps: Vec<_> = rows.iter().filter_map(|(stamp, _)| *stamp).collect();
        let page: Vec<_> = rows.iter().map(|(_, fingerprint)| *fingerprint).collect();
        if self.from == self.origin && self.page == 1 {
            self.expected = self.expected.or(total);
        }
        self.seen.extend(&page);
        self.newest = self.newest.max(stamps.iter().max().copied());
        let advanced = self.from != self.origin;
        if self.sorted && !stamps.is_sorted() {
            self.sorted = false;
            if advanced {
                self.restart(self.origin);
                return IncrementalStep::Ask;
            }
        }
        self.passed += rows.len() as u64;
        let known = self.shown.len();
        self.shown.extend(&page);
        if has_next == Some(true) && !page.is_empty() && self.shown.len() == known {
            // A page that was announced and shows nothing new leads in a circle.
            return IncrementalStep::Done;
        }
        let more = has_next.or_else(|| total.map(|total| total > self.passed));
        let full = rows.len() >= self.longest;
        self.longest = self.longest.max(rows.len());
        if rows.is_empty() || !more.unwrap_or(full && page != self.previous) {
            let seen = self.seen.len() as u64 + u64::from(self.stepped_over);
            if self.sorted && advanced && self.expected.is_some_and(|expected| expected > seen) {
                self.sorted = false;
                self.restart(self.origin);
                return IncrementalStep::Ask;
            }
            self.done = true;
            return IncrementalStep::Done;
        }
        match stamps.last() {
            Some(last) if self.sorted && last.floor_second() > self.from => {
                self.restart(last.floor_second());
            }
            _ => {
                self.page += 1;
                self.previous = page;
            }
        }
        IncrementalStep::Ask
    }

    /// A row that was stepped over can be read after all.
    pub(super) fn readable_after_all(&mut self, stamp: Option<Timestamp>, row: Fingerprint) {
        self.stepped_over = self.stepped_over.saturating_sub(1);
        self.seen.insert(row);
        self.newest = self.newest.max(stamp);
    }

    /// Begins anew at a stamp.
    fn restart(&mut self, from: Timestamp) {
        self.from = from;
        self.page = 1;
        self.passed = 0;
        self.previous.clear();
        self.shown.clear();
        if self.per < PER_PAGE {
            // Whatever it was may lie behind: a tail that stays at small pages never ends where
            // rows come faster than it reads them.
            self.per = (self.per * 4).min(PER_PAGE);
            self.longest = 0;
        }
    }

    /// Whether the reading has come far enough to end here: farther than the overlap with which
    /// the next one begins, or it would never get on.
    pub(super) fn is_far(&self, overlap: Duration) -> bool {
        self.page == 1 && self.from >= self.origin + 2 * overlap
    }

    /// Whether what lies before the cursor of a reading that ends here is more than the overlap.
    pub(super) fn has_passed(&self, overlap: Duration) -> bool {
        self.from > self.origin + overlap
    }

    /// Whether the server sorts, so that the walk gets on by stamps.
    pub(super) const fn goes_by_key(&self) -> bool {
        self.sorted
    }

    /// The answer cannot be taken in: asks for fewer rows, or steps over the one there was. What
    /// may have been an accident (`once`) is asked for again first.
    pub(super) fn unreadable(&mut self, once: bool) -> Narrowing {
        if once && !std::mem::replace(&mut self.asked_again, true) {
            return Narrowing::Again;
        }
        self.asked_again = false;
        if self.per > 1 {
            self.per = if self.per > 10 { 10 } else { 1 };
            self.longest = 0;
            self.previous.clear();
            self.shown.clear();
            self.page = u32::try_from(self.passed / self.per as u64).unwrap_or(u32::MAX - 1) + 1;
            self.passed = u64::from(self.page - 1) * self.per as u64;
            return Narrowing::Fewer;
        }
        if self.stepped_over == MOST_STEPPED_OVER {
            return Narrowing::GivenUp;
        }
        self.stepped_over += 1;
        self.passed += 1;
        self.page += 1;
        Narrowing::SteppedOver
    }

    /// The stamp up to which everything was read; `now` is the vendor's clock. A walk that was cut
    /// off has read only what lies before the second it was in. A stamp of the future is no
    /// cursor: everything that is recorded until then would be missed.
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
        /// Rows that no answer with them in it can be read.
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

        /// Walks from a second until it is done, or for that many requests.
        fn walk(&self, from: i64, most: u32) -> (Vec<u32>, IncrementalPaging, u32) {
            let mut walk = IncrementalPaging::new(at(from));
            let mut found = Vec::new();
            for request in 1..=most {
                let mut there: Vec<_> = self
                    .rows
                    .iter()
                    .filter(|row| !self.filters || at(row.0) >= walk.from())
                    .collect();
                if self.sorts {
                    there.sort();
                }
                let per = walk.per().min(self.clamp);
                let start = (walk.page() as usize - 1) * per;
                let page: Vec<_> = there.iter().skip(start).take(per).collect();
                if page.iter().any(|row| self.bad.contains(&row.1)) {
                    if walk.unreadable(self.accidents) == Narrowing::GivenUp {
                        return (found, walk, request);
                    }
                    continue;
                }
                let rows: Vec<_> = page
                    .iter()
                    .map(|row| (Some(at(row.0)), Fingerprint::of(&row.1.to_be_bytes())))
                    .collect();
                let wanted = page.iter().filter(|row| walk.wanted(Some(at(row.0))));
                found.extend(wanted.map(|row| row.1));
                let next = self.link.then_some(start + page.len() < there.len());
                let total = self.total.then_some(there.len() as u64);
                if walk.page_read(&rows, next, total) == IncrementalStep::Done {
                    found.sort_unstable();
                    found.dedup();
                    return (found, walk, request);
                }
            }
            (found, walk, most)
        }
    }

    fn rows(count: u32, per_second: u32) -> Vec<(i64, u32)> {
        (0..count).map(|number| (i64::from(number / per_second), number)).collect()
    }

    #[test]
    fn a_tail_reads_every_row_whatever_the_headers_and_the_clamp() {
        for (count, per_second) in [(0, 1), (1, 1), (99, 7), (100, 10), (101, 10), (1000, 30)] {
            for (link, total) in [(true, false), (false, true), (true, true), (false, false)] {
                for clamp in [PER_PAGE, 50, 33] {
                    let mut server = Server::new(rows(count, per_second));
                    (server.link, server.total, server.clamp) = (link, total, clamp);
                    let (found, walk, _) = server.walk(0, 200);
                    assert!(walk.done, "{count} {per_second} {link} {total} {clamp}");
                    assert_eq!(found.len(), count as usize, "{link} {total} {clamp}");
                    let newest = count.checked_sub(1).map(|n| at(i64::from(n / per_second)));
                    assert_eq!(walk.cursor(at(9999)), newest);
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
                let (found, walk, _) = server.walk(0, 100);
                assert_eq!(found.len(), 281, "{link} {total} {clamp}");
                assert_eq!(walk.cursor(at(9999)), Some(at(4)));
            }
        }
    }

    #[test]
    fn an_idle_tail_takes_one_request_with_headers_and_few_without() {
        let mut server = Server::new(rows(5, 1));
        assert_eq!(server.walk(0, 10).2, 1);
        server.link = false;
        assert_eq!(server.walk(0, 10).2, 2);
    }

    #[test]
    fn a_server_that_does_not_sort_is_read_by_offset() {
        for (link, total) in [(true, false), (false, true), (false, false)] {
            let mut all = rows(250, 5);
            all.reverse();
            let mut server = Server::new(all);
            (server.link, server.total, server.sorts) = (link, total, false);
            let (found, walk, _) = server.walk(0, 100);
            assert_eq!(found.len(), 250, "{link} {total}");
            assert_eq!(walk.cursor(at(9999)), Some(at(49)));
        }
    }

    #[test]
    fn a_first_page_that_is_in_order_by_chance_does_not_hide_older_rows() {
        // The first hundred are in order, and rows of later pages lie before them.
        let mut all: Vec<_> = (0..100).map(|n| (i64::from(n) + 500, n)).collect();
        all.extend((100..150).map(|n| (i64::from(n), n)));
        // Told by the count alone: what lies at or after the last stamp is in order.
        let mut server = Server::new(all.clone());
        (server.sorts, server.total) = (false, true);
        assert_eq!(server.walk(0, 100).0.len(), 150);
        // Told by a page that is out of order.
        all.extend([(602, 150), (601, 151)]);
        let mut server = Server::new(all);
        server.sorts = false;
        for total in [true, false] {
            server.total = total;
            let (found, walk, _) = server.walk(0, 100);
            assert_eq!(found.len(), 152);
            assert_eq!(walk.cursor(at(9999)), Some(at(602)));
        }
    }

    #[test]
    fn a_filter_that_is_ignored_shows_nothing_older_than_was_asked_for() {
        let mut server = Server::new(rows(300, 10));
        server.filters = false;
        let (found, walk, _) = server.walk(25, 100);
        assert_eq!(found, (250..300).collect::<Vec<_>>());
        assert_eq!(walk.cursor(at(9999)), Some(at(29)));
    }

    #[test]
    fn a_walk_that_is_cut_off_has_read_what_lies_before_its_second() {
        let (_, walk, _) = Server::new(rows(300, 10)).walk(0, 1);
        assert_eq!(walk.cursor(at(9999)), Some(at(9)));
        assert_eq!(IncrementalPaging::new(at(0)).cursor(at(9999)), None);
    }

    #[test]
    fn a_cut_off_walk_through_pages_without_order_has_read_nothing_for_certain() {
        let mut server = Server::new(rows(300, 10).into_iter().rev().collect());
        server.sorts = false;
        assert_eq!(server.walk(0, 2).1.cursor(at(9999)), None);
    }

    #[test]
    fn a_stamp_of_the_future_is_no_cursor() {
        let mut all = rows(10, 1);
        all.push((4_000_000, 99));
        let (found, walk, _) = Server::new(all).walk(0, 10);
        assert_eq!(found.len(), 11);
        assert_eq!(walk.cursor(at(12)), Some(at(12)));
    }

    #[test]
    fn one_row_that_no_answer_can_hold_is_stepped_over_and_the_others_are_read() {
        for (link, total) in [(true, false), (false, true), (false, false)] {
            for clamp in [PER_PAGE, 30] {
                for bad in [0, 7, 142, 249] {
                    let mut server = Server::new(rows(250, 5));
                    (server.link, server.total, server.clamp) = (link, total, clamp);
                    server.bad = vec![bad];
                    let (found, walk, requests) = server.walk(0, 400);
                    assert_eq!(found.len(), 249, "{link} {total} {clamp} {bad}");
                    assert!(walk.stepped_over >= 1 && walk.done);
                    assert!(requests < 60, "{requests}");
                }
            }
        }
    }

    #[test]
    fn announced_pages_that_lead_in_a_circle_end_the_reading_without_a_cursor() {
        let row = |number: u32| (Some(at(0)), Fingerprint::of(&number.to_be_bytes()));
        for circle in [vec![row(1)], vec![row(1), row(2)], vec![row(1), row(2), row(3)]] {
            let mut walk = IncrementalPaging::new(at(0));
            let mut pages = circle.iter().cycle();
            let steps =
                (0..50).map(|_| walk.page_read(&[*pages.next().unwrap()], Some(true), None));
            assert_eq!(
                steps.take_while(|step| *step == IncrementalStep::Ask).count(),
                circle.len()
            );
            assert_eq!(walk.cursor(at(9999)), None);
        }
    }

    #[test]
    fn an_accident_is_asked_again_and_small_pages_do_not_stay() {
        let mut walk = IncrementalPaging::new(at(0));
        assert_eq!(walk.unreadable(true), Narrowing::Again);
        assert_eq!((walk.page(), walk.per()), (1, 100));
        assert_eq!(walk.unreadable(true), Narrowing::Fewer);
        assert_eq!(walk.per(), 10);
        for (second, per) in [(1, 40), (2, 100), (3, 100)] {
            let row = [(Some(at(second)), Fingerprint::of(&second.to_be_bytes()))];
            assert_eq!(walk.page_read(&row, Some(true), None), IncrementalStep::Ask);
            assert_eq!(walk.per(), per);
        }
    }

    #[test]
    fn a_reading_may_end_early_only_where_the_next_one_gets_on() {
        let mut walk = IncrementalPaging::new(at(0));
        for (second, far) in [(19, false), (20, true)] {
            let row = [(Some(at(second)), Fingerprint::of(&second.to_be_bytes()))];
            walk.page_read(&row, Some(true), None);
            assert_eq!(walk.is_far(Duration::from_secs(10)), far);
        }
        let row = [(Some(at(20)), Fingerprint::of(b"inside the second"))];
        walk.page_read(&row, Some(true), None);
        assert!(
            !walk.is_far(Duration::from_secs(10)),
            "inside a second that is not read to its end"
        );
    }

    #[test]
    fn a_server_of_which_nothing_can_be_read_is_given_up() {
        let mut server = Server::new(rows(250, 5));
        server.bad = (0..250).collect();
        let (found, walk, requests) = server.walk(0, 400);
        assert!(found.is_empty() && !walk.done);
        assert_eq!(requests, 3 + MOST_STEPPED_OVER);
    }
}
