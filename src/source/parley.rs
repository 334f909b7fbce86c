//! Parley, a vendor that does not exist: `docs/adding-a-vendor.md` shows this file, piece by piece,
//! and the tests below show that nothing else is needed.
//!
//! `GET /v1/people`, with `Authorization: Token KEY`, answers with everybody at once:
//! `{"people": [{"key": "7", "name": "Mira", "mood": "ready", "since": 1772366400}], "count": 1}`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::fields::Fields;
use super::gathered::FullScanInProgress;
use super::http::{Authorization, Client};
use super::probe::{Asked, Findings};
use super::rows::Format;
use super::{
    Access, ConnectError, Connection, Error, PollRequest, PollResult, PollSettings,
    QuarantineReason, Refusal, Report, RowMemory, Rows, SettingsReader, Source, StreamKind,
    StreamSpec, UnknownValue, Vendor,
};
use crate::model::{Agent, AgentStatus, Presence, Privacy, StreamName, Vocabulary};
use crate::secret::{Environment, SecretSource};

/// The vendor's line in the table. Its document names no limit.
pub(super) const VENDOR: Vendor = Vendor {
    name: "parley",
    streams: STREAMS,
    requests_per_second: 0.2,
    settings,
    vocabulary: &Vocabulary::EMPTY,
};

const AGENTS: StreamName = StreamName::new("agents");

const STREAMS: &[StreamSpec] = &[StreamSpec {
    name: AGENTS,
    kind: StreamKind::FullScan,
    weight: 1.0,
    max_interval: Duration::from_secs(30),
    min_interval: Duration::from_secs(2),
}];

/// How an account of this vendor is reached.
#[derive(Debug)]
struct ParleySettings {
    base_url: Url,
    key: SecretSource,
}

/// Reads the keys `base_url` and `key`.
fn settings(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
    let base_url = keys.base_url(Some("https://api.parley.example.com"), None);
    let key = keys.required_secret("key");
    Some(Arc::new(ParleySettings { base_url: base_url?, key: key? }))
}

impl fmt::Display for ParleySettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.base_url.as_str().trim_end_matches('/'))
    }
}

impl Access for ParleySettings {
    fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.key]
    }

    fn connect(
        &self,
        environment: &Environment,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let authorization = Authorization::key("Token", &self.key.fetch(environment)?)?;
        let client = Client::new(connection, authorization, find_error)?;
        let url = self.base_url.join("/v1/people").unwrap_or_else(|_| self.base_url.clone());
        Ok(Parley { client, url, privacy: settings.privacy }.into())
    }
}

/// The vendor's own errors: `{"problem": "unknown key"}`, with any status code.
fn find_error(status: u16, body: &[u8]) -> Option<Error> {
    #[derive(Deserialize)]
    struct Problem<'a> {
        problem: &'a str,
    }
    let Problem { problem } = serde_json::from_slice(body).ok()?;
    Some(match problem {
        "unknown key" => Error::Unauthorized(Refusal::known(status, "it does not know the key")),
        "too fast" => Error::RateLimited,
        _ => Error::Refused(Refusal::known(status, "a problem that its document does not list")),
    })
}

/// One account.
#[derive(Debug)]
pub(super) struct Parley {
    client: Client,
    url: Url,
    privacy: Privacy,
}

/// The answer around the rows.
#[derive(Deserialize)]
struct People<'a> {
    #[serde(borrow)]
    people: Vec<&'a RawValue>,
    count: u64,
}

impl Parley {
    pub(super) async fn read(
        &self,
        stream: &StreamName,
        poll_request: &PollRequest,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        match (stream.as_str(), poll_request) {
            ("agents", PollRequest::FullScan) => self.agents(memory).await,
            _ => Err(Error::UnsupportedRequest(stream.to_string())),
        }
    }

    /// All agents, in one answer.
    async fn agents(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let answered = self.client.get(&AGENTS, &self.url).await;
        if let Some(answer) = scan.answered(answered)? {
            let page = people(&answer.body);
            if let Some(page) = scan.readable(page, &answer)? {
                scan.counted(page.count);
                scan.take_in(&page.people);
            }
        }
        let (gathered, scan) = scan.finish();
        Ok(gathered.into_poll_result(&AGENTS, Rows::Agents(scan)))
    }

    /// Asks what the document leaves open.
    pub(super) async fn probe(&self) -> Result<Report, Error> {
        let requested_at = self.client.now();
        let mut findings = Findings::default();
        let answered = self.client.get(&StreamName::new("probe"), &self.url).await;
        let agents: Asked = findings.take(answered, |answer| {
            let rows = people(&answer.body)?.people;
            Ok(rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
        })?;
        findings.noted("agents", &agents, agent);
        let Findings { found, requests } = findings;
        Ok(Report { vendor: VENDOR.name, requested_at, requests, findings: found })
    }
}

fn people(body: &[u8]) -> Result<People<'_>, &'static str> {
    serde_json::from_slice(body).map_err(|_| "it is no list of people")
}

/// The rows of the list.
const FORMAT: Format<Agent> = Format { id: "key", deleted: None, read: agent };

/// A row of the list.
fn agent(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Agent, QuarantineReason> {
    let status = row.text("mood")?.map(|mood| {
        let presence = match mood.as_str() {
            "ready" => Presence::Available,
            "talking" => Presence::Busy,
            "gone" => Presence::Offline,
            _ => {
                unknown.push(UnknownValue { field: "agent.mood" });
                Presence::Other
            }
        };
        AgentStatus::of_word(mood, presence)
    });
    Ok(Agent {
        name: row.text("name")?,
        status,
        status_updated_at: row.time_or_epoch("since")?,
        ..Agent::new(row.required_id("key")?)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;
    use crate::model::EntityId;
    use crate::source::FullScanRow;
    use crate::source::checks::{NOON, connection, limits};
    use crate::source::loopback::{Answer, Vendor as Loopback};

    /// A source, from a configuration's text, as a bridge comes to it.
    fn source(vendor: &Loopback) -> Source {
        let text = format!(
            "[kafka]\nbootstrap_servers = \"b:1\"\ndeployment = \"d\"\n[[account]]\n\
             name = \"acme\"\nvendor = \"parley\"\nbase_url = \"{}\"\nkey = {{ env = \"KEY\" }}\n",
            vendor.url().as_str().trim_end_matches('/')
        );
        let environment = Environment::from([(String::from("KEY"), String::from("k-1"))]);
        let config = Config::read("f.toml", &text, &environment).unwrap();
        let account = &config.accounts[0];
        let settings =
            PollSettings { privacy: Privacy::default(), service_level_minutes: 30, overlap: None };
        let connection = Connection { account: account.name.clone(), ..connection(limits()) };
        account.access.connect(&environment, settings, connection).unwrap()
    }

    #[tokio::test]
    async fn a_vendor_that_is_a_file_and_a_line_of_the_table_is_configured_and_read() {
        let body = json!({"count": 2, "people": [
            {"key": "7", "name": "Mira", "mood": "ready", "since": 1_772_366_400},
            {"key": "8", "name": "Tom", "mood": "dancing"}]});
        let vendor = Loopback::answering(move |_| Answer::json(&body)).await;
        let source = source(&vendor);
        let poll_result =
            source.read(&AGENTS, &PollRequest::FullScan, &RowMemory::default()).await.unwrap();
        let Rows::Agents(scan) = &poll_result.rows else { panic!("{poll_result:?}") };
        assert!(scan.is_complete() && scan.was_counted());
        let mira = Agent {
            name: Some(String::from("Mira")),
            status: Some(AgentStatus::of_word(String::from("ready"), Presence::Available)),
            status_updated_at: Some(NOON),
            ..Agent::new(EntityId::new("7"))
        };
        assert_eq!(scan.rows()[0], FullScanRow::Seen(mira));
        assert_eq!(poll_result.unknown_values, [UnknownValue { field: "agent.mood" }]);
        let asked = vendor.asked().remove(0);
        assert_eq!(asked.header("authorization").as_deref(), Some("Token k-1"));
        assert_eq!(asked.path, "/v1/people");
        let report = source.probe().await.unwrap().to_string();
        assert!(report.contains("parley") && !report.contains("Mira"), "{report}");
    }

    #[tokio::test]
    async fn its_own_errors_have_their_place_in_the_one_table() {
        for (problem, reason) in
            [("unknown key", "unauthorized"), ("too fast", "rate_limited"), ("Mira", "refused")]
        {
            let body = json!({"problem": problem});
            let vendor = Loopback::answering(move |_| Answer::json(&body)).await;
            let source = source(&vendor);
            let error = source
                .read(&AGENTS, &PollRequest::FullScan, &RowMemory::default())
                .await
                .unwrap_err();
            assert_eq!(error.reason(), reason);
            assert!(!error.to_string().contains("Mira"), "{error}");
        }
    }
}
