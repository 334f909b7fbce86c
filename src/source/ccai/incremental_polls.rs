//! Incremental polls: rows with a timestamp at or after the cursor, in order of their timestamps.

use serde_json::value::RawValue;

use super::Ccai;
use super::mapping;
use super::paging::{IncrementalPaging, IncrementalStep, Narrowing};
use super::rows::{self, DecodeRow, split};
use crate::model::{Activity, Call, Chat, EntityId, Privacy, StreamName, Timestamp};
use crate::source::error::{Error, ErrorDisposition};
use crate::source::http::Answer;
use crate::source::poll_result_builder::{PollResultBuilder, undecodable};
use crate::source::stream::{ActivityEnds, AgentActivity, Calls, Chats, StreamType};
use crate::source::{
    ActivityLogRequest, Fingerprint, IncrementalRequest, IncrementalRows, Poll, PollResult, Polled,
    QuarantineReason, Quarantined, RowMemory,
};

/// Pages of one poll, at most; the cursor then says how far it came.
const MOST_PAGES: u32 = 50;
/// The same where the overlap alone is longer than that: a poll that does not get beyond its
/// overlap would be the same as the one before.
const MOST_PAGES_OF_AN_OVERLAP: u32 = 500;
/// Pages after which a poll ends where that does no harm, so that a long backlog is published in
/// parts.
const ENOUGH_PAGES: u32 = 10;

/// What an incremental poll reads.
struct Incremental<T> {
    stream: StreamName,
    path: &'static str,
    /// The field that orders the rows.
    column: &'static str,
    read: DecodeRow<T>,
    redact: fn(&Privacy, &mut T),
}

impl Incremental<Activity> {
    /// Rows of the activity log, by one of their timestamps.
    const fn log(stream: StreamName, column: &'static str) -> Self {
        let (path, read) = ("agent_activity_logs", mapping::activity as DecodeRow<Activity>);
        Self { stream, path, column, read, redact: Privacy::activity }
    }
}

impl Poll<AgentActivity> for Ccai {
    async fn poll(&self, request: ActivityLogRequest, memory: &RowMemory) -> Polled<AgentActivity> {
        let incremental = Incremental::log(AgentActivity::NAME, "started_at");
        self.incremental(&incremental, request.from, memory).await
    }
}

impl Poll<ActivityEnds> for Ccai {
    async fn poll(&self, request: IncrementalRequest, memory: &RowMemory) -> Polled<ActivityEnds> {
        let incremental = Incremental::log(ActivityEnds::NAME, "ended_at");
        self.incremental(&incremental, request.from, memory).await
    }
}

impl Poll<Calls> for Ccai {
    async fn poll(&self, request: IncrementalRequest, memory: &RowMemory) -> Polled<Calls> {
        let incremental = Incremental {
            stream: Calls::NAME,
            path: "calls",
            column: "updated_at",
            read: mapping::call,
            redact: Privacy::call,
        };
        self.incremental(&incremental, request.from, memory).await
    }
}

impl Poll<Chats> for Ccai {
    async fn poll(&self, request: IncrementalRequest, memory: &RowMemory) -> Polled<Chats> {
        let incremental = Incremental {
            stream: Chats::NAME,
            path: "chats",
            column: "updated_at",
            read: mapping::chat,
            redact: Privacy::chat,
        };
        self.incremental(&incremental, request.from, memory).await
    }
}

impl Ccai {
    /// Reads until the end, or until a request fails. What was read before the failure counts, and
    /// the cursor says how far it reaches; the failure is the result only when nothing was read.
    async fn incremental<T: Timestamped>(
        &self,
        poll: &Incremental<T>,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<PollResult<IncrementalRows<T>>, Error> {
        let mut result = PollResultBuilder::default();
        let mut found: Vec<T> = Vec::new();
        let mut paging = IncrementalPaging::new(from);
        // Rows that were skipped since the last page that could be decoded.
        let mut skipped: Vec<SkippedRow> = Vec::new();
        for requested in 0..MOST_PAGES_OF_AN_OVERLAP {
            if requested >= ENOUGH_PAGES && paging.is_far(self.overlap)
                || requested >= MOST_PAGES
                    && (paging.has_passed(self.overlap) || !paging.pages_by_key())
            {
                break;
            }
            let answered = self.page(poll, paging.from(), paging.page(), paging.per()).await;
            let error = match answered {
                Ok(mut answer) => match split(&answer.body) {
                    Ok(page) => {
                        result.add_answer(&answer);
                        let skipped = std::mem::take(&mut skipped);
                        if !skipped.is_empty() {
                            answer.large = None;
                        }
                        let retried = self
                            .retry_skipped(
                                poll,
                                skipped,
                                memory,
                                &mut paging,
                                &mut result,
                                &mut found,
                            )
                            .await;
                        if let Err(error) = retried {
                            if error.disposition() == ErrorDisposition::Stop {
                                return Err(error);
                            }
                            tracing::debug!(
                                stream = %poll.stream, %error, "an incremental poll was cut off"
                            );
                            break;
                        }
                        let seen: Vec<_> = page
                            .iter()
                            .map(|row| {
                                let fingerprint = Fingerprint::of(row.get().as_bytes());
                                (rows::timestamp(row, poll.column), fingerprint)
                            })
                            .collect();
                        for (row, (timestamp, fingerprint)) in page.iter().zip(&seen) {
                            if paging.is_in_range(*timestamp) {
                                result.add_row(row, *fingerprint, memory, poll.read, &mut found);
                            }
                        }
                        match paging.next_step(&seen, answer.has_next, answer.total) {
                            IncrementalStep::RequestPage => continue,
                            IncrementalStep::Done => break,
                        }
                    }
                    Err(problem) => undecodable(problem, &answer),
                },
                Err(error) => error,
            };
            if may_be_caused_by_a_row(&error) {
                match paging.narrow(!matches!(error, Error::TooLarge { .. })) {
                    Narrowing::Retry | Narrowing::SmallerPage => continue,
                    Narrowing::SkippedRow => {
                        skipped.push(SkippedRow { from: paging.from(), page: paging.page() - 1 });
                        continue;
                    }
                    Narrowing::GaveUp => {}
                }
            }
            if result.requests == 0 || error.disposition() == ErrorDisposition::Stop {
                return Err(error);
            }
            tracing::debug!(stream = %poll.stream, %error, "an incremental poll was cut off");
            break;
        }
        found.sort_by(|one, other| one.order().cmp(&other.order()));
        for row in &mut found {
            (poll.redact)(&self.privacy, row);
        }
        let vendor_now = result.answered_at.plus_millis(result.clock_offset_millis.unwrap_or(0));
        let cursor = paging.cursor(vendor_now);
        Ok(result.finish(IncrementalRows { from, rows: found, cursor }))
    }

    /// Requests each skipped row once more after a successful answer: rows that were skipped during
    /// an outage of the vendor are not bad, and must not be missed.
    async fn retry_skipped<T: Timestamped>(
        &self,
        poll: &Incremental<T>,
        skipped: Vec<SkippedRow>,
        memory: &RowMemory,
        paging: &mut IncrementalPaging,
        result: &mut PollResultBuilder,
        found: &mut Vec<T>,
    ) -> Result<(), Error> {
        for skipped in skipped {
            let answered = self.page(poll, skipped.from, skipped.page, 1).await;
            let answered = answered.and_then(|answer| {
                result.add_answer(&answer);
                let page = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
                for row in page {
                    let fingerprint = Fingerprint::of(row.get().as_bytes());
                    let timestamp = rows::timestamp(row, poll.column);
                    paging.recovered(timestamp, fingerprint);
                    if paging.is_in_range(timestamp) {
                        result.add_row(row, fingerprint, memory, poll.read, found);
                    }
                }
                Ok(())
            });
            match answered {
                Err(error) if may_be_caused_by_a_row(&error) => {
                    result.quarantine(skipped.quarantined(&poll.stream, &error), memory);
                }
                answered => answered?,
            }
        }
        Ok(())
    }

    async fn page<T>(
        &self,
        poll: &Incremental<T>,
        from: Timestamp,
        page: u32,
        per: usize,
    ) -> Result<Answer, Error> {
        let url = self.url(
            poll.path,
            &[
                (&format!("{}[from]", poll.column), &from.to_rfc3339_millis()),
                ("sort_column", poll.column),
                ("sort_direction", "ASC"),
                ("page", &page.to_string()),
                ("per", &per.to_string()),
            ],
        );
        self.client.get(&poll.stream, &url).await
    }
}

/// Whether fewer rows may help: the answer is too large, or breaks in the middle of its rows. What
/// is no list of rows at all comes from a server with another problem.
fn may_be_caused_by_a_row(error: &Error) -> bool {
    match error {
        Error::TooLarge { .. } => true,
        Error::Undecodable { in_rows, .. } => *in_rows,
        _ => false,
    }
}

/// Where a skipped row is: the only row of a page that could not be decoded.
struct SkippedRow {
    from: Timestamp,
    page: u32,
}

impl SkippedRow {
    /// The row as a quarantined one, of which only its position is known.
    fn quarantined(&self, stream: &StreamName, error: &Error) -> Quarantined {
        let kind = match error {
            Error::TooLarge { .. } => "expected a smaller row",
            _ => "expected a row that can be read",
        };
        let position = format!("{stream} {} {}", self.from, self.page);
        Quarantined {
            id: None,
            reason: QuarantineReason { path: String::new(), kind: String::from(kind) },
            fingerprint: Fingerprint::of(position.as_bytes()),
            size: match error {
                Error::Undecodable { size, .. } => *size,
                Error::TooLarge { limit, .. } => *limit,
                _ => 0,
            },
        }
    }
}

impl PollResultBuilder {
    /// Adds a row of an incremental poll, unless its bytes are known.
    fn add_row<T: Timestamped>(
        &mut self,
        row: &RawValue,
        fingerprint: Fingerprint,
        memory: &RowMemory,
        read: DecodeRow<T>,
        found: &mut Vec<T>,
    ) {
        if self.memory.recall(fingerprint).is_some() {
            return;
        }
        if let Some(id) = memory.recall(fingerprint) {
            self.memory.remember(fingerprint, id.clone());
            return;
        }
        match rows::decode(row, read, &mut self.unknown_values) {
            Ok(value) => {
                self.memory.remember(fingerprint, value.id().clone());
                found.push(value);
            }
            Err(quarantined) => self.quarantine(quarantined, memory),
        }
    }
}

/// A row that incremental polls order by a timestamp.
trait Timestamped {
    fn id(&self) -> &EntityId;
    fn timestamp(&self) -> Option<Timestamp>;

    /// By timestamp, then by id in the order in which the vendor assigns ids: shorter numbers
    /// first.
    fn order(&self) -> (Option<Timestamp>, usize, &str) {
        (self.timestamp(), self.id().as_str().len(), self.id().as_str())
    }
}

impl Timestamped for Activity {
    fn id(&self) -> &EntityId {
        &self.id
    }
    fn timestamp(&self) -> Option<Timestamp> {
        Some(self.started_at)
    }
}

impl Timestamped for Call {
    fn id(&self) -> &EntityId {
        &self.interaction.id
    }
    fn timestamp(&self) -> Option<Timestamp> {
        self.interaction.updated_at
    }
}

impl Timestamped for Chat {
    fn id(&self) -> &EntityId {
        &self.interaction.id
    }
    fn timestamp(&self) -> Option<Timestamp> {
        self.interaction.updated_at
    }
}
