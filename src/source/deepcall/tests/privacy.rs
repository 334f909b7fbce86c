//! Planted passwords, credentials and personal values, and a search for them in everything that an
//! answer becomes.

use std::sync::{Arc, Mutex};

use tracing::Level;

use super::{
    Answer, Credentials, PollResult, Privacy, RowMemory, SSID, Secret, TOKEN, Value, VendorServer,
    account_as, agent, agents, json, list, read, scan, with,
};
use crate::model::Mode;

/// The passwords in every row of these answers.
const PASSWORD: &str = "Planted-password";
const CALL_PASS: &str = "52597981";

fn planted(id: u32) -> Value {
    let row = with(with(agent(id), "password", json!(PASSWORD)), "call_pass", json!(CALL_PASS));
    with(row, "sip", json!({"sipPassword": PASSWORD, "pwd": [CALL_PASS]}))
}

/// A row that cannot be decoded, in one of several ways.
fn broken(fault: &str) -> String {
    let row = planted(9).to_string();
    match fault {
        "field" => with(planted(9), "working", json!(PASSWORD.len())).to_string(),
        "narrow" => row.replace("\"email\"", "\"mail\""),
        "no id" => row.replace("unique_id", "id"),
        "text" => row.replace("Mira", "\\ud800"),
        "nesting" => row.replace("\"Mira\"", &format!("{}{}", "[".repeat(200), "]".repeat(200))),
        "size" => row.replace("\"Mira\"", &format!("[0{}]", ",0".repeat(100_000))),
        "no object" => format!("[\"{PASSWORD}\", {CALL_PASS}]"),
        other => panic!("{other}"),
    }
}

/// Everything that is logged while a future runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that an answer becomes, as text, and the log meanwhile.
async fn traces(answer: Answer, credentials: Credentials<'_>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let vendor = VendorServer::answering(move |_| answer.clone()).await;
    let account = account_as(&vendor, credentials, Privacy::default());
    let read = read(&account, &RowMemory::default()).await;
    let probed = account.report().await;
    let made = match &read {
        Ok(PollResult { rows, quarantined, memory, .. }) => {
            format!("{rows:?} {quarantined:?} {memory:?}")
        }
        Err(error) => format!("{error:?} {error}"),
    };
    let probed = match probed {
        Ok(report) => format!("{report:?} {report}"),
        Err(error) => format!("{error:?} {error}"),
    };
    tracing::trace!("the end");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the end"), "nothing is logged");
    format!("{made} {account:?} {probed} {logged}")
}

#[tokio::test]
async fn no_poll_result_of_an_answer_contains_passwords_or_credentials() {
    let (ssid, token) = (Secret::new(SSID), Secret::new(TOKEN));
    let session = Credentials::Session { ssid: &ssid };
    let user = Credentials::User { user_id: "10000001", token: &token };
    let good = list(&[planted(2), planted(3)]);
    let mut answers = vec![Answer::json(&good), Answer::json(&good).with_status(500)];
    answers.push(Answer::json(&with(good, "response", json!({"2": planted(2)}))));
    for fault in ["field", "narrow", "no id", "text", "nesting", "size", "no object"] {
        let row = broken(fault);
        answers.push(Answer::body(format!(
            "{{\"response\":[{},{row}],\"status\":\"success\",\"code\":200}}",
            planted(2)
        )));
        answers.push(Answer::body(format!(
            "{{\"response\":{{\"9\":{row}}},\"status\":\"success\",\"code\":200}}"
        )));
    }
    for status in [200, 400, 401, 500] {
        for body in [
            format!("{{\"status\":\"error\",\"code\":{CALL_PASS},\"message\":\"{PASSWORD}\"}}"),
            format!("{{\"status\":\"{PASSWORD}\",\"code\":1014,\"response\":[{}]}}", planted(2)),
            format!("{{\"response\":[{}", planted(2)),
            format!("{{\"response\":\"{PASSWORD}\",\"status\":\"success\"}}"),
            format!("[{},{}]", planted(2), planted(3)),
            format!("<html>{PASSWORD} {CALL_PASS}</html>"),
        ] {
            answers.push(Answer::body(body).with_status(status));
        }
    }
    for answer in answers {
        for credentials in [session, user] {
            let traces = traces(answer.clone(), credentials).await;
            for secret in [PASSWORD, CALL_PASS, SSID, TOKEN] {
                assert!(!traces.contains(secret), "{secret}: {answer:?} {traces}");
            }
        }
    }
}

#[tokio::test]
async fn a_quarantined_row_has_the_same_hash_whatever_the_passwords_are() {
    let ssid = Secret::new(SSID);
    for fault in ["field", "narrow", "no id", "text", "nesting", "size"] {
        let mut hashes = Vec::new();
        for code in ["00000000", "99999999"] {
            let row = broken(fault).replace(CALL_PASS, code).replace(PASSWORD, code);
            let body = format!("{{\"response\":[{row}, {}],\"status\":\"success\"}}", agent(1));
            let vendor = VendorServer::answering(move |_| Answer::body(body.clone())).await;
            let session = Credentials::Session { ssid: &ssid };
            let account = account_as(&vendor, session, Privacy::default());
            let poll_result = read(&account, &RowMemory::default()).await.unwrap();
            assert_eq!(poll_result.quarantined.len(), 1, "{fault}");
            hashes.push(poll_result.quarantined[0].fingerprint);
        }
        assert_eq!(hashes[0], hashes[1], "{fault}: the hash tells the code");
    }
}

#[tokio::test]
async fn personal_fields_of_agents_are_left_out_before_anything_stores_them() {
    let mut row = agent(2);
    for field in ["name", "email", "phone", "address", "dest_value"] {
        row[field] = json!("Planted");
    }
    row["favorite"] = json!(["Planted"]);
    let (ssid, answer) = (Secret::new(SSID), Answer::json(&list(&[row])));
    let vendor = VendorServer::answering(move |_| answer.clone()).await;
    for (mode, shown) in [(Mode::Keep, 6), (Mode::Drop, 0)] {
        let privacy = Privacy { agents: mode, customers: mode, content: mode };
        let account = account_as(&vendor, Credentials::Session { ssid: &ssid }, privacy);
        let poll_result = read(&account, &RowMemory::default()).await.unwrap();
        assert_eq!(format!("{:?}", agents(&poll_result)).matches("Planted").count(), shown);
        assert!(scan(&poll_result).is_complete());
    }
}
