//! Google CCAI Platform: the manager API (vendor's document, "Endpoints").
//!
//! The documented limit is one request per second and customer over all endpoints. A page holds at
//! most 100 rows, whatever is requested. Calls, chats and the activity log are read by incremental
//! polls over their timestamps, agents, queues and teams by full scans; a snapshot is one answer.

mod full_scans;
mod incremental_polls;
mod lookups;
mod mapping;
mod paging;
mod probe;
mod rows;
mod settings;
mod snapshots;
mod streams;
mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::error::Error;
use super::http::{Authorization, Client, Connection};
use super::{Access, PollSettings, Report, SettingsReader, VendorClient, VendorStream};
use crate::model::{Privacy, Vocabulary};
use crate::secret::Secret;

use self::settings::CcaiSettings;
use self::streams::{OVERLAP, STREAMS};
use self::vocabulary::VOCABULARY;

pub use self::rows::scan_agents_page;

/// Rows of a page, the vendor's maximum.
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

impl VendorClient for Ccai {
    const NAME: &'static str = "ccai";
    const REQUESTS_PER_SECOND: f64 = 1.0;
    const VOCABULARY: &'static Vocabulary = &VOCABULARY;
    const STREAMS: &'static [VendorStream<Self>] = STREAMS;

    fn settings(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
        settings::read(keys)
    }

    async fn probe(&self) -> Result<Report, Error> {
        self.report().await
    }
}

impl Ccai {
    fn new(
        settings: &CcaiSettings,
        password: &Secret,
        poll_settings: PollSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let authorization = Authorization::basic(&settings.username, password)?;
        let client = Client::new(connection, authorization, |_, _| None)?;
        let mut root = settings.base_url.clone();
        // A gateway in front of the vendor may have a path of its own.
        let before = root.path().trim_end_matches('/');
        let prefix = settings.api_prefix.trim_matches('/');
        root.set_path(&format!("{before}/{prefix}/"));
        root.set_query(None);
        root.set_fragment(None);
        let PollSettings { privacy, service_level_minutes, overlap } = poll_settings;
        let overlap = overlap.unwrap_or(OVERLAP);
        Ok(Self { client, root, privacy, service_level_minutes, overlap })
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
