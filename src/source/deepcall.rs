//! DeepCall (Sarv), version 2: the list of agents (vendor's document, "List").
//!
//! One `POST` answers with all agents at once. The document has no parameter for pages and no limit
//! of requests. There is no activity log and no presence at all: `status` says whether an agent's
//! account is switched on.
//!
//! The credentials go in the request's body, and passwords of the agents come with every answer:
//! see [`scrub`].

mod envelope;
mod errors;
mod mapping;
mod probe;
mod rows;
mod scrub;
mod settings;

use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::error::Error;
use super::gathered::FullScanInProgress;
use super::http::{Authorization, Client, Connection, JsonBody};
use super::{PollRequest, PollResult, RowMemory, Rows, StreamKind, StreamSpec, Vendor};
use crate::model::{Privacy, StreamName, Vocabulary};
use crate::secret::Secret;

use self::settings::DeepcallSettings;

/// The vendor's line in the table. Its document names no limit; the endpoint, it says, "can be
/// resource-intensive".
pub(super) const VENDOR: Vendor = Vendor {
    name: "deepcall",
    streams: STREAMS,
    requests_per_second: 0.2,
    settings: settings::read,
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

/// One account.
#[derive(Debug)]
pub(super) struct Deepcall {
    client: Client,
    url: Url,
    questions: Questions,
    privacy: Privacy,
}

/// The bodies of requests. They hold the credentials.
#[derive(Debug)]
struct Questions {
    /// All agents.
    all: JsonBody,
    /// What a probe asks for besides: a second page, which is not documented, and an agent that is
    /// not there.
    second_page: JsonBody,
    nobody: JsonBody,
}

/// Who asks. It is written into the body of every request: one or the other, never both.
#[derive(Clone, Copy)]
enum Credentials<'a> {
    Session { ssid: &'a Secret },
    User { user_id: &'a str, token: &'a Secret },
}

/// The body of a request. Without a filter all agents are asked for, in full. `quick` would leave
/// fields out, and is never sent.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ssid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
}

impl Questions {
    fn of(credentials: Credentials) -> Result<Self, Error> {
        let all = match credentials {
            Credentials::Session { ssid } => {
                ListRequest { ssid: Some(ssid.expose()), ..ListRequest::default() }
            }
            Credentials::User { user_id, token } => ListRequest {
                user_id: Some(user_id),
                token: Some(token.expose()),
                ..ListRequest::default()
            },
        };
        Ok(Self {
            all: JsonBody::of(&all)?,
            second_page: JsonBody::of(&ListRequest { page: Some(2), ..all })?,
            nobody: JsonBody::of(&ListRequest { agent_id: Some("0"), ..all })?,
        })
    }
}

impl Deepcall {
    fn new(
        settings: &DeepcallSettings,
        credentials: Credentials,
        privacy: Privacy,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::new(connection, Authorization::in_body(), errors::find_error)?;
        let mut url = settings.base_url.clone();
        url.set_path(&settings.path);
        Ok(Self { client, url, questions: Questions::of(credentials)?, privacy })
    }

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
        let mut scan = FullScanInProgress::new(rows::FORMAT, memory, &self.privacy);
        let answered = self.client.post(&AGENTS, &self.url, &self.questions.all).await;
        if let Some(answer) = scan.answered(answered)? {
            let taken_in = rows::take_in(&mut scan, &answer.body);
            scan.readable(taken_in, &answer)?;
        }
        let (gathered, scan) = scan.finish();
        Ok(gathered.into_poll_result(&AGENTS, Rows::Agents(scan)))
    }
}

#[cfg(test)]
mod tests;
