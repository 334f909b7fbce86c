//! The verdict: what was recorded and served, compared with what was published. It uses the truth
//! and the contents of the topics, and nothing that the bridge says of itself.

mod breaches;
mod directories;
mod judge;
mod order;
mod published;
mod quarantined;
mod recorded;
mod report;
mod served;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use self::judge::Judge;
use self::published::Histories;
pub use self::published::Published;
pub use self::report::{Verdict, VerdictRow};
use super::truth::Truth;

/// Compares the contents of the topics with the truth.
#[must_use]
pub fn judge(truth: &Truth, published: &[Published]) -> Verdict {
    let mut judge = Judge::default();
    let mut of_the_centre = published.to_vec();
    for (system, truth) in &truth.directories {
        let of_the_vendor = |event: &Published| event.value["meta"]["vendor"] == system.vendor();
        let of_the_directory: Vec<_> =
            of_the_centre.extract_if(.., |event| of_the_vendor(event)).collect();
        directories::judge(*system, truth, &of_the_directory, &mut judge);
    }
    contact_centre(truth, &of_the_centre, &mut judge);
    let before = judge.problem_count();
    order::check(published, &mut judge);
    let out_of_order = judge.problem_count() - before;
    judge.verdict(published.len(), out_of_order)
}

/// Compares what was published of the contact centre with its truth.
fn contact_centre(truth: &Truth, published: &[Published], judge: &mut Judge) {
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
    quarantined::rows(truth, published, judge);
}
