//! A vendor on the loopback interface with an HTTP implementation of its own, which can send
//! invalid HTTP; and another host, to which no request may be sent.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use floorcast::clock::{Clock, SystemClock};
use floorcast::model::Timestamp;
use serde_json::{Value, json};

/// A text in bad answers. It must not appear anywhere else.
pub(super) const PLANTED: &str = "Planted-in-an-answer";

/// The endpoints that are always polled.
pub(super) const ENDPOINTS: [&str; 11] = [
    "agents",
    "agents/current_status",
    "agent_activity_logs",
    "calls",
    "chats",
    "menus",
    "menus/current_status",
    "menus/sla",
    "menus/sla_by_queue_groups",
    "teams",
    "user_statuses",
];

/// Requests that are sent under a condition only: calls that ended a short time ago, by their ids,
/// and waiting calls, once one has waited too long.
pub(super) const CONDITIONAL: [&str; 2] = ["calls by id", "calls that wait"];

/// A request of the bridge.
pub(super) struct ReceivedRequest {
    pub(super) endpoint: String,
    pub(super) page: Option<u32>,
    /// A host that is not the configured one.
    pub(super) other_host: SocketAddr,
    /// How many answers the vendor has sent since its behaviour changed.
    pub(super) number: usize,
    /// How often this endpoint's first page was requested since then.
    pub(super) turn: usize,
    now: Stage,
    /// Since when a call waits, if any.
    waiting_since: Option<Timestamp>,
}

/// The state of the contact centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The state of the first poll.
    Before,
    /// The state after [`CHANGES`].
    After,
}

impl ReceivedRequest {
    /// The right rows of the endpoint.
    pub(super) fn rows(&self) -> Vec<Value> {
        let mut rows = rows(&self.endpoint, self.now);
        if self.endpoint == "calls"
            && let Some(since) = self.waiting_since
        {
            // Its last update is older than the changes.
            let updated = (since - Duration::from_mins(10)).to_rfc3339_millis();
            let since = since.to_rfc3339_millis();
            rows.push(json!({"id": 72, "status": "queued", "call_type": "Voice Inbound",
                "created_at": since, "queued_at": since, "updated_at": updated,
                "queue_durations": [{"id": 1, "started_at": since,
                    "service_level_target_time": WAIT_SECONDS}]}));
        }
        rows
    }

    /// The first page of the right rows; further pages are empty.
    pub(super) fn page_of_rows(&self) -> Vec<Value> {
        if self.page.unwrap_or(1) > 1 { Vec::new() } else { self.rows() }
    }

    /// The right rows without the first one: a removal, if the answer is believed.
    pub(super) fn fewer_rows(&self) -> Vec<Value> {
        self.rows().into_iter().skip(1).collect()
    }
}

/// The target of the waiting call, in seconds.
const WAIT_SECONDS: u64 = 8;

pub(super) fn stamp(ago: u64) -> String {
    (SystemClock.now() - Duration::from_secs(ago)).floor_second().to_rfc3339_millis()
}

/// Rows are made once per process, so that the same state has the same bytes.
fn rows(endpoint: &str, now: Stage) -> Vec<Value> {
    static ROWS: Mutex<BTreeMap<(bool, &str), Vec<Value>>> = Mutex::new(BTreeMap::new());
    let mut all = ROWS.lock().unwrap();
    if all.is_empty() {
        for (at, endpoint) in
            [false, true].into_iter().flat_map(|at| ENDPOINTS.iter().map(move |name| (at, *name)))
        {
            all.insert((at, endpoint), make_rows(endpoint, at));
        }
    }
    all.get(&(now == Stage::After, endpoint)).cloned().unwrap_or_default()
}

fn make_rows(endpoint: &str, after: bool) -> Vec<Value> {
    let status = |id: i32, name: &str| json!({"id": id, "name": name});
    let agent = |id: u32| {
        json!({"id": id, "first_name": "Mira", "online": true, "wrap_up": false,
               "status": status(0, "Available"), "status_updated_at": stamp(600)})
    };
    let current = |id: u32, on_hold: bool| {
        json!({"id": id, "status": "Available", "status_id": 0, "status_updated_at": stamp(600),
               "on_hold": on_hold})
    };
    let activity = |id: u32, agent: u32, ago: u64, status: Value| {
        json!({"id": id, "agent_id": agent, "activity": "user_status_changed",
               "started_at": stamp(ago), "status": status})
    };
    let call = |status: &str, ends_at: Value, ago: u64| {
        json!({"id": 70, "status": status, "call_type": "Voice Inbound", "created_at": stamp(900),
               "queued_at": stamp(899), "assigned_at": stamp(890), "connected_at": stamp(889),
               "ends_at": ends_at, "updated_at": stamp(ago)})
    };
    let mut rows = match endpoint {
        "agents" => (1..=6).map(agent).collect(),
        "agents/current_status" => (1..=6).map(|id| current(id, id == 1 && !after)).collect(),
        "agent_activity_logs" => {
            (1..=6).map(|id| activity(id, id, 600, status(0, "Available"))).collect()
        }
        "calls" => {
            // A call that ended a short time ago is requested again.
            let mut ended = call("finished", json!(stamp(300)), 300);
            ended["id"] = json!(71);
            let talking = if after {
                call("finished", json!(stamp(2)), 2)
            } else {
                call("connected", Value::Null, 889)
            };
            vec![talking, ended]
        }
        "chats" => vec![json!({"id": 80, "status": "assigned", "created_at": stamp(900),
            "assigned_at": stamp(880), "updated_at": stamp(880)})],
        "menus" => (10..16).map(|id| json!({"id": id, "name": "Parcels"})).collect(),
        "menus/current_status" => (5..10)
            .map(|path| {
                json!({"menu_id": 10, "lang": "en", "menu_path_id": path, "menu_path": "Parcels",
                    "comm_type": "Call",
                    "in_queue_count": if after && path == 5 { 1 } else { 2 }})
            })
            .collect(),
        "menus/sla" => vec![json!({"menu_path_id": 5, "lang": "en", "menu_path": "Parcels",
            "sla": if after { 91.0 } else { 90.0 }})],
        "menus/sla_by_queue_groups" => {
            vec![json!({"queue_group_id": 30, "queue_group_name": "All",
            "sla": if after { 71.0 } else { 70.0 }})]
        }
        "teams" => (20..26).map(|id| json!({"id": id, "name": "Letters"})).collect(),
        "user_statuses" => {
            vec![status(0, "Available"), status(-1, "Unavailable"), status(-4, "Meal")]
        }
        _ => Vec::new(),
    };
    if after {
        match endpoint {
            "agents" => rows.push(json!({"id": 7, "first_name": "Jonas"})),
            "agent_activity_logs" => rows.push(activity(100, 2, 1, status(-4, "Meal"))),
            "menus" => rows.push(json!({"id": 16, "name": "Letters"})),
            "teams" => rows.push(json!({"id": 26, "name": "Parcels"})),
            "user_statuses" => rows.push(status(9, "Training")),
            _ => {}
        }
    }
    rows
}

/// The events between the two states, by type and key.
pub(super) const CHANGES: [(&str, &str); 12] = [
    ("AgentAdded", "acme:agent:7"),
    ("AgentHoldEnded", "acme:agent:1"),
    ("AgentStatusChanged", "acme:agent:2"),
    ("CallFinished", "acme:call:70"),
    ("QueueAdded", "acme:queue:16"),
    ("QueueDepthChanged", "acme:queue_path:5/en/call"),
    ("ServiceLevelChanged", "acme:queue_group:30/call"),
    ("ServiceLevelChanged", "acme:queue_group:30/chat"),
    ("ServiceLevelChanged", "acme:queue_path:5/en/call"),
    ("ServiceLevelChanged", "acme:queue_path:5/en/chat"),
    ("StatusDefinitionAdded", "acme:status:9"),
    ("TeamAdded", "acme:team:26"),
];

/// Answers a request. An error means that the client has closed the connection.
pub(super) type BadAnswer = fn(&ReceivedRequest, &mut Wire) -> io::Result<()>;

/// A connection that counts the written bytes.
pub(super) struct Wire {
    stream: TcpStream,
    pub(super) written: u64,
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Wire {
    /// Writes a whole answer; `head` is additional header lines, each with its line end.
    pub(super) fn answer(&mut self, status: &str, head: &str, body: &[u8]) -> io::Result<()> {
        write!(
            self,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{head}\r\n",
            body.len()
        )?;
        self.write_all(body)
    }

    /// Waits until the client closes the connection.
    pub(super) fn until_gone(&mut self) -> io::Result<()> {
        self.stream.read(&mut [0]).map(drop)
    }

    /// Writes rows with a count.
    pub(super) fn rows(&mut self, rows: &[Value], total: &str) -> io::Result<()> {
        let body = json!(rows).to_string();
        self.answer("200 OK", &format!("Total: {total}\r\n"), body.as_bytes())
    }
}

/// How the vendor answers at present.
#[derive(Clone, Copy)]
enum Behaviour {
    Good(Stage),
    Bad(BadAnswer),
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    requests: Mutex<BTreeMap<String, usize>>,
    answers: Mutex<usize>,
    most_written: Mutex<u64>,
    authorization: String,
    cookies: Mutex<Vec<String>>,
    other_host: SocketAddr,
    other_host_requests: Arc<Mutex<Vec<String>>>,
    waiting_since: Option<Timestamp>,
}

/// The vendor. Its threads end with the process, or when it is dropped.
pub(super) struct Vendor {
    shared: Arc<Shared>,
    address: SocketAddr,
    addresses: [SocketAddr; 2],
    open: Arc<Mutex<bool>>,
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => head.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8(head).ok()
}

/// Accepts connections until `open` is false.
fn listen(
    open: &Arc<Mutex<bool>>,
    serve: impl Fn(TcpStream) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let open = Arc::clone(open);
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if !*open.lock().unwrap() {
                return;
            }
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

impl Vendor {
    /// A vendor that answers correctly, and accepts this header line.
    pub(super) fn open(authorization: String) -> Self {
        Self::open_with(authorization, None)
    }

    /// The same, with a call that waits from now on, and will have waited too long in seconds.
    pub(super) fn open_with_waiting_call(authorization: String) -> Self {
        Self::open_with(authorization, Some(SystemClock.now().floor_second()))
    }

    fn open_with(authorization: String, waiting_since: Option<Timestamp>) -> Self {
        let open = Arc::new(Mutex::new(true));
        let other_host_requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&other_host_requests);
        let other_host = listen(&open, move |mut stream| {
            let head = read_head(&mut stream);
            seen.lock().unwrap().push(head.unwrap_or_default());
        });
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour::Good(Stage::Before)),
            requests: Mutex::default(),
            answers: Mutex::new(0),
            most_written: Mutex::new(0),
            authorization,
            cookies: Mutex::default(),
            other_host,
            other_host_requests,
            waiting_since,
        });
        let served = Arc::clone(&shared);
        let address = listen(&open, move |stream| served.serve(stream));
        Self { shared, address, addresses: [address, other_host], open }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn change(&self, behaviour: Behaviour) {
        let mut current = self.shared.behaviour.lock().unwrap();
        self.shared.requests.lock().unwrap().clear();
        *self.shared.answers.lock().unwrap() = 0;
        *current = behaviour;
    }

    /// From now on every answer is this bad one.
    pub(super) fn answer_badly(&self, bad_answer: BadAnswer) {
        self.change(Behaviour::Bad(bad_answer));
    }

    /// From now on every answer is right, and shows [`CHANGES`].
    pub(super) fn answer_well(&self) {
        self.change(Behaviour::Good(Stage::After));
    }

    /// How often the first page of each endpoint was requested since the behaviour changed: the
    /// minimum.
    pub(super) fn least_requests(&self) -> usize {
        let requests = self.shared.requests.lock().unwrap();
        let counts = ENDPOINTS.iter().map(|endpoint| requests.get(*endpoint).copied().unwrap_or(0));
        counts.min().unwrap()
    }

    /// Whether each conditional request was sent since the behaviour changed. One right answer may
    /// be enough for the bridge.
    pub(super) fn has_conditional_requests(&self) -> bool {
        let requests = self.shared.requests.lock().unwrap();
        CONDITIONAL.iter().all(|condition| requests.contains_key(*condition))
    }

    /// How many answers it has begun since its behaviour changed.
    pub(super) fn answers(&self) -> usize {
        *self.shared.answers.lock().unwrap()
    }

    /// The most bytes that were written of one answer.
    pub(super) fn most_written(&self) -> u64 {
        *self.shared.most_written.lock().unwrap()
    }

    /// The cookies that the bridge has sent.
    pub(super) fn cookies(&self) -> Vec<String> {
        self.shared.cookies.lock().unwrap().clone()
    }

    /// The requests to the other host.
    pub(super) fn other_host_requests(&self) -> Vec<String> {
        self.shared.other_host_requests.lock().unwrap().clone()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        *self.open.lock().unwrap() = false;
        for door in self.addresses {
            // A connection wakes the accepting thread.
            let _ = TcpStream::connect(door);
        }
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        // A client that closed the connection is noticed while something is written.
        let _ = stream.set_write_timeout(Some(Duration::from_secs(10)));
        let Some(head) = read_head(&mut stream) else { return };
        let target = head.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let endpoint = path.trim_start_matches("/manager/api/v1/").to_owned();
        let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
        let page = page.and_then(|page| page.parse().ok());
        let cookies = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("cookie:"));
        self.cookies.lock().unwrap().extend(cookies.map(String::from));
        let authorized = head.lines().any(|line| line.eq_ignore_ascii_case(&self.authorization));
        let (behaviour, number, turn) = {
            let behaviour = *self.behaviour.lock().unwrap();
            let mut requests = self.requests.lock().unwrap();
            let turn = requests.entry(endpoint.clone()).or_default();
            if page.unwrap_or(1) == 1 {
                *turn += 1;
            }
            let turn = *turn;
            for (sign, condition) in
                [("id%5B%5D=", CONDITIONAL[0]), ("_status%5B%5D=", CONDITIONAL[1])]
            {
                if query.contains(sign) && endpoint == "calls" {
                    *requests.entry(condition.to_owned()).or_default() += 1;
                }
            }
            let mut answers = self.answers.lock().unwrap();
            *answers += 1;
            (behaviour, *answers, turn)
        };
        let mut wire = Wire { stream, written: 0 };
        let (other_host, waiting_since) = (self.other_host, self.waiting_since);
        // Writing fails when the client has closed the connection.
        let _ = match behaviour {
            _ if !authorized => wire.answer("401 Unauthorized", "", b"{}"),
            Behaviour::Good(now) => {
                let request = ReceivedRequest {
                    endpoint,
                    page,
                    other_host,
                    number,
                    turn,
                    now,
                    waiting_since,
                };
                let total = request.rows().len().to_string();
                wire.rows(&request.page_of_rows(), &total)
            }
            Behaviour::Bad(bad_answer) => {
                let now = Stage::Before;
                bad_answer(
                    &ReceivedRequest {
                        endpoint,
                        page,
                        other_host,
                        number,
                        turn,
                        now,
                        waiting_since,
                    },
                    &mut wire,
                )
            }
        };
        let mut most = self.most_written.lock().unwrap();
        *most = wire.written.max(*most);
    }
}
