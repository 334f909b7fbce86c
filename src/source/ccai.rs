//! Google CCAI Platform: the manager API (vendor's document, "Endpoints").
//!
//! One request per second and customer over all endpoints is the documented limit. Pages hold at
//! most 100 rows, whatever is asked for. Calls, chats and the activity log are tailed by their
//! stamps; agents, queues and teams are swept; what stands at the moment is one answer.

mod mapping;
mod paging;
mod probe;
mod rows;
mod settings;
mod streams;
mod sweeps;
mod tails;
mod vocabulary;

use url::Url;

use super::error::Error;
use super::http::{Answer, Client, Connection};
use super::{
    Quarantined, Question, Reading, ReadingSettings, RowMemory, Rows, UnknownValue, Vendor,
};
use crate::model::{Privacy, StreamName, Timestamp};
use crate::secret::Secret;

use self::settings::Settings;
use self::streams::STREAMS;

pub use self::rows::sweep_agents_page;

/// The vendor's line in the table.
pub(super) const VENDOR: Vendor =
    Vendor { name: "ccai", streams: STREAMS, requests_per_second: 1.0, settings: settings::read };

/// Rows of a page: the vendor's own maximum.
pub(super) const PER_PAGE: usize = 100;

/// One account.
#[derive(Debug)]
pub(super) struct Ccai {
    client: Client,
    root: Url,
    privacy: Privacy,
    service_level_minutes: i64,
}

/// What a reading gathers besides its rows.
#[derive(Debug, Default)]
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

    /// A row is stepped over; it is told of unless the last reading did so.
    fn set_aside(&mut self, quarantined: Quarantined, memory: &RowMemory) {
        let fingerprint = quarantined.fingerprint;
        if !memory.was_set_aside(fingerprint) && !self.memory.was_set_aside(fingerprint) {
            self.quarantined.push(quarantined);
        }
        self.memory.remember_set_aside(fingerprint);
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
    fn new(
        settings: &Settings,
        password: &Secret,
        reading: ReadingSettings,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = Client::basic(connection, &settings.username, password)?;
        let mut root = settings.base_url.clone();
        // A gateway may stand before the vendor under a path of its own.
        let before = root.path().trim_end_matches('/');
        let prefix = settings.api_prefix.trim_matches('/');
        root.set_path(&format!("{before}/{prefix}/"));
        root.set_query(None);
        root.set_fragment(None);
        let ReadingSettings { privacy, service_level_minutes } = reading;
        Ok(Self { client, root, privacy, service_level_minutes })
    }

    pub(super) async fn read(
        &self,
        stream: &StreamName,
        question: &Question,
        memory: &RowMemory,
    ) -> Result<Reading, Error> {
        match (stream.as_str(), question) {
            ("agents", Question::Sweep) => self.agents(memory).await,
            ("agent_statuses", Question::Gauge) => self.agent_statuses(memory).await,
            ("agent_activity", Question::Tail { from }) => self.activities(*from, memory).await,
            ("activity_ends", Question::Tail { from }) => self.activity_ends(*from, memory).await,
            ("calls", Question::Tail { from }) => self.calls(*from, memory).await,
            ("chats", Question::Tail { from }) => self.chats(*from, memory).await,
            ("recent", Question::Probe { kind, ids }) => self.by_id(*kind, ids, memory).await,
            ("waiting", Question::Waiting { calls, chats }) => {
                self.waiting(*calls, *chats, memory).await
            }
            ("queues", Question::Sweep) => self.queues(memory).await,
            ("teams", Question::Sweep) => self.teams(memory).await,
            ("status_definitions", Question::Sweep) => self.status_definitions(memory).await,
            ("queue_statuses", Question::Gauge) => self.queue_statuses(memory).await,
            ("sla", Question::Gauge) => self.service_levels(memory).await,
            ("sla_by_queue_group", Question::Gauge) => self.group_service_levels(memory).await,
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
}

/// An answer that is no list of rows, or breaks in the middle of them.
fn undecodable(problem: &str, answer: &Answer) -> Error {
    Error::Undecodable {
        problem: problem.to_owned(),
        status: answer.status,
        size: answer.body.len(),
        in_rows: answer.body.trim_ascii_start().starts_with(b"["),
    }
}

#[cfg(test)]
mod tests;
