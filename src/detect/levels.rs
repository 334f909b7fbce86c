//! Snapshots of queues: how many interactions wait, and the service level.

use serde::{Deserialize, Serialize};

use super::poll_context::{Change, PollContext};
use crate::event::body::{
    QueueDepthChange, QueueGroupReference, QueueReference, ServiceLevelChange, SlaBasis, SlaBreach,
    SlaRecovery, SlaScope,
};
use crate::event::{Body, Draft, Origin};
use crate::model::{EntityId, EntityKind, Measured, QueuePath, QueueStatus, ServiceLevel};

/// How far above its target a service level has to be before it counts as recovered, in percent
/// points; half the way to 100 where that is less. Without it, a level that varies around its
/// target would raise an alert at every poll.
const HYSTERESIS: f64 = 2.0;

/// What is remembered of a path or a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelState {
    /// How many waited; `None` before the first poll that showed it.
    pub depth: Option<i64>,
    /// The names under which it was last shown.
    pub queue: QueueReference,
    /// Language code.
    pub language: Option<String>,
    /// `call` or `chat`.
    pub channel: Option<String>,
    /// The last percentage; `None` when there was nothing to answer, or before the first poll.
    pub percent: Option<f64>,
    /// Whether the service level is below its target.
    #[serde(default)]
    pub breached: bool,
}

/// Compares how many wait on a path with what is known.
#[must_use]
pub fn queue_status_row(
    state: Option<&LevelState>,
    row: &QueueStatus,
    context: &PollContext,
) -> Change<LevelState> {
    let mut next = state.cloned().unwrap_or_default();
    let previous = next.depth;
    let QueuePath { path_id, lang, channel } = &row.queue;
    next.queue = QueueReference {
        id: row.queue_id.clone(),
        path_id: Some(path_id.clone()),
        path: row.path.clone(),
    };
    next.language.clone_from(lang);
    next.channel.clone_from(channel);
    next.depth = Some(row.depth);
    let mut drafts = Vec::new();
    if previous.unwrap_or(0) != row.depth {
        let body = Body::QueueDepthChanged(QueueDepthChange {
            queue: next.queue.clone(),
            language: lang.clone(),
            channel: channel.clone(),
            previous,
            depth: row.depth,
            oldest_queued_at: row.oldest_queued_at,
            oldest_duration: row.oldest_duration,
            total_duration: row.total_duration,
            average_duration: row.average_duration,
        });
        drafts.push(draft(
            EntityKind::QueuePath,
            row.queue.id(),
            context,
            context.unstamped_origin(),
            body,
        ));
    }
    Change { state: next, drafts }
}

/// No interaction waits on a path that a complete snapshot does not show.
#[must_use]
pub fn queue_status_absence(
    state: &LevelState,
    id: &EntityId,
    context: &PollContext,
) -> Change<LevelState> {
    let mut next = state.clone();
    let previous = next.depth.replace(0);
    let mut drafts = Vec::new();
    if previous.unwrap_or(0) != 0 {
        let body = Body::QueueDepthChanged(QueueDepthChange {
            queue: state.queue.clone(),
            language: state.language.clone(),
            channel: state.channel.clone(),
            previous,
            depth: 0,
            oldest_queued_at: None,
            oldest_duration: None,
            total_duration: None,
            average_duration: None,
        });
        drafts.push(draft(EntityKind::QueuePath, id.clone(), context, Origin::Live, body));
    }
    Change { state: next, drafts }
}

/// The entity that a service level is of, as events name it.
struct MeasuredEntity {
    kind: EntityKind,
    id: EntityId,
    queue: Option<QueueReference>,
    group: Option<QueueGroupReference>,
    language: Option<String>,
    channel: Option<String>,
}

fn measured_entity(row: &ServiceLevel) -> MeasuredEntity {
    match &row.of {
        Measured::Path(path) => MeasuredEntity {
            kind: EntityKind::QueuePath,
            id: path.id(),
            queue: Some(QueueReference {
                id: None,
                path_id: Some(path.path_id.clone()),
                path: row.name.clone(),
            }),
            group: None,
            language: path.lang.clone(),
            channel: path.channel.clone(),
        },
        Measured::Group { group_id, channel } => MeasuredEntity {
            kind: EntityKind::QueueGroup,
            id: EntityId::new(format!("{group_id}/{channel}")),
            queue: None,
            group: Some(QueueGroupReference { id: group_id.clone(), name: row.name.clone() }),
            language: None,
            channel: Some(channel.clone()),
        },
    }
}

impl ServiceLevel {
    /// The entity that it is a level of.
    #[must_use]
    pub fn entity(&self) -> (EntityKind, EntityId) {
        let MeasuredEntity { kind, id, .. } = measured_entity(self);
        (kind, id)
    }
}

/// Compares a service level with what is known. With a target, falling below it is a breach, and
/// rising well above it again ends the breach. Without anything to answer neither happens.
#[must_use]
pub fn service_level_row(
    state: Option<&LevelState>,
    row: &ServiceLevel,
    target_percent: Option<f64>,
    context: &PollContext,
) -> Change<LevelState> {
    let mut next = state.cloned().unwrap_or_default();
    let MeasuredEntity { kind, id, queue, group, language, channel } = measured_entity(row);
    let origin = context.unstamped_origin();
    let mut drafts = Vec::new();
    if next.percent != row.percent {
        let body = Body::ServiceLevelChanged(ServiceLevelChange {
            queue: queue.clone(),
            group: group.clone(),
            language: language.clone(),
            channel: channel.clone(),
            minutes: row.minutes,
            previous: next.percent,
            current: row.percent,
        });
        drafts.push(draft(kind, id.clone(), context, origin, body));
    }
    next.percent = row.percent;
    if let (Some(target), Some(percent)) = (target_percent, row.percent) {
        let recovered = (target + HYSTERESIS).min(f64::midpoint(target, 100.0));
        if !next.breached && percent < target {
            next.breached = true;
            let body = Body::SlaBreached(SlaBreach {
                scope: SlaScope::Queue,
                basis: SlaBasis::ServiceLevel,
                interaction: None,
                queue,
                group,
                language,
                channel,
                row_id: None,
                target_seconds: None,
                target_percent,
                value: row.percent,
            });
            drafts.push(draft(kind, id, context, origin, body));
        } else if next.breached && percent >= recovered {
            next.breached = false;
            let body = Body::SlaRecovered(SlaRecovery {
                scope: SlaScope::Queue,
                basis: SlaBasis::ServiceLevel,
                queue,
                group,
                language,
                channel,
                target_percent,
                value: row.percent,
            });
            drafts.push(draft(kind, id, context, Origin::Live, body));
        }
    }
    Change { state: next, drafts }
}

fn draft(
    kind: EntityKind,
    id: EntityId,
    context: &PollContext,
    origin: Origin,
    body: Body,
) -> Draft {
    Draft { kind, entity: id, occurrence: context.between(), origin, body }
}
