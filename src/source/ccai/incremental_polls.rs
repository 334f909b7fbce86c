//! Tails: what changed at or after a stamp, in order of the stamps.

use super::Ccai;
use super::mapping;
use super::paging::{IncrementalPaging, IncrementalStep, Narrowing};
use super::rows::{self, Read, split};
use super::streams::{ACTIVITY_ENDS, AGENT_ACTIVITY, CALLS, CHATS};
use crate::model::{Activity, Call, Chat, EntityId, StreamName, Timestamp};
use crate::source::error::{Disposition, Error};
use crate::source::gathered::{Gathered, undecodable};
use crate::source::http::Answer;
use crate::source::{
    Fingerprint, IncrementalRows, PollResult, QuarantineReason, Quarantined, RowMemory, Rows,
};

/// Pages of one reading; the cursor then says how far it came.
const MOST_PAGES: u32 = 50;
/// The same where the overlap alone is longer than that: without getting beyond it, a reading would
/// be the same as the one before.
const MOST_PAGES_OF_AN_OVERLAP: u32 = 500;
/// Pages after which a reading ends where that does no harm, so that what was read is published
/// before a long backlog is through.
const ENOUGH_PAGES: u32 = 10;

/// What a tail reads.
struct Incremental<T> {
    stream: StreamName,
    path: &'static str,
    /// The field that orders the rows.
    column: &'static str,
    read: Read<T>,
}

impl Ccai {
    /// The log, by the start of its rows.
    pub(super) async fn activities(
        &self,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let (gathered, found) = self.log(AGENT_ACTIVITY, "started_at", from, memory).await?;
        Ok(gathered.into_poll_result(&AGENT_ACTIVITY, Rows::Activities(found)))
    }

    /// The log, by the end of its rows: the vendor fills it in later, which moves no start.
    pub(super) async fn activity_ends(
        &self,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let (gathered, found) = self.log(ACTIVITY_ENDS, "ended_at", from, memory).await?;
        Ok(gathered.into_poll_result(&ACTIVITY_ENDS, Rows::ActivityEnds(found)))
    }

    async fn log(
        &self,
        stream: StreamName,
        column: &'static str,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<(Gathered, IncrementalRows<Activity>), Error> {
        let tail =
            Incremental { stream, path: "agent_activity_logs", column, read: mapping::activity };
        let (gathered, mut found) = self.tail(&tail, from, memory).await?;
        for activity in &mut found.rows {
            self.privacy.activity(activity);
        }
        Ok((gathered, found))
    }

    pub(super) async fn calls(
        &self,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let tail =
            Incremental { stream: CALLS, path: "calls", column: "updated_at", read: mapping::call };
        let (gathered, mut found) = self.tail(&tail, from, memory).await?;
        for call in &mut found.rows {
            self.privacy.call(call);
        }
        Ok(gathered.into_poll_result(&tail.stream, Rows::Calls(found)))
    }

    pub(super) async fn chats(
        &self,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<PollResult, Error> {
        let tail =
            Incremental { stream: CHATS, path: "chats", column: "updated_at", read: mapping::chat };
        let (gathered, mut found) = self.tail(&tail, from, memory).await?;
        for chat in &mut found.rows {
            self.privacy.chat(chat);
        }
        Ok(gathered.into_poll_result(&tail.stream, Rows::Chats(found)))
    }

    /// Reads until the end, or until an answer fails. What was read before it counts, and the
    /// cursor says how far it reaches; only when there is nothing yet, the failure is the result.
    async fn tail<T: Stamped>(
        &self,
        tail: &Incremental<T>,
        from: Timestamp,
        memory: &RowMemory,
    ) -> Result<(Gathered, IncrementalRows<T>), Error> {
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
        let vendor_now =
            gathered.answered_at.plus_millis(gathered.clock_offset_millis.unwrap_or(0));
        Ok((gathered, IncrementalRows { rows: found, cursor: walk.cursor(vendor_now) }))
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
        &self.interaction.id
    }
    fn stamp(&self) -> Option<Timestamp> {
        self.interaction.updated_at
    }
}

impl Stamped for Chat {
    fn id(&self) -> &EntityId {
        &self.interaction.id
    }
    fn stamp(&self) -> Option<Timestamp> {
        self.interaction.updated_at
    }
}
