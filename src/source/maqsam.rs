//! Maqsam: the list of agents (vendor's document, "Agents API Documentation", an early alpha).
//!
//! Nothing but `GET /v1/agents/page/N` is documented, without a limit of requests and without a
//! count of agents. There is no activity log. A state comes with its start, in a form that the
//! document leaves open; where there is none, a change is known to lie between two sweeps.

mod answer;
mod mapping;
mod probe;
mod settings;

use std::time::Duration;

use url::Url;

use super::error::Error;
use super::gathered::FullScanInProgress;
use super::http::{Authorization, Client, Connection};
use super::pages::{FullScanPaging, FullScanStep, PageEnd};
use super::rows::Format;
use super::{
    Partial, PollRequest, PollResult, PollSettings, RowMemory, Rows, StreamKind, StreamSpec, Vendor,
};
use crate::model::{Agent, Privacy, StreamName, Vocabulary};

/// The vendor's line in the table. Its document names no limit.
pub(super) const VENDOR: Vendor = Vendor {
    name: "maqsam",
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
const FORMAT: Format<Agent> = Format { id: "identifier", deleted: None, read: mapping::agent };

/// Pages of one sweep, at most: twenty thousand agents, a hundred on each.
const MOST_PAGES: u32 = 200;

/// One account.
#[derive(Debug)]
pub(super) struct Maqsam {
    client: Client,
    base_url: Url,
    privacy: Privacy,
}

impl Maqsam {
    fn new(
        base_url: &Url,
        authorization: Authorization,
        poll_result: PollSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::new(connection, authorization, answer::find_error)?;
        Ok(Self { client, base_url: base_url.clone(), privacy: poll_result.privacy })
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

    /// A page of the list. Pages 0 and 1 are the same, and so is the list without a number.
    fn url(&self, page: u32) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("/v1/agents/page/{page}"));
        url
    }

    /// All agents, page by page, until one is empty or shows nothing new. A page that is not full
    /// proves nothing: how many rows it holds is the vendor's to say.
    async fn agents(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let mut walk = FullScanPaging::default();
        loop {
            let answered = self.client.get(&AGENTS, &self.url(walk.page())).await;
            let Some(answer) = scan.answered(answered)? else { break };
            let list = answer::list(&answer.body);
            let Some(list) = scan.readable(list, &answer)? else { break };
            let Some(rows) = scan.readable(answer::rows(&list), &answer)? else { break };
            let end = PageEnd { rows: rows.len(), new: scan.take_in(&rows), ..PageEnd::default() };
            if walk.page_read(end) == FullScanStep::Done {
                break;
            }
            if walk.page() > MOST_PAGES {
                scan.mark(Partial::TooLong);
                break;
            }
        }
        if let Some(doubt) = walk.doubt() {
            scan.mark(doubt);
        }
        let (gathered, scan) = scan.finish();
        Ok(gathered.into_poll_result(&AGENTS, Rows::Agents(scan)))
    }
}

#[cfg(test)]
mod tests;
