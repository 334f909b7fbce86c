//! The contact centre's HTTP endpoints, as the vendor implements them: at most 100 rows per page
//! whatever is requested, headers `Link`, `Total` and `Per-Page`.

use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::world::World;
use crate::simulate::fault_injector::AnswerFaults;
use crate::simulate::json::timestamp;
use crate::simulate::request::Query;

/// The vendor's maximum of rows in a page.
const PER_PAGE: usize = 100;
/// The endpoints with pages.
const PAGED: &[&str] = &["agents", "agent_activity_logs", "calls", "chats", "menus", "teams"];
/// How long after the first request a bridge's baseline may be: the stream that was requested first
/// need not be the one whose poll ends first.
const BASELINE_MILLIS: i64 = 2_000;
const PREFIX: &str = "/manager/api/v1/";

impl World {
    /// The answer to a request. What it shows is recorded in the truth.
    pub(in crate::simulate) fn page(
        &mut self,
        uri: &Uri,
        no_headers: bool,
        faults: AnswerFaults,
    ) -> Response {
        let query = Query::of(uri);
        let endpoint = uri.path().strip_prefix(PREFIX).unwrap_or_default();
        if let Some(team) = self.definitions.team(endpoint) {
            return ([(CONTENT_TYPE, "application/json; charset=utf-8")], team.to_string())
                .into_response();
        }
        if endpoint.starts_with("menus/sla")
            && (query.get("channel").is_none() || query.get("minutes").is_none())
        {
            let message = r#"{"message":"channel and minutes are required"}"#;
            return (StatusCode::BAD_REQUEST, message).into_response();
        }
        let Some(mut rows) = self.rows(endpoint, &query) else {
            return (StatusCode::NOT_FOUND, r#"{"message":"Not found"}"#).into_response();
        };
        let offset = self.settings.clock_offset_millis;
        let first_answer = self.now.plus_millis(offset + BASELINE_MILLIS).floor_second();
        self.truth.first_answer.get_or_insert(first_answer);
        let page = RequestedPage::read(&query, rows.len());
        let paged = PAGED.contains(&endpoint);
        if paged {
            let lost = usize::from(faults.shifted && page.number > 1 && endpoint == "agents");
            rows = rows
                .into_iter()
                .skip((page.number - 1) * page.size + lost)
                .take(page.size)
                .collect();
        }
        let broken = faults.undecodable_row && break_first(endpoint, &mut rows);
        if !faults.cut {
            if broken && let Some(row) = rows.first() {
                let hash = xxh3_128(row.to_string().as_bytes());
                self.truth.broken_rows.insert(format!("{hash:032x}"));
            }
            let channel = query.get("channel").unwrap_or_default();
            self.record_served(endpoint, channel, &rows[usize::from(broken)..]);
        }
        let mut body = Value::Array(rows).to_string();
        if faults.cut {
            body.truncate(body.len() / 2);
        }
        let mut response =
            ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
        if paged && !no_headers {
            page.add_headers(endpoint, &mut response);
        }
        response
    }

    /// All rows of an endpoint that match a query, before paging; `None` for an unknown endpoint.
    fn rows(&mut self, endpoint: &str, query: &Query) -> Option<Vec<Value>> {
        let now = self.now;
        let ids = query.all("id[]");
        let wanted = |row: &Value| ids.is_empty() || ids.contains(&row["id"].to_string().as_str());
        Some(match endpoint {
            "agents" => {
                let rows =
                    self.agents.values_mut().filter_map(|person| person.roster_row.visible_at(now));
                rows.filter(|row| wanted(row)).cloned().collect()
            }
            "agents/current_status" => {
                let rows = self
                    .agents
                    .values_mut()
                    .filter_map(|person| person.current_status.visible_at(now));
                rows.filter(|row| !row.is_null()).cloned().collect()
            }
            "agent_activity_logs" => {
                let from = query.time("started_at[from]");
                let ended_from = query.time("ended_at[from]");
                let ended = |row: &Value| {
                    ended_from.is_none_or(|from| timestamp(row, "ended_at") >= Some(from))
                };
                let mut rows: Vec<_> = self
                    .log
                    .iter_mut()
                    .rev()
                    .take_while(|row| from.is_none_or(|from| row.started_at >= from))
                    .filter_map(|row| row.shown.visible_at(now))
                    .filter(|row| wanted(row) && ended(row))
                    .cloned()
                    .collect();
                sort(&mut rows, "started_at", query);
                sort(&mut rows, "ended_at", query);
                rows
            }
            "calls" => {
                let rows = self.calls.values_mut().filter_map(|call| call.shown.visible_at(now));
                let rows = rows.filter(|row| wanted(row)).cloned().collect();
                interactions(rows, "call_status[]", query)
            }
            "chats" => {
                let rows = self.chats.values_mut().filter_map(|chat| chat.shown.visible_at(now));
                let rows = rows.filter(|row| wanted(row)).cloned().collect();
                interactions(rows, "chat_status[]", query)
            }
            "menus/current_status" => self.queue_statuses(),
            "menus/sla" => {
                self.service_levels(query.get("channel")?, query.get("minutes")?.parse().ok()?)
            }
            "menus/sla_by_queue_groups" => self
                .group_service_levels(query.get("channel")?, query.get("minutes")?.parse().ok()?),
            other => self.definitions.rows(other, query.get("with_deleted") == Some("true"))?,
        })
    }
}

/// A page as it was requested, and how many rows there are on all pages.
struct RequestedPage {
    number: usize,
    size: usize,
    total: usize,
}

impl RequestedPage {
    fn read(query: &Query, total: usize) -> Self {
        let number = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize);
        let size = query.get("per").and_then(|per| per.parse().ok()).unwrap_or(PER_PAGE);
        Self { number: number.max(1), size: size.clamp(1, PER_PAGE), total }
    }

    fn add_headers(&self, endpoint: &str, response: &mut Response) {
        let headers = response.headers_mut();
        let last = self.total.div_ceil(self.size).max(1);
        let link = |page: usize, relation: &str| {
            format!("<https://simulated.example{PREFIX}{endpoint}?page={page}>; rel=\"{relation}\"")
        };
        let mut links = vec![link(last, "last")];
        if self.number < last {
            links.insert(0, link(self.number + 1, "next"));
        }
        if let Ok(links) = HeaderValue::try_from(links.join(", ")) {
            headers.insert(LINK, links);
        }
        headers.insert("total", HeaderValue::from(self.total));
        headers.insert("per-page", HeaderValue::from(self.size));
    }
}

/// Makes the first row undecodable, except for its id. False without a row, and at endpoints where
/// the absence of a row has a meaning.
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

/// The calls or chats that match a query, in its order.
fn interactions(mut rows: Vec<Value>, status: &str, query: &Query) -> Vec<Value> {
    let (from, to) = (query.time("updated_at[from]"), query.time("updated_at[to]"));
    let statuses = query.all(status);
    rows.retain(|row| {
        let updated = timestamp(row, "updated_at");
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
        rows.sort_by_cached_key(|row| (timestamp(row, column), row["id"].as_u64()));
        if query.get("sort_direction").is_some_and(|way| way.eq_ignore_ascii_case("desc")) {
            rows.reverse();
        }
    }
}
