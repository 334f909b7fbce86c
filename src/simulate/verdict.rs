//! The verdict: what was recorded and served, held against what was published. It uses the truth
//! and the topics' contents, never the bridge's own word.

mod breaches;
mod directories;
mod order;
mod recorded;
mod served;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use chrono::DateTime;
use serde_json::Value;

use super::served::Served;
use super::world::Truth;

/// An event as a consumer found it.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The place in the partition.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its type.
    pub event_type: String,
    /// The event as plain JSON; times as milliseconds.
    pub value: Value,
}

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

/// A fact that has to be there: what names it, its stamp, and when it truly happened.
struct Fact {
    kind: &'static str,
    name: String,
    stamp: Option<i64>,
    happened: Option<i64>,
}

/// How many problems are told in full.
const TOLD: usize = 12;

/// How much of a history is told from where it goes wrong.
const TOLD_OF_A_HISTORY: usize = 3;

/// Counts what is there and what is wrong.
#[derive(Default)]
struct Judge {
    rows: BTreeMap<&'static str, (VerdictRow, Vec<f64>)>,
    problems: Vec<String>,
    count: usize,
}

impl Judge {
    fn problem(&mut self, text: String) {
        self.count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(text);
        }
    }

    fn row(&mut self, kind: &'static str) -> &mut VerdictRow {
        let (row, _) = self.rows.entry(kind).or_default();
        row.kind = kind;
        row
    }

    /// A fact and the events that tell it: exactly one is right.
    fn fact(&mut self, fact: &Fact, events: &[&Published]) {
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

    /// How long after it had happened something was read.
    fn delay(&mut self, kind: &'static str, millis: i64) {
        let (_, delays) = self.rows.entry(kind).or_default();
        #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^52")]
        delays.push(millis as f64 / 1000.0);
    }

    /// So many facts of a kind, each told once.
    fn told(&mut self, kind: &'static str, facts: usize) {
        let row = self.row(kind);
        row.facts += facts;
        row.published += facts;
    }

    /// What was served of something that begins as `start`, and what was told of it, both in their
    /// order. `tell` says what a version leads to, and what has to be told of it. What is doubtful
    /// may have been seen by nobody who lived; everything else has to be told. False when what was
    /// told does not follow from what was served.
    fn history<T, S: Clone + Eq + Hash, N>(
        &mut self,
        History { kind, of }: History<'_>,
        start: S,
        served: &Served<T>,
        told: &[String],
        tell: impl Fn(&S, &T) -> (S, N),
    ) -> bool
    where
        T: PartialEq,
        N: IntoIterator<Item = String>,
    {
        // How much of what was told may be explained by what was served so far, and what is then
        // known.
        let mut explained = HashSet::from([(0, start.clone())]);
        let (mut all, mut known) = (Vec::new(), start);
        for version in served.versions() {
            let mut further = HashSet::new();
            for (count, state) in explained {
                let (next, news) = tell(&state, &version.shown);
                let news: Vec<_> = news.into_iter().collect();
                if told[count..].starts_with(&news) {
                    further.insert((count + news.len(), next));
                }
                if version.doubtful {
                    further.insert((count, state));
                }
            }
            explained = further;
            let (next, news) = tell(&known, &version.shown);
            known = next;
            all.extend(news);
        }
        let row = self.row(kind);
        row.facts += all.len();
        if explained.iter().any(|(count, _)| *count == told.len()) {
            row.published += told.len();
            row.excused += all.len().saturating_sub(told.len());
            return true;
        }
        let there = common(&all, told);
        row.published += there;
        row.missing += all.len() - there;
        row.twice += told.len() - there;
        let same = all.iter().zip(told).take_while(|(served, told)| served == told).count();
        let from = |all: &[String]| {
            let rest: Vec<_> = all.iter().skip(same).take(TOLD_OF_A_HISTORY).cloned().collect();
            if rest.is_empty() { String::from("nothing") } else { rest.join(", ") }
        };
        let (served, told) = (from(&all), from(told));
        self.problem(format!("{kind} of {of}: after {same}, served {served}; told {told}"));
        false
    }
}

/// What a history is of.
#[derive(Clone, Copy)]
struct History<'a> {
    kind: &'static str,
    of: &'a str,
}

/// How many of each stand in both, in the same order.
fn common(left: &[String], right: &[String]) -> usize {
    let mut lengths = vec![0_usize; right.len() + 1];
    for one in left {
        let mut diagonal = 0;
        for (place, other) in right.iter().enumerate() {
            let above = lengths[place + 1];
            lengths[place + 1] =
                if one == other { diagonal + 1 } else { above.max(lengths[place]) };
            diagonal = above;
        }
    }
    lengths[right.len()]
}

/// Holds the topics' contents against the truth.
#[must_use]
pub fn judge(truth: &Truth, published: &[Published]) -> Verdict {
    let mut judge = Judge::default();
    let mut of_the_centre = published.to_vec();
    for (system, truth) in &truth.directories {
        let theirs = |event: &Published| event.value["meta"]["vendor"] == system.vendor();
        let of_the_directory: Vec<_> =
            of_the_centre.extract_if(.., |event| theirs(event)).collect();
        directories::judge(*system, truth, &of_the_directory, &mut judge);
    }
    centre(truth, &of_the_centre, &mut judge);
    let before = judge.count;
    order::check(published, &mut judge);
    let out_of_order = judge.count - before;
    let rows = judge.rows.into_values().map(|(mut row, mut delays)| {
        delays.sort_by(f64::total_cmp);
        let at = |part: usize| delays.get((delays.len() * part / 100).min(delays.len().max(1) - 1));
        row.p50 = at(50).copied();
        row.p95 = at(95).copied();
        row
    });
    Verdict {
        rows: rows.collect(),
        problem_count: judge.count,
        problems: judge.problems,
        out_of_order,
        events: published.len(),
    }
}

/// Holds what is told of the contact centre against its truth.
fn centre(truth: &Truth, published: &[Published], judge: &mut Judge) {
    let mut found: HashMap<String, Vec<&Published>> = HashMap::new();
    for event in published {
        if let Some(name) = recorded::name_of(event) {
            found.entry(name).or_default().push(event);
        }
    }
    let facts = recorded::facts(truth);
    for fact in &facts {
        judge.fact(fact, found.get(&fact.name).map_or(&[][..], Vec::as_slice));
    }
    let known: HashSet<_> = facts.iter().map(|fact| fact.name.as_str()).collect();
    for name in found.keys().filter(|name| !known.contains(name.as_str())) {
        if recorded::is_invented(truth, name) {
            judge.problem(format!("invented: {name}"));
        }
    }
    breaches::of_waits(truth, published, judge);
    let histories = Histories::new(published);
    breaches::of_levels(truth, &histories, judge);
    served::agents(truth, published, &histories, judge);
    served::definitions(truth, &histories, judge);
    served::queues(truth, &histories, judge);
    set_aside(truth, published, judge);
}

/// Rows that cannot be decoded: each is told, by any stream that showed it, and by none of them twice.
fn set_aside(truth: &Truth, published: &[Published], judge: &mut Judge) {
    let mut told: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for event in published.iter().filter(|event| event.event_type == "RecordQuarantined") {
        let hash = event.value["hash"].as_str().unwrap_or_default();
        *told.entry(hash).or_default().entry(&event.key).or_default() += 1;
    }
    for hash in &truth.broken_rows {
        let by_stream = told.remove(hash.as_str()).unwrap_or_default();
        let row = judge.row("rows set aside");
        row.facts += 1;
        if by_stream.is_empty() {
            row.missing += 1;
            judge.problem(format!("missing: row {hash} was set aside"));
            continue;
        }
        row.published += 1;
        for (key, times) in by_stream.into_iter().filter(|(_, times)| *times > 1) {
            judge.row("rows set aside").twice += times - 1;
            judge.problem(format!("{times} times: {key} was set aside"));
        }
    }
    for hash in told.keys() {
        judge.problem(format!("invented: row {hash} was set aside"));
    }
}

/// The events of each entity (kind and id), in their order.
struct Histories<'p>(HashMap<(&'p str, &'p str), Vec<&'p Published>>);

impl<'p> Histories<'p> {
    fn new(published: &'p [Published]) -> Self {
        let mut all: HashMap<_, Vec<&Published>> = HashMap::new();
        for event in published {
            if let Some(entity) = entity(event) {
                all.entry(entity).or_default().push(event);
            }
        }
        for events in all.values_mut() {
            events.sort_by_key(|event| event.value["meta"]["revision"].as_i64());
        }
        Self(all)
    }

    /// The events of these types of one entity.
    fn of(&self, kind: &str, id: &str, types: &[&str]) -> std::vec::IntoIter<&'p Published> {
        let mut events = self.0.get(&(kind, id)).cloned().unwrap_or_default();
        events.retain(|event| types.contains(&event.event_type.as_str()));
        events.into_iter()
    }

    /// All entities of which there is an event of these types.
    fn entities(&self, types: &[&str]) -> Vec<(&'p str, &'p str)> {
        let tells = |event: &&Published| types.contains(&event.event_type.as_str());
        let of = |(entity, events): (&(&'p str, &'p str), &Vec<&Published>)| {
            events.iter().any(tells).then_some(*entity)
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// Kind and id of the entity that an event is about, by its key.
fn entity(event: &Published) -> Option<(&str, &str)> {
    let mut parts = event.key.splitn(3, ':').skip(1);
    Some((parts.next()?, parts.next()?))
}

fn millis(value: &Value) -> Option<i64> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|time| time.timestamp_millis())
}

fn rows<'v>(record: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    record[name].as_array().into_iter().flatten()
}

fn is_yes(value: &Value) -> bool {
    *value == true || *value == 1
}

/// An id or a name, without the quotes of JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
