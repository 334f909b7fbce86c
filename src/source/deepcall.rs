//! DeepCall (Sarv), version 2: the list of agents (vendor's document, "List").
//!
//! One `POST` answers with all agents at once. The document has no parameter for pages and no limit
//! of requests. There is no activity log and no presence: `status` says whether an agent's account is
//! active.
//!
//! The credentials are in the request's body, and the agents' passwords are in every answer: see
//! [`scrub`].

mod envelope;
mod errors;
mod mapping;
mod probe;
mod rows;
mod scrub;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::error::Error;
use super::full_scan_in_progress::FullScanInProgress;
use super::http::{Authorization, Client, Connection, JsonBody};
use super::stream::{Agents, StreamType};
use super::{
    Access, ConnectError, DegradationClass, FullScanRequest, Pace, Poll, PollSettings, Polled,
    Report, RowMemory, SettingsReader, Source, VendorClient, VendorStream,
};
use crate::model::Privacy;
use crate::secret::{Environment, Secret, SecretSource};

use self::settings::{CredentialSource, DeepcallSettings};

/// One account.
#[derive(Debug)]
pub(super) struct Deepcall {
    client: Client,
    url: Url,
    bodies: RequestBodies,
    privacy: Privacy,
}

/// The bodies of requests. They hold the credentials.
#[derive(Debug)]
struct RequestBodies {
    /// All agents.
    all: JsonBody,
    /// Of a probe: a second page, which is not documented.
    second_page: JsonBody,
    /// Of a probe: an agent that does not exist.
    missing_agent: JsonBody,
}

/// The credentials in the body of every request: one or the other, never both.
#[derive(Clone, Copy)]
enum Credentials<'a> {
    Session { ssid: &'a Secret },
    User { user_id: &'a str, token: &'a Secret },
}

/// The body of a request. Without a filter it is for all agents, with all fields; `quick`, which would
/// leave fields out, is never sent.
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

impl RequestBodies {
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
            missing_agent: JsonBody::of(&ListRequest { agent_id: Some("0"), ..all })?,
        })
    }
}

impl VendorClient for Deepcall {
    const NAME: &'static str = "deepcall";
    // The document names no limit; the endpoint, it says, "can be resource-intensive".
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
        settings::read(keys)
    }

    async fn probe(&self) -> Result<Report, Error> {
        self.report().await
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
        Ok(Self { client, url, bodies: RequestBodies::of(credentials)?, privacy })
    }
}

impl Poll<Agents> for Deepcall {
    /// All agents come in one answer.
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Agents> {
        let mut scan = FullScanInProgress::new(rows::FORMAT, memory, &self.privacy);
        let answered = self.client.post(&Agents::NAME, &self.url, &self.bodies.all).await;
        if let Some(answer) = scan.answered(answered)? {
            let added = rows::add_rows(&mut scan, &answer.body);
            scan.decoded(added, &answer)?;
        }
        Ok(scan.finish())
    }
}

impl Access for DeepcallSettings {
    fn secrets(&self) -> Vec<&SecretSource> {
        match &self.credentials {
            CredentialSource::Session { ssid } => vec![ssid],
            CredentialSource::User { token, .. } => vec![token],
        }
    }

    fn connect(
        &self,
        environment: &Environment,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let secret;
        let credentials = match &self.credentials {
            CredentialSource::Session { ssid } => {
                secret = ssid.fetch(environment)?;
                Credentials::Session { ssid: &secret }
            }
            CredentialSource::User { user_id, token } => {
                secret = token.fetch(environment)?;
                Credentials::User { user_id, token: &secret }
            }
        };
        let client = Deepcall::new(self, credentials, settings.privacy, connection)?;
        Ok(Source::new(client, settings))
    }
}

#[cfg(test)]
mod tests;
