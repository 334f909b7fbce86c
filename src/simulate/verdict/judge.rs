//! Counts the facts that were published, and what is wrong.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use super::published::Published;
use super::report::{Verdict, VerdictRow};
use crate::simulate::served::Served;

/// A fact that exactly one event has to state: its name, its time of occurrence by the vendor's
/// clock where the vendor recorded it, and when it truly happened by our clock.
pub(super) struct Fact {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) stamp: Option<i64>,
    pub(super) happened: Option<i64>,
}

/// What a history is of: the row of the table, and the entity.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    pub(super) kind: &'static str,
    pub(super) of: &'a str,
}

/// How many problems are described.
const PROBLEMS_SHOWN: usize = 12;

/// How many elements of a history are shown from the first difference on.
const DIFFERENCES_SHOWN: usize = 3;

/// Collects the verdict.
#[derive(Default)]
pub(super) struct Judge {
    rows: BTreeMap<&'static str, (VerdictRow, Vec<f64>)>,
    problems: Vec<String>,
    count: usize,
}

impl Judge {
    pub(super) fn problem(&mut self, text: String) {
        self.count += 1;
        if self.problems.len() < PROBLEMS_SHOWN {
            self.problems.push(text);
        }
    }

    /// How many problems there are so far.
    pub(super) const fn problem_count(&self) -> usize {
        self.count
    }

    pub(super) fn row(&mut self, kind: &'static str) -> &mut VerdictRow {
        let (row, _) = self.rows.entry(kind).or_default();
        row.kind = kind;
        row
    }

    /// A fact and the events that state it: exactly one is right.
    pub(super) fn fact(&mut self, fact: &Fact, events: &[&Published]) {
        let row = self.row(fact.kind);
        row.facts += 1;
        let [event, again @ ..] = events else {
            row.missing += 1;
            self.problem(format!("missing: {}", fact.name));
            return;
        };
        row.published += 1;
        row.twice += again.len();
        if !again.is_empty() {
            self.problem(format!("{} times: {}", events.len(), fact.name));
        }
        let meta = &event.value["meta"];
        if let Some(stamp) = fact.stamp
            && meta["occurred_at"].as_i64() != Some(stamp)
        {
            self.problem(format!("at another time than recorded: {}", fact.name));
        }
        if let (Some(happened), Some(observed)) = (fact.happened, meta["observed_at"].as_i64()) {
            self.delay(fact.kind, observed - happened);
        }
    }

    /// The time from when something happened until the bridge observed it.
    pub(super) fn delay(&mut self, kind: &'static str, millis: i64) {
        let (_, delays) = self.rows.entry(kind).or_default();
        #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^52")]
        delays.push(millis as f64 / 1000.0);
    }

    /// This many facts of a kind, each published once.
    pub(super) fn add_published(&mut self, kind: &'static str, facts: usize) {
        let row = self.row(kind);
        row.facts += facts;
        row.published += facts;
    }

    /// Compares what was served of something that begins as `initial` with what was published of
    /// it, both in their order. `expect` returns the state that a version leads to, and what has to
    /// be published of it. An uncertain version may be published or not; every other one has to be.
    /// False when what was published does not follow from what was served.
    pub(super) fn history<T, S: Clone + Eq + Hash, N>(
        &mut self,
        History { kind, of }: History<'_>,
        initial: S,
        served: &Served<T>,
        published: &[String],
        expect: impl Fn(&S, &T) -> (S, N),
    ) -> bool
    where
        T: PartialEq,
        N: IntoIterator<Item = String>,
    {
        // How much of what was published may be explained by what was served so far, and the state
        // after that.
        let mut explained = HashSet::from([(0, initial.clone())]);
        let (mut all, mut state_of_all) = (Vec::new(), initial);
        for version in served.versions() {
            let mut further = HashSet::new();
            for (count, state) in explained {
                let (next, expected) = expect(&state, &version.value);
                let expected: Vec<_> = expected.into_iter().collect();
                if published[count..].starts_with(&expected) {
                    further.insert((count + expected.len(), next));
                }
                if version.uncertain {
                    further.insert((count, state));
                }
            }
            explained = further;
            let (next, expected) = expect(&state_of_all, &version.value);
            state_of_all = next;
            all.extend(expected);
        }
        let row = self.row(kind);
        row.facts += all.len();
        if explained.iter().any(|(count, _)| *count == published.len()) {
            row.published += published.len();
            row.uncertain += all.len().saturating_sub(published.len());
            return true;
        }
        let found = longest_common_subsequence(&all, published);
        row.published += found;
        row.missing += all.len() - found;
        row.twice += published.len() - found;
        let same = all.iter().zip(published).take_while(|(left, right)| left == right).count();
        let from = |all: &[String]| {
            let rest: Vec<_> = all.iter().skip(same).take(DIFFERENCES_SHOWN).cloned().collect();
            if rest.is_empty() { String::from("nothing") } else { rest.join(", ") }
        };
        let (served, published) = (from(&all), from(published));
        self.problem(format!(
            "{kind} of {of}: after {same}, served {served}; published {published}"
        ));
        false
    }

    /// The verdict on this many events. The last `out_of_order` problems are of order.
    pub(super) fn verdict(self, events: usize, out_of_order: usize) -> Verdict {
        let rows = self.rows.into_values().map(|(mut row, mut delays)| {
            delays.sort_by(f64::total_cmp);
            let at =
                |part: usize| delays.get((delays.len() * part / 100).min(delays.len().max(1) - 1));
            row.p50 = at(50).copied();
            row.p95 = at(95).copied();
            row
        });
        Verdict {
            rows: rows.collect(),
            problem_count: self.count,
            problems: self.problems,
            out_of_order,
            events,
        }
    }
}

/// The length of the longest common subsequence.
fn longest_common_subsequence(left: &[String], right: &[String]) -> usize {
    let mut lengths = vec![0_usize; right.len() + 1];
    for one in left {
        let mut diagonal = 0;
        for (index, other) in right.iter().enumerate() {
            let above = lengths[index + 1];
            lengths[index + 1] =
                if one == other { diagonal + 1 } else { above.max(lengths[index]) };
            diagonal = above;
        }
    }
    lengths[right.len()]
}
