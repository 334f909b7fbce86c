//! Tails: what changed at or after a stamp, in order of the stamps.

use super::Ccai;
use super::mapping;
use super::paging::{IncrementalPaging, IncrementalStep, Narrowing};
use super::rows::{self, Read, split};
use crate::model::{Activity, Call, Chat, EntityId, Privacy, StreamName, Timestamp};
use crate::source::error::{Disposition, Error};
use crate::source::gathered::{Gathered, undecodable};
use crate::source::http::Answer;
use crate::source::stream::{ActivityEnds, AgentActivity, Calls, Chats, StreamType};
use crate::source::{
    ActivityLogRequest, Fingerprint, IncrementalRequest, IncrementalRows, Poll, PollResult, Polled,
    QuarantineReason, Quarantined, RowMemory,
};

/// Pages of one reading; the cursor then says how far it came.
const MOST_PAGES: u32 = 50;
/// The same where the overlap alone is longer than that: without getting beyond it, a reading would
/// be the same as the one before.
const MOST_PAGES_OF_AN_OVERLAP: u32 = 500;
/// Pages after which a reading ends where that does no harm, so that what was read is published
/// before a long backlog is through.
const ENOUGH_PAGES: u32 = 10;

/// What an incremental poll reads.
struct Incremental<T> {
    stream: StreamName,
    path: &'static str,
    /// The field that orders the rows.
    column: &'static str,
    read: Read<T>,
    redact: fn(&Privacy, &mut T),
}

impl Incremental<Activity> {
    /// Rows of the activity log, by one of their timestamps.
    const fn log(stream: StreamName, column: &'static str) -> Self {
        let (path, read) = ("agent_activity_logs", mapping::activity as Read<Activity>);
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
    /// Reads until the end, or until an answer fails. What was read before it counts, and the
    /// cursor says how far it reaches; only when there is nothing yet, the failure is the result.
    async fn incremental<T: Stamped>(
        &self,
        tail: &Incremental<T>,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<PollResult<IncrementalRows<T>>, Error> {
        let mut gathered = Gathered::default();
        let mut found: Vec<T> = Vec::new();
        let mut walk = IncrementalPaging::new(from);
        // Places of rows that were stepped over since the last page that could be read.
        let mut suspects: Vec<Suspect> = Vec::new();
        for asked in 0..MOST_PAGES_OF_AN_OVERLAP {
            if asked >= ENOUGH_PAGES && walk.is_far(self.overlap)
                || asked >= MOST_PAGES && (walk.has_passed(self.overlap) || !walk.goes_by_key())
            {
                break;
            }
            let error = match self.page(tail, walk.from(), walk.page(), walk.per()).await {
                Ok(mut answer) => match split(&answer.body) {
                    Ok(page) => {
                        gathered.answer(&answer);
                        let suspects = std::mem::take(&mut suspects);
                        if !suspects.is_empty() {
                            answer.large = None;
                        }
                        if let Err(error) = self
                            .look_again(
                                tail,
                                suspects,
                                memory,
                                &mut walk,
                                &mut gathered,
                                &mut found,
                            )
                            .await
                        {
                            if error.disposition() == Disposition::Stop {
                                return Err(error);
                            }
                            tracing::debug!(stream = %tail.stream, %error, "a tail was cut off");
                            break;
                        }
                        let seen: Vec<_> = page
                            .iter()
                            .map(|row| {
                                let fingerprint = Fingerprint::of(row.get().as_bytes());
                                (rows::stamp(row, tail.column), fingerprint)
                            })
                            .collect();
                        for (row, (stamp, fingerprint)) in page.iter().zip(&seen) {
                            if walk.wanted(*stamp) {
                                gathered.row(row, *fingerprint, memory, tail.read, &mut found);
                            }
                        }
                        match walk.page_read(&seen, answer.has_next, answer.total) {
                            IncrementalStep::Ask => continue,
                            IncrementalStep::Done => break,
                        }
                    }
                    Err(problem) => undecodable(problem, &answer),
                },
                Err(error) => error,
            };
            if may_be_a_rows_fault(&error) {
                match walk.unreadable(!matches!(error, Error::TooLarge { .. })) {
                    Narrowing::Again | Narrowing::Fewer => continue,
                    Narrowing::SteppedOver => {
                        suspects.push(Suspect { from: walk.from(), page: walk.page() - 1 });
                        continue;
                    }
                    Narrowing::GivenUp => {}
                }
            }
            if gathered.requests == 0 || error.disposition() == Disposition::Stop {
                return Err(error);
            }
            tracing::debug!(stream = %tail.stream, %error, "a tail was cut off");
            break;
        }
        found.sort_by(|one, other| one.order().cmp(&other.order()));
        for row in &mut found {
            (tail.redact)(&self.privacy, row);
        }
        let vendor_now =
            gathered.answered_at.plus_millis(gathered.clock_offset_millis.unwrap_or(0));
        let cursor = walk.cursor(vendor_now);
        Ok(gathered.into_poll_result(IncrementalRows { from, rows: found, cursor }))
    }

    /// Asks once more for each row that was stepped over, now that the vendor has shown that it can
    /// answer: a vendor that answers nothing right for a while has no bad rows, and none of its
    /// rows may be missed for that.
    async fn look_again<T: Stamped>(
        &self,
        tail: &Incremental<T>,
        suspects: Vec<Suspect>,
        memory: &RowMemory,
        walk: &mut IncrementalPaging,
        gathered: &mut Gathered,
        found: &mut Vec<T>,
    ) -> Result<(), Error> {
        for suspect in suspects {
            let answered = self.page(tail, suspect.from, suspect.page, 1).await;
            let answered = answered.and_then(|answer| {
                gathered.answer(&answer);
                let page = split(&answer.body).map_err(|problem| undecodable(problem, &answer))?;
                for row in page {
                    let fingerprint = Fingerprint::of(row.get().as_bytes());
                    let stamp = rows::stamp(row, tail.column);
                    walk.readable_after_all(stamp, fingerprint);
                    if walk.wanted(stamp) {
                        gathered.row(row, fingerprint, memory, tail.read, found);
                    }
                }
                Ok(())
            });
            match answered {
                Err(error) if may_be_a_rows_fault(&error) => {
                    gathered.set_aside(stepped_over(tail, &suspect, &error), memory);
                }
                answered => answered?,
            }
        }
        Ok(())
    }

    async fn page<T>(
        &self,
        tail: &Incremental<T>,
        from: Timestamp,
        page: u32,
        per: usize,
    ) -> Result<Answer, Error> {
        let url = self.url(
            tail.path,
            &[
                (&format!("{}[from]", tail.column), &from.to_rfc3339_millis()),
                ("sort_column", tail.column),
                ("sort_direction", "ASC"),
                ("page", &page.to_string()),
                ("per", &per.to_string()),
            ],
        );
        self.client.get(&tail.stream, &url).await
    }
}

/// Whether fewer rows may help: the answer is too large, or breaks in the middle of its rows. What
/// is no list of rows at all comes from a server that has another trouble.
fn may_be_a_rows_fault(error: &Error) -> bool {
    match error {
        Error::TooLarge { .. } => true,
        Error::Undecodable { in_rows, .. } => *in_rows,
        _ => false,
    }
}

/// The place of a row that was stepped over: the only one of a page that could not be read.
struct Suspect {
    from: Timestamp,
    page: u32,
}

/// A row of which nothing but its place is known.
fn stepped_over<T>(tail: &Incremental<T>, place: &Suspect, error: &Error) -> Quarantined {
    let kind = match error {
        Error::TooLarge { .. } => "expected a smaller row",
        _ => "expected a row that can be read",
    };
    let place = format!("{} {} {}", tail.stream, place.from, place.page);
    Quarantined {
        id: None,
        reason: QuarantineReason { path: String::new(), kind: String::from(kind) },
        fingerprint: Fingerprint::of(place.as_bytes()),
        size: match error {
            Error::Undecodable { size, .. } => *size,
            Error::TooLarge { limit, .. } => *limit,
            _ => 0,
        },
    }
}

impl Gathered {
    /// Takes in a row of a tail, unless it is known.
    fn row<T: Stamped>(
        &mut self,
        row: &serde_json::value::RawValue,
        fingerprint: Fingerprint,
        memory: &RowMemory,
        read: Read<T>,
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
            Err(quarantined) => self.set_aside(quarantined, memory),
        }
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

impl Stamped for Chat {
    fn id(&self) -> &EntityId {
        &self.id
    }
    fn stamp(&self) -> Option<Timestamp> {
        self.updated_at
    }
}
