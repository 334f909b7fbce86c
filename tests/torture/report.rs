//! The report of all epochs.

use std::collections::BTreeMap;
use std::fmt;

use super::check::Findings;

/// The faults and findings of all epochs.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    /// How often each kind of fault was injected.
    pub(crate) faults: BTreeMap<String, usize>,
    /// How many processes were killed, or exited at a failpoint.
    pub(crate) kills: usize,
    /// How often the shard had a new owner.
    pub(crate) owners: usize,
    pub(crate) events: usize,
    pub(crate) facts: usize,
    pub(crate) uncertain: usize,
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    pub(crate) out_of_order: usize,
    pub(crate) pollers: usize,
    /// Changes that do not follow from the event before, and differences of the final state.
    pub(crate) others: usize,
    /// All problems, a line each.
    pub(crate) problems: Vec<String>,
}

impl Report {
    pub(crate) fn fault(&mut self, kind: String) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Adds the findings of an epoch.
    pub(crate) fn add(&mut self, findings: &Findings) {
        self.events += findings.verdict.events;
        self.facts += findings.facts();
        self.uncertain += findings.uncertain();
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
    /// ended by itself is a problem, but not a finding.
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
            ("facts that had to be published", self.facts),
            ("served only to bridges that died, missing", self.uncertain),
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
