//! The vendor's document and its traps, against a vendor on the loopback interface.

mod documents;
mod fuzz;
mod privacy;
mod probe;
mod settings;
mod traps;

use serde_json::{Value, json};

use super::settings::CredentialSource;
use super::{Credentials, Deepcall, DeepcallSettings};
use crate::model::{Agent, EntityId, Privacy};
use crate::secret::{Secret, SecretSource};
use crate::source::checks::{connection, limits};
use crate::source::loopback::{Answer, VendorServer};
use crate::source::stream::Agents;
use crate::source::{
    Error, ErrorDisposition, FullScan, FullScanRequest, FullScanRow, Partial, Poll, PollResult,
    Polled, RowMemory,
};

const SSID: &str = "session-that-must-not-leak";
const TOKEN: &str = "token-that-must-not-leak";

fn account_as(vendor: &VendorServer, credentials: Credentials, privacy: Privacy) -> Deepcall {
    let settings = DeepcallSettings {
        base_url: vendor.url(),
        path: String::from("/deepcall/api/v2/Agent/list/"),
        credentials: CredentialSource::Session {
            ssid: SecretSource::variable(String::from("account.ssid"), String::from("SSID")),
        },
    };
    Deepcall::new(&settings, credentials, privacy, connection(limits())).unwrap()
}

fn account(vendor: &VendorServer) -> Deepcall {
    let ssid = Secret::new(SSID);
    account_as(vendor, Credentials::Session { ssid: &ssid }, Privacy::default())
}

async fn read(account: &Deepcall, memory: &RowMemory) -> Polled<Agents> {
    account.poll(FullScanRequest, memory).await
}

/// The poll result of one answer.
async fn poll_of(answer: Answer) -> Polled<Agents> {
    let vendor = VendorServer::answering(move |_| answer.clone()).await;
    read(&account(&vendor), &RowMemory::default()).await
}

fn scan(poll_result: &PollResult<FullScan<Agent>>) -> &FullScan<Agent> {
    &poll_result.rows
}

fn agents(poll_result: &PollResult<FullScan<Agent>>) -> Vec<&Agent> {
    let rows = scan(poll_result).rows().iter();
    rows.map(|row| match row {
        FullScanRow::Seen(agent) => agent,
        other => panic!("{other:?}"),
    })
    .collect()
}

/// A full row, with passwords.
fn agent(id: u32) -> Value {
    json!({"unique_id": id, "name": "Mira", "email": format!("mira{id}@example.com"),
        "phone": "15550110", "dest_type": "MOBILE", "dest_value": "5550110", "group": [17, 4],
        "status": 1, "isDeleted": 0, "call_pass": "00011122", "password": "Invented-pass"})
}

/// An answer with these rows and their count.
fn list(rows: &[Value]) -> Value {
    json!({"response": rows, "agtLimit": 12, "currentPage": 1, "totalPages": 1,
        "totalRecords": rows.len(), "status": "success", "code": 200})
}

fn with(mut answer: Value, field: &str, value: Value) -> Value {
    answer[field] = value;
    answer
}

#[tokio::test]
async fn all_agents_are_requested_in_one_post_with_the_session_in_its_body() {
    let vendor = VendorServer::answering(|_| Answer::json(&list(&[agent(2)]))).await;
    let poll_result = read(&account(&vendor), &RowMemory::default()).await.unwrap();
    assert!(scan(&poll_result).is_complete() && scan(&poll_result).was_counted());
    assert_eq!((agents(&poll_result).len(), poll_result.requests), (1, 1));
    let request = vendor.requests().remove(0);
    assert_eq!(request.method, "POST");
    assert_eq!((request.path.as_str(), &*request.raw_query), ("/deepcall/api/v2/Agent/list/", ""));
    assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string()));
    assert_eq!(request.header("authorization"), None);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"ssid": SSID}));
}

#[tokio::test]
async fn a_user_and_a_token_are_sent_without_a_session() {
    let vendor = VendorServer::answering(|_| Answer::json(&list(&[]))).await;
    let token = Secret::new(TOKEN);
    let credentials = Credentials::User { user_id: "10000001", token: &token };
    let account = account_as(&vendor, credentials, Privacy::default());
    read(&account, &RowMemory::default()).await.unwrap();
    let body: Value = serde_json::from_slice(&vendor.requests()[0].body).unwrap();
    assert_eq!(body, json!({"userId": "10000001", "token": TOKEN}));
}

#[tokio::test]
async fn a_row_that_has_not_changed_is_not_read_again_also_when_its_passwords_have() {
    let mut second = agent(2);
    second["password"] = json!("Another-pass");
    let answers = [agent(2), second].map(|row| Answer::json(&list(&[row, agent(3)])));
    let vendor = VendorServer::answering_in_turn(answers.into()).await;
    let account = account(&vendor);
    let first = read(&account, &RowMemory::default()).await.unwrap();
    let again = read(&account, &first.memory).await.unwrap();
    let unchanged = [2, 3].map(|id| FullScanRow::Unchanged(EntityId::new(id.to_string())));
    assert_eq!(scan(&again).rows(), unchanged);
    assert!(scan(&again).is_complete());
}
