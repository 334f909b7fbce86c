//! Records in the truth what an answer showed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::World;
use crate::simulate::json::has_id;

impl World {
    /// Records what an answer showed.
    pub(super) fn record_served(&mut self, endpoint: &str, channel: &str, rows: &[Value]) {
        let now = self.now;
        match endpoint {
            "agents" => {
                for row in rows {
                    let id = row["id"].to_string();
                    let changes = self.truth.served_wrap_ups.entry(id.clone()).or_default();
                    changes.record_change(&false, row["wrap_up"] == true, now);
                    let mut bare = row.clone();
                    if let Some(fields) = bare.as_object_mut() {
                        // These fields have events of their own.
                        for name in ["status", "status_updated_at", "wrap_up"] {
                            fields.remove(name);
                        }
                    }
                    self.truth.served_agents.entry(id).or_default().record(bare, now);
                }
            }
            "agents/current_status" => {
                let known: Vec<_> = self.truth.served_holds.keys().cloned().collect();
                for row in rows {
                    let changes = self.truth.served_holds.entry(row["id"].to_string()).or_default();
                    changes.record_change(&false, row["on_hold"] == true, now);
                }
                for id in known {
                    if !rows.iter().any(|row| has_id(row, &id)) {
                        let changes = self.truth.served_holds.entry(id).or_default();
                        changes.record_change(&false, false, now);
                    }
                }
            }
            "menus" | "teams" | "user_statuses" => {
                let kind = match endpoint {
                    "menus" => "queue",
                    "teams" => "team",
                    _ => "status",
                };
                for row in rows {
                    let key = (kind, row["id"].to_string());
                    self.truth.served_records.entry(key).or_default().record(row.clone(), now);
                }
            }
            "menus/current_status" => {
                let key = |row: &Value| {
                    let channel = row["comm_type"].as_str().unwrap_or_default().to_lowercase();
                    let lang = row["lang"].as_str().unwrap_or_default();
                    format!("{}/{lang}/{channel}", row["menu_path_id"])
                };
                let mut shown: BTreeMap<_, _> = rows
                    .iter()
                    .map(|row| (key(row), row["in_queue_count"].as_i64().unwrap_or(0)))
                    .collect();
                self.add_empty_paths(&mut shown);
                for (key, depth) in shown {
                    let depths = self.truth.served_depths.entry(key).or_default();
                    depths.record_change(&0, depth, now);
                }
            }
            "menus/sla" | "menus/sla_by_queue_groups" => {
                for row in rows {
                    let key = if endpoint == "menus/sla" {
                        let lang = row["lang"].as_str().unwrap_or_default();
                        format!("queue_path {}/{lang}/{channel}", row["menu_path_id"])
                    } else {
                        format!("queue_group {}/{channel}", row["queue_group_id"])
                    };
                    let levels = self.truth.served_levels.entry(key).or_default();
                    levels.record_change(&Value::Null, row["sla"].clone(), now);
                }
            }
            "calls" => {
                for row in rows {
                    let statuses =
                        self.truth.served_statuses.entry(row["id"].to_string()).or_default();
                    statuses.extend(row["status"].as_str().map(String::from));
                }
            }
            _ => {}
        }
    }

    /// Adds the paths that an answer shows to be empty by leaving them out. A bridge need not
    /// believe that more than three, and more than a fifth of all, became empty at once: they count
    /// when the next answer leaves them out, too.
    fn add_empty_paths(&mut self, shown: &mut BTreeMap<String, i64>) {
        let mut waiting = Vec::new();
        for (path, depths) in &self.truth.served_depths {
            if depths.versions().last().is_some_and(|last| last.value > 0) {
                waiting.push(path.clone());
            } else {
                shown.entry(path.clone()).or_insert(0);
            }
        }
        let empty: Vec<_> =
            waiting.iter().filter(|path| !shown.contains_key(*path)).cloned().collect();
        let needs_confirmation = empty.len() > 3 && empty.len() * 5 > waiting.len();
        let unconfirmed = std::mem::take(&mut self.unconfirmed_empty_paths);
        for path in empty {
            if needs_confirmation && !unconfirmed.contains(&path) {
                self.unconfirmed_empty_paths.insert(path);
            } else {
                shown.insert(path, 0);
            }
        }
    }
}
