//! Sweeps, the gauge and the probe: entities, not changes.

use std::collections::HashSet;

use super::mapping;
use super::paging::{PageEnd, SweepStep, SweepWalk};
use super::rows::{self, PageRows, split};
use super::streams::{AGENT_STATUSES, AGENTS, RECENT};
use super::{Ccai, Gathered, PER_PAGE, undecodable};
use crate::model::EntityId;
use crate::source::error::{Disposition, Error};
use crate::source::{Partial, Reading, RowMemory, Rows, SweepBuilder, SweepRow};

/// Pages of one sweep, at most: two hundred thousand agents.
const MOST_PAGES: u32 = 2_000;

impl Ccai {
    /// All agents, page by page. A page that is not answered leaves the pages before it: what
    /// they show counts, what they do not show proves nothing.
    pub(super) async fn agents(&self, memory: &RowMemory) -> Result<Reading, Error> {
        let mut gathered = Gathered::default();
        let mut sweep = SweepBuilder::default();
        let mut walk = SweepWalk::default();
        loop {
            let per = PER_PAGE.to_string();
            let page = walk.page().to_string();
            let url = self.url("agents", &[("page", &page), ("per", &per)]);
            let answer = match self.client.get(&AGENTS, &url).await {
                Ok(answer) => answer,
                Err(error) if walk.page() > 1 && error.disposition() != Disposition::Stop => {
                    tracing::debug!(%error, page, "a page of a sweep was not answered");
                    sweep.mark(Partial::PageUnanswered);
                    break;
                }
                Err(error) => return Err(error),
            };
            gathered.answer(&answer);
            let rows = match split(&answer.body) {
                Ok(rows) => rows,
                Err(problem) if walk.page() > 1 => {
                    tracing::debug!(problem, page, "a page of a sweep cannot be read");
                    sweep.mark(Partial::PageUnanswered);
                    break;
                }
                Err(problem) => return Err(undecodable(problem, &answer)),
            };
            if let Some(total) = answer.total {
                sweep.counted(total);
            }
            let before = sweep.len();
            let mut page_rows = PageRows {
                memory,
                next: &mut gathered.memory,
                unknown: &mut gathered.unknown_values,
            };
            let quarantined = page_rows.agents(&rows, &mut sweep, &self.privacy);
            for row in quarantined {
                gathered.set_aside(row, memory);
            }
            let end = PageEnd {
                rows: rows.len(),
                new: sweep.len() - before,
                has_next: answer.has_next,
                total: answer.total,
            };
            if walk.page_read(end) == SweepStep::Done {
                break;
            }
            if walk.page() > MOST_PAGES {
                sweep.mark(Partial::TooLong);
                break;
            }
        }
        if let Some(doubt) = walk.doubt() {
            sweep.mark(doubt);
        }
        Ok(gathered.into_reading(&AGENTS, Rows::Agents(sweep.finish())))
    }

    /// Who is logged in. One answer is everything; absence means not logged in.
    pub(super) async fn agent_statuses(&self, memory: &RowMemory) -> Result<Reading, Error> {
        let mut gathered = Gathered::default();
        let answer =
            self.client.get(&AGENT_STATUSES, &self.url("agents/current_status", &[])).await?;
        gathered.answer(&answer);
        let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
        let mut sweep = SweepBuilder::default();
        // No paging is documented here. Should it be there all the same, one page proves nothing:
        // an absent agent would be called logged out.
        if let Some(total) = answer.total {
            sweep.counted(total);
        }
        if answer.has_next == Some(true) {
            sweep.mark(Partial::PageUnanswered);
        }
        for row in rows {
            match rows::decode(row, mapping::current_status, &mut gathered.unknown_values) {
                Ok(status) => {
                    let id = status.agent_id.clone();
                    sweep.row(&id, SweepRow::Seen(status));
                }
                Err(quarantined) => {
                    match &quarantined.id {
                        Some(id) => sweep.present(id.clone()),
                        None => sweep.mark(Partial::RowWithoutId),
                    }
                    gathered.set_aside(quarantined, memory);
                }
            }
        }
        Ok(gathered.into_reading(&AGENT_STATUSES, Rows::AgentStatuses(sweep.finish())))
    }

    /// Calls asked for by their ids. A call that is not shown is not there; that says nothing.
    pub(super) async fn calls_by_id(
        &self,
        ids: &[EntityId],
        memory: &RowMemory,
    ) -> Result<Reading, Error> {
        let mut gathered = Gathered::default();
        let mut walk = SweepWalk::default();
        let mut seen = HashSet::new();
        let mut calls = Vec::new();
        let per = PER_PAGE.to_string();
        while seen.len() < ids.len() {
            let page = walk.page().to_string();
            let mut query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
            query.extend([("page", page.as_str()), ("per", per.as_str())]);
            let answer = match self.client.get(&RECENT, &self.url("calls", &query)).await {
                Ok(answer) => answer,
                Err(error) if walk.page() > 1 && error.disposition() != Disposition::Stop => break,
                Err(error) => return Err(error),
            };
            gathered.answer(&answer);
            let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
            let before = seen.len();
            for row in &rows {
                match rows::decode(row, mapping::call, &mut gathered.unknown_values) {
                    // A server that does not know the filter would answer with other calls.
                    Ok(call) if ids.contains(&call.id) => {
                        if seen.insert(call.id.clone()) {
                            calls.push(call);
                        }
                    }
                    Ok(_) => {}
                    Err(quarantined) => {
                        seen.extend(quarantined.id.clone().filter(|id| ids.contains(id)));
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
            if walk.page_read(end) == SweepStep::Done {
                break;
            }
        }
        for call in &mut calls {
            self.privacy.call(call);
        }
        Ok(gathered.into_reading(&RECENT, Rows::CallsById(calls)))
    }
}
