//! The directories over HTTP.

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;
use crate::simulate::served::Served;
use crate::simulate::settings::{DirectorySettings, Traps};

/// A simulator, and its clock.
struct Fixture {
    simulator: Simulator,
    clock: ManualClock,
    client: Client,
}

impl Fixture {
    async fn open(traps: Traps) -> Self {
        let directories = DirectorySettings { traps, ..DirectorySettings::default() };
        let settings = WorldSettings { directories, ..WorldSettings::default() };
        let clock = ManualClock::at(Timestamp::from_millis(1_772_366_400_000));
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator = Simulator::start(settings, local, Arc::new(clock.clone())).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { simulator, clock, client: Client::new() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.simulator.base_url()))
    }

    /// Sends an authorized request, a second after the request before: the status and the body.
    async fn request(&self, system: System, path: &str) -> (u16, Value) {
        self.clock.advance(Duration::from_secs(1));
        let secret = self.simulator.secret(system);
        let request = match system {
            System::DeepCall => {
                let url = format!("{}{path}", self.simulator.base_url());
                self.client.post(url).body(json!({ "ssid": secret }).to_string())
            }
            _ => self.get(path).basic_auth("simulated", Some(secret)),
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or_else(|_| json!(body)))
    }
}

const INFOBIP: &str = "/ccaas/1/agents?limit=999";
const MAQSAM: &str = "/v1/agents";
const DEEPCALL: &str = "/api/v2/Agent/list";

fn ids(rows: &Value, name: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[name].to_string()).collect()
}

#[tokio::test]
async fn each_system_accepts_its_own_credentials_and_refuses_others_in_its_own_form() {
    let fixture = Fixture::open(Traps::none()).await;
    let secrets: HashSet<_> =
        System::ALL.into_iter().map(|system| fixture.simulator.secret(system)).collect();
    assert_eq!(secrets.len(), 4);
    let others = fixture.simulator.secret(System::Ccai);
    let send = async |request: RequestBuilder| {
        fixture.clock.advance(Duration::from_secs(1));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };

    let (status, body) = send(fixture.get(INFOBIP).basic_auth("simulated", Some(others))).await;
    assert_eq!(status, 401);
    assert_eq!(body["requestError"]["serviceException"]["messageId"], "UNAUTHORIZED");
    let key = format!("App {}", fixture.simulator.secret(System::Infobip));
    let (status, _) = send(fixture.get(INFOBIP).header("authorization", key)).await;
    assert_eq!(status, 200);
    assert_eq!(fixture.request(System::Infobip, INFOBIP).await.0, 200);

    let (status, body) = send(fixture.get(MAQSAM).basic_auth("simulated", Some(others))).await;
    assert_eq!((status, body), (401, json!({"error": true, "message": "Unauthorized"})));
    assert_eq!(fixture.request(System::Maqsam, MAQSAM).await.0, 200);

    let secret = fixture.simulator.secret(System::DeepCall);
    for (body, code) in [
        (json!({"ssid": secret}), 200),
        (json!({"userId": "simulated", "token": secret}), 200),
        (json!({"ssid": others}), 1014),
        (json!({"userId": "simulated", "token": others}), 1014),
        // Never both.
        (json!({"ssid": secret, "userId": "simulated", "token": secret}), 1014),
        (json!({}), 1014),
    ] {
        let url = format!("{}{DEEPCALL}", fixture.simulator.base_url());
        let (status, answer) = send(fixture.client.post(url).body(body.to_string())).await;
        // An error has status 200, too.
        assert_eq!((status, &answer["code"]), (200, &json!(code)), "{body}");
        assert_eq!(answer["status"], if code == 200 { "success" } else { "error" });
    }
}

#[tokio::test]
async fn infobip_counts_pages_from_0_and_names_the_number_of_rows() {
    let fixture = Fixture::open(Traps::none()).await;
    let (_, all) = fixture.request(System::Infobip, INFOBIP).await;
    let all = ids(&all["agents"], "id");
    let (_, first) = fixture.request(System::Infobip, "/ccaas/1/agents").await;
    let (_, second) = fixture.request(System::Infobip, "/ccaas/1/agents?page=1").await;
    assert_eq!(first["pagination"]["limit"], 10);
    assert_eq!(first["pagination"]["totalItems"].as_u64().unwrap(), all.len() as u64);
    assert_eq!(ids(&first["agents"], "id"), all[..10]);
    assert_eq!(ids(&second["agents"], "id"), all[10..20]);
    let (status, error) = fixture.request(System::Infobip, "/ccaas/1/agents?limit=0").await;
    assert_eq!(status, 400);
    assert_eq!(error["message"], "Page size must not be less than one!");
}

#[tokio::test]
async fn infobip_shows_two_people_under_one_id_for_a_while_and_both_forms_of_time() {
    let fixture = Fixture::open(Traps { small_pages: false, ..Traps::all() }).await;
    let (mut shared, mut distinct, mut empty) = (0, 0, 0);
    for _ in 0..60 {
        let (_, page) = fixture.request(System::Infobip, INFOBIP).await;
        let all = ids(&page["agents"], "id");
        let different: BTreeSet<_> = all.iter().collect();
        match all.len() - different.len() {
            _ if all.is_empty() => empty += 1,
            0 => distinct += 1,
            _ => shared += 1,
        }
        if let Some(rows) = page["agents"].as_array().filter(|rows| !rows.is_empty()) {
            let times: Vec<_> = rows.iter().filter_map(|row| row["createdAt"].as_str()).collect();
            assert!(times.iter().any(|time| time.ends_with("+0000")), "{times:?}");
            assert!(times.iter().any(|time| time.ends_with('Z')), "{times:?}");
        }
    }
    assert!(shared > 3 && distinct > 30 && empty > 0, "{shared} {distinct} {empty}");
    // Nothing has to be published of the other person.
    let truth = fixture.simulator.truth();
    let served = truth.directories[&System::Infobip].served.values();
    let versions: Vec<_> = served.flat_map(Served::versions).collect();
    assert!(versions.iter().any(|version| version.uncertain));
    let is_other_person = |name: &String| name == "Somebody Else";
    let mut other_people =
        versions.iter().filter(|version| is_other_person(&version.value.facts["name"]));
    assert!(other_people.all(|version| version.uncertain));
}

#[tokio::test]
async fn maqsam_has_one_page_for_0_and_1_and_an_empty_or_repeated_one_behind_the_last() {
    let fixture = Fixture::open(Traps { empty_answers: false, ..Traps::all() }).await;
    fixture.simulator.stop_world();
    let mut pages = Vec::new();
    for path in ["", "/page/0", "/page/1", "/page/2", "/page/3"] {
        let (status, page) = fixture.request(System::Maqsam, &format!("{MAQSAM}{path}")).await;
        assert_eq!((status, &page["result"]), (200, &json!("success")));
        pages.push(page["message"].clone());
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0], pages[2]);
    assert_eq!(ids(&pages[2], "identifier").len(), 11);
    let last = &pages[4];
    assert!(!ids(last, "identifier").is_empty());
    let (mut empty, mut repeated) = (0, 0);
    for _ in 0..12 {
        let (_, page) = fixture.request(System::Maqsam, "/v1/agents/page/9").await;
        if page["message"] == json!([]) {
            empty += 1;
        } else {
            assert_eq!(page["message"], *last);
            repeated += 1;
        }
    }
    assert!(empty > 0 && repeated > 0, "{empty} {repeated}");
}

#[tokio::test]
async fn maqsam_writes_a_state_in_three_forms_and_its_start_in_two_units() {
    let fixture = Fixture::open(Traps { small_pages: false, ..Traps::all() }).await;
    let (_, page) = fixture.request(System::Maqsam, MAQSAM).await;
    let rows = page["message"].as_array().unwrap();
    let states: Vec<_> = rows.iter().map(|row| &row["state"]).collect();
    assert!(states.iter().any(|state| state.is_string()), "{states:?}");
    assert!(states.iter().any(|state| state[0].is_string() && state[1].is_u64()), "{states:?}");
    let starts: Vec<_> = states.iter().filter_map(|state| state["timestamp"].as_u64()).collect();
    assert!(starts.iter().any(|start| *start > 100_000_000_000), "{starts:?}");
    assert!(starts.iter().any(|start| *start < 100_000_000_000), "{starts:?}");
    assert!(rows.iter().any(|row| row["identifier"].is_string()));
    assert!(rows.iter().any(|row| row["identifier"].is_u64()));
}

#[tokio::test]
async fn deepcall_answers_with_a_map_an_array_or_nothing_and_shows_passwords_and_the_deleted() {
    let fixture = Fixture::open(Traps::all()).await;
    let (mut maps, mut arrays, mut empty, mut hidden, mut deleted) = (0, 0, 0, 0, 0);
    for _ in 0..90 {
        let (_, page) = fixture.request(System::DeepCall, DEEPCALL).await;
        assert_eq!(page["status"], "success");
        let rows = &page["response"];
        hidden += u32::from(page["totalPages"] == 2);
        if *rows == json!({}) {
            empty += 1;
        } else if let Some(rows) = rows.as_array() {
            arrays += 1;
            deleted += u32::from(rows.iter().any(|row| row["isDeleted"] == 1));
            for row in rows {
                assert!(row["password"].is_string() && row["call_pass"].is_string(), "{row}");
                assert!(row["unique_id"].is_u64() && row["name"].is_string(), "{row}");
            }
        } else {
            maps += 1;
            for (id, row) in rows.as_object().unwrap() {
                assert!(id.parse::<u64>().is_ok() && row["nm"].is_string(), "{row}");
                assert!(row["name"].is_null() && row["password"].is_string(), "{row}");
            }
        }
    }
    assert!(maps > 20 && arrays > 20, "{maps} {arrays}");
    assert!(empty > 0 && hidden > 0 && deleted > 0, "{empty} {hidden} {deleted}");
    // Or with only the fields of the documented table.
    let fixture = Fixture::open(Traps { sparse_maps: true, ..Traps::none() }).await;
    let (_, page) = fixture.request(System::DeepCall, DEEPCALL).await;
    let (_, row) = page["response"].as_object().unwrap().iter().next().unwrap();
    let fields: Vec<_> = row.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["nm", "email", "phone", "dest_type", "dest_value", "group", "status"]);
}

#[tokio::test]
async fn the_vendors_errors_have_their_own_forms() {
    let fixture = Fixture::open(Traps::all()).await;
    let inject = |faults: Faults| fixture.simulator.set_faults(faults);
    inject(Faults { server_error: 1.0, ..Faults::default() });
    let mut forms = HashSet::new();
    for _ in 0..2 {
        let (status, error) = fixture.request(System::Infobip, INFOBIP).await;
        assert_eq!(status, 500);
        forms.insert(error["statusCode"] == "ERROR");
        assert_ne!(error["statusCode"].is_string(), error["requestError"].is_object());
    }
    assert_eq!(forms.len(), 2);
    let (status, error) = fixture.request(System::Maqsam, MAQSAM).await;
    assert_eq!((status, &error["message"]), (500, &json!("Internal Server Error")));
    let (status, error) = fixture.request(System::DeepCall, DEEPCALL).await;
    assert_eq!((status, &error["code"]), (200, &json!(1501)));
    inject(Faults { garbage: 1.0, ..Faults::default() });
    for (system, path) in [(System::Infobip, INFOBIP), (System::Maqsam, MAQSAM)] {
        let answers = [fixture.request(system, path).await, fixture.request(system, path).await];
        assert!(answers.iter().all(|(status, _)| *status == 200));
        assert!(answers.iter().any(|(_, body)| body.is_string()), "{answers:?}");
        assert!(answers.iter().any(|(_, body)| body.is_object()), "{answers:?}");
    }
    inject(Faults { cut: 1.0, ..Faults::default() });
    assert!(fixture.request(System::DeepCall, DEEPCALL).await.1.is_string());
    // Nothing of that was served.
    let truth = fixture.simulator.truth();
    assert!(truth.directories.values().all(|directory| directory.served.is_empty()));
}

#[tokio::test]
async fn each_system_has_its_own_rate_and_its_own_log_of_requests() {
    let fixture = Fixture::open(Traps::none()).await;
    let secret = fixture.simulator.secret(System::Maqsam);
    let request = || fixture.get(MAQSAM).basic_auth("simulated", Some(secret)).send();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(request().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
    let url = format!("{}{DEEPCALL}", fixture.simulator.base_url());
    assert_eq!(fixture.client.post(url).send().await.unwrap().status(), 200);
    let now = fixture.clock.now();
    let maqsam = vec![(now, String::from(MAQSAM)); 3];
    assert_eq!(fixture.simulator.requests_of(System::Maqsam), maqsam);
    assert_eq!(fixture.simulator.requests_of(System::DeepCall), [(now, String::from(DEEPCALL))]);
    assert_eq!(fixture.simulator.requests_of(System::Infobip), []);
    assert_eq!(fixture.simulator.requests().len(), 4);
}

#[tokio::test]
async fn what_was_served_is_recorded_and_nothing_else() {
    let fixture = Fixture::open(Traps { small_pages: false, ..Traps::none() }).await;
    let (_, first) = fixture.request(System::Maqsam, MAQSAM).await;
    fixture.clock.advance(Duration::from_secs(20));
    let truth = fixture.simulator.truth();
    let served = &truth.directories[&System::Maqsam].served;
    let rows = first["message"].as_array().unwrap();
    assert_eq!(served.len(), rows.len());
    for row in rows {
        let id =
            row["identifier"].as_str().map_or_else(|| row["identifier"].to_string(), String::from);
        let [version] = &served[&id].versions().collect::<Vec<_>>()[..] else { panic!("{id}") };
        let view = &version.value;
        assert_eq!(view.facts["name"], row["name"].as_str().unwrap());
        assert_eq!(json!(view.active), row["active"]);
        let (state, since) = view.state.as_ref().unwrap();
        assert_eq!(*state, row["state"]["name"].as_str().unwrap());
        assert_eq!(since.unwrap() / 1000, row["state"]["timestamp"].as_i64().unwrap());
    }
    let (_, _) = fixture.request(System::Maqsam, MAQSAM).await;
    let truth = fixture.simulator.truth();
    let served = truth.directories[&System::Maqsam].served.values();
    let changed = served.filter(|served| served.versions().count() > 1);
    assert!(changed.count() > 3);
}
