//! What the contact centre keeps of agents, calls, chats and the activity log, and what it shows of
//! them.

use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::simulate::delayed_record::DelayedRecord;

/// An agent.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: u64,
    /// The row of the roster, without the fields that are added when it is written.
    pub(super) row: Value,
    pub(super) status: i64,
    pub(super) since: Option<Timestamp>,
    pub(super) online: bool,
    pub(super) wrap_up: bool,
    pub(super) call: Option<u64>,
    pub(super) chat: Option<u64>,
    pub(super) hold_since: Option<Timestamp>,
    /// The index in the log of the status row that has not ended.
    pub(super) open_row: Option<usize>,
    pub(super) roster_row: DelayedRecord,
    pub(super) current_status: DelayedRecord,
    /// When the last log row of this agent becomes visible: the next one does not come before it.
    pub(super) last_visible: Timestamp,
}

impl Person {
    /// The agent as other records refer to them.
    pub(super) fn reference(&self) -> Value {
        let text = |name: &str| self.row[name].as_str().unwrap_or_default();
        json!({
            "id": self.id,
            "name": format!("{} {}", text("first_name"), text("last_name")),
            "first_name": self.row["first_name"],
            "last_name": self.row["last_name"],
            "agent_number": self.row["agent_number"],
        })
    }

    pub(super) fn is_free(&self) -> bool {
        self.online && self.status == 0 && self.call.is_none() && self.chat.is_none()
    }
}

/// A call and its record.
#[derive(Clone, Debug)]
pub(super) struct CallInProgress {
    pub(super) record: Value,
    pub(super) shown: DelayedRecord,
    pub(super) agent: Option<u64>,
    /// The index of the current or last transfer.
    pub(super) transfer: Option<usize>,
    pub(super) talk_since: Option<Timestamp>,
    pub(super) queue_since: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
}

/// A chat and its record.
#[derive(Clone, Debug)]
pub(super) struct ChatInProgress {
    pub(super) record: Value,
    pub(super) shown: DelayedRecord,
    pub(super) agent: Option<u64>,
    /// The id of the current or last transfer.
    pub(super) transfer: Option<u64>,
    pub(super) taken_since: Option<Timestamp>,
    pub(super) queue_since: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
}

/// A row of the activity log.
#[derive(Clone, Debug)]
pub(super) struct LogRow {
    pub(super) started_at: Timestamp,
    pub(super) shown: DelayedRecord,
}

/// Whole seconds between two times; 0 without the first one.
pub(super) fn seconds(from: Option<Timestamp>, to: Timestamp) -> i64 {
    from.map_or(0, |from| to.millis_since(from).max(0) / 1000)
}
