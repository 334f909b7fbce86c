//! Maqsam: the list of agents (vendor's document, "Agents API Documentation", an early alpha).
//!
//! Nothing but `GET /v1/agents/page/N` is documented, without a limit of requests and without a
//! count of agents. There is no activity log. A state comes with its start, in a form that the
//! document leaves open; where there is none, a change is known to lie between two sweeps.

mod answer;
mod mapping;
mod probe;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::error::Error;
use super::gathered::FullScanInProgress;
use super::http::{Authorization, Client, Connection};
use super::pages::{FullScanPaging, FullScanStep, PageEnd};
use super::rows::Format;
use super::stream::{Agents, StreamType};
use super::{
    Access, FullScanRequest, Pace, Partial, Poll, PollSettings, Polled, Report, RowMemory,
    SettingsReader, VendorClient, VendorStream,
};
use crate::model::{Agent, Privacy};

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

impl VendorClient for Maqsam {
    const NAME: &'static str = "maqsam";
    // The document names no limit.
    const REQUESTS_PER_SECOND: f64 = 0.2;
    const STREAMS: &'static [VendorStream<Self>] = &[VendorStream::full_scan::<Agents>(Pace {
        weight: 1.0,
        max_interval: Duration::from_secs(30),
        min_interval: Duration::from_secs(2),
    })];

    fn settings(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
        settings::read(keys)
    }

    async fn probe(&self) -> Result<Report, Error> {
        self.report().await
    }
}

impl Maqsam {
    fn new(
        base_url: &Url,
        authorization: Authorization,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::new(connection, authorization, answer::find_error)?;
        Ok(Self { client, base_url: base_url.clone(), privacy: settings.privacy })
    }

    /// A page of the list. Pages 0 and 1 are the same, and so is the list without a number.
    fn url(&self, page: u32) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("/v1/agents/page/{page}"));
        url
    }
}

impl Poll<Agents> for Maqsam {
    /// All agents, page by page, until one is empty or shows nothing new. A page that is not full
    /// proves nothing: how many rows it holds is the vendor's to say.
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Agents> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let mut walk = FullScanPaging::default();
        loop {
            let answered = self.client.get(&Agents::NAME, &self.url(walk.page())).await;
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
        Ok(gathered.into_poll_result(scan))
    }
}

#[cfg(test)]
mod tests;
