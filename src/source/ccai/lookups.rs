//! Lookups, and the interactions that wait: lists that the vendor filters.

use std::collections::HashSet;

use super::rows::{self, Read, Row, split};
use super::{Ccai, PER_PAGE, mapping};
use crate::model::{EntityId, StreamName};
use crate::source::error::{Disposition, Error};
use crate::source::gathered::{Gathered, undecodable};
use crate::source::pages::{FullScanPaging, FullScanStep, PageEnd};
use crate::source::stream::{Recent, StreamType, Waiting};
use crate::source::{
    LookupRequest, LookupRows, Poll, Polled, RowMemory, RowsById, WaitingRequest, WaitingRows,
};

/// Pages of a lookup, at most.
const MOST_PAGES: u32 = 2_000;
/// Pages of those who wait, at most: a thousand.
const MOST_WAITING_PAGES: u32 = 10;

impl Poll<Recent> for Ccai {
    async fn poll(&self, request: LookupRequest, memory: &RowMemory) -> Polled<Recent> {
        let mut gathered = Gathered::default();
        let rows = match request {
            LookupRequest::Calls(ids) => {
                let (path, read) = ("calls", mapping::call as Read<_>);
                LookupRows::Calls(self.by_id(path, read, ids, &mut gathered, memory).await?)
            }
            LookupRequest::Chats(ids) => {
                let (path, read) = ("chats", mapping::chat as Read<_>);
                LookupRows::Chats(self.by_id(path, read, ids, &mut gathered, memory).await?)
            }
        };
        Ok(gathered.into_poll_result(rows))
    }
}

/// A record that waits does not move its `updated_at`, so that no incremental poll shows it.
impl Poll<Waiting> for Ccai {
    async fn poll(&self, request: WaitingRequest, memory: &RowMemory) -> Polled<Waiting> {
        let mut gathered = Gathered::default();
        let wanted = Wanted { ids: None, most_pages: MOST_WAITING_PAGES };
        let mut rows = WaitingRows::default();
        let stream = &Waiting::NAME;
        if request.calls() {
            let (query, read) = ([("call_status[]", "queued")], mapping::call);
            let calls = self.filtered(stream, "calls", &query, read, wanted, &mut gathered, memory);
            rows.calls = Some(calls.await?);
        }
        if request.chats() {
            let (query, read) = ([("chat_status[]", "queued")], mapping::chat);
            let chats = self.filtered(stream, "chats", &query, read, wanted, &mut gathered, memory);
            rows.chats = Some(chats.await?);
        }
        Ok(gathered.into_poll_result(rows))
    }
}

impl Ccai {
    async fn by_id<T: Row>(
        &self,
        path: &str,
        read: Read<T>,
        ids: Vec<EntityId>,
        gathered: &mut Gathered,
        memory: &RowMemory,
    ) -> Result<RowsById<T>, Error> {
        let query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
        let wanted = Wanted { ids: Some(&ids), most_pages: MOST_PAGES };
        let rows =
            self.filtered(&Recent::NAME, path, &query, read, wanted, gathered, memory).await?;
        Ok(RowsById { ids, rows })
    }

    #[allow(clippy::too_many_arguments, reason = "one question, in its parts")]
    async fn filtered<T: Row>(
        &self,
        stream: &StreamName,
        path: &str,
        filter: &[(&str, &str)],
        read: Read<T>,
        wanted: Wanted<'_>,
        gathered: &mut Gathered,
        memory: &RowMemory,
    ) -> Result<Vec<T>, Error> {
        let mut walk = FullScanPaging::default();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let per = PER_PAGE.to_string();
        while wanted.ids.is_none_or(|ids| seen.len() < ids.len())
            && walk.page() <= wanted.most_pages
        {
            let page = walk.page().to_string();
            let mut query = filter.to_vec();
            query.extend([("page", page.as_str()), ("per", per.as_str())]);
            let answer = match self.client.get(stream, &self.url(path, &query)).await {
                Ok(answer) => answer,
                Err(error) if walk.page() > 1 && error.disposition() != Disposition::Stop => break,
                Err(error) => return Err(error),
            };
            gathered.answer(&answer);
            let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
            let before = seen.len();
            for row in &rows {
                match rows::decode(row, read, &mut gathered.unknown_values) {
                    // A server that does not know the filter would answer with others.
                    Ok(mut row) if wanted.wants(&row.id()) => {
                        if seen.insert(row.id()) {
                            row.redact(&self.privacy);
                            found.push(row);
                        }
                    }
                    Ok(_) => {}
                    Err(quarantined) => {
                        seen.extend(quarantined.id.clone().filter(|id| wanted.wants(id)));
                        gathered.set_aside(quarantined, memory);
                    }
                }
            }
            let end = PageEnd {
                rows: rows.len(),
                new: seen.len() - before,
                has_next: answer.has_next,
                total: answer.total,
            };
            if walk.page_read(end) == FullScanStep::Done {
                break;
            }
        }
        Ok(found)
    }
}

/// Which rows of a filtered answer are wanted.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    /// These; `None` for all.
    ids: Option<&'a [EntityId]>,
    most_pages: u32,
}

impl Wanted<'_> {
    fn wants(&self, id: &EntityId) -> bool {
        self.ids.is_none_or(|ids| ids.contains(id))
    }
}
