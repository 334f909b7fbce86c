//! Queues, teams and statuses: what administrators define and change, and what the vendor says of
//! the queues at the moment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::people::{STATUSES, TEAMS};
use super::telephony::PATHS;
use super::world::{Action, World};
use crate::model::Timestamp;

/// Groups of queues: id, name, paths.
const GROUPS: &[(u64, &str, &[u64])] =
    &[(20, "Shipping", &[5]), (24, "Customer care", &[5, 6]), (29, "Escalations", &[99])];

/// What is defined.
#[derive(Clone, Debug)]
pub(super) struct Organisation {
    pub(super) menus: BTreeMap<u64, Value>,
    pub(super) teams: BTreeMap<u64, Value>,
    pub(super) statuses: BTreeMap<i64, Value>,
    changes: u64,
}

impl Organisation {
    pub(super) fn new() -> Self {
        let mut menus = BTreeMap::new();
        for (_, id, path) in PATHS {
            let name = path.rsplit('/').next().unwrap_or(path);
            menus.insert(*id, menu(*id, name));
        }
        // Deleted before anybody looked.
        let mut old = menu(13, "Fax");
        old["deleted"] = json!(true);
        menus.insert(13, old);
        let team = |(id, name): &(u64, &str)| {
            let assignees: Vec<_> = (0..3).map(|place| assignee(id * 10 + place)).collect();
            let team = json!({"id": id, "name": name, "parent_id": null, "position": 28,
                "agents_count": 3, "deleted": false, "assignees": assignees});
            (*id, team)
        };
        let statuses = STATUSES.iter().map(|(id, name, color, wfm_id)| {
            (*id, json!({"id": id, "name": name, "color": color, "wfm_id": wfm_id}))
        });
        Self {
            menus,
            teams: TEAMS.iter().map(team).collect(),
            statuses: statuses.collect(),
            changes: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }
}

fn menu(id: u64, name: &str) -> Value {
    json!({
        "id": id, "name": name, "parent_id": null, "position": 0, "deleted": false,
        "menu_type": "ivr_menu", "output_msg": format!("You have reached {name}"),
        "hidden": match id % 3 { 0 => json!(false), 1 => json!("false"), _ => json!(0) },
        "agent_assignments": [{"lang": "en", "queue_level": "primary",
            "channel_type": "voice_call", "assignee": assignee(id * 10)}],
        "team_assignments": [{"lang": "en", "queue_level": "primary",
            "channel_type": "voice_call", "team": {"id": 11, "name": "North", "parent_id": null,
            "position": 1, "agents_count": 3, "deleted": false, "assignees": [assignee(110)]}}],
    })
}

fn assignee(id: u64) -> Value {
    json!({"id": id, "agent_number": if id.is_multiple_of(2) { json!(id) } else { json!(null) },
        "name": format!("Invented {id}"), "last_name": "Invented", "first_name": id.to_string()})
}

/// All nodes without a parent, each with its children.
fn tree<'v>(nodes: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    nodes
        .filter(|node| node["deleted"] == false)
        .map(|node| {
            let mut node = node.clone();
            node["children"] = json!([]);
            node
        })
        .collect()
}

impl World {
    pub(super) fn queue_changes(&mut self) {
        self.after(9_000, Action::QueueChanges);
        let change = self.organisation.next();
        let menus = &mut self.organisation.menus;
        match change % 5 {
            0 => {
                let id = 100 + change;
                menus.insert(id, menu(id, &format!("Season {change}")));
            }
            4 => {
                let added =
                    menus.iter_mut().find(|(id, menu)| **id > 100 && menu["deleted"] == false);
                if let Some((_, menu)) = added {
                    menu["deleted"] = json!(true);
                }
            }
            1 => {
                if let Some(menu) = menus.get_mut(&10) {
                    menu["name"] = json!(format!("Dispatch {change}"));
                }
            }
            2 => {
                if let Some(menu) = menus.get_mut(&11) {
                    menu["agent_assignments"][0]["assignee"] = assignee(change);
                }
            }
            // Another form of the same, and who belongs to the team: neither changes the queue.
            _ => {
                if let Some(menu) = menus.get_mut(&12) {
                    menu["hidden"] = json!(["false", "0"][usize::from(change.is_multiple_of(2))]);
                    menu["team_assignments"][0]["team"]["agents_count"] = json!(change);
                }
            }
        }
    }

    pub(super) fn team_changes(&mut self) {
        self.after(11_000, Action::TeamChanges);
        let change = self.organisation.next();
        let teams = &mut self.organisation.teams;
        match change % 3 {
            0 => {
                let id = 200 + change;
                let team = json!({"id": id, "name": format!("Crew {change}"), "parent_id": 11,
                    "position": 2, "agents_count": 0, "deleted": false, "assignees": []});
                teams.insert(id, team);
            }
            1 => {
                if let Some(team) = teams.get_mut(&11) {
                    team["agents_count"] = json!(4);
                    team["assignees"] = json!([assignee(change), assignee(change + 1)]);
                }
            }
            _ => {
                let added =
                    teams.iter_mut().find(|(id, team)| **id > 200 && team["deleted"] == false);
                if let Some((_, team)) = added {
                    team["deleted"] = json!(true);
                }
            }
        }
    }

    pub(super) fn status_changes(&mut self) {
        self.after(19_000, Action::StatusChanges);
        let change = self.organisation.next();
        let statuses = &mut self.organisation.statuses;
        if change.is_multiple_of(2) {
            let id = i64::try_from(change).unwrap_or(0) + 50;
            statuses.insert(
                id,
                json!({"id": id, "name": format!("Project {change}"), "color": "teal", "wfm_id": null}),
            );
        } else if let Some(status) = statuses.get_mut(&5) {
            status["name"] = json!(format!("Meal {change}"));
        }
    }

    /// The rows of what is defined.
    pub(super) fn defined(&self, endpoint: &str, with_deleted: bool) -> Option<Vec<Value>> {
        let Organisation { menus, teams, statuses, .. } = &self.organisation;
        let shown = |row: &&Value| with_deleted || row["deleted"] == false;
        Some(match endpoint {
            "menus" => menus.values().filter(shown).cloned().collect(),
            "menus/tree" => tree(menus.values()),
            "teams" => teams.values().filter(shown).cloned().collect(),
            "teams/tree" => tree(teams.values()),
            "user_statuses" => statuses.values().cloned().collect(),
            other => {
                let id = other.strip_prefix("menus/")?.parse::<u64>().ok()?;
                vec![menus.get(&id)?.clone()]
            }
        })
    }

    /// A single team: an object, where a single menu is an array.
    pub(super) fn team(&self, endpoint: &str) -> Option<Value> {
        let id = endpoint.strip_prefix("teams/")?.parse::<u64>().ok()?;
        self.organisation.teams.get(&id).cloned()
    }

    /// Every stay in a queue: when it began in truth and the row, of calls or chats.
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

    /// Where somebody waits.
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

    /// Percent of the stays that ended in the last minutes and were in time; null without any.
    fn level(&self, channel: &str, minutes: i64, wanted: impl Fn(&Value) -> bool) -> Value {
        let since = self.now.plus_millis(self.settings.clock_offset_millis - minutes * 60_000);
        let (mut good, mut all) = (0_u32, 0_u32);
        for (_, _, row) in self.stays(channel == "chat") {
            let ended = super::server::stamp(row, "ended_at");
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
        GROUPS.iter().map(group).collect()
    }
}
