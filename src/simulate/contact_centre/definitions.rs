//! Queues, teams and statuses, as administrators define and change them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reference_data::{PATHS, STATUSES, TEAMS};

/// The present definitions; deleted ones stay, marked as deleted.
#[derive(Clone, Debug)]
pub(super) struct Definitions {
    menus: BTreeMap<u64, Value>,
    teams: BTreeMap<u64, Value>,
    statuses: BTreeMap<i64, Value>,
    changes: u64,
}

impl Definitions {
    pub(super) fn new() -> Self {
        let mut menus = BTreeMap::new();
        for (_, id, path) in PATHS {
            let name = path.rsplit('/').next().unwrap_or(path);
            menus.insert(*id, menu(*id, name));
        }
        // Deleted before the first poll.
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

    pub(super) fn change_queue(&mut self) {
        let change = self.next();
        let menus = &mut self.menus;
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
            // Another form of the same value, and the members of a team: neither changes the queue.
            _ => {
                if let Some(menu) = menus.get_mut(&12) {
                    menu["hidden"] = json!(["false", "0"][usize::from(change.is_multiple_of(2))]);
                    menu["team_assignments"][0]["team"]["agents_count"] = json!(change);
                }
            }
        }
    }

    pub(super) fn change_team(&mut self) {
        let change = self.next();
        let teams = &mut self.teams;
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

    pub(super) fn change_status(&mut self) {
        let change = self.next();
        let statuses = &mut self.statuses;
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

    /// The rows of an endpoint; `None` when it is not one of definitions.
    pub(super) fn rows(&self, endpoint: &str, with_deleted: bool) -> Option<Vec<Value>> {
        let Self { menus, teams, statuses, .. } = self;
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
        self.teams.get(&id).cloned()
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

/// The nodes that are not deleted, as a tree; none has children.
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
