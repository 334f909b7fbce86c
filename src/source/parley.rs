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
use super::full_scan_in_progress::FullScanInProgress;
use super::http::{Authorization, Client};
use super::probe::ReportBuilder;
use super::rows::RowFormat;
use super::stream::{Agents, StreamType};
use super::{
    Access, ConnectError, Connection, DegradationClass, Error, FullScanRequest, Pace, Poll,
    PollSettings, Polled, QuarantineReason, Refusal, Report, RowMemory, SettingsReader, Source,
    UnknownValue, VendorClient, VendorStream,
};
use crate::model::{Agent, AgentStatus, Presence, Privacy, StreamName};
use crate::secret::{Environment, SecretSource};

/// How an account of this vendor is reached.
#[derive(Debug)]
struct ParleySettings {
    base_url: Url,
    key: SecretSource,
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
        Ok(Source::new(Parley { client, url, privacy: settings.privacy }, settings))
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

impl VendorClient for Parley {
    const NAME: &'static str = "parley";
    const REQUESTS_PER_SECOND: f64 = 0.2;
    const STREAMS: &'static [VendorStream<Self>] = &[VendorStream::full_scan::<Agents>(
        DegradationClass::Roster,
        Pace {
            weight: 1.0,
            max_interval: Duration::from_secs(30),
            min_interval: Duration::from_secs(2),
        },
    )];

    fn settings(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
        let base_url = keys.base_url(Some("https://api.parley.example.com"), None);
        let key = keys.required_secret("key");
        Some(Arc::new(ParleySettings { base_url: base_url?, key: key? }))
    }

    async fn probe(&self) -> Result<Report, Error> {
        let requested_at = self.client.now();
        let mut report = ReportBuilder::default();
        let answered = self.client.get(&StreamName::new("probe"), &self.url).await;
        let agents = report.page(answered, |answer| {
            let rows = people(&answer.body)?.people;
            Ok(rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
        })?;
        report.add_fields("agents", &agents, agent);
        Ok(report.finish(Self::NAME, requested_at))
    }
}

impl Poll<Agents> for Parley {
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Agents> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let answered = self.client.get(&Agents::NAME, &self.url).await;
        if let Some(answer) = scan.answered(answered)? {
            let page = people(&answer.body);
            if let Some(page) = scan.decoded(page, &answer)? {
                scan.counted(page.count);
                scan.add_rows(&page.people);
            }
        }
        Ok(scan.finish())
    }
}

fn people(body: &[u8]) -> Result<People<'_>, &'static str> {
    serde_json::from_slice(body).map_err(|_| "it is no list of people")
}

/// The rows of the list.
const FORMAT: RowFormat<Agent> = RowFormat { id: "key", deleted: None, read: agent };

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
    use crate::source::checks::{NOON, connection, limits};
    use crate::source::loopback::{Answer, VendorServer};
    use crate::source::{AccountStream, FullScanRow, PollResult, Rows, StreamPoll};

    /// A source, from a configuration's text, as a bridge makes it.
    fn source(vendor: &VendorServer) -> Source {
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

    /// Polls the one stream, as a bridge does.
    async fn poll(source: &Source) -> Result<PollResult, Error> {
        let [AccountStream { name, poll: StreamPoll::FullScan(agents) }] = source.streams() else {
            panic!("{source:?}")
        };
        assert_eq!(*name, Agents::NAME);
        agents.poll(FullScanRequest, &RowMemory::default()).await
    }

    #[tokio::test]
    async fn a_vendor_that_is_a_file_and_a_line_of_the_table_is_configured_and_read() {
        let body = json!({"count": 2, "people": [
            {"key": "7", "name": "Mira", "mood": "ready", "since": 1_772_366_400},
            {"key": "8", "name": "Tom", "mood": "dancing"}]});
        let vendor = VendorServer::answering(move |_| Answer::json(&body)).await;
        let source = source(&vendor);
        let poll_result = poll(&source).await.unwrap();
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
        let request = vendor.requests().remove(0);
        assert_eq!(request.header("authorization").as_deref(), Some("Token k-1"));
        assert_eq!(request.path, "/v1/people");
        let report = source.probe().await.unwrap().to_string();
        assert!(report.contains("parley") && !report.contains("Mira"), "{report}");
    }

    #[tokio::test]
    async fn its_own_errors_have_their_place_in_the_one_table() {
        for (problem, reason) in
            [("unknown key", "unauthorized"), ("too fast", "rate_limited"), ("Mira", "refused")]
        {
            let body = json!({"problem": problem});
            let vendor = VendorServer::answering(move |_| Answer::json(&body)).await;
            let source = source(&vendor);
            let error = poll(&source).await.unwrap_err();
            assert_eq!(error.reason(), reason);
            assert!(!error.to_string().contains("Mira"), "{error}");
        }
    }
}
