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
use super::gathered::{SweepInProgress, undecodable};
use super::http::{Authorization, Client, Connection, JsonBody};
use super::{Question, Reading, RowMemory, Rows, StreamKind, StreamSpec, Vendor};
use crate::model::{Privacy, StreamName};
use crate::secret::Secret;

use self::settings::Settings;

/// The vendor's line in the table. Its document names no limit; the endpoint, it says, "can be
/// resource-intensive".
pub(super) const VENDOR: Vendor = Vendor {
    name: "deepcall",
    streams: STREAMS,
    requests_per_second: 0.2,
    settings: settings::read,
};

const AGENTS: StreamName = StreamName::new("agents");

const STREAMS: &[StreamSpec] = &[StreamSpec {
    name: AGENTS,
    kind: StreamKind::Sweep,
    weight: 1.0,
    max_interval: Duration::from_secs(30),
    min_interval: Duration::from_secs(5),
}];

/// One account.
#[derive(Debug)]
pub(super) struct Deepcall {
    client: Client,
    url: Url,
    question: JsonBody,
    privacy: Privacy,
}

/// Who asks. It is written into the body of every request: one or the other, never both.
#[derive(Clone, Copy)]
enum Credentials<'a> {
    Session { ssid: &'a Secret },
    User { user_id: &'a str, token: &'a Secret },
}

/// The body of a request. It has no filter: all agents are asked for, in full. `quick` would leave
/// fields out.
#[derive(Serialize)]
#[serde(untagged)]
enum ListRequest<'a> {
    Session {
        ssid: &'a str,
    },
    User {
        #[serde(rename = "userId")]
        user_id: &'a str,
        token: &'a str,
    },
}

impl Credentials<'_> {
    fn question(self) -> Result<JsonBody, Error> {
        JsonBody::of(&match self {
            Self::Session { ssid } => ListRequest::Session { ssid: ssid.expose() },
            Self::User { user_id, token } => ListRequest::User { user_id, token: token.expose() },
        })
    }
}

impl Deepcall {
    fn new(
        settings: &Settings,
        credentials: Credentials,
        privacy: Privacy,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::new(connection, Authorization::in_body(), errors::find_error)?;
        let mut url = settings.base_url.clone();
        url.set_path(&settings.path);
        Ok(Self { client, url, question: credentials.question()?, privacy })
    }

    pub(super) async fn read(
        &self,
        stream: &StreamName,
        question: &Question,
        memory: &RowMemory,
    ) -> Result<Reading, Error> {
        match (stream.as_str(), question) {
            ("agents", Question::Sweep) => self.agents(memory).await,
            _ => Err(Error::Misasked(stream.to_string())),
        }
    }

    /// All agents, in one answer.
    async fn agents(&self, memory: &RowMemory) -> Result<Reading, Error> {
        let answer = self.client.post(&AGENTS, &self.url, &self.question).await?;
        let mut sweep = SweepInProgress::new(rows::FORMAT, memory, &self.privacy);
        sweep.answer(&answer);
        rows::take_in(&mut sweep, &answer.body).map_err(|problem| undecodable(problem, &answer))?;
        let (gathered, sweep) = sweep.finish();
        Ok(gathered.into_reading(&AGENTS, Rows::Agents(sweep)))
    }
}

#[cfg(test)]
mod tests;
