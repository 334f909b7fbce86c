//! The agents: they log in and out, take breaks, and are changed by their administrators.

use serde_json::{Value, json};

use super::action::{Action, Contact};
use super::records::{LogRow, Person};
use super::reference_data::{TEAMS, status};
use super::world::World;
use crate::simulate::delayed_record::DelayedRecord;

/// Invented names.
const FIRST: &[&str] = &["Alva", "Bero", "Cilla", "Dano", "Elin", "Faro", "Gitta", "Hanno"];
const LAST: &[&str] = &["Ashfield", "Birkholt", "Copperway", "Dunmoor", "Elmstead", "Fernhill"];

impl World {
    pub(super) fn hire(&mut self) {
        let id = self.id();
        let number = usize::try_from(id).unwrap_or(0);
        let (first, last) = (FIRST[number % FIRST.len()], LAST[number % LAST.len()]);
        let (team_id, team) = TEAMS[number % TEAMS.len()];
        let row = json!({
            "id": id,
            "email": format!("agent{id}@example.com"),
            "roles": ["agent"],
            "first_name": first,
            "middle_name": null,
            "last_name": last,
            "avatar_url": "https://example.com/default-profile.png",
            // The forms in which the vendor writes it: null, a text, a number.
            "agent_number": match number % 3 { 0 => json!(null), 1 => json!(id.to_string()), _ => json!(id) },
            "crm_authenticated": false,
            "location": null,
            "created_at": self.stamp_now(),
            "last_login_time": null,
            "teams": [{"id": team_id, "name": team, "parent_id": null, "position": 1,
                "agents_count": 10, "deleted": false}],
            "channels": [{"channel_type": "voice_call", "menu": {"id": 2029, "name": "Orders",
                "parent_id": null, "position": 0, "deleted": false, "menu_type": "ivr_menu",
                "output_msg": null,
                "hidden": match number % 3 { 0 => json!(false), 1 => json!("false"), _ => json!(0) }}}],
        });
        let person = Person {
            id,
            row,
            status: -10,
            since: None,
            online: false,
            wrap_up: false,
            call: None,
            chat: None,
            hold_since: None,
            open_row: None,
            roster_row: DelayedRecord::default(),
            current_status: DelayedRecord::default(),
            last_visible: self.now,
        };
        self.agents.insert(id, person);
        self.show_agent(id);
        // Some never log in.
        if number % 11 != 10 {
            let late = self.between(0, 6_000);
            self.after(late, Action::AgentLogsIn(id));
        }
    }

    /// Writes the roster row and the current status of an agent, each with a delay of its own.
    pub(super) fn show_agent(&mut self, id: u64) {
        let skew = self.settings.skew_millis;
        let (roster_at, current_at) = (self.visible_at(skew), self.visible_at(skew));
        let Some(person) = self.agents.get(&id) else { return };
        let since = person.since.map(|since| self.stamp(since).to_rfc3339_millis());
        let mut row = person.row.clone();
        row["status"] = status(person.status);
        row["status_updated_at"] = json!(since);
        row["online"] = json!(person.online);
        row["wrap_up"] = json!(person.wrap_up);
        row["call_count"] = json!(i32::from(person.call.is_some()));
        row["chat_count"] = json!(i32::from(person.chat.is_some()));
        let current = if person.online {
            let held =
                person.hold_since.map_or(0, |since| self.now.millis_since(since).max(0) / 1000);
            json!({
                "id": id,
                "status": status(person.status)["name"],
                "status_id": person.status,
                "status_updated_at": since,
                "on_hold": person.hold_since.is_some(),
                "on_hold_duration": held,
            })
        } else {
            Value::Null
        };
        if let Some(person) = self.agents.get_mut(&id) {
            person.roster_row.write(roster_at, row);
            person.current_status.write(current_at, current);
        }
    }

    /// Adds a row to the activity log.
    pub(super) fn log_activity(
        &mut self,
        agent: u64,
        activity: &str,
        contact: Option<Contact>,
    ) -> usize {
        let id = self.id();
        let (call, chat) = match contact {
            Some(Contact::Call(call)) => (Some(call), None),
            Some(Contact::Chat(chat)) => (None, Some(chat)),
            None => (None, None),
        };
        let (late, late_millis) = (self.settings.late_rows, self.settings.late_millis);
        let mut visible = self.visible_at(self.settings.jitter_millis);
        if late > 0.0 && self.chance(late) {
            visible = visible.plus_millis(late_millis);
        }
        let stamp = self.stamp(self.now);
        let (status_id, after) = match self.agents.get_mut(&agent) {
            Some(person) => {
                person.last_visible = person.last_visible.max(visible);
                (person.status, person.last_visible)
            }
            None => (-10, visible),
        };
        let mut shown = DelayedRecord::default();
        shown.write(
            after,
            json!({
                "id": id,
                "agent_id": agent,
                // A login row has the status Offline.
                "status": status(if activity == "login" { -10 } else { status_id }),
                "started_at": stamp.to_rfc3339_millis(),
                "ended_at": null,
                "duration": 0,
                "call_id": call,
                "chat_id": chat,
                "activity": activity,
                "whodunnit": null,
            }),
        );
        self.log.push(LogRow { started_at: stamp, shown });
        self.happened(format!("activity {id}"));
        self.log.len() - 1
    }

    pub(super) fn set_status(&mut self, agent: u64, status: i64, contact: Option<Contact>) {
        let now = self.now;
        let open = self.agents.get_mut(&agent).and_then(|person| person.open_row.take());
        if let Some(open) = open {
            let visible = self.visible_at(self.settings.jitter_millis);
            let stamp = self.stamp(now);
            let row = &mut self.log[open];
            let id = row.shown.latest().map(|row| row["id"].clone());
            if let Some(mut ended) = row.shown.latest().cloned() {
                ended["ended_at"] = json!(stamp.to_rfc3339_millis());
                ended["duration"] = json!(stamp.millis_since(row.started_at) / 1000);
                row.shown.write(visible, ended);
            }
            if let Some(id) = id {
                self.happened(format!("end {id}"));
            }
        }
        let Some(person) = self.agents.get_mut(&agent) else { return };
        person.status = status;
        person.since = Some(now);
        let row = self.log_activity(agent, "user_status_changed", contact);
        if let Some(person) = self.agents.get_mut(&agent) {
            person.open_row = Some(row);
        }
        self.show_agent(agent);
    }

    pub(super) fn log_in(&mut self, agent: u64) {
        let stamp = self.stamp_now();
        let Some(person) = self.agents.get_mut(&agent) else { return };
        if person.online {
            return;
        }
        person.online = true;
        person.row["last_login_time"] = stamp;
        person.row["crm_authenticated"] = json!(true);
        self.log_activity(agent, "login", None);
        self.set_status(agent, 0, None);
        let (shift, pause) = (self.between(40_000, 240_000), self.between(10_000, 90_000));
        self.after(shift, Action::AgentLogsOut(agent));
        self.after(pause, Action::BreakBegins(agent));
    }

    pub(super) fn log_out(&mut self, agent: u64) {
        let Some(person) = self.agents.get_mut(&agent) else { return };
        if !person.is_free() {
            if person.online {
                self.after(3_000, Action::AgentLogsOut(agent));
            }
            return;
        }
        person.online = false;
        // Both rows have the same start.
        self.set_status(agent, -10, None);
        self.log_activity(agent, "logout", None);
        let away = self.between(5_000, 20_000);
        self.after(away, Action::AgentLogsIn(agent));
    }

    pub(super) fn take_break(&mut self, agent: u64) {
        let kind = [-2, -4, 5][usize::try_from(self.between(0, 2)).unwrap_or(0)];
        let Some(person) = self.agents.get(&agent) else { return };
        if !person.is_free() {
            self.after(5_000, Action::BreakBegins(agent));
            return;
        }
        self.set_status(agent, kind, None);
        let length = self.between(4_000, 15_000);
        self.after(length, Action::BreakEnds(agent));
    }

    pub(super) fn end_break(&mut self, agent: u64) {
        let Some(person) = self.agents.get(&agent) else { return };
        if person.online && person.call.is_none() && person.chat.is_none() && person.status != 0 {
            self.set_status(agent, 0, None);
            let next = self.between(20_000, 90_000);
            self.after(next, Action::BreakBegins(agent));
        }
    }

    pub(super) fn roster_changes(&mut self) {
        self.after(4_000, Action::RosterChanges);
        let ids: Vec<_> = self.agents.keys().copied().collect();
        let Some(last) = ids.len().checked_sub(1) else { return };
        let chosen =
            ids[usize::try_from(self.between(0, i64::try_from(last).unwrap_or(0))).unwrap_or(0)];
        let (what, number) = (self.between(0, 3), self.between(1, 9));
        let Some(person) = self.agents.get_mut(&chosen) else { return };
        match what {
            0 => person.row["location"] = json!(format!("Hall {number}")),
            1 => person.row["agent_number"] = json!(format!("{number}00")),
            2 => person.row["roles"] = json!(["agent", format!("skill-{number}")]),
            _ => {
                let (id, name) = TEAMS[usize::try_from(number).unwrap_or(0) % TEAMS.len()];
                person.row["teams"] = json!([{"id": id, "name": name, "parent_id": null,
                    "position": 1, "agents_count": 10, "deleted": false}]);
            }
        }
        self.show_agent(chosen);
    }

    pub(super) fn agent_leaves(&mut self) {
        self.after(40_000, Action::AgentLeaves);
        let idle = self
            .agents
            .values()
            .find(|person| !person.online && person.call.is_none() && person.chat.is_none());
        let Some(id) = idle.map(|person| person.id) else { return };
        self.agents.remove(&id);
        self.truth.removed_agents.insert(id.to_string());
    }
}
