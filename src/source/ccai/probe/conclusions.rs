//! What follows from the answers to a probe, as pure functions. A conclusion may be shown to
//! others: it contains counts, times and names of fields, and no value of a row.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::model::{EntityId, Timestamp};
use crate::source::fields;
use crate::source::probe::{Page, seconds, yes};

/// The conclusion when no row shows it.
const UNKNOWN: &str = "unknown: no such rows";

pub(super) fn id(row: &Value) -> Option<EntityId> {
    row.get("id").and_then(fields::id)
}

pub(super) fn time(row: &Value, name: &str) -> Option<Timestamp> {
    fields::Fields::of(row).and_then(|fields| fields.time(name)).ok().flatten()
}

fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str()
}

pub(super) fn headers(page: &Page) -> String {
    format!("Total {}, Link {}", yes(page.total.is_some()), yes(page.has_next.is_some()))
}

pub(super) fn paging(page: &Page) -> String {
    let rows = page.rows.len();
    format!("{rows} rows of a page of 200; {}", headers(page))
}

pub(super) fn per(rows: &[Value], requested: usize) -> String {
    match rows.len() {
        0 => String::from(UNKNOWN),
        shown if shown <= requested => format!("yes: {shown} rows of {requested}"),
        shown => format!("no: {shown} rows of {requested}"),
    }
}

pub(super) fn pages_differ(first: &[Value], second: &[Value]) -> String {
    let ids: BTreeSet<_> = first.iter().filter_map(id).collect();
    if ids.is_empty() || second.is_empty() {
        return String::from("unknown: there is no second page");
    }
    let again = second.iter().filter_map(id).filter(|id| ids.contains(id)).count();
    // A row that is new moves the last one of a page to the next.
    match again {
        0 => String::from("yes: two pages share no row"),
        1 if second.len() > 1 => String::from("likely: two pages share one row, as rows move"),
        _ => format!("no: {again} rows of the second page were on the first"),
    }
}

pub(super) fn only_these(rows: &[Value], requested: &[EntityId]) -> String {
    let (shown, others): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| id(row).is_some_and(|id| requested.contains(&id)));
    let (shown, others, requested) = (shown.len(), others.len(), requested.len());
    let works = yes(shown == requested && others == 0);
    format!("{works}: {shown} of {requested} requested rows, {others} others")
}

pub(super) fn sorted_down(rows: &[Value], column: &str) -> String {
    let times: Vec<_> = rows.iter().filter_map(|row| time(row, column)).collect();
    match times.len() {
        0 | 1 => String::from(UNKNOWN),
        _ => yes(times.is_sorted_by(|one, next| one >= next)).to_owned(),
    }
}

pub(super) fn milliseconds(rows: &[Value], column: &str) -> String {
    let times: Vec<_> = rows.iter().filter_map(|row| time(row, column)).collect();
    let fine = times.iter().filter(|time| !time.is_whole_second()).count();
    if times.is_empty() {
        return String::from(UNKNOWN);
    }
    format!("{}: {fine} of {} timestamps", yes(fine > 0), times.len())
}

/// After-call work that ended after the record's last update did not move `updated_at`.
pub(super) fn after_call_work(rows: &[Value]) -> String {
    let (mut moved, mut unmoved) = (0, 0);
    for row in rows {
        let (Some(updated), Some(_)) = (time(row, "updated_at"), time(row, "ends_at")) else {
            continue;
        };
        let handled = match row.get("handle_durations") {
            Some(Value::Array(handled)) => &handled[..],
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => continue,
        };
        for part in handled {
            let work = fields::Fields::of(part).and_then(|part| part.integer("acw_duration"));
            let worked = work.ok().flatten().is_some_and(|seconds| seconds > 0);
            match time(part, "ended_at") {
                Some(ended) if worked && ended > updated => unmoved += 1,
                Some(_) if worked => moved += 1,
                _ => {}
            }
        }
    }
    match (moved, unmoved) {
        (0, 0) => String::from("unknown: no after-call work within a day"),
        (_, 0) => format!("yes: all {moved} rows ended before the last update"),
        (0, _) => format!("no: all {unmoved} rows ended after the last update"),
        _ => format!("not always: {unmoved} of {} rows ended after it", moved + unmoved),
    }
}

pub(super) fn waiting(rows: &[Value]) -> String {
    let queued = rows.iter().filter(|row| text(row, "status") == Some("queued")).count();
    match rows.len() {
        0 => String::from("unknown: nothing waits"),
        shown if shown == queued => format!("yes: {shown} rows, all of them wait"),
        shown => format!("no: {} of {shown} rows do not wait", shown - queued),
    }
}

/// A wait of more than ten seconds shows whether waiting moves `updated_at`.
pub(super) fn waiting_moves(page: &Page) -> String {
    let now = page.requested_at.plus_millis(page.clock_offset_millis.unwrap_or_default());
    let old: Vec<_> = page
        .rows
        .iter()
        .filter(|row| text(row, "status") == Some("queued"))
        .filter_map(|row| time(row, "updated_at"))
        .map(|updated| now.millis_since(updated))
        .collect();
    match old.iter().max() {
        None => String::from("unknown: nothing waits"),
        Some(longest) if *longest > 10_000 => {
            format!("no: unmoved for up to {}", seconds(*longest))
        }
        Some(longest) => format!("unknown: the oldest update is {} ago", seconds(*longest)),
    }
}

pub(super) fn deleted(page: &Page) -> String {
    let deleted = page.rows.iter().filter(|row| {
        let flag = fields::Fields::of(row).and_then(|row| row.flag("deleted"));
        flag.ok().flatten() == Some(true)
    });
    match deleted.count() {
        0 => format!("unknown: none of {} rows is deleted", page.rows.len()),
        some => format!("yes: {some} of {} rows", page.rows.len()),
    }
}

pub(super) fn null_levels(page: &Page) -> String {
    let null = page.rows.iter().filter(|row| row.get("sla").is_none_or(Value::is_null)).count();
    format!("{null} of {}", page.rows.len())
}

/// Rows of the second answer with a timestamp from before the first request, whose answer did not
/// have them.
pub(super) fn lateness(first: &Page, second: &Page, column: &str) -> String {
    let requested_at =
        first.requested_at.plus_millis(first.clock_offset_millis.unwrap_or_default());
    // The first answer is one page: what lies before its oldest row may have been there.
    let oldest = first.rows.iter().filter_map(|row| time(row, column)).min();
    let known: BTreeSet<_> =
        first.rows.iter().filter_map(|row| Some((id(row)?, time(row, column)?))).collect();
    let (mut new, mut late) = (0, Vec::new());
    for row in &second.rows {
        let (Some(id), Some(at)) = (id(row), time(row, column)) else { continue };
        if known.contains(&(id, at)) || oldest.is_some_and(|oldest| at < oldest) {
            continue;
        }
        new += 1;
        if at < requested_at {
            late.push(requested_at.millis_since(at));
        }
    }
    let gap = seconds(second.requested_at.millis_since(first.requested_at));
    match (new, late.iter().max()) {
        (0, _) => format!("unknown: no new row within {gap}"),
        (_, None) => format!("at once: {new} new rows, all of them from after the first request"),
        (_, Some(longest)) => format!(
            "late: {} of {new} new rows are from before the first request, the earliest {} before",
            late.len(),
            seconds(*longest)
        ),
    }
}

pub(super) fn inclusive(rows: &[Value], column: &str, from: Timestamp) -> String {
    let times: Vec<_> = rows.iter().filter_map(|row| time(row, column)).collect();
    let older = times.iter().filter(|time| **time < from).count();
    if older > 0 {
        return format!("not kept: {older} of {} rows are older", times.len());
    }
    match times.iter().filter(|time| **time == from).count() {
        0 if times.is_empty() => String::from("no: the row at the bound is not shown"),
        0 => String::from("unknown: only later rows are shown"),
        _ => String::from("yes"),
    }
}

/// How far the timestamps of two sources of one fact are apart.
fn apart(differences: &[i64]) -> String {
    if differences.is_empty() {
        return String::from(UNKNOWN);
    }
    let within = |least: i64, most: i64| {
        differences.iter().filter(|millis| (least..=most).contains(&millis.abs())).count()
    };
    let most = differences.iter().map(|millis| millis.abs()).max().unwrap_or_default();
    format!(
        "{} of {} equal, {} within 2 s, at most {}",
        within(0, 0),
        differences.len(),
        within(1, 2_000),
        seconds(most)
    )
}

/// Compares the timestamps of the status in the roster and in the list of agents who are logged in.
pub(super) fn snapshots_agree(agents: &[Value], statuses: &[Value]) -> String {
    let times: HashMap<_, _> = agents
        .iter()
        .filter_map(|row| {
            Some((id(row)?, (row.get("status").and_then(id)?, time(row, "status_updated_at")?)))
        })
        .collect();
    let differences: Vec<_> = statuses
        .iter()
        .filter_map(|row| {
            let (status, there) = times.get(&id(row)?)?;
            // Another status is another fact: it changed between the two requests.
            let same = row.get("status_id").and_then(fields::id).as_ref() == Some(status);
            let here = time(row, "status_updated_at").filter(|_| same)?;
            Some(here.millis_since(*there))
        })
        .collect();
    apart(&differences)
}

/// Compares the timestamps of the status in the roster and in the activity log.
pub(super) fn log_agrees(agents: &[Value], log: &[Value]) -> String {
    let mut newest: HashMap<EntityId, (Timestamp, Option<EntityId>)> = HashMap::new();
    for row in log {
        if text(row, "activity") != Some("user_status_changed") {
            continue;
        }
        let agent = row.get("agent_id").or_else(|| row.get("agent")?.get("id"));
        let (Some(agent), Some(started)) = (agent.and_then(fields::id), time(row, "started_at"))
        else {
            continue;
        };
        let status = row.get("status").and_then(id);
        let known = newest.get(&agent);
        if known.is_none_or(|(known, _)| *known < started) {
            newest.insert(agent, (started, status));
        }
    }
    let differences: Vec<_> = agents
        .iter()
        .filter_map(|row| {
            let (started, status) = newest.get(&id(row)?)?;
            // Another status is another fact: the log may be behind, or ahead.
            let same = row.get("status").and_then(id) == *status;
            let updated = time(row, "status_updated_at").filter(|_| same)?;
            Some(updated.millis_since(*started))
        })
        .collect();
    apart(&differences)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Midday of an invented day, plus seconds.
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_772_366_400_000 + seconds * 1000)
    }

    fn text_at(seconds: i64) -> String {
        at(seconds).to_rfc3339_millis()
    }

    fn page(requested: i64, rows: Vec<Value>) -> Page {
        Page {
            rows,
            total: None,
            has_next: None,
            requested_at: at(requested),
            clock_offset_millis: None,
        }
    }

    fn call(updated: i64, ended: i64, work: i64) -> Value {
        json!({"id": updated, "updated_at": text_at(updated), "ends_at": text_at(0),
            "handle_durations": [{"acw_duration": work, "ended_at": text_at(ended)}]})
    }

    #[test]
    fn after_call_work_that_ends_after_the_last_update_did_not_move_it() {
        let cases = [
            (vec![], "unknown: no after-call work within a day"),
            (vec![call(5, 9, 0)], "unknown: no after-call work within a day"),
            (vec![call(9, 9, 4), call(9, 5, 4)], "yes: all 2 rows ended before the last update"),
            (vec![call(5, 9, 4)], "no: all 1 rows ended after the last update"),
            (vec![call(5, 9, 4), call(9, 9, 4)], "not always: 1 of 2 rows ended after it"),
            (vec![json!({"id": 1, "updated_at": text_at(1), "handle_durations": [{}]})], {
                "unknown: no after-call work within a day"
            }),
        ];
        for (rows, expected) in cases {
            assert_eq!(after_call_work(&rows), expected);
        }
    }

    #[test]
    fn pages_that_show_the_same_rows_are_no_pages() {
        let rows = |ids: &[i64]| ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>();
        let cases: [(&[i64], &[i64], &str); 5] = [
            (&[1, 2], &[3, 4], "yes: two pages share no row"),
            (&[1, 2], &[2, 3], "likely: two pages share one row, as rows move"),
            (&[1, 2], &[1, 2], "no: 2 rows of the second page were on the first"),
            (&[1], &[], "unknown: there is no second page"),
            (&[], &[], "unknown: there is no second page"),
        ];
        for (first, second, expected) in cases {
            assert_eq!(pages_differ(&rows(first), &rows(second)), expected);
        }
        let requested = [EntityId::new("1"), EntityId::new("2")];
        assert_eq!(only_these(&rows(&[1, 2]), &requested), {
            "yes: 2 of 2 requested rows, 0 others"
        });
        assert_eq!(only_these(&rows(&[1, 2, 3]), &requested), {
            "no: 2 of 2 requested rows, 1 others"
        });
        assert_eq!(per(&rows(&[1, 2, 3]), 2), "no: 3 rows of 2");
    }

    #[test]
    fn a_row_from_before_the_first_request_that_its_answer_did_not_have_is_late() {
        let row = |id: i64, second: i64| json!({"id": id, "started_at": text_at(second)});
        let first = page(10, vec![row(1, 5), row(2, 8)]);
        let cases = [
            (vec![row(1, 5), row(2, 8)], "unknown: no new row within +10.0 s"),
            (vec![row(2, 8), row(3, 12)], {
                "at once: 1 new rows, all of them from after the first request"
            }),
            (vec![row(3, 7), row(4, 12)], {
                "late: 1 of 2 new rows are from before the first request, the earliest +3.0 s before"
            }),
            // Nothing is known about rows before the oldest of the first page.
            (vec![row(0, 4)], "unknown: no new row within +10.0 s"),
        ];
        for (rows, expected) in cases {
            assert_eq!(lateness(&first, &page(20, rows), "started_at"), expected);
        }
    }

    #[test]
    fn timestamps_are_compared_where_they_are_of_one_status() {
        let agent = |id: i64, status: i64, second: i64| json!({"id": id, "status": {"id": status}, "status_updated_at": text_at(second)});
        let now = |id: i64, status: i64, second: i64| json!({"id": id, "status_id": status, "status_updated_at": text_at(second)});
        let row = |agent: i64, status: i64, second: i64| {
            json!({"id": second, "agent_id": agent, "activity": "user_status_changed",
                "status": {"id": status}, "started_at": text_at(second)})
        };
        let agents = [agent(1, 0, 10), agent(2, 0, 20), agent(3, -1, 30), agent(4, 0, 40)];
        let statuses = [now(1, 0, 10), now(2, 0, 21), now(3, 0, 35), now(4, 0, 45)];
        let expected = "1 of 3 equal, 1 within 2 s, at most +5.0 s";
        assert_eq!(snapshots_agree(&agents, &statuses), expected);
        let log = [row(1, 0, 10), row(1, -2, 3), row(2, 0, 18), row(3, 0, 30), row(4, 0, 35)];
        assert_eq!(log_agrees(&agents, &log), expected);
        assert_eq!(log_agrees(&agents, &[]), UNKNOWN);
    }

    #[test]
    fn a_waiting_interaction_shows_whether_waiting_moves_updated_at() {
        let row =
            |status: &str, second: i64| json!({"status": status, "updated_at": text_at(second)});
        assert_eq!(waiting(&[row("queued", 0), row("queued", 1)]), "yes: 2 rows, all of them wait");
        assert_eq!(waiting(&[row("queued", 0), row("finished", 1)]), {
            "no: 1 of 2 rows do not wait"
        });
        let moves = |second: i64| waiting_moves(&page(100, vec![row("queued", second)]));
        assert_eq!(moves(40), "no: unmoved for up to +60.0 s");
        assert_eq!(moves(95), "unknown: the oldest update is +5.0 s ago");
    }

    #[test]
    fn a_bound_is_inclusive_when_the_row_on_it_is_shown() {
        let rows = |seconds: &[i64]| {
            let row = |second: &i64| json!({"updated_at": text_at(*second)});
            seconds.iter().map(row).collect::<Vec<_>>()
        };
        let cases: [(&[i64], &str); 4] = [
            (&[5, 6], "yes"),
            (&[6], "unknown: only later rows are shown"),
            (&[], "no: the row at the bound is not shown"),
            (&[4, 5], "not kept: 1 of 2 rows are older"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(inclusive(&rows(seconds), "updated_at", at(5)), expected);
        }
    }
}
