//! Full scans: all entities of a kind.

use serde_json::value::RawValue;

use super::mapping;
use super::rows::{self, DecodeRow, EntityRow, entities, split};
use super::{Ccai, PER_PAGE};
use crate::model::{EntityId, StreamName};
use crate::source::error::Error;
use crate::source::full_scan_in_progress::FullScanInProgress;
use crate::source::pages::{FullScanPaging, FullScanStep, PageEnd};
use crate::source::poll_result_builder::{PollResultBuilder, undecodable};
use crate::source::stream::{Agents, Queues, StatusDefinitions, StreamType, Teams};
use crate::source::{
    FullScan, FullScanBuilder, FullScanRequest, FullScanRow, Partial, Poll, PollResult, Polled,
    RowMemory,
};

/// Pages of one full scan, at most: two hundred thousand agents.
const MOST_PAGES: u32 = 2_000;
/// Requests deleted entities too: a row marked deleted proves the removal, a missing row does not.
const WITH_DELETED: [(&str, &str); 1] = [("with_deleted", "true")];

impl Poll<Agents> for Ccai {
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Agents> {
        self.scan(&Agents::NAME, "agents", &[], split, mapping::agent, memory).await
    }
}

impl Poll<Queues> for Ccai {
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Queues> {
        self.scan(&Queues::NAME, "menus", &WITH_DELETED, entities, mapping::queue, memory).await
    }
}

impl Poll<Teams> for Ccai {
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<Teams> {
        self.scan(&Teams::NAME, "teams", &WITH_DELETED, entities, mapping::team, memory).await
    }
}

impl Poll<StatusDefinitions> for Ccai {
    async fn poll(&self, _: FullScanRequest, memory: &RowMemory) -> Polled<StatusDefinitions> {
        let (stream, read) = (StatusDefinitions::NAME, mapping::status_definition);
        self.whole(&stream, "user_statuses", read, |status| status.id.clone(), memory).await
    }
}

impl Ccai {
    /// All entities of a kind, page by page.
    async fn scan<T: EntityRow>(
        &self,
        stream: &StreamName,
        path: &str,
        query: &[(&str, &str)],
        split: for<'a> fn(&'a [u8]) -> Result<Vec<&'a RawValue>, &'static str>,
        read: DecodeRow<T>,
        memory: &RowMemory,
    ) -> Result<PollResult<FullScan<T>>, Error> {
        let mut scan = FullScanInProgress::new(rows::format(read), memory, &self.privacy);
        let mut paging = FullScanPaging::default();
        let per = PER_PAGE.to_string();
        loop {
            let page = paging.page().to_string();
            let mut query = query.to_vec();
            query.extend([("page", page.as_str()), ("per", per.as_str())]);
            let answered = self.client.get(stream, &self.url(path, &query)).await;
            let Some(answer) = scan.answered(answered)? else { break };
            let Some(rows) = scan.decoded(split(&answer.body), &answer)? else { break };
            if let Some(total) = answer.total {
                scan.counted(total);
            }
            if answer.count_unreadable {
                scan.make_partial(Partial::CountDisagrees);
            }
            let end = PageEnd {
                rows: rows.len(),
                new: scan.add_rows(&rows),
                has_next: answer.has_next,
                total: answer.total,
            };
            if paging.next_step(end) == FullScanStep::Done {
                break;
            }
            if paging.page() > MOST_PAGES {
                scan.make_partial(Partial::TooLong);
                break;
            }
        }
        if let Some(partial) = paging.partial() {
            scan.make_partial(partial);
        }
        Ok(scan.finish())
    }

    /// All entities of a kind, in one answer.
    pub(super) async fn whole<T>(
        &self,
        stream: &StreamName,
        path: &str,
        read: DecodeRow<T>,
        id: fn(&T) -> EntityId,
        memory: &RowMemory,
    ) -> Result<PollResult<FullScan<T>>, Error> {
        let mut result = PollResultBuilder::default();
        let answer = self.client.get(stream, &self.url(path, &[])).await?;
        result.add_answer(&answer);
        let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
        let mut scan = FullScanBuilder::default();
        // No paging is documented here. If there is some, one page proves nothing: what is absent
        // would count as removed.
        if let Some(total) = answer.total {
            scan.counted(total);
        }
        if answer.count_unreadable {
            scan.make_partial(Partial::CountDisagrees);
        }
        if answer.has_next == Some(true) {
            scan.make_partial(Partial::PageUnanswered);
        }
        for row in rows {
            match rows::decode(row, read, &mut result.unknown_values) {
                Ok(entity) => {
                    let id = id(&entity);
                    scan.row(&id, FullScanRow::Seen(entity));
                }
                Err(quarantined) => {
                    match &quarantined.id {
                        Some(id) => scan.present(id.clone()),
                        None => scan.make_partial(Partial::RowWithoutId),
                    }
                    result.quarantine(quarantined, memory);
                }
            }
        }
        Ok(result.finish(scan.finish()))
    }
}
