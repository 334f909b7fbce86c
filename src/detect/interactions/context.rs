//! Where an interaction was, and who handled it: the contexts of its events, and the keys of its
//! rows.

use super::interaction::Interaction;
use crate::event::body::{InteractionContext, QueueReference};
use crate::model::{EntityId, HandleDuration, QueueDuration, Timestamp, Transfer};

/// The context at the step at which this queue and this agent were the interaction's.
pub(super) fn interaction_context<I: Interaction>(
    record: &I,
    queue: Option<QueueReference>,
    agent_id: Option<EntityId>,
) -> InteractionContext {
    InteractionContext {
        id: record.interaction().id.clone(),
        direction: record.direction(),
        queue,
        agent_id,
        language: record.interaction().lang.clone(),
    }
}

/// The context as the record is now.
pub(super) fn current_context<I: Interaction>(record: &I) -> InteractionContext {
    interaction_context(record, named_first_queue(record), last_agent(record))
}

/// The row of the stamped step.
pub(super) fn first_row<I: Interaction>(record: &I) -> Option<&QueueDuration> {
    record.interaction().queue_durations.iter().find(|row| !row.transfer)
}

/// The queue of the stamped step: what the customer chose, and the row's path. A waiting
/// interaction has the menu's id at the top and the path's id in its row only; the two are
/// different id spaces.
pub(super) fn first_queue<I: Interaction>(record: &I) -> QueueReference {
    let row = first_row(record);
    let interaction = record.interaction();
    let top = interaction.menu_path.as_ref().and_then(|path| path.materialized_path.clone());
    QueueReference {
        id: interaction.selected_menu.as_ref().and_then(|menu| menu.id.clone()),
        path_id: row.and_then(|row| row.menu_path_id.clone()),
        path: row.and_then(|row| row.menu_path.clone()).or(top),
    }
}

/// The same; `None` where nothing names it.
pub(super) fn named_first_queue<I: Interaction>(record: &I) -> Option<QueueReference> {
    Some(first_queue(record)).filter(|queue| *queue != QueueReference::default())
}

/// The queue that the row of a stay names.
pub(super) fn row_queue(row: &QueueDuration) -> QueueReference {
    QueueReference { id: None, path_id: row.menu_path_id.clone(), path: row.menu_path.clone() }
}

/// The queue that a handling row names.
pub(super) fn handle_row_queue(row: &HandleDuration) -> QueueReference {
    QueueReference { id: None, path_id: row.menu_path_id.clone(), path: row.menu_path.clone() }
}

/// The agent of the stamped steps: of the first rows, not the one at the end.
pub(super) fn first_agent<I: Interaction>(record: &I) -> Option<EntityId> {
    let interaction = record.interaction();
    let queued = first_row(record).and_then(|row| row.agent_id.clone());
    let handled = || {
        let row = interaction.handle_durations.iter().find(|row| !row.transfer);
        row.and_then(|row| row.agent_id.clone())
    };
    let given = || {
        let transfer = interaction.transfers.first();
        transfer.and_then(|transfer| transfer.from_agent.as_ref()).and_then(|who| who.id.clone())
    };
    let now = || interaction.agent_info.as_ref().and_then(|agent| agent.id.clone());
    queued.or_else(handled).or_else(given).or_else(now)
}

fn last_agent<I: Interaction>(record: &I) -> Option<EntityId> {
    let interaction = record.interaction();
    let now = interaction.agent_info.as_ref().and_then(|agent| agent.id.clone());
    now.or_else(|| interaction.handle_durations.last().and_then(|row| row.agent_id.clone()))
}

/// What identifies a row: its id, or else kind, start, agent, path and language.
struct RowKey<'a> {
    kind: &'static str,
    id: Option<&'a EntityId>,
    started_at: Option<Timestamp>,
    agent: Option<&'a EntityId>,
    path: Option<&'a EntityId>,
    language: Option<&'a String>,
}

impl RowKey<'_> {
    fn text(&self) -> String {
        if let Some(id) = self.id {
            return id.to_string();
        }
        let part = |id: Option<&EntityId>| id.map_or_else(String::new, EntityId::to_string);
        let stamp = self.started_at.map_or_else(String::new, |time| time.millis().to_string());
        let language = self.language.map_or("", String::as_str);
        format!("{}@{stamp}/{}/{}/{language}", self.kind, part(self.agent), part(self.path))
    }
}

/// The key of the row of a stay in a queue.
pub(super) fn queue_row_key(row: &QueueDuration) -> String {
    let key = RowKey {
        kind: "queue",
        id: row.id.as_ref(),
        started_at: row.started_at,
        agent: row.agent_id.as_ref(),
        path: row.menu_path_id.as_ref(),
        language: row.lang.as_ref(),
    };
    key.text()
}

/// The key of a handling row.
pub(super) fn handle_row_key(row: &HandleDuration) -> String {
    let key = RowKey {
        kind: "handle",
        id: row.id.as_ref(),
        started_at: row.started_at,
        agent: row.agent_id.as_ref(),
        path: row.menu_path_id.as_ref(),
        language: row.lang.as_ref(),
    };
    key.text()
}

/// The key of a transfer.
pub(super) fn transfer_key(transfer: &Transfer) -> String {
    let key = RowKey {
        kind: "transfer",
        id: transfer.id.as_ref(),
        started_at: transfer.created_at,
        agent: None,
        path: None,
        language: None,
    };
    key.text()
}

/// The key of the first stay in a queue, whether its row is there or not.
pub(super) const FIRST_STAY: &str = "first";

/// The key of a stay in a queue. The first one is the stamped step.
pub(super) fn stay_key<I: Interaction>(record: &I, row: &QueueDuration) -> String {
    if first_row(record).is_some_and(|first| std::ptr::eq(first, row)) {
        String::from(FIRST_STAY)
    } else {
        queue_row_key(row)
    }
}
