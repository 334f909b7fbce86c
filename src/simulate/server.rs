//! The vendor's endpoints, with their habits: pages of at most 100 whatever is asked for, headers
//! `Link`, `Total` and `Per-Page`, basic authentication, a rate limit with 429, and faults on
//! demand.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, LINK, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::world::{Settings, Truth, World};
use crate::clock::Clock;
use crate::model::Timestamp;

/// The vendor's maximum of rows in a page.
const PER_PAGE: usize = 100;
/// How many requests are remembered.
const REQUESTS_KEPT: usize = 100_000;
/// How long the centre has been open when the first request comes.
const WARM_UP_MILLIS: i64 = 60_000;
/// The endpoints with pages.
const PAGED: &[&str] = &["agents", "agent_activity_logs", "calls", "chats", "menus", "teams"];
const PREFIX: &str = "/manager/api/v1/";

/// Faults on demand: each the probability that a request meets it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// 500.
    pub server_error: f64,
    /// 429 although the rate was kept.
    pub refused: f64,
    /// An answer that ends in the middle.
    pub cut: f64,
    /// HTML with status 200.
    pub garbage: f64,
    /// An answer that comes late.
    pub slow: f64,
    /// How late, in milliseconds.
    pub slow_millis: u64,
    /// A row of a page that cannot be decoded.
    pub undecodable_row: f64,
    /// Rows that shift between pages: a later page begins a row too late, as after a removal.
    pub shifted_rows: f64,
    /// No `Link` and no `Total`.
    pub no_headers: bool,
}

impl Faults {
    /// What a vendor does on an ordinary day.
    #[must_use]
    pub const fn mild() -> Self {
        Self {
            server_error: 0.01,
            refused: 0.005,
            cut: 0.01,
            garbage: 0.005,
            slow: 0.02,
            slow_millis: 700,
            undecodable_row: 0.0,
            shifted_rows: 0.1,
            no_headers: false,
        }
    }
}

/// Why the simulator cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the simulator cannot listen on {address}: {source}")]
pub struct SimulatorError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A running simulator. It ends when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    faults: Mutex<Faults>,
    gate: Mutex<Gate>,
    clock: Arc<dyn Clock>,
    authorization: String,
    limit: f64,
}

#[derive(Debug)]
struct Gate {
    random: StdRng,
    /// Requests that may come at once.
    tokens: f64,
    refilled_at: Timestamp,
    requests: VecDeque<(Timestamp, String)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator {
    /// Opens a contact centre and shows it on this address.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub async fn start(
        settings: Settings,
        listen: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SimulatorError> {
        let bound = async {
            let listener = TcpListener::bind(listen).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) =
            bound.await.map_err(|source| SimulatorError { address: listen, source })?;
        let now = clock.now();
        let pair = STANDARD.encode(format!("{}:{}", settings.username, settings.token));
        let gate = Gate {
            random: StdRng::seed_from_u64(settings.seed ^ 0xfa17),
            tokens: 2.0,
            refilled_at: now,
            requests: VecDeque::new(),
        };
        let limit = settings.requests_per_second;
        let mut world = World::new(settings, now.plus_millis(-WARM_UP_MILLIS));
        world.advance(now);
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            faults: Mutex::new(Faults::default()),
            gate: Mutex::new(gate),
            clock,
            authorization: format!("Basic {pair}"),
            limit,
        });
        let pages = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, pages).await {
                tracing::error!(%error, "the simulator is gone");
            }
        });
        Ok(Self { shared, address, server })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a configuration has as `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a configuration has to reach it: an `[[account]]` of this name, whose password is in
    /// this variable of the environment.
    #[must_use]
    pub fn account(&self, name: &str, variable: &str) -> String {
        let (url, username) = (self.base_url(), &lock(&self.shared.world).settings.username);
        format!(
            "[[account]]\nname = \"{name}\"\nvendor = \"ccai\"\nbase_url = \"{url}\"\n\
             username = \"{username}\"\npassword = {{ env = \"{variable}\" }}\n"
        )
    }

    /// Sets the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Nothing happens any more; what was written still becomes visible, and is still served.
    pub fn stop_world(&self) {
        let mut world = lock(&self.shared.world);
        world.advance(self.shared.clock.now());
        world.stop();
    }

    /// The truth as it stands.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let mut world = lock(&self.shared.world);
        world.advance(self.shared.clock.now());
        world.truth()
    }

    /// When each request came, in our clock, and for which endpoint.
    #[must_use]
    pub fn requests(&self) -> Vec<(Timestamp, String)> {
        lock(&self.shared.gate).requests.iter().cloned().collect()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What a request meets.
enum Fate {
    Answer(Flaws),
    Late(Duration),
    Refuse(StatusCode),
    Html,
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let now = shared.clock.now();
    let path = request.uri().path().to_owned();
    let authorized = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes)
        == Some(shared.authorization.as_bytes());
    let faults = *lock(&shared.faults);
    let fate = lock(&shared.gate).fate(now, &path, shared.limit, faults);
    let mut response = match fate {
        _ if !authorized => {
            (StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#).into_response()
        }
        Fate::Refuse(StatusCode::TOO_MANY_REQUESTS) => {
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], "{}").into_response()
        }
        Fate::Refuse(status) => (status, "<h1>Something went wrong</h1>").into_response(),
        Fate::Html => "<!doctype html><h1>Maintenance</h1>".into_response(),
        Fate::Late(delay) => {
            tokio::time::sleep(delay).await;
            page(&shared, &request, faults, Flaws::default())
        }
        Fate::Answer(flaws) => page(&shared, &request, faults, flaws),
    };
    let offset = lock(&shared.world).settings.clock_offset_millis;
    let vendor_now = shared.clock.now().plus_millis(offset);
    let date = DateTime::from_timestamp_millis(vendor_now.millis())
        .map(|date| date.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

impl Gate {
    fn fate(&mut self, now: Timestamp, path: &str, limit: f64, faults: Faults) -> Fate {
        self.requests.push_back((now, path.to_owned()));
        if self.requests.len() > REQUESTS_KEPT {
            self.requests.pop_front();
        }
        #[allow(clippy::cast_precision_loss, reason = "milliseconds between two requests")]
        let passed = now.millis_since(self.refilled_at).max(0) as f64 / 1000.0;
        self.refilled_at = now;
        self.tokens = (self.tokens + passed * limit).min(2.0);
        if self.tokens < 1.0 {
            return Fate::Refuse(StatusCode::TOO_MANY_REQUESTS);
        }
        self.tokens -= 1.0;
        let mut meets = |probability: f64| self.random.random_bool(probability.clamp(0.0, 1.0));
        if meets(faults.server_error) {
            Fate::Refuse(StatusCode::INTERNAL_SERVER_ERROR)
        } else if meets(faults.refused) {
            Fate::Refuse(StatusCode::TOO_MANY_REQUESTS)
        } else if meets(faults.garbage) {
            Fate::Html
        } else if meets(faults.slow) {
            Fate::Late(Duration::from_millis(faults.slow_millis))
        } else {
            Fate::Answer(Flaws {
                cut: meets(faults.cut),
                undecodable_row: meets(faults.undecodable_row),
                shifted: meets(faults.shifted_rows),
            })
        }
    }
}

/// What is wrong with an answer that comes.
#[derive(Clone, Copy, Default)]
struct Flaws {
    cut: bool,
    undecodable_row: bool,
    shifted: bool,
}

/// The parameters of a query.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(request: &Request) -> Self {
        let text = request.uri().query().unwrap_or_default();
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
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

fn page(shared: &Shared, request: &Request, faults: Faults, flaws: Flaws) -> Response {
    let Flaws { cut, undecodable_row, shifted } = flaws;
    let query = Query::of(request);
    let mut world = lock(&shared.world);
    world.advance(shared.clock.now());
    let endpoint = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
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
    let first_answer = shared.clock.now().plus_millis(offset).floor_second();
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
    if !cut && !undecodable_row {
        world.served(&endpoint, query.get("channel").unwrap_or_default(), &rows);
    }
    drop(world);
    if undecodable_row && let Some(row) = rows.first_mut() {
        row["created_at"] = json!("the day before yesterday");
        row["started_at"] = json!({});
    }
    let mut body = Value::Array(rows).to_string();
    if cut {
        body.truncate(body.len() / 2);
    }
    let mut response = ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
    if paged && !faults.no_headers {
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
        match endpoint {
            "agents" => {
                for row in rows {
                    let id = row["id"].to_string();
                    let flips = self.truth.served_wrap_ups.entry(id.clone()).or_default();
                    flip(flips, row["wrap_up"] == true);
                    let mut bare = row.clone();
                    if let Some(fields) = bare.as_object_mut() {
                        // What has events of its own.
                        for name in ["status", "status_updated_at", "wrap_up"] {
                            fields.remove(name);
                        }
                    }
                    let versions = self.truth.served_agents.entry(id).or_default();
                    if versions.last() != Some(&bare) {
                        versions.push(bare);
                    }
                }
            }
            "agents/current_status" => {
                let known: Vec<_> = self.truth.served_holds.keys().cloned().collect();
                for row in rows {
                    let flips = self.truth.served_holds.entry(row["id"].to_string()).or_default();
                    flip(flips, row["on_hold"] == true);
                }
                for id in known {
                    if !rows.iter().any(|row| has_id(row, &id)) {
                        flip(self.truth.served_holds.entry(id).or_default(), false);
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
                    push(self.truth.served_records.entry(key).or_default(), row);
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
                    if depths.last().copied().unwrap_or(0) != depth {
                        depths.push(depth);
                    }
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
                    if *levels.last().unwrap_or(&Value::Null) != row["sla"] {
                        levels.push(row["sla"].clone());
                    }
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
        let depths = &self.truth.served_depths;
        let waiting =
            depths.iter().filter(|(_, depths)| depths.last().is_some_and(|last| *last > 0));
        let waiting: Vec<_> = waiting.map(|(path, _)| path.clone()).collect();
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

/// Another version, unless it is the last one.
fn push(versions: &mut Vec<Value>, row: &Value) {
    if versions.last() != Some(row) {
        versions.push(row.clone());
    }
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

/// A change of a yes or no that begins as no.
fn flip(flips: &mut Vec<bool>, now: bool) {
    if flips.last().copied().unwrap_or(false) != now {
        flips.push(now);
    }
}

fn sort(rows: &mut [Value], column: &str, query: &Query) {
    if query.get("sort_column") == Some(column) {
        rows.sort_by_cached_key(|row| (stamp(row, column), row["id"].as_u64()));
        if query.get("sort_direction").is_some_and(|way| way.eq_ignore_ascii_case("desc")) {
            rows.reverse();
        }
    }
}
