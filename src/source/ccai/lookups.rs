//! Lookups, and the interactions that wait: lists that the vendor filters.

use std::collections::HashSet;

use super::rows::{self, DecodeRow, EntityRow, split};
use super::{Ccai, PER_PAGE, mapping};
use crate::model::{EntityId, StreamName};
use crate::source::error::{Error, ErrorDisposition};
use crate::source::pages::{FullScanPaging, FullScanStep, PageEnd};
use crate::source::poll_result_builder::{PollResultBuilder, undecodable};
use crate::source::stream::{Recent, StreamType, Waiting};
use crate::source::{
    LookupRequest, LookupRows, Poll, Polled, RowMemory, RowsById, WaitingRequest, WaitingRows,
};

/// Pages of a lookup, at most.
const MOST_PAGES: u32 = 2_000;
/// Pages of waiting interactions, at most: a thousand rows.
const MOST_WAITING_PAGES: u32 = 10;

impl Poll<Recent> for Ccai {
    async fn poll(&self, request: LookupRequest, memory: &RowMemory) -> Polled<Recent> {
        let mut result = PollResultBuilder::default();
        let rows = match request {
            LookupRequest::Calls(ids) => {
                let (path, read) = ("calls", mapping::call as DecodeRow<_>);
                LookupRows::Calls(self.by_id(path, read, ids, &mut result, memory).await?)
            }
            LookupRequest::Chats(ids) => {
                let (path, read) = ("chats", mapping::chat as DecodeRow<_>);
                LookupRows::Chats(self.by_id(path, read, ids, &mut result, memory).await?)
            }
        };
        Ok(result.finish(rows))
    }
}

/// A record that waits does not move its `updated_at`, so that no incremental poll shows it.
impl Poll<Waiting> for Ccai {
    async fn poll(&self, request: WaitingRequest, memory: &RowMemory) -> Polled<Waiting> {
        let mut result = PollResultBuilder::default();
        let wanted = Wanted { ids: None, most_pages: MOST_WAITING_PAGES };
        let mut rows = WaitingRows::default();
        let stream = &Waiting::NAME;
        if request.calls() {
            let (query, read) = ([("call_status[]", "queued")], mapping::call);
            let calls = self.filtered(stream, "calls", &query, read, wanted, &mut result, memory);
            rows.calls = Some(calls.await?);
        }
        if request.chats() {
            let (query, read) = ([("chat_status[]", "queued")], mapping::chat);
            let chats = self.filtered(stream, "chats", &query, read, wanted, &mut result, memory);
            rows.chats = Some(chats.await?);
        }
        Ok(result.finish(rows))
    }
}

impl Ccai {
    async fn by_id<T: EntityRow>(
        &self,
        path: &str,
        read: DecodeRow<T>,
        ids: Vec<EntityId>,
        result: &mut PollResultBuilder,
        memory: &RowMemory,
    ) -> Result<RowsById<T>, Error> {
        let query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
        let wanted = Wanted { ids: Some(&ids), most_pages: MOST_PAGES };
        let rows = self.filtered(&Recent::NAME, path, &query, read, wanted, result, memory).await?;
        Ok(RowsById { ids, rows })
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    async fn filtered<T: EntityRow>(
        &self,
        stream: &StreamName,
        path: &str,
        filter: &[(&str, &str)],
        read: DecodeRow<T>,
        wanted: Wanted<'_>,
        result: &mut PollResultBuilder,
        memory: &RowMemory,
    ) -> Result<Vec<T>, Error> {
        let mut paging = FullScanPaging::default();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let per = PER_PAGE.to_string();
        while wanted.ids.is_none_or(|ids| seen.len() < ids.len())
            && paging.page() <= wanted.most_pages
        {
            let page = paging.page().to_string();
            let mut query = filter.to_vec();
            query.extend([("page", page.as_str()), ("per", per.as_str())]);
            let answer = match self.client.get(stream, &self.url(path, &query)).await {
                Ok(answer) => answer,
                Err(error)
                    if paging.page() > 1 && error.disposition() != ErrorDisposition::Stop =>
                {
                    break;
                }
                Err(error) => return Err(error),
            };
            result.add_answer(&answer);
            let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
            let before = seen.len();
            for row in &rows {
                match rows::decode(row, read, &mut result.unknown_values) {
                    // A server that ignores the filter would return other rows.
                    Ok(mut row) if wanted.wants(&row.id()) => {
                        if seen.insert(row.id()) {
                            row.redact(&self.privacy);
                            found.push(row);
                        }
                    }
                    Ok(_) => {}
                    Err(quarantined) => {
                        seen.extend(quarantined.id.clone().filter(|id| wanted.wants(id)));
                        result.quarantine(quarantined, memory);
                    }
                }
            }
            let end = PageEnd {
                rows: rows.len(),
                new: seen.len() - before,
                has_next: answer.has_next,
                total: answer.total,
            };
            if paging.next_step(end) == FullScanStep::Done {
                break;
            }
        }
        Ok(found)
    }
}

/// Which rows of a filtered answer were requested.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    /// Those with these ids; `None` for all.
    ids: Option<&'a [EntityId]>,
    most_pages: u32,
}

impl Wanted<'_> {
    fn wants(&self, id: &EntityId) -> bool {
        self.ids.is_none_or(|ids| ids.contains(id))
    }
}
