//! Infobip's contact centre: the list of agents (vendor's document, "Get Agents - Early Access").
//!
//! Nothing but `GET /ccaas/1/agents` is documented, without a limit of requests. There is no
//! activity log and no timestamp of a status: `updatedAt` changes for other reasons. So a change is
//! known to lie between two full scans.

mod answer;
mod mapping;
mod paging;
mod probe;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::error::Error;
use super::full_scan_in_progress::FullScanInProgress;
use super::http::{Authorization, Client, Connection};
use super::rows::RowFormat;
use super::stream::{Agents, StreamType};
use super::{
    Access, DegradationClass, FullScanRequest, Pace, Partial, Poll, PollSettings, Polled, Report,
    RowMemory, SettingsReader, VendorClient, VendorStream,
};
use crate::model::{Agent, Privacy};

use self::paging::{PageEnd, Paging, PagingStep};

/// How the rows of the list are decoded.
const FORMAT: RowFormat<Agent> = RowFormat { id: "id", deleted: None, read: mapping::agent };

/// Rows of a page, the vendor's maximum.
const LIMIT: usize = 999;
/// Pages of one full scan, at most: two hundred thousand agents.
const MOST_PAGES: u32 = 200;

/// One account.
#[derive(Debug)]
pub(super) struct Infobip {
    client: Client,
    endpoint: Url,
    privacy: Privacy,
}

impl VendorClient for Infobip {
    const NAME: &'static str = "infobip";
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

impl Infobip {
    fn new(
        base_url: &Url,
        authorization: Authorization,
        settings: PollSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::new(connection, authorization, answer::find_error)?;
        let mut endpoint = base_url.clone();
        endpoint.set_path("/ccaas/1/agents");
        Ok(Self { client, endpoint, privacy: settings.privacy })
    }

    fn url(&self, query: &[(&str, &str)]) -> Url {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(query);
        url
    }
}

impl Poll<Agents> for Infobip {
    /// The scan is complete when it has as many different ids as the vendor's count says.
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Agents> {
        let mut scan = FullScanInProgress::new(FORMAT, memory, &self.privacy);
        let mut paging = Paging::default();
        let limit = LIMIT.to_string();
        loop {
            let page = paging.page().to_string();
            let url = self.url(&[("limit", &limit), ("page", &page)]);
            let answered = self.client.get(&Agents::NAME, &url).await;
            let Some(answer) = scan.answered(answered)? else { break };
            let page = answer::page(&answer.body);
            let Some(page) = scan.decoded(page, &answer)? else { break };
            match page.total {
                Some(total) => scan.counted(total),
                None => scan.mark(Partial::CountMissing),
            }
            let new = scan.add_rows(&page.rows);
            let end = PageEnd { rows: page.rows.len(), new, ids: scan.len(), total: page.total };
            if paging.next_step(end) == PagingStep::Done {
                break;
            }
            if paging.requested() == MOST_PAGES {
                scan.mark(Partial::TooLong);
                break;
            }
        }
        Ok(scan.finish())
    }
}

#[cfg(test)]
mod tests;
