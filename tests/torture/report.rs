//! What came of it all.

use std::collections::BTreeMap;
use std::fmt;

use super::check::Findings;

/// What was done and what was found, over all epochs.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    /// How often each kind of fault was done.
    pub(crate) faults: BTreeMap<String, usize>,
    /// How many processes were killed, or died at their place.
    pub(crate) kills: usize,
    /// How often the shard had a new owner.
    pub(crate) owners: usize,
    pub(crate) events: usize,
    pub(crate) facts: usize,
    pub(crate) excused: usize,
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    pub(crate) out_of_order: usize,
    pub(crate) pollers: usize,
    /// Changes that do not follow, and a final state that is another.
    pub(crate) others: usize,
    /// Everything that is wrong, a line each.
    pub(crate) problems: Vec<String>,
}

impl Report {
    pub(crate) fn fault(&mut self, kind: String) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Adds what was found in an epoch.
    pub(crate) fn add(&mut self, findings: &Findings) {
        self.events += findings.verdict.events;
        self.facts += findings.facts();
        self.excused += findings.excused();
        self.lost += findings.lost;
        self.twice += findings.twice;
        self.out_of_order += findings.out_of_order;
        self.others += findings.others.len();
        self.problems.extend(findings.problems().cloned());
    }

    pub(crate) fn passed(&self) -> bool {
        self.problems.is_empty() && !self.found()
    }

    /// Whether the topics or the simulator's log show that something went wrong. That a bridge
    /// came to an end is a problem, and no finding.
    pub(crate) fn found(&self) -> bool {
        self.lost + self.twice + self.out_of_order + self.pollers + self.others > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<44} {:>6}", "fault", "times")?;
        for (kind, times) in &self.faults {
            writeln!(out, "{kind:<44} {times:>6}")?;
        }
        writeln!(out)?;
        for (what, count) in [
            ("rounds", self.rounds),
            ("processes killed", self.kills),
            ("owners", self.owners),
            ("events", self.events),
            ("facts that had to be told", self.facts),
            ("shown only to bridges that died, not told", self.excused),
            ("lost", self.lost),
            ("twice", self.twice),
            ("out of order", self.out_of_order),
            ("two pollers at once", self.pollers),
            ("changes and final states that do not fit", self.others),
        ] {
            writeln!(out, "{what:<44} {count:>6}")?;
        }
        for problem in &self.problems {
            writeln!(out, "  {problem}")?;
        }
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        write!(out, "seed {}: {verdict}", self.seed)
    }
}
