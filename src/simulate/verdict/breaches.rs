//! SLA breaches: of each wait by the vendor's verdict on it, and of service levels by what was
//! served.

use std::collections::HashMap;

use serde_json::Value;

use super::judge::{Fact, History, Judge};
use super::published::{Histories, Published, entity};
use super::recorded;
use crate::simulate::contact_centre::reference_data::TARGET_PERCENT;
use crate::simulate::json::{millis, rows, text};
use crate::simulate::truth::Truth;

/// A wait that the vendor marks as too long is published as a breach once: after that verdict, or
/// at its deadline before. A breach by deadline that the verdict contradicts is withdrawn once.
/// Nothing else is published.
pub(super) fn of_waits(truth: &Truth, published: &[Published], judge: &mut Judge) {
    let Some(since) = truth.first_answer.map(crate::model::Timestamp::millis) else { return };
    let mut by_name: HashMap<String, Vec<&Published>> = HashMap::new();
    for event in published {
        let of_a_wait = event.value["scope"] == "INTERACTION";
        let name = match event.event_type.as_str() {
            "SlaBreached" if of_a_wait => "breached",
            "SlaBreachWithdrawn" => "withdrawn",
            _ => continue,
        };
        let (kind, id) = entity(event).unwrap_or_default();
        let row = text(&event.value["row_id"]);
        by_name.entry(format!("{name} {kind} {id} {row}")).or_default().push(event);
    }
    for (kind, records) in [("call", &truth.calls), ("chat", &truth.chats)] {
        for record in recorded::published_interactions(records, since) {
            for row in rows(record, "queue_durations") {
                of_wait(truth, kind, record, row, &mut by_name, judge);
            }
        }
        // Those before the first answer may be published.
        for record in records {
            for row in rows(record, "queue_durations") {
                let name = format!("{kind} {} {}", record["id"], row["id"]);
                let _ = by_name.remove(&format!("breached {name}"));
                let _ = by_name.remove(&format!("withdrawn {name}"));
            }
        }
    }
    for name in by_name.keys() {
        judge.problem(format!("invented: {name}"));
    }
}

fn of_wait(
    truth: &Truth,
    kind: &str,
    record: &Value,
    row: &Value,
    by_name: &mut HashMap<String, Vec<&Published>>,
    judge: &mut Judge,
) {
    let (id, row_id) = (&record["id"], &row["id"]);
    let name = format!("{kind} {id} {row_id}");
    let breached = by_name.remove(&format!("breached {name}")).unwrap_or_default();
    let withdrawn = by_name.remove(&format!("withdrawn {name}")).unwrap_or_default();
    let by_deadline = breached.first().is_some_and(|event| event.value["basis"] == "DEADLINE");
    let deadlines: Vec<_> = [&record["queued_at"], &row["started_at"]]
        .into_iter()
        .filter_map(millis)
        .map(|since| since + row["service_level_target_time"].as_i64().unwrap_or(0) * 1000)
        .collect();
    if let Some(event) = breached.first()
        && by_deadline
        && !event.value["meta"]["occurred_at"].as_i64().is_some_and(|at| deadlines.contains(&at))
    {
        judge.problem(format!("breached at another time than its deadline: {name}"));
    }
    let too_long = row["service_level_event"] == "not_in_sla";
    if too_long {
        // A breach by deadline has no delay: it was published before it was recorded.
        let happened = truth.happened.get(&format!("{kind} {id} breached {row_id}"));
        let fact = Fact {
            kind: "breaches of waits",
            name: format!("SlaBreached {name}"),
            stamp: millis(&row["ended_at"]).filter(|_| !by_deadline),
            happened: happened.map(|time| time.millis()).filter(|_| !by_deadline),
        };
        judge.fact(&fact, &breached);
    } else if !breached.is_empty() && !by_deadline {
        judge.problem(format!("a breach that the vendor never stated: {name}"));
    } else if breached.len() > 1 {
        judge.problem(format!("{} times: SlaBreached {name}", breached.len()));
    }
    let contradicted = by_deadline && !too_long && !row["service_level_event"].is_null();
    if contradicted {
        let fact = Fact {
            kind: "withdrawn breaches",
            name: format!("SlaBreachWithdrawn {name}"),
            stamp: millis(&row["ended_at"]),
            happened: None,
        };
        judge.fact(&fact, &withdrawn);
    } else if !withdrawn.is_empty() {
        judge.problem(format!("withdrawn without a contradicting verdict: {name}"));
    }
}

/// The percentage at which a service level has recovered.
const RECOVERED_PERCENT: f64 = 82.0;

/// A served service level that falls below its target, and one that recovers.
pub(super) fn of_levels(truth: &Truth, histories: &Histories<'_>, judge: &mut Judge) {
    let types = ["SlaBreached", "SlaRecovered"];
    for (of, levels) in &truth.served_levels {
        let (kind, id) = of.split_once(' ').unwrap_or_default();
        let events = histories.of(kind, id, &types);
        let published = events.map(|event| {
            format!("{} {:.1}", event.event_type, event.value["value"].as_f64().unwrap_or(-1.0))
        });
        let published: Vec<_> = published.collect();
        let history = History { kind: "breaches of levels", of };
        judge.history(history, false, levels, &published, |breached, level| {
            let Some(level) = level.as_f64() else { return (*breached, None) };
            #[allow(clippy::cast_precision_loss, reason = "a percentage")]
            if !breached && level < TARGET_PERCENT as f64 {
                (true, Some(format!("SlaBreached {level:.1}")))
            } else if *breached && level >= RECOVERED_PERCENT {
                (false, Some(format!("SlaRecovered {level:.1}")))
            } else {
                (*breached, None)
            }
        });
    }
}
