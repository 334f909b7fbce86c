//! How many interactions wait at present, and the service levels.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reference_data::{PATHS, QUEUE_GROUPS};
use super::world::World;
use crate::model::Timestamp;
use crate::simulate::json::timestamp;

impl World {
    /// Every stay of calls or of chats in a queue: its true start where it has not ended, the
    /// interaction, and the row of the stay.
    fn stays(&self, chats: bool) -> Vec<(Option<Timestamp>, &Value, &Value)> {
        let calls = self.calls.values().map(|call| (call.queue_since, &call.record));
        let messages = self.chats.values().map(|chat| (chat.queue_since, &chat.record));
        let records: Vec<_> = if chats { messages.collect() } else { calls.collect() };
        records
            .into_iter()
            .flat_map(|(since, record)| {
                let rows = record["queue_durations"].as_array().into_iter().flatten();
                rows.map(move |row| (since, record, row))
            })
            .collect()
    }

    /// The queue paths on which interactions wait.
    pub(super) fn queue_statuses(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        for (chats, channel) in [(false, "Call"), (true, "Chat")] {
            let mut waiting: BTreeMap<(u64, String), Vec<(Timestamp, &Value)>> = BTreeMap::new();
            for (since, _, row) in self.stays(chats) {
                if let (Some(since), true) = (since, row["ended_at"].is_null()) {
                    let path = row["menu_path_id"].as_u64().unwrap_or(0);
                    let lang = row["lang"].as_str().unwrap_or_default().to_owned();
                    waiting.entry((path, lang)).or_default().push((since, row));
                }
            }
            for ((path, lang), rows) in waiting {
                let waits: Vec<_> =
                    rows.iter().map(|(since, _)| self.now.millis_since(*since) / 1000).collect();
                let oldest = rows.iter().map(|(since, _)| *since).min().unwrap_or(self.now);
                let menu = PATHS.iter().find(|known| known.0 == path).map(|known| known.1);
                let count = i64::try_from(rows.len()).unwrap_or(0);
                let total: i64 = waits.iter().sum();
                all.push(json!({
                    "menu_id": menu, "lang": lang, "menu_path_id": path,
                    "menu_path": rows[0].1["menu_path"], "comm_type": channel,
                    "in_queue_count": count,
                    "oldest_in_queue": self.stamp(oldest).to_rfc3339_millis(),
                    "oldest_duration_in_queue": waits.iter().max(),
                    "total_queue_duration": total, "average_queue_duration": total / count.max(1),
                }));
            }
        }
        all
    }

    /// The percentage of stays within the target among those that ended in the last minutes; null
    /// without any.
    fn level(&self, channel: &str, minutes: i64, wanted: impl Fn(&Value) -> bool) -> Value {
        let since = self.now.plus_millis(self.settings.clock_offset_millis - minutes * 60_000);
        let (mut good, mut all) = (0_u32, 0_u32);
        for (_, _, row) in self.stays(channel == "chat") {
            let ended = timestamp(row, "ended_at");
            if wanted(row) && ended.is_some_and(|ended| ended >= since) {
                match row["service_level_event"].as_str() {
                    Some("in_sla") => (good, all) = (good + 1, all + 1),
                    Some("not_in_sla") => all += 1,
                    _ => {}
                }
            }
        }
        if all == 0 {
            return Value::Null;
        }
        let percent = f64::from(good) * 100.0 / f64::from(all);
        json!((percent * 10.0).round() / 10.0)
    }

    pub(super) fn service_levels(&self, channel: &str, minutes: i64) -> Vec<Value> {
        let mut all = Vec::new();
        for (path_id, _, path) in PATHS {
            for lang in ["en", "es"] {
                let of = |row: &Value| row["menu_path_id"] == *path_id && row["lang"] == lang;
                all.push(json!({"menu_path_id": path_id, "lang": lang, "menu_path": path,
                    "sla": self.level(channel, minutes, of)}));
            }
        }
        all
    }

    pub(super) fn group_service_levels(&self, channel: &str, minutes: i64) -> Vec<Value> {
        let group = |(id, name, paths): &(u64, &str, &[u64])| {
            let of =
                |row: &Value| row["menu_path_id"].as_u64().is_some_and(|id| paths.contains(&id));
            json!({"queue_group_id": id, "queue_group_name": name,
                "sla": self.level(channel, minutes, of)})
        };
        QUEUE_GROUPS.iter().map(group).collect()
    }
}
