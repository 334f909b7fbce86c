//! The verdict as it is reported: a row for each kind of fact, and what is wrong.

use std::fmt;

/// How many facts of one kind were published.
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
    /// How many were published more than once, or without a cause.
    pub twice: usize,
    /// How many were not published and need not be, because they are uncertain.
    pub uncertain: usize,
    /// Seconds from when a fact happened until it was observed: the median.
    pub p50: Option<f64>,
    /// The same: the 95th percentile.
    pub p95: Option<f64>,
}

/// How the topics compare with the truth.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// A row for each kind of fact.
    pub rows: Vec<VerdictRow>,
    /// The first of the problems, a line each.
    pub problems: Vec<String>,
    /// How many problems there are.
    pub problem_count: usize,
    /// How many of the problems are of order: offsets, revisions and sequences.
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
            let uncertain = match row.uncertain {
                0 => String::new(),
                count => format!("   {count} uncertain"),
            };
            writeln!(
                out,
                "{:<24} {:>8} {:>10} {:>8} {:>6} {:>7} {:>7}{uncertain}",
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
