//! Infobip's contact centre: the list of agents (vendor's document, "Get Agents - Early Access").
//!
//! Nothing but `GET /ccaas/1/agents` is documented, without a limit of requests. There is no
//! activity log and no stamp of a status: `updatedAt` moves for other reasons. So a change is known
//! to lie between two sweeps.

mod answer;
mod mapping;
mod paging;
mod probe;
mod settings;

use std::time::Duration;

use url::Url;

use super::error::Error;
use super::gathered::FullScanInProgress;
use super::http::{Authorization, Client, Connection};
use super::rows::Format;
use super::{
    Partial, PollRequest, PollResult, PollSettings, RowMemory, Rows, StreamKind, StreamSpec, Vendor,
};
use crate::model::{Agent, Privacy, StreamName, Vocabulary};

use self::paging::{PageEnd, PageWalk, Step};

/// The vendor's line in the table. Its document names no limit.
pub(super) const VENDOR: Vendor = Vendor {
    name: "infobip",
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

/// The rows of the list.
const FORMAT: Format<Agent> = Format { id: "id", deleted: None, read: mapping::agent };

/// Rows of a page: the vendor's own maximum.
const LIMIT: usize = 999;
/// Pages of one sweep, at most: two hundred thousand agents.
const MOST_PAGES: u32 = 200;

/// One account.
#[derive(Debug)]
pub(super) struct Infobip {
    client: Client,
    endpoint: Url,
    privacy: Privacy,
}

impl Infobip {
    fn new(
        base_url: &Url,
        authorization: Authorization,
        poll_result: PollSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::new(connection, authorization, answer::find_error)?;
        let mut endpoint = base_url.clone();
        endpoint.set_path("/ccaas/1/agents");
        Ok(Self { client, endpoint, privacy: poll_result.privacy })
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

    fn url(&self, query: &[(&str, &str)]) -> Url {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// All agents, page by page. Complete when as many different ids were shown as the vendor says
    /// there are.
    async fn agents(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let mut walk = PageWalk::default();
        let limit = LIMIT.to_string();
        loop {
            let page = walk.page().to_string();
            let url = self.url(&[("limit", &limit), ("page", &page)]);
            let answered = self.client.get(&AGENTS, &url).await;
            let Some(answer) = scan.answered(answered)? else { break };
            let page = answer::page(&answer.body);
            let Some(page) = scan.readable(page, &answer)? else { break };
            match page.total {
                Some(total) => scan.counted(total),
                None => scan.mark(Partial::CountMissing),
            }
            let new = scan.take_in(&page.rows);
            let end = PageEnd { rows: page.rows.len(), new, ids: scan.len(), total: page.total };
            if walk.page_read(end) == Step::Done {
                break;
            }
            if walk.asked() == MOST_PAGES {
                scan.mark(Partial::TooLong);
                break;
            }
        }
        let (gathered, scan) = scan.finish();
        Ok(gathered.into_poll_result(&AGENTS, Rows::Agents(scan)))
    }
}

#[cfg(test)]
mod tests;
