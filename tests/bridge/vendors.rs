//! An account of each vendor in one process: a failure of one does not affect the others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use floorcast::source::VENDORS;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{BridgeFixture, page};
use crate::support::process::Floorcast;
use crate::support::{consumer, kafka, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);
/// The names of the vendors, which are also the accounts' names and secrets.
const ACCOUNTS: [&str; 4] = ["ccai", "infobip", "maqsam", "deepcall"];

/// Four vendors on one address, each under a path of its own.
struct Vendors {
    _runtime: Runtime,
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How often the agents of each account were requested.
    requests: BTreeMap<&'static str, usize>,
    /// The account whose credentials are refused.
    refused: Option<&'static str>,
    /// Whether there is a second agent.
    second_agent: bool,
}

impl Vendors {
    fn open(refused: Option<&'static str>) -> Self {
        let runtime = Runtime::new().unwrap();
        let state = Arc::new(Mutex::new(State { refused, ..State::default() }));
        let served = Arc::clone(&state);
        let app = Router::new().fallback(move |request: Request| {
            let state = Arc::clone(&served);
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                state.lock().unwrap().answer(head.uri.path(), &head.headers, &body)
            }
        });
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(local)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { _runtime: runtime, url, state }
    }

    fn requests(&self, account: &str) -> usize {
        self.state.lock().unwrap().requests.get(account).copied().unwrap_or(0)
    }

    /// The configuration of the accounts.
    fn accounts(&self) -> String {
        let keys = |account: &str| match account {
            "ccai" => "username = \"u\"\npassword = { env = \"CCAI\" }\n",
            "infobip" => "api_key = { env = \"INFOBIP\" }\n",
            "maqsam" => "username = \"u\"\npassword = { env = \"MAQSAM\" }\n",
            _ => "ssid = { env = \"DEEPCALL\" }\n",
        };
        let account = |account: &&str| {
            format!(
                "[[account]]\nname = \"{account}\"\nvendor = \"{account}\"\nbase_url = \"{}\"\n{}\
                 requests_per_second = 50\n[account.streams.agents]\nmax_interval = \"1s\"\n",
                self.url,
                keys(account)
            )
        };
        ACCOUNTS.iter().map(account).collect()
    }
}

impl State {
    fn answer(&mut self, path: &str, headers: &axum::http::HeaderMap, body: &[u8]) -> Response {
        let (account, rows): (&'static str, _) = match path {
            "/manager/api/v1/agents" => ("ccai", self.rows("id")),
            "/ccaas/1/agents" => ("infobip", self.rows("id")),
            "/v1/agents/page/1" => ("maqsam", self.rows("identifier")),
            "/api/v2/Agent/list" => ("deepcall", self.rows("unique_id")),
            path if path.starts_with("/v1/agents/page/") => ("maqsam", Vec::new()),
            // The other streams of the one vendor that has more than one.
            _ => return "[]".into_response(),
        };
        *self.requests.entry(account).or_default() += 1;
        let authorization = headers.get("authorization").map(|value| value.to_str().unwrap());
        let expected = match account {
            "infobip" => Some("App infobip"),
            "deepcall" => None,
            _ => Some(if account == "ccai" { "Basic dTpjY2Fp" } else { "Basic dTptYXFzYW0=" }),
        };
        let in_body: Value = serde_json::from_slice(body).unwrap_or_default();
        let allowed = authorization == expected
            && (account == "deepcall") == (in_body == json!({"ssid": "deepcall"}));
        assert!(allowed, "{account}: {authorization:?}");
        if self.refused == Some(account) {
            return refusal(account);
        }
        let count = rows.len();
        match account {
            "ccai" => ([("Total", count.to_string())], json!(rows).to_string()).into_response(),
            "infobip" => json!({"agents": rows, "pagination": {"totalItems": count, "page": 0,
                "limit": 999, "orderBy": "id:asc"}})
            .to_string()
            .into_response(),
            "maqsam" => json!({"result": "success", "message": rows}).to_string().into_response(),
            _ => json!({"response": rows, "totalRecords": count, "totalPages": 1, "currentPage": 1,
                "status": "success", "code": 200})
            .to_string()
            .into_response(),
        }
    }

    /// Rows with the fields of every vendor, and the id under this name.
    fn rows(&self, id: &str) -> Vec<Value> {
        let agents = if self.second_agent { 1..=2 } else { 1..=1 };
        let row = |number: u32| {
            json!({id: number.to_string(), "name": "Mira", "displayName": "Mira", "status": 1,
                "email": "mira@example.com", "phone": "15550110", "dest_type": "MOBILE",
                "dest_value": "5550110", "group": [17]})
        };
        let mut rows: Vec<_> = agents.map(row).collect();
        match id {
            // The first agent is deactivated when there is a second one.
            "unique_id" => rows[0]["status"] = json!(i32::from(!self.second_agent)),
            _ => rows.iter_mut().for_each(|row| row["status"] = Value::Null),
        }
        rows
    }
}

/// Each vendor's answer to wrong credentials.
fn refusal(account: &str) -> Response {
    let (status, body) = match account {
        "ccai" => (StatusCode::UNAUTHORIZED, json!({"message": "Unauthorized"})),
        "infobip" => {
            let text = json!({"messageId": "UNAUTHORIZED", "text": "Invalid login details"});
            (StatusCode::UNAUTHORIZED, json!({"requestError": {"serviceException": text}}))
        }
        "maqsam" => (StatusCode::UNAUTHORIZED, json!({"error": true, "message": "Unauthorized"})),
        _ => (StatusCode::OK, json!({"status": "error", "code": 1014, "message": "Invalid token"})),
    };
    (status, body.to_string()).into_response()
}

fn count_events(bridge: &Floorcast, event: &str, key: &str) -> usize {
    let event = format!("\"{event}\"");
    let key = format!("\"{key}\"");
    bridge.stdout().iter().filter(|line| line.contains(&event) && line.contains(&key)).count()
}

#[test]
fn refused_credentials_of_one_vendor_do_not_affect_the_accounts_of_the_others() {
    let known: Vec<_> = VENDORS.iter().map(|vendor| vendor.name).collect();
    assert_eq!(known, ACCOUNTS, "an account of each vendor");
    for refused in ACCOUNTS {
        let vendors = Vendors::open(Some(refused));
        let fixture = BridgeFixture::of_accounts(&vendors.accounts(), "127.0.0.1:1", "nobody");
        let secrets = [("CCAI", "ccai"), ("INFOBIP", "infobip"), ("MAQSAM", "maqsam")];
        let variables: Vec<_> = secrets.into_iter().chain([("DEEPCALL", "deepcall")]).collect();
        let arguments = ["run", "--dry-run", "--config", &fixture.config()];
        let mut bridge = Floorcast::start(&arguments, &variables);
        bridge.wait_for_line("account stopped", DEADLINE);
        let others: Vec<_> = ACCOUNTS.into_iter().filter(|account| *account != refused).collect();
        for account in &others {
            wait_until(DEADLINE, account, || {
                count_events(&bridge, "AgentAdded", &format!("{account}:agent:1")) == 1
            });
        }
        // They continue after that, and see a new agent.
        let requests = vendors.requests(refused);
        vendors.state.lock().unwrap().second_agent = true;
        for account in &others {
            wait_until(DEADLINE, account, || {
                count_events(&bridge, "AgentAdded", &format!("{account}:agent:2")) == 1
            });
        }
        assert_eq!(vendors.requests(refused), requests, "{refused} is requested again");
        // An activation is not a status.
        let switched = usize::from(refused != "deepcall");
        assert_eq!(count_events(&bridge, "AgentDeactivated", "deepcall:agent:1"), switched);
        assert_eq!(count_events(&bridge, "AgentStatusChanged", "deepcall:agent:1"), 0);
        assert_eq!(count_events(&bridge, "AgentAdded", &format!("{refused}:agent:1")), 0);
        let ready = page(&mut bridge, "/readyz");
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        let stopped = format!("account {refused}: stopped: the vendor refused the credentials (");
        assert!(ready.contains(&stopped), "{ready}");
        let metrics = page(&mut bridge, "/metrics");
        for account in ACCOUNTS {
            let up = format!("floorcast_account_up{{account=\"{account}\"}} {}", {
                u8::from(account != refused)
            });
            assert!(metrics.contains(&up), "{up}: {metrics}");
        }
        bridge.terminate();
        assert!(bridge.wait(DEADLINE).success());
        let output = bridge.output();
        assert!(!output.contains("Invalid token") && !output.contains("Invalid login"), "{output}");
    }
}

/// The passwords of every agent.
const PASSWORD: &str = "Planted-password";
const CALL_PASS: &str = "52597981";
const SSID: &str = "Planted-session";

/// Answers with planted passwords: valid ones with undecodable rows, and invalid ones.
fn planted(number: usize) -> Response {
    let row = |id: usize| {
        json!({"unique_id": id, "name": format!("Mira {}", number / 4), "status": 1, "group": [17],
            "email": "mira@example.com", "phone": "15550110", "dest_type": "MOBILE",
            "dest_value": "5550110", "password": PASSWORD, "call_pass": CALL_PASS,
            "sip": {"sipPassword": PASSWORD}})
    };
    let mut undecodable = row(2);
    undecodable["create_date"] = json!("yesterday");
    let narrow = json!({"unique_id": 3, "name": "Mira", "call_pass": CALL_PASS});
    let surrogate = row(4).to_string().replace("Mira", "\\ud800");
    let answer = |status: StatusCode, body: String| (status, body).into_response();
    match number % 4 {
        0 => answer(
            StatusCode::OK,
            format!(
                "{{\"response\":[{},{undecodable},{narrow},{surrogate}],\"totalRecords\":4,\
                 \"status\":\"success\",\"code\":200}}",
                row(1)
            ),
        ),
        1 => answer(StatusCode::OK, format!("{{\"response\":[{},", row(1))),
        2 => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({"status": "error", "message": PASSWORD, "response": [row(1)]}).to_string(),
        ),
        _ => answer(
            StatusCode::OK,
            json!({"status": "error", "code": 1502, "message": PASSWORD, "response": {"1": row(1)}})
                .to_string(),
        ),
    }
}

fn files(directory: &Path, found: &mut Vec<(&'static str, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(("store", std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn passwords_of_deepcall_agents_appear_in_no_log_page_event_or_store() {
    let broker = kafka::shared();
    let runtime = Runtime::new().unwrap();
    let number = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&number);
    let app = Router::new().fallback(move || {
        let mut number = counted.lock().unwrap();
        *number += 1;
        let answer = planted(*number - 1);
        async { answer }
    });
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(local)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });

    let account = format!(
        "[[account]]\nname = \"acme\"\nvendor = \"deepcall\"\nbase_url = \"{url}\"\n\
         ssid = {{ env = \"SSID\" }}\nrequests_per_second = 50\n\
         [account.streams.agents]\nmax_interval = \"1s\"\n"
    );
    let prefix = kafka::unique_prefix("deepcall");
    let fixture = BridgeFixture::of_accounts(&account, broker.bootstrap(), &prefix);
    let mut bridge = fixture.run_with(&[("SSID", SSID), ("FLOORCAST_LOG", "debug")]);
    bridge.wait_for_line("admin pages at", DEADLINE);
    let mut records = Vec::new();
    wait_until(DEADLINE, "an update and three quarantined rows are published", || {
        let topics = consumer::topics_of(broker.bootstrap(), &prefix);
        records = consumer::read_all(broker.bootstrap(), &topics);
        let count = |name: &str| {
            let types = records.iter().filter_map(|record| record.headers.get("ce_type"));
            types.filter(|found| found.ends_with(name)).count()
        };
        count("AgentUpdated") >= 2 && count("RecordQuarantined") >= 3
    });
    let mut traces = Vec::new();
    for path in ["/metrics", "/status", "/readyz"] {
        traces.push(("pages", page(&mut bridge, path).into_bytes()));
    }
    bridge.terminate();
    assert!(bridge.wait(DEADLINE).success());
    let output = bridge.output();
    assert!(output.contains("DEBUG"), "nothing is logged at debug level: {output}");
    assert!(output.contains("1502: a filter"), "the vendor's own error is not logged: {output}");
    traces.push(("log", output.into_bytes()));
    for record in records {
        traces.push(("topics", format!("{:?} {:?}", record.key, record.headers).into_bytes()));
        traces.push(("topics", record.value));
    }
    files(fixture.directory(), &mut traces);
    let found = |text: &str| -> Vec<_> {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        traces.iter().filter(|(_, bytes)| holds(bytes)).map(|(place, _)| *place).collect()
    };
    // This shows that the search works.
    for place in ["topics", "store"] {
        assert!(found("mira@example.com").contains(&place), "{place}");
    }
    for secret in [PASSWORD, CALL_PASS, SSID] {
        assert!(found(secret).is_empty(), "{secret} in {:?}", found(secret));
    }
}
