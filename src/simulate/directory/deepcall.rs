//! DeepCall's `POST /api/v2/Agent/list`: credentials in the body, rows in a map or an array,
//! passwords in plain text in every row, and errors with status 200.

use std::collections::BTreeMap;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::member::{Member, ROLES};
use super::page::{SimulatedPage, SimulatedRow, json_response};
use super::state::Directory;
use crate::simulate::truth::AgentView;

const PATH: &str = "/api/v2/Agent/list";

/// Whether a body has the session, or the user and the token, but not both.
pub(super) fn is_authorized(body: &[u8], username: &str, secret: &str) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let (ssid, user, token) = (&body["ssid"], &body["userId"], &body["token"]);
    let session = *ssid == secret && user.is_null() && token.is_null();
    let user = ssid.is_null() && *user == username && *token == secret;
    session || user
}

pub(super) fn error(code: u16, message: &str) -> Response {
    json_response(StatusCode::OK, &json!({"status": "error", "code": code, "message": message}))
}

pub(super) fn page(directory: &mut Directory, uri: &Uri) -> Result<SimulatedPage, Box<Response>> {
    if uri.path().trim_end_matches('/') != PATH {
        return Err(Box::new(StatusCode::NOT_FOUND.into_response()));
    }
    let traps = directory.settings.traps;
    // The documented table shows a map, the documented example an array.
    let sparse = traps.sparse_maps;
    let map = sparse || (traps.other_forms && directory.chance(0.5));
    let hidden = traps.hidden_pages && directory.chance(0.1);
    let empty = directory.draw_empty_answer();
    let mut members = if empty { Vec::new() } else { directory.visible() };
    members.sort_by_key(|member| member.number);
    if sparse {
        // A sparse row does not show that an agent is deleted.
        members.retain(|member| !member.deleted);
    }
    let total = members.len();
    if hidden {
        members.truncate(total / 2);
    }
    let names = directory.group_names;
    let rows = members.iter().map(|member| {
        let (value, view) = if sparse {
            (sparse_row(member), sparse_view(member))
        } else {
            (row(member, names, map), view(member))
        };
        SimulatedRow { id: member.id.clone(), value, view, of_other_person: false }
    });
    let ids: Vec<_> = members.iter().map(|member| member.id.clone()).collect();
    let envelope = move |rows: Vec<Value>| {
        let response = if rows.is_empty() {
            json!({})
        } else if map {
            Value::Object(ids.into_iter().zip(rows).collect::<Map<_, _>>())
        } else {
            Value::Array(rows)
        };
        json!({
            "response": response, "agtLimit": 500, "currentPage": 1,
            "totalPages": if hidden { 2 } else { 1 }, "totalRecords": total,
            "status": "success", "code": 200,
        })
    };
    Ok(SimulatedPage { rows: rows.collect(), first: true, envelope: Box::new(envelope) })
}

/// A row with only the fields of the documented table.
fn sparse_row(member: &Member) -> Value {
    json!({
        "nm": member.name,
        "email": format!("agent{}@example.com", member.number),
        "phone": member.phone,
        "dest_type": "MOBILE",
        "dest_value": member.destination,
        "group": member.groups,
        "status": u8::from(member.active),
    })
}

fn row(member: &Member, names: u64, map: bool) -> Value {
    let name = |id: &u64| {
        // One group has no name and one is renamed now and then: groups are identified by their
        // ids.
        let name = match id {
            4 => String::from("Unknown group (4)"),
            10 => format!("Parcels {names}"),
            id => format!("Group {id}"),
        };
        json!({ id.to_string(): name })
    };
    let number = member.number;
    let mut row = json!({
        "favorite": "",
        "email": format!("agent{number}@example.com"),
        "phone": member.phone,
        "address": member.address,
        "dest_type": "MOBILE",
        "dest_value": member.destination,
        // Invented passwords: they are in the vendor's answers, and must not be found anywhere
        // else.
        "call_pass": format!("{:08}", 52_000_000 + number),
        "password": format!("invented-password-{number}"),
        "role": (member.role + 1).to_string(),
        "parent": if number.is_multiple_of(4) { ",START,7001," } else { ",START," },
        "create_date": member.created.millis() / 1000,
        "create_by": "29791451",
        "create_by_type": "",
        "user_id": "29791451",
        "unique_id": member.id.parse::<u64>().map_or_else(|_| json!(member.id), |id| json!(id)),
        "allowDid": if member.numbers.is_empty() { json!("") } else { json!(member.numbers) },
        "status": u8::from(member.active),
        "isDeleted": u8::from(member.deleted),
        "preDeleted": u8::from(number.is_multiple_of(9)),
        "group": member.groups,
        "working": [{"wDays": ["MON", "TUE", "WED"], "from": member.hours.0,
            "to": member.hours.1, "agentId": member.id.parse::<u64>().ok()}],
        "groupNames": member.groups.iter().map(name).collect::<Vec<_>>(),
        "roleName": ROLES[member.role % ROLES.len()],
    });
    row[if map { "nm" } else { "name" }] = json!(member.name);
    row
}

/// What a sparse row shows, which every row shows.
fn sparse_view(member: &Member) -> AgentView {
    let mut groups: Vec<_> = member.groups.iter().map(ToString::to_string).collect();
    groups.sort();
    AgentView {
        facts: BTreeMap::from([
            ("name", member.name.clone()),
            ("email", format!("agent{}@example.com", member.number)),
            ("phone", member.phone.clone()),
            ("destination", format!("MOBILE {}", member.destination)),
            ("groups", groups.join(", ")),
        ]),
        active: member.active,
        active_visible_since: member.active_visible.millis(),
        state_visible_since: member.state_visible.millis(),
        ..AgentView::default()
    }
}

fn view(member: &Member) -> AgentView {
    let mut view = sparse_view(member);
    view.facts.extend([
        ("roles", String::from(ROLES[member.role % ROLES.len()])),
        ("hours", format!("{} to {}", member.hours.0, member.hours.1)),
        ("numbers", member.numbers.join(", ")),
        ("created_at", member.created.floor_second().millis().to_string()),
    ]);
    AgentView { deleted: member.deleted, ..view }
}
