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
mod vendor_client;
mod vocabulary;

use std::time::Duration;

use url::Url;

use super::error::Error;
use super::http::{Authorization, Client, Connection};
use super::{Access, ConnectError, PollSettings, Source};
use crate::model::Privacy;
use crate::secret::{Environment, Secret, SecretSource};

use self::settings::CcaiSettings;

pub use self::rows::scan_agents_page;

/// Rows of a page, the vendor's maximum.
pub(super) const PER_PAGE: usize = 100;

/// How far before its cursor an incremental poll begins: rows become visible a little after their
/// timestamp.
const OVERLAP: Duration = Duration::from_secs(10);

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

impl Access for CcaiSettings {
    fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.password]
    }

    fn connect(
        &self,
        environment: &Environment,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let password = self.password.fetch(environment)?;
        let client = Ccai::new(self, &password, settings, connection)?;
        Ok(Source::new(client, settings))
    }
}

#[cfg(test)]
mod tests;
