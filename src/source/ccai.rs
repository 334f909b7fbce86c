//! Google CCAI Platform: the manager API (vendor's document, "Endpoints").
//!
//! One request per second and customer over all endpoints is the documented limit. Pages hold at
//! most 100 rows, whatever is asked for. Calls, chats and the activity log are tailed by their
//! stamps; agents, queues and teams are swept; what stands at the moment is one answer.

mod full_scans;
mod incremental_polls;
mod mapping;
mod paging;
mod probe;
mod rows;
mod settings;
mod streams;
mod vocabulary;

use std::time::Duration;

use url::Url;

use super::error::Error;
use super::http::{Authorization, Client, Connection};
use super::{PollRequest, PollResult, PollSettings, RowMemory, Vendor};
use crate::model::{Privacy, StreamName};
use crate::secret::Secret;

use self::settings::CcaiSettings;
use self::streams::{OVERLAP, STREAMS};
use self::vocabulary::VOCABULARY;

pub use self::rows::scan_agents_page;

/// The vendor's line in the table.
pub(super) const VENDOR: Vendor = Vendor {
    name: "ccai",
    streams: STREAMS,
    requests_per_second: 1.0,
    settings: settings::read,
    vocabulary: &VOCABULARY,
};

/// Rows of a page: the vendor's own maximum.
pub(super) const PER_PAGE: usize = 100;

/// One account.
#[derive(Debug)]
pub(super) struct Ccai {
    client: Client,
    root: Url,
    privacy: Privacy,
    service_level_minutes: i64,
    overlap: Duration,
}

impl Ccai {
    fn new(
        settings: &CcaiSettings,
        password: &Secret,
        poll_result: PollSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let authorization = Authorization::basic(&settings.username, password)?;
        let client = Client::new(connection, authorization, |_, _| None)?;
        let mut root = settings.base_url.clone();
        // A gateway may stand before the vendor under a path of its own.
        let before = root.path().trim_end_matches('/');
        let prefix = settings.api_prefix.trim_matches('/');
        root.set_path(&format!("{before}/{prefix}/"));
        root.set_query(None);
        root.set_fragment(None);
        let PollSettings { privacy, service_level_minutes, overlap } = poll_result;
        let overlap = overlap.unwrap_or(OVERLAP);
        Ok(Self { client, root, privacy, service_level_minutes, overlap })
    }

    pub(super) async fn read(
        &self,
        stream: &StreamName,
        poll_request: &PollRequest,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        match (stream.as_str(), poll_request) {
            ("agents", PollRequest::FullScan) => self.agents(memory).await,
            ("agent_statuses", PollRequest::Snapshot) => self.agent_statuses(memory).await,
            ("agent_activity", PollRequest::Incremental { from }) => {
                self.activities(*from, memory).await
            }
            ("activity_ends", PollRequest::Incremental { from }) => {
                self.activity_ends(*from, memory).await
            }
            ("calls", PollRequest::Incremental { from }) => self.calls(*from, memory).await,
            ("chats", PollRequest::Incremental { from }) => self.chats(*from, memory).await,
            ("recent", PollRequest::Probe { kind, ids }) => self.by_id(*kind, ids, memory).await,
            ("waiting", PollRequest::Waiting { calls, chats }) => {
                self.waiting(*calls, *chats, memory).await
            }
            ("queues", PollRequest::FullScan) => self.queues(memory).await,
            ("teams", PollRequest::FullScan) => self.teams(memory).await,
            ("status_definitions", PollRequest::FullScan) => self.status_definitions(memory).await,
            ("queue_statuses", PollRequest::Snapshot) => self.queue_statuses(memory).await,
            ("sla", PollRequest::Snapshot) => self.service_levels(memory).await,
            ("sla_by_queue_group", PollRequest::Snapshot) => {
                self.group_service_levels(memory).await
            }
            _ => Err(Error::UnsupportedRequest(stream.to_string())),
        }
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{path}", self.root.path()));
        if !query.is_empty() {
            // Brackets in names are percent-encoded here.
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

#[cfg(test)]
mod tests;
