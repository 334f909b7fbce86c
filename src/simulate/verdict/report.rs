//! The verdict as it is reported: a row for each kind of fact, and what is wrong.

use std::fmt;

/// What became of one kind of fact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerdictRow {
    /// The kind of fact.
    pub kind: &'static str,
    /// How many there were.
    pub facts: usize,
    /// How many of them were published.
    pub published: usize,
    /// How many were not.
    pub missing: usize,
    /// How many were published again, or without a reason.
    pub twice: usize,
    /// How many of those not published were shown only to readers who may have died.
    pub excused: usize,
    /// Seconds from the true time to our reading of it: the median.
    pub p50: Option<f64>,
    /// The same: 95 of 100 were faster.
    pub p95: Option<f64>,
}

/// What became of everything.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// A row for each kind of fact.
    pub rows: Vec<VerdictRow>,
    /// What is wrong, a line each: the first of them.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: usize,
    /// How many of the problems are of order: places, revisions and sequences.
    pub out_of_order: usize,
    /// How many events there are.
    pub events: usize,
}

impl Verdict {
    /// Whether every fact was published once, in order, and nothing else.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problem_count == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<24} {:>8} {:>10} {:>8} {:>6} {:>7} {:>7}",
            "fact", "recorded", "published", "missing", "twice", "p50", "p95"
        )?;
        let seconds = |value: Option<f64>| {
            value.map_or_else(|| String::from("-"), |value| format!("{value:.1} s"))
        };
        for row in &self.rows {
            let doubtful = match row.excused {
                0 => String::new(),
                excused => format!("   {excused} in doubt"),
            };
            writeln!(
                out,
                "{:<24} {:>8} {:>10} {:>8} {:>6} {:>7} {:>7}{doubtful}",
                row.kind,
                row.facts,
                row.published,
                row.missing,
                row.twice,
                seconds(row.p50),
                seconds(row.p95)
            )?;
        }
        for problem in &self.problems {
            writeln!(out, "  {problem}")?;
        }
        if self.problem_count > self.problems.len() {
            writeln!(out, "  and {} more", self.problem_count - self.problems.len())?;
        }
        let verdict = if self.passed() { "nothing missing, nothing twice" } else { "FAILED" };
        write!(out, "{} events: {verdict}", self.events)
    }
}
