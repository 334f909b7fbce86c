//! Menus, as they are in other records. A queue's own record is [`Queue`](super::Queue).

use serde::{Deserialize, Serialize};

use super::EntityId;

/// A menu of a customer's choice, which leads to a queue or is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Menu {
    /// The vendor's id.
    pub id: Option<EntityId>,
    /// Its name.
    pub name: Option<String>,
    /// The menu above it.
    pub parent_id: Option<EntityId>,
    /// Its position among its siblings.
    pub position: Option<i64>,
    /// Whether the vendor has deleted it.
    pub deleted: Option<bool>,
    /// Whether it is hidden from customers.
    pub hidden: Option<bool>,
    /// The kind of menu, in the vendor's words.
    pub menu_type: Option<String>,
    /// What customers hear or read.
    pub output_msg: Option<String>,
}

/// A path through menus, as an interaction's record has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MenuPath {
    /// How many menus the path has.
    pub items_count: Option<i64>,
    /// The name of its last menu.
    pub name: Option<String>,
    /// All names, joined by `/`.
    pub materialized_path: Option<String>,
}
