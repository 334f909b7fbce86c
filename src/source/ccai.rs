//! Google CCAI Platform: the manager API (vendor's document, "Endpoints").
//!
//! One request per second and customer over all endpoints is the documented limit. Pages hold at
//! most 100 rows, whatever is asked for. Calls and the activity log are tailed by their stamps,
//! agents are swept, the status of the moment is one answer.

mod mapping;
mod paging;
mod rows;
mod vocabulary;

use std::time::Duration;

use url::Url;

use self::paging::{PageEnd, SweepWalk, TailStep, TailWalk};
use self::rows::{PageRows, split};
use super::error::{Disposition, Error};
use super::http::{Answer, Client, Connection};
use super::{
    Fingerprint, Partial, Quarantined, Question, Reading, RowMemory, Rows, StreamKind, StreamSpec,
    SweepBuilder, SweepRow, TailRows, UnknownValue,
};
use crate::model::{Activity, Call, EntityId, Privacy, StreamName, Timestamp};
use crate::secret::Secret;

pub use self::rows::sweep_agents_page;

/// Rows of a page: the vendor's own maximum.
pub(super) const PER_PAGE: usize = 100;
/// Pages of one sweep, at most: two hundred thousand agents.
const MOST_SWEEP_PAGES: u32 = 2_000;
/// Pages of one reading of a tail, at most; the cursor then says how far it came.
const MOST_TAIL_PAGES: u32 = 50;
/// How far before its cursor a tail asks again: rows become visible a little after their stamp.
const OVERLAP: Duration = Duration::from_secs(10);

const AGENT_ACTIVITY: StreamName = StreamName::new("agent_activity");
const AGENT_STATUSES: StreamName = StreamName::new("agent_statuses");
const AGENTS: StreamName = StreamName::new("agents");
const CALLS: StreamName = StreamName::new("calls");
const RECENT: StreamName = StreamName::new("recent");

/// The streams, with their defaults.
pub const STREAMS: &[StreamSpec] = &[
    StreamSpec {
        name: AGENT_ACTIVITY,
        kind: StreamKind::Tail { overlap: OVERLAP, log: true },
        weight: 4.0,
        max_interval: Duration::from_secs(5),
        min_interval: Duration::from_millis(500),
    },
    StreamSpec {
        name: AGENT_STATUSES,
        kind: StreamKind::Gauge,
        weight: 2.0,
        max_interval: Duration::from_secs(10),
        min_interval: Duration::from_secs(1),
    },
    StreamSpec {
        name: AGENTS,
        kind: StreamKind::Sweep,
        weight: 1.0,
        max_interval: Duration::from_secs(30),
        min_interval: Duration::from_secs(2),
    },
    StreamSpec {
        name: CALLS,
        kind: StreamKind::Tail { overlap: OVERLAP, log: false },
        weight: 4.0,
        max_interval: Duration::from_secs(5),
        min_interval: Duration::from_millis(500),
    },
    StreamSpec {
        name: RECENT,
        kind: StreamKind::Recent,
        weight: 1.0,
        max_interval: Duration::from_mins(1),
        min_interval: Duration::from_secs(1),
    },
];

/// How an account of this vendor is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://{subdomain}.{domain}`.
    pub base_url: Url,
    /// The path before the endpoints.
    pub api_prefix: String,
    /// The subdomain.
    pub username: String,
    /// The token.
    pub password: Secret,
}

/// One account.
#[derive(Debug)]
pub(super) struct Ccai {
    client: Client,
    root: Url,
    privacy: Privacy,
}

/// What a reading gathers besides its rows.
#[derive(Default)]
struct Gathered {
    asked_at: Option<Timestamp>,
    answered_at: Timestamp,
    clock_offset_millis: Option<i64>,
    requests: u32,
    quarantined: Vec<Quarantined>,
    unknown_values: Vec<UnknownValue>,
    memory: RowMemory,
}

impl Gathered {
    fn answer(&mut self, answer: &Answer) {
        self.asked_at.get_or_insert(answer.asked_at);
        self.answered_at = answer.answered_at;
        self.clock_offset_millis = answer.clock_offset_millis.or(self.clock_offset_millis);
        self.requests += answer.requests;
    }

    fn into_reading(self, stream: &StreamName, rows: Rows) -> Reading {
        Reading {
            stream: stream.clone(),
            asked_at: self.asked_at.unwrap_or(self.answered_at),
            answered_at: self.answered_at,
            clock_offset_millis: self.clock_offset_millis,
            requests: self.requests,
            rows,
            quarantined: self.quarantined,
            unknown_values: self.unknown_values,
            memory: self.memory,
        }
    }
}

impl Ccai {
    pub(super) fn new(
        settings: &Settings,
        privacy: Privacy,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::basic(connection, &settings.username, &settings.password)?;
        let mut root = settings.base_url.clone();
        root.set_path(&format!("{}/", settings.api_prefix.trim_end_matches('/')));
        Ok(Self { client, root, privacy })
    }

    pub(super) async fn read(
        &self,
        stream: &StreamName,
        question: &Question,
        memory: &RowMemory,
    ) -> Result<Reading, Error> {
        match (stream.as_str(), question) {
            ("agents", Question::Sweep) => self.agents(memory).await,
            ("agent_statuses", Question::Gauge) => self.agent_statuses().await,
            ("agent_activity", Question::Tail { from }) => {
                let read = mapping::activity;
                let (gathered, tail) = self
                    .tail(stream, "agent_activity_logs", "started_at", *from, memory, read)
                    .await?;
                Ok(gathered.into_reading(stream, Rows::Activities(self.private_activities(tail))))
            }
            ("calls", Question::Tail { from }) => {
                let (gathered, tail) =
                    self.tail(stream, "calls", "updated_at", *from, memory, mapping::call).await?;
                Ok(gathered.into_reading(stream, Rows::Calls(self.private_calls(tail))))
            }
            ("recent", Question::Probe { ids }) => self.calls_by_id(ids).await,
            _ => Err(Error::Misasked(stream.to_string())),
        }
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{path}", self.root.path()));
        if !query.is_empty() {
            // Brackets in names are percent-encoded here.
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// All agents, page by page. A page that is not answered leaves the pages before it: what
    /// they show counts, what they do not show proves nothing.
    async fn agents(&self, memory: &RowMemory) -> Result<Reading, Error> {
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
                quarantined: &mut gathered.quarantined,
                unknown: &mut gathered.unknown_values,
            };
            page_rows.agents(&rows, &mut sweep, &self.privacy);
            let new = sweep.len() > before;
            let end =
                PageEnd { rows: rows.len(), new, has_next: answer.has_next, total: answer.total };
            if !walk.goes_on(end, sweep.len()) {
                break;
            }
            if walk.page() > MOST_SWEEP_PAGES {
                sweep.mark(Partial::TooLong);
                break;
            }
        }
        Ok(gathered.into_reading(&AGENTS, Rows::Agents(sweep.finish())))
    }

    /// Who is logged in. One answer is everything; absence means not logged in.
    async fn agent_statuses(&self) -> Result<Reading, Error> {
        let mut gathered = Gathered::default();
        let answer =
            self.client.get(&AGENT_STATUSES, &self.url("agents/current_status", &[])).await?;
        gathered.answer(&answer);
        let rows = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
        let mut sweep = SweepBuilder::default();
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
                    gathered.quarantined.push(quarantined);
                }
            }
        }
        Ok(gathered.into_reading(&AGENT_STATUSES, Rows::AgentStatuses(sweep.finish())))
    }

    /// Calls asked for by their ids.
    async fn calls_by_id(&self, ids: &[EntityId]) -> Result<Reading, Error> {
        let mut gathered = Gathered::default();
        let per = PER_PAGE.to_string();
        let mut query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
        query.push(("per", &per));
        let answer = self.client.get(&RECENT, &self.url("calls", &query)).await?;
        gathered.answer(&answer);
        let mut calls = Vec::new();
        for row in split(&answer.body).map_err(|problem| undecodable(problem, &answer))? {
            match rows::decode(row, mapping::call, &mut gathered.unknown_values) {
                // A server that does not know the filter would answer with other calls.
                Ok(call) if ids.contains(&call.id) => calls.push(call),
                Ok(_) => {}
                Err(quarantined) => gathered.quarantined.push(quarantined),
            }
        }
        for call in &mut calls {
            self.privacy.call(call);
        }
        Ok(gathered.into_reading(&RECENT, Rows::CallsById(calls)))
    }

    /// What changed at or after a stamp. A page that fails leaves the pages before it, and the
    /// cursor says how far they reach.
    async fn tail<T: Stamped>(
        &self,
        stream: &StreamName,
        path: &str,
        column: &'static str,
        from: Timestamp,
        memory: &RowMemory,
        read: rows::Read<T>,
    ) -> Result<(Gathered, TailRows<T>), Error> {
        let mut gathered = Gathered::default();
        let mut rows_read: Vec<T> = Vec::new();
        let mut walk = TailWalk::new(from);
        let lower = format!("{column}[from]");
        let per = PER_PAGE.to_string();
        for _ in 0..MOST_TAIL_PAGES {
            let since = walk.from().to_rfc3339_millis();
            let page = walk.page().to_string();
            let url = self.url(
                path,
                &[
                    (&lower, &since),
                    ("sort_column", column),
                    ("sort_direction", "ASC"),
                    ("page", &page),
                    ("per", &per),
                ],
            );
            let answer = match self.client.get(stream, &url).await {
                Ok(answer) => answer,
                Err(error) if gathered.requests > 0 && error.disposition() != Disposition::Stop => {
                    tracing::debug!(%stream, %error, "a page of a tail was not answered");
                    break;
                }
                Err(error) => return Err(error),
            };
            let rows = match split(&answer.body) {
                Ok(rows) => rows,
                Err(_) if gathered.requests > 0 => break,
                Err(problem) => return Err(undecodable(problem, &answer)),
            };
            gathered.answer(&answer);
            let mut seen = Vec::with_capacity(rows.len());
            for row in &rows {
                let fingerprint = Fingerprint::of(row.get().as_bytes());
                let stamp = rows::stamp(row, column);
                seen.push((stamp, fingerprint));
                let known = memory.recall(fingerprint).or(gathered.memory.recall(fingerprint));
                if let Some(id) = known {
                    let id = id.clone();
                    gathered.memory.remember(fingerprint, id);
                    continue;
                }
                match rows::decode(row, read, &mut gathered.unknown_values) {
                    Ok(value) => {
                        gathered.memory.remember(fingerprint, value.id().clone());
                        rows_read.push(value);
                    }
                    Err(quarantined) => {
                        let id = quarantined.id.clone().unwrap_or_else(|| EntityId::new(""));
                        gathered.memory.remember(fingerprint, id);
                        gathered.quarantined.push(quarantined);
                    }
                }
            }
            match walk.page_read(&seen, answer.has_next, answer.total) {
                TailStep::Ask => {}
                TailStep::Done => break,
            }
        }
        rows_read.sort_by(|one, other| one.order().cmp(&other.order()));
        Ok((gathered, TailRows { rows: rows_read, cursor: walk.cursor() }))
    }

    fn private_calls(&self, mut tail: TailRows<Call>) -> TailRows<Call> {
        for call in &mut tail.rows {
            self.privacy.call(call);
        }
        tail
    }

    fn private_activities(&self, mut tail: TailRows<Activity>) -> TailRows<Activity> {
        for activity in &mut tail.rows {
            self.privacy.activity(activity);
        }
        tail
    }
}

fn undecodable(problem: &str, answer: &Answer) -> Error {
    Error::Undecodable {
        problem: problem.to_owned(),
        status: answer.status,
        size: answer.body.len(),
    }
}

/// A row of a tail.
trait Stamped {
    fn id(&self) -> &EntityId;
    fn stamp(&self) -> Option<Timestamp>;

    /// By stamp, then by id in the order the vendor gave ids out: shorter numbers first.
    fn order(&self) -> (Option<Timestamp>, usize, &str) {
        (self.stamp(), self.id().as_str().len(), self.id().as_str())
    }
}

impl Stamped for Activity {
    fn id(&self) -> &EntityId {
        &self.id
    }
    fn stamp(&self) -> Option<Timestamp> {
        Some(self.started_at)
    }
}

impl Stamped for Call {
    fn id(&self) -> &EntityId {
        &self.id
    }
    fn stamp(&self) -> Option<Timestamp> {
        self.updated_at
    }
}

#[cfg(test)]
mod tests;
