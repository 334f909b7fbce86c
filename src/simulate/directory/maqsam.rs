//! Maqsam's `GET /v1/agents` and `/v1/agents/page/N`: pages 0 and 1 are the same, there is no
//! count, and a state may be a text, an object or a pair.

use std::collections::BTreeMap;

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::member::Member;
use super::page::{SimulatedPage, SimulatedRow, json_response};
use super::state::Directory;
use crate::model::Timestamp;
use crate::simulate::fault_injector::AnswerFaults;
use crate::simulate::truth::AgentView;

/// Rows in a page.
const PER_PAGE: usize = 100;
/// Rows in a page under [`Traps::small_pages`].
///
/// [`Traps::small_pages`]: crate::simulate::settings::Traps::small_pages
const SMALL_PAGE: usize = 11;
const PATH: &str = "/v1/agents";

pub(super) fn error(status: StatusCode, message: &str) -> Response {
    json_response(status, &json!({"error": true, "message": message}))
}

pub(super) fn page(
    directory: &mut Directory,
    uri: &Uri,
    faults: AnswerFaults,
) -> Result<SimulatedPage, Box<Response>> {
    let rest = uri.path().strip_prefix(PATH);
    let number = match rest {
        Some("" | "/") => Some(1),
        Some(rest) => rest.strip_prefix("/page/").and_then(|number| number.parse().ok()),
        None => None,
    };
    let Some(number) = number.map(|number: usize| number.max(1)) else {
        return Err(Box::new(error(StatusCode::NOT_FOUND, "Not Found")));
    };
    let traps = directory.settings.traps;
    let per_page = if traps.small_pages { SMALL_PAGE } else { PER_PAGE };
    let empty = number == 1 && directory.draw_empty_answer();
    let mut members = if empty { Vec::new() } else { directory.visible() };
    members.sort_by_key(|member| member.number);
    let last = members.len().div_ceil(per_page).max(1);
    let repeats = traps.last_page_repeats && number > last && directory.chance(0.5);
    let shown = if repeats { last } else { number };
    // As after an addition in front: the last row of the page before is repeated.
    let again = usize::from(faults.shifted && shown > 1);
    let rows = members
        .iter()
        .skip((shown - 1) * per_page - again)
        .take(if shown > last { 0 } else { per_page })
        .map(|member| {
            let form = Form::of(member, directory);
            let (value, view) = (row(member, form), view(member, form));
            SimulatedRow { id: member.id.clone(), value, view, of_other_person: false }
        })
        .collect();
    let envelope = |rows| json!({"result": "success", "message": Value::Array(rows)});
    Ok(SimulatedPage { rows, first: number == 1, envelope: Box::new(envelope) })
}

/// How an agent's row is written. It is the same for an agent at all times: a client could not
/// distinguish another form from a change.
#[derive(Clone, Copy)]
struct Form {
    state: StateForm,
    milliseconds: bool,
    groups_have_ids: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum StateForm {
    /// A text, without its start.
    Text,
    Pair,
    Object,
}

impl Form {
    const fn of(member: &Member, directory: &Directory) -> Self {
        let traps = directory.settings.traps;
        Self {
            state: match member.number % 5 {
                0 if traps.other_forms => StateForm::Text,
                1 if traps.other_forms => StateForm::Pair,
                _ => StateForm::Object,
            },
            milliseconds: traps.milliseconds && member.number.is_multiple_of(2),
            groups_have_ids: traps.other_forms && member.number.is_multiple_of(3),
        }
    }

    /// A time in the precision in which it is written.
    fn time(self, time: Timestamp) -> Timestamp {
        if self.milliseconds { time } else { time.floor_second() }
    }

    fn epoch(self, time: Timestamp) -> Value {
        json!(if self.milliseconds { time.millis() } else { time.millis() / 1000 })
    }
}

fn row(member: &Member, form: Form) -> Value {
    let since = form.epoch(member.since);
    let state = match form.state {
        StateForm::Text => json!(member.state),
        StateForm::Pair => json!([member.state, since]),
        StateForm::Object => json!({"name": member.state, "timestamp": since}),
    };
    let group = |id: &u64| {
        let name = format!("Group {id}");
        if form.groups_have_ids { json!({"id": id, "name": name}) } else { json!(name) }
    };
    json!({
        "identifier": member.id.parse::<u64>().map_or_else(|_| json!(member.id), |id| json!(id)),
        "name": member.name,
        "email": format!("agent{}@example.com", member.number),
        "active": member.active,
        "groups": member.groups.iter().map(group).collect::<Vec<_>>(),
        "outgoingEnabled": member.outgoing,
        "incomingEnabled": member.incoming,
        "whatsappEnabled": member.whatsapp,
        "state": state,
        "created_at": form.epoch(member.created),
    })
}

fn view(member: &Member, form: Form) -> AgentView {
    let group =
        |id: &u64| if form.groups_have_ids { id.to_string() } else { format!("Group {id}") };
    let mut groups: Vec<_> = member.groups.iter().map(group).collect();
    groups.sort();
    let since = (form.state != StateForm::Text).then(|| form.time(member.since).millis());
    AgentView {
        facts: BTreeMap::from([
            ("name", member.name.clone()),
            ("email", format!("agent{}@example.com", member.number)),
            ("groups", groups.join(", ")),
            ("outgoing_enabled", member.outgoing.to_string()),
            ("incoming_enabled", member.incoming.to_string()),
            ("whatsapp_enabled", member.whatsapp.to_string()),
            ("created_at", form.time(member.created).millis().to_string()),
        ]),
        active: member.active,
        active_visible_since: member.active_visible.millis(),
        state_visible_since: member.state_visible.millis(),
        state: Some((String::from(member.state), since)),
        ..AgentView::default()
    }
}
