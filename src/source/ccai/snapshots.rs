//! Snapshots: the values of a moment, each in one answer.

use super::Ccai;
use super::mapping::{self, LevelRow};
use super::rows::{self, split};
use crate::model::{Measured, QueuePath, QueueStatus, ServiceLevel, StreamName};
use crate::source::error::{Error, ErrorDisposition};
use crate::source::poll_result_builder::{PollResultBuilder, undecodable};
use crate::source::stream::{
    AgentStatuses, QueueGroupServiceLevels, QueueStatuses, ServiceLevels, StreamType,
};
use crate::source::{Poll, PollResult, Polled, RowMemory, SnapshotRequest};

/// The channels that service levels are measured on.
const CHANNELS: [&str; 2] = ["call", "chat"];

impl Poll<AgentStatuses> for Ccai {
    async fn poll(&self, _: SnapshotRequest, memory: &RowMemory) -> Polled<AgentStatuses> {
        let (stream, path) = (AgentStatuses::NAME, "agents/current_status");
        let read = mapping::current_status;
        self.whole(&stream, path, read, |status| status.agent_id.clone(), memory).await
    }
}

impl Poll<QueueStatuses> for Ccai {
    async fn poll(&self, _: SnapshotRequest, memory: &RowMemory) -> Polled<QueueStatuses> {
        let (stream, path) = (QueueStatuses::NAME, "menus/current_status");
        let id = |row: &QueueStatus| row.queue.id();
        self.whole(&stream, path, mapping::queue_status, id, memory).await
    }
}

impl Poll<ServiceLevels> for Ccai {
    async fn poll(&self, _: SnapshotRequest, memory: &RowMemory) -> Polled<ServiceLevels> {
        let of = |row: &LevelRow, channel: &str| {
            Measured::Path(QueuePath {
                path_id: row.id.clone(),
                lang: row.lang.clone(),
                channel: Some(String::from(channel)),
            })
        };
        self.levels(&ServiceLevels::NAME, "menus/sla", of, memory).await
    }
}

impl Poll<QueueGroupServiceLevels> for Ccai {
    async fn poll(
        &self,
        _: SnapshotRequest,
        memory: &RowMemory,
    ) -> Polled<QueueGroupServiceLevels> {
        let of = |row: &LevelRow, channel: &str| Measured::Group {
            group_id: row.id.clone(),
            channel: String::from(channel),
        };
        let path = "menus/sla_by_queue_groups";
        self.levels(&QueueGroupServiceLevels::NAME, path, of, memory).await
    }
}

impl Ccai {
    async fn levels(
        &self,
        stream: &StreamName,
        path: &str,
        of: impl Fn(&LevelRow, &str) -> Measured,
        memory: &RowMemory,
    ) -> Result<PollResult<Vec<ServiceLevel>>, Error> {
        let mut result = PollResultBuilder::default();
        let mut levels = Vec::new();
        let minutes = self.service_level_minutes.to_string();
        for channel in CHANNELS {
            let url = self.url(path, &[("channel", channel), ("minutes", &minutes)]);
            let answered = self.client.get(stream, &url).await.and_then(|answer| {
                result.add_answer(&answer);
                for row in split(&answer.body).map_err(|problem| undecodable(problem, &answer))? {
                    match rows::decode(row, mapping::level, &mut result.unknown_values) {
                        Ok(row) => levels.push(ServiceLevel {
                            of: of(&row, channel),
                            name: row.name,
                            percent: row.percent,
                            minutes: self.service_level_minutes,
                        }),
                        Err(quarantined) => result.quarantine(quarantined, memory),
                    }
                }
                Ok(())
            });
            match answered {
                // A contact centre without chats may refuse requests for them: the levels of the
                // first channel count.
                Err(error)
                    if channel != CHANNELS[0] && error.disposition() != ErrorDisposition::Stop =>
                {
                    // A refusal will be the same each time; anything else is a failure, which the
                    // next poll repairs.
                    if matches!(error, Error::Refused(_)) {
                        tracing::debug!(%stream, channel, %error, "one channel is refused");
                    } else {
                        tracing::warn!(
                            %stream, channel, reason = error.reason(), %error,
                            "one channel failed"
                        );
                    }
                }
                answered => answered?,
            }
        }
        Ok(result.finish(levels))
    }
}
