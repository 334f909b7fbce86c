//! The vendor's endpoints, with their habits: pages of at most 100 whatever is asked for, headers
//! `Link`, `Total` and `Per-Page`.

use std::collections::BTreeMap;

use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::fault_injector::Flaws;
use super::world::World;
use crate::model::Timestamp;

/// The vendor's maximum of rows in a page.
const PER_PAGE: usize = 100;
/// The endpoints with pages.
const PAGED: &[&str] = &["agents", "agent_activity_logs", "calls", "chats", "menus", "teams"];
/// How long after its first question a bridge may say that its first look was: another stream may
/// be read sooner than the one that was asked first.
const FIRST_LOOK_MILLIS: i64 = 2_000;
const PREFIX: &str = "/manager/api/v1/";

/// The parameters of a query.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let text = uri.query().unwrap_or_default();
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        let time = DateTime::parse_from_rfc3339(self.get(name)?).ok()?;
        Timestamp::from_utc(time.into())
    }
}

/// The answer to a question.
pub(super) fn page(
    world: &mut World,
    uri: &Uri,
    now: Timestamp,
    no_headers: bool,
    flaws: Flaws,
) -> Response {
    let Flaws { cut, undecodable_row, shifted } = flaws;
    let query = Query::of(uri);
    let endpoint = uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    if let Some(team) = world.team(&endpoint) {
        return ([(CONTENT_TYPE, "application/json; charset=utf-8")], team.to_string())
            .into_response();
    }
    if endpoint.starts_with("menus/sla")
        && (query.get("channel").is_none() || query.get("minutes").is_none())
    {
        let message = r#"{"message":"channel and minutes are required"}"#;
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    let Some(mut rows) = world.rows(&endpoint, &query) else {
        return (StatusCode::NOT_FOUND, r#"{"message":"Not found"}"#).into_response();
    };
    let offset = world.settings.clock_offset_millis;
    let first_answer = now.plus_millis(offset + FIRST_LOOK_MILLIS).floor_second();
    world.truth.first_answer.get_or_insert(first_answer);
    let paged = PAGED.contains(&endpoint.as_str());
    let total = rows.len();
    let number = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize).max(1);
    let per = query.get("per").and_then(|per| per.parse().ok()).unwrap_or(PER_PAGE);
    let per = per.clamp(1, PER_PAGE);
    if paged {
        let lost = usize::from(shifted && number > 1 && endpoint == "agents");
        rows = rows.into_iter().skip((number - 1) * per + lost).take(per).collect();
    }
    let broken = undecodable_row && break_first(&endpoint, &mut rows);
    if !cut {
        if broken && let Some(row) = rows.first() {
            world
                .truth
                .broken_rows
                .insert(format!("{:032x}", xxh3_128(row.to_string().as_bytes())));
        }
        let channel = query.get("channel").unwrap_or_default();
        world.served(&endpoint, channel, &rows[usize::from(broken)..]);
    }
    let mut body = Value::Array(rows).to_string();
    if cut {
        body.truncate(body.len() / 2);
    }
    let mut response = ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
    if paged && !no_headers {
        let headers = response.headers_mut();
        let last = total.div_ceil(per).max(1);
        let link = |page: usize, relation: &str| {
            format!("<https://simulated.example{PREFIX}{endpoint}?page={page}>; rel=\"{relation}\"")
        };
        let mut links = vec![link(last, "last")];
        if number < last {
            links.insert(0, link(number + 1, "next"));
        }
        if let Ok(links) = HeaderValue::try_from(links.join(", ")) {
            headers.insert(LINK, links);
        }
        headers.insert("total", HeaderValue::from(total));
        headers.insert("per-page", HeaderValue::from(per));
    }
    response
}

/// Lets the first row of an answer be one that cannot be decoded; its id stays as it is. False where
/// there is none, and at endpoints whose answers tell by absence.
fn break_first(endpoint: &str, rows: &mut [Value]) -> bool {
    let field = match endpoint {
        "agents" => "status_updated_at",
        "agent_activity_logs" => "started_at",
        "calls" | "chats" => "created_at",
        "menus" | "teams" => "position",
        _ => return false,
    };
    let Some(row) = rows.first_mut() else { return false };
    row[field] = json!({"the day": "before yesterday"});
    true
}

/// A stamp in a row.
pub(super) fn stamp(row: &Value, column: &str) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(row[column].as_str()?).ok()?;
    Timestamp::from_utc(time.into())
}

impl World {
    /// All rows of an endpoint that a query asks for, before paging.
    fn rows(&mut self, endpoint: &str, query: &Query) -> Option<Vec<Value>> {
        let now = self.now;
        let ids = query.all("id[]");
        let wanted = |row: &Value| ids.is_empty() || ids.contains(&row["id"].to_string().as_str());
        Some(match endpoint {
            "agents" => {
                let rows = self.agents.values_mut().filter_map(|person| person.shown.at(now));
                rows.filter(|row| wanted(row)).cloned().collect()
            }
            "agents/current_status" => {
                let rows = self.agents.values_mut().filter_map(|person| person.current.at(now));
                rows.filter(|row| !row.is_null()).cloned().collect()
            }
            "agent_activity_logs" => {
                let from = query.time("started_at[from]");
                let ended_from = query.time("ended_at[from]");
                let ended = |row: &Value| {
                    ended_from.is_none_or(|from| stamp(row, "ended_at") >= Some(from))
                };
                let mut rows: Vec<_> = self
                    .log
                    .iter_mut()
                    .rev()
                    .take_while(|row| from.is_none_or(|from| row.stamp >= from))
                    .filter_map(|row| row.shown.at(now))
                    .filter(|row| wanted(row) && ended(row))
                    .cloned()
                    .collect();
                sort(&mut rows, "started_at", query);
                sort(&mut rows, "ended_at", query);
                rows
            }
            "calls" => {
                let rows = self.calls.values_mut().filter_map(|call| call.shown.at(now));
                let rows = rows.filter(|row| wanted(row)).cloned().collect();
                interactions(rows, "call_status[]", query)
            }
            "chats" => {
                let rows = self.chats.values_mut().filter_map(|chat| chat.shown.at(now));
                let rows = rows.filter(|row| wanted(row)).cloned().collect();
                interactions(rows, "chat_status[]", query)
            }
            "menus/current_status" => self.queue_statuses(),
            "menus/sla" => {
                self.service_levels(query.get("channel")?, query.get("minutes")?.parse().ok()?)
            }
            "menus/sla_by_queue_groups" => self
                .group_service_levels(query.get("channel")?, query.get("minutes")?.parse().ok()?),
            other => self.defined(other, query.get("with_deleted") == Some("true"))?,
        })
    }

    /// Takes down what an answer showed.
    fn served(&mut self, endpoint: &str, channel: &str, rows: &[Value]) {
        let now = self.now;
        match endpoint {
            "agents" => {
                for row in rows {
                    let id = row["id"].to_string();
                    let flips = self.truth.served_wrap_ups.entry(id.clone()).or_default();
                    flips.show_from(&false, row["wrap_up"] == true, now);
                    let mut bare = row.clone();
                    if let Some(fields) = bare.as_object_mut() {
                        // What has events of its own.
                        for name in ["status", "status_updated_at", "wrap_up"] {
                            fields.remove(name);
                        }
                    }
                    self.truth.served_agents.entry(id).or_default().show(bare, now);
                }
            }
            "agents/current_status" => {
                let known: Vec<_> = self.truth.served_holds.keys().cloned().collect();
                for row in rows {
                    let flips = self.truth.served_holds.entry(row["id"].to_string()).or_default();
                    flips.show_from(&false, row["on_hold"] == true, now);
                }
                for id in known {
                    if !rows.iter().any(|row| has_id(row, &id)) {
                        let flips = self.truth.served_holds.entry(id).or_default();
                        flips.show_from(&false, false, now);
                    }
                }
            }
            "menus" | "teams" | "user_statuses" => {
                let kind = match endpoint {
                    "menus" => "queue",
                    "teams" => "team",
                    _ => "status",
                };
                for row in rows {
                    let key = (kind, row["id"].to_string());
                    self.truth.served_records.entry(key).or_default().show(row.clone(), now);
                }
            }
            "menus/current_status" => {
                let key = |row: &Value| {
                    let channel = row["comm_type"].as_str().unwrap_or_default().to_lowercase();
                    let lang = row["lang"].as_str().unwrap_or_default();
                    format!("{}/{lang}/{channel}", row["menu_path_id"])
                };
                let mut shown: BTreeMap<_, _> = rows
                    .iter()
                    .map(|row| (key(row), row["in_queue_count"].as_i64().unwrap_or(0)))
                    .collect();
                self.conclude_empty(&mut shown);
                for (key, depth) in shown {
                    let depths = self.truth.served_depths.entry(key).or_default();
                    depths.show_from(&0, depth, now);
                }
            }
            "menus/sla" | "menus/sla_by_queue_groups" => {
                for row in rows {
                    let key = if endpoint == "menus/sla" {
                        let lang = row["lang"].as_str().unwrap_or_default();
                        format!("queue_path {}/{lang}/{channel}", row["menu_path_id"])
                    } else {
                        format!("queue_group {}/{channel}", row["queue_group_id"])
                    };
                    let levels = self.truth.served_levels.entry(key).or_default();
                    levels.show_from(&Value::Null, row["sla"].clone(), now);
                }
            }
            "calls" => {
                for row in rows {
                    let statuses =
                        self.truth.served_statuses.entry(row["id"].to_string()).or_default();
                    statuses.extend(row["status"].as_str().map(String::from));
                }
            }
            _ => {}
        }
    }
}

impl World {
    /// Adds the paths that an answer shows to be empty by leaving them out. Nobody has to believe
    /// that more than three became empty at once, a fifth of all or more, before it is served
    /// again.
    fn conclude_empty(&mut self, shown: &mut BTreeMap<String, i64>) {
        let mut waiting = Vec::new();
        for (path, depths) in &self.truth.served_depths {
            if depths.versions().last().is_some_and(|last| last.shown > 0) {
                waiting.push(path.clone());
            } else {
                shown.entry(path.clone()).or_insert(0);
            }
        }
        let empty: Vec<_> =
            waiting.iter().filter(|path| !shown.contains_key(*path)).cloned().collect();
        let doubtful = empty.len() > 3 && empty.len() * 5 > waiting.len();
        let doubted = std::mem::take(&mut self.doubted_paths);
        for path in empty {
            if doubtful && !doubted.contains(&path) {
                self.doubted_paths.insert(path);
            } else {
                shown.insert(path, 0);
            }
        }
    }
}

/// Whether a row is of this id; the vendor's ids are numbers.
pub(super) fn has_id(row: &Value, id: &str) -> bool {
    row["id"].as_u64().is_some_and(|number| number.to_string() == id)
}

/// Calls or chats that a query asks for, in its order.
fn interactions(mut rows: Vec<Value>, status: &str, query: &Query) -> Vec<Value> {
    let (from, to) = (query.time("updated_at[from]"), query.time("updated_at[to]"));
    let statuses = query.all(status);
    rows.retain(|row| {
        let updated = stamp(row, "updated_at");
        let in_time = from.is_none_or(|from| updated >= Some(from))
            && to.is_none_or(|to| updated <= Some(to));
        let status = row["status"].as_str().unwrap_or_default();
        in_time && (statuses.is_empty() || statuses.contains(&status))
    });
    sort(&mut rows, "updated_at", query);
    rows
}

fn sort(rows: &mut [Value], column: &str, query: &Query) {
    if query.get("sort_column") == Some(column) {
        rows.sort_by_cached_key(|row| (stamp(row, column), row["id"].as_u64()));
        if query.get("sort_direction").is_some_and(|way| way.eq_ignore_ascii_case("desc")) {
            rows.reverse();
        }
    }
}
