//! The queue paths, teams, statuses and service level targets that the contact centre starts with.

use serde_json::{Value, json};

/// Queue paths: path id, menu id, names of the menus on the path.
pub(super) const PATHS: &[(u64, u64, &str)] =
    &[(5, 10, "Support/Shipping"), (6, 11, "Support/Returns"), (7, 12, "Sales/Orders")];
/// Queue groups: id, name, path ids.
pub(super) const QUEUE_GROUPS: &[(u64, &str, &[u64])] =
    &[(20, "Shipping", &[5]), (24, "Customer care", &[5, 6]), (29, "Escalations", &[99])];
/// Teams: id, name.
pub(super) const TEAMS: &[(u64, &str)] = &[(11, "North"), (12, "South"), (13, "Night shift")];
/// Statuses: id, name, colour, id in the workforce management.
pub(super) const STATUSES: &[(i64, &str, &str, i64)] = &[
    (0, "Available", "green", 11),
    (-1, "Unavailable", "red", 12),
    (-2, "Break", "yellow", 29),
    (-4, "Meal", "brown", 31),
    (-5, "Missed Call", "blue_grey", 32),
    (-6, "Wrap-up", "purple", 33),
    (-7, "In-call", "light_blue", 34),
    (-8, "In-chat", "indigo", 35),
    (-10, "Offline", "grey", 36),
    (5, "Meal", "green", 45),
];
/// Seconds within which an interaction has to be answered.
pub(super) const TARGET_SECONDS: i64 = 3;
/// Percent of interactions that have to be answered in that time.
pub(in crate::simulate) const TARGET_PERCENT: i64 = 80;

/// A status as rows contain it.
pub(super) fn status(id: i64) -> Value {
    let (id, name, color, wfm_id) =
        STATUSES.iter().find(|status| status.0 == id).copied().unwrap_or(STATUSES[0]);
    json!({"id": id, "name": name, "color": color, "wfm_id": wfm_id})
}
