//! Maqsam: the list of agents (vendor's document, "Agents API Documentation", an early alpha).
//!
//! Nothing but `GET /v1/agents/page/N` is documented, without a limit of requests and without a
//! count of agents. There is no activity log. A state comes with its start, in a format that the
//! document leaves open; without one, a change is known to lie between two full scans.

mod answer;
mod mapping;
mod probe;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::error::Error;
use super::full_scan_in_progress::FullScanInProgress;
use super::http::{Authorization, Client, Connection};
use super::pages::{FullScanPaging, FullScanStep, PageEnd};
use super::rows::RowFormat;
use super::stream::{Agents, StreamType};
use super::{
    Access, DegradationClass, FullScanRequest, Pace, Partial, Poll, PollSettings, Polled, Report,
    RowMemory, SettingsReader, VendorClient, VendorStream,
};
use crate::model::{Agent, Privacy};

/// How the rows of the list are decoded.
const FORMAT: RowFormat<Agent> =
    RowFormat { id: "identifier", deleted: None, read: mapping::agent };

/// Pages of one full scan, at most: twenty thousand agents, a hundred on each.
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

    /// The URL of a page. Pages 0 and 1 are the same, and so is the list without a number.
    fn url(&self, page: u32) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("/v1/agents/page/{page}"));
        url
    }
}

impl Poll<Agents> for Maqsam {
    /// Pages are requested until one is empty or shows nothing new. A page that is not full proves
    /// nothing: the document does not fix the size of a page.
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Agents> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let mut paging = FullScanPaging::default();
        loop {
            let answered = self.client.get(&Agents::NAME, &self.url(paging.page())).await;
            let Some(answer) = scan.answered(answered)? else { break };
            let list = answer::list(&answer.body);
            let Some(list) = scan.decoded(list, &answer)? else { break };
            let Some(rows) = scan.decoded(answer::rows(&list), &answer)? else { break };
            let end = PageEnd { rows: rows.len(), new: scan.add_rows(&rows), ..PageEnd::default() };
            if paging.next_step(end) == FullScanStep::Done {
                break;
            }
            if paging.page() > MOST_PAGES {
                scan.mark(Partial::TooLong);
                break;
            }
        }
        if let Some(partial) = paging.partial() {
            scan.mark(partial);
        }
        Ok(scan.finish())
    }
}

#[cfg(test)]
mod tests;
