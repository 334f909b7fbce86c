//! Sweeps, gauges and probes: entities, not changes.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::mapping::{self, LevelRow};
use super::rows::{self, Read, Row, entities, split};
use super::streams::{
    AGENT_STATUSES, AGENTS, QUEUE_STATUSES, QUEUES, RECENT, SLA, SLA_BY_QUEUE_GROUP,
    STATUS_DEFINITIONS, TEAMS, WAITING,
};
use super::{Ccai, PER_PAGE};
use crate::model::{
    EntityId, EntityKind, Measured, QueuePath, QueueStatus, ServiceLevel, StreamName,
};
use crate::source::error::{Disposition, Error};
use crate::source::gathered::{FullScanInProgress, Gathered, undecodable};
use crate::source::pages::{FullScanPaging, FullScanStep, PageEnd};
use crate::source::{FullScan, FullScanBuilder, FullScanRow, Partial, PollResult, RowMemory, Rows};

/// Pages of one sweep, at most: two hundred thousand agents.
const MOST_PAGES: u32 = 2_000;
/// Pages of those who wait, at most: a thousand.
const MOST_WAITING_PAGES: u32 = 10;
/// The channels that service levels are measured on.
const CHANNELS: [&str; 2] = ["call", "chat"];

impl Ccai {
    /// All agents.
    pub(super) async fn agents(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let (gathered, scan) =
            self.scan(&AGENTS, "agents", &[], split, mapping::agent, memory).await?;
        Ok(gathered.into_poll_result(&AGENTS, Rows::Agents(scan)))
    }

    /// All queues, the deleted ones too: a row that says so is better than a missing one.
    pub(super) async fn queues(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let deleted = [("with_deleted", "true")];
        let (gathered, scan) =
            self.scan(&QUEUES, "menus", &deleted, entities, mapping::queue, memory).await?;
        Ok(gathered.into_poll_result(&QUEUES, Rows::Queues(scan)))
    }

    /// All teams, the deleted ones too.
    pub(super) async fn teams(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let deleted = [("with_deleted", "true")];
        let (gathered, scan) =
            self.scan(&TEAMS, "teams", &deleted, entities, mapping::team, memory).await?;
        Ok(gathered.into_poll_result(&TEAMS, Rows::Teams(scan)))
    }

    /// All statuses agents may be in. One answer is everything.
    pub(super) async fn status_definitions(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let stream = &STATUS_DEFINITIONS;
        let read = mapping::status_definition;
        let (gathered, scan) =
            self.whole(stream, "user_statuses", read, |status| status.id.clone(), memory).await?;
        Ok(gathered.into_poll_result(stream, Rows::StatusDefinitions(scan)))
    }

    /// Who is logged in. One answer is everything; absence means not logged in.
    pub(super) async fn agent_statuses(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let stream = &AGENT_STATUSES;
        let read = mapping::current_status;
        let path = "agents/current_status";
        let (gathered, scan) =
            self.whole(stream, path, read, |status| status.agent_id.clone(), memory).await?;
        Ok(gathered.into_poll_result(stream, Rows::AgentStatuses(scan)))
    }

    /// Where somebody waits. One answer is everything; absence means nobody does.
    pub(super) async fn queue_statuses(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let stream = &QUEUE_STATUSES;
        let path = "menus/current_status";
        let (gathered, scan) = self
            .whole(stream, path, mapping::queue_status, |row: &QueueStatus| row.queue.id(), memory)
            .await?;
        Ok(gathered.into_poll_result(stream, Rows::QueueStatuses(scan)))
    }

    /// How well queues are served, by path.
    pub(super) async fn service_levels(&self, memory: &RowMemory) -> Result<PollResult, Error> {
        let of = |row: &LevelRow, channel: &str| {
            Measured::Path(QueuePath {
                path_id: row.id.clone(),
                lang: row.lang.clone(),
                channel: Some(String::from(channel)),
            })
        };
        self.levels(&SLA, "menus/sla", of, memory).await
    }

    /// How well queues are served, by group.
    pub(super) async fn group_service_levels(
        &self,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let of = |row: &LevelRow, channel: &str| Measured::Group {
            group_id: row.id.clone(),
            channel: String::from(channel),
        };
        self.levels(&SLA_BY_QUEUE_GROUP, "menus/sla_by_queue_groups", of, memory).await
    }

    async fn levels(
        &self,
        stream: &StreamName,
        path: &str,
        of: impl Fn(&LevelRow, &str) -> Measured,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let mut gathered = Gathered::default();
        let mut levels = Vec::new();
        let minutes = self.service_level_minutes.to_string();
        for channel in CHANNELS {
            let url = self.url(path, &[("channel", channel), ("minutes", &minutes)]);
            let answered = self.client.get(stream, &url).await.and_then(|answer| {
                gathered.answer(&answer);
                for row in split(&answer.body).map_err(|problem| undecodable(problem, &answer))? {
                    match rows::decode(row, mapping::level, &mut gathered.unknown_values) {
                        Ok(row) => levels.push(ServiceLevel {
                            of: of(&row, channel),
                            name: row.name,
                            percent: row.percent,
                            minutes: self.service_level_minutes,
                        }),
                        Err(quarantined) => gathered.set_aside(quarantined, memory),
                    }
                }
                Ok(())
            });
            match answered {
                // A centre without chats may refuse the question about them: what the first
                // channel showed counts.
                Err(error)
                    if channel != CHANNELS[0] && error.disposition() != Disposition::Stop =>
                {
                    // A refusal is an answer that will be the same each time; anything else is a
                    // failure, which the next reading repairs.
                    if matches!(error, Error::Refused(_)) {
                        tracing::debug!(%stream, channel, %error, "one channel is refused");
                    } else {
                        tracing::warn!(
                            %stream, channel, reason = error.reason(), %error,
                            "one channel was not answered"
                        );
                    }
                }
                answered => answered?,
            }
        }
        Ok(gathered.into_poll_result(stream, Rows::ServiceLevels(levels)))
    }

    /// All entities of a kind, page by page.
    async fn scan<T: Row>(
        &self,
        stream: &StreamName,
        path: &str,
        query: &[(&str, &str)],
        split: for<'a> fn(&'a [u8]) -> Result<Vec<&'a RawValue>, &'static str>,
        read: Read<T>,
        memory: &RowMemory,
    ) -> Result<(Gathered, FullScan<T>), Error> {
        let mut scan = FullScanInProgress::new(rows::format(read), memory, &self.privacy);
        let mut walk = FullScanPaging::default();
        let per = PER_PAGE.to_string();
        loop {
            let page = walk.page().to_string();
            let mut query = query.to_vec();
            query.extend([("page", page.as_str()), ("per", per.as_str())]);
            let answered = self.client.get(stream, &self.url(path, &query)).await;
            let Some(answer) = scan.answered(answered)? else { break };
            let Some(rows) = scan.readable(split(&answer.body), &answer)? else { break };
            if let Some(total) = answer.total {
                scan.counted(total);
            }
            if answer.count_unreadable {
                scan.mark(Partial::CountDisagrees);
            }
            let end = PageEnd {
                rows: rows.len(),
                new: scan.take_in(&rows),
                has_next: answer.has_next,
                total: answer.total,
            };
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
        Ok(scan.finish())
    }

    /// All there is, in one answer.
    async fn whole<T>(
        &self,
        stream: &StreamName,
        path: &str,
        read: Read<T>,
        id: fn(&T) -> EntityId,
        memory: &RowMemory,
    ) -> Result<(Gathered, FullScan<T>), Error> {
        let mut gathered = Gathered::default();
        let answer = self.client.get(stream, &self.url(path, &[])).await?;
        gathered.answer(&answer);
        let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
        let mut scan = FullScanBuilder::default();
        // No paging is documented here. Should it be there all the same, one page proves nothing:
        // what is absent would be called gone.
        if let Some(total) = answer.total {
            scan.counted(total);
        }
        if answer.count_unreadable {
            scan.mark(Partial::CountDisagrees);
        }
        if answer.has_next == Some(true) {
            scan.mark(Partial::PageUnanswered);
        }
        for row in rows {
            match rows::decode(row, read, &mut gathered.unknown_values) {
                Ok(entity) => {
                    let id = id(&entity);
                    scan.row(&id, FullScanRow::Seen(entity));
                }
                Err(quarantined) => {
                    match &quarantined.id {
                        Some(id) => scan.present(id.clone()),
                        None => scan.mark(Partial::RowWithoutId),
                    }
                    gathered.set_aside(quarantined, memory);
                }
            }
        }
        Ok((gathered, scan.finish()))
    }

    /// Interactions asked for by their ids. One that is not shown is not there; that says nothing.
    pub(super) async fn by_id(
        &self,
        kind: EntityKind,
        ids: &[EntityId],
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let mut gathered = Gathered::default();
        let query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
        let wanted = Wanted { ids: Some(ids), most_pages: MOST_PAGES };
        let rows = if kind == EntityKind::Chat {
            let read = mapping::chat;
            Rows::ChatsById(
                self.filtered(&RECENT, "chats", &query, read, wanted, &mut gathered, memory)
                    .await?,
            )
        } else {
            let read = mapping::call;
            Rows::CallsById(
                self.filtered(&RECENT, "calls", &query, read, wanted, &mut gathered, memory)
                    .await?,
            )
        };
        Ok(gathered.into_poll_result(&RECENT, rows))
    }

    /// Who waits. A record that waits does not move its `updated_at`, so that no tail shows it.
    pub(super) async fn waiting(
        &self,
        ask_calls: bool,
        ask_chats: bool,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let mut gathered = Gathered::default();
        let wanted = Wanted { ids: None, most_pages: MOST_WAITING_PAGES };
        let (mut calls, mut chats) = (Vec::new(), Vec::new());
        if ask_calls {
            let query = [("call_status[]", "queued")];
            let read = mapping::call;
            calls = self
                .filtered(&WAITING, "calls", &query, read, wanted, &mut gathered, memory)
                .await?;
        }
        if ask_chats {
            let query = [("chat_status[]", "queued")];
            let read = mapping::chat;
            chats = self
                .filtered(&WAITING, "chats", &query, read, wanted, &mut gathered, memory)
                .await?;
        }
        Ok(gathered.into_poll_result(&WAITING, Rows::Waiting { calls, chats }))
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
