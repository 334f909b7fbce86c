//! The steps of a chat: queued, assigned, messages, transferred, ended, and after-call work.

use serde_json::{Value, json};

use super::action::{Action, Contact};
use super::records::{ChatInProgress, Person, seconds};
use super::reference_data::{PATHS, TARGET_PERCENT, TARGET_SECONDS};
use super::world::World;
use crate::simulate::delayed_record::DelayedRecord;

/// The first row ids of every chat: they are unique only within it.
const FIRST_HANDLE_ROW: usize = 30_001;
const FIRST_QUEUE_ROW: usize = 41_234;

impl World {
    /// Writes a version of a chat. After-call work alone does not change `updated_at`.
    fn write_chat(&mut self, id: u64, update: bool) {
        let visible = self.visible_at(self.settings.jitter_millis.min(1_000));
        let stamp = self.stamp_now();
        if let Some(chat) = self.chats.get_mut(&id) {
            if update {
                chat.record["updated_at"] = stamp;
            }
            chat.shown.write(visible, chat.record.clone());
        }
    }

    fn chat_step(&mut self, chat: u64, step: &str) {
        self.happened(format!("chat {chat} {step}"));
    }

    fn chat_status(&self, id: u64) -> &str {
        self.chats.get(&id).and_then(|chat| chat.record["status"].as_str()).unwrap_or_default()
    }

    pub(super) fn chat_arrives(&mut self) {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds between chats")]
        let mean = (1000.0 / self.settings.chats_per_second.max(0.001)) as i64;
        let next = self.between(mean / 3, mean * 5 / 3);
        self.after(next.max(1), Action::ChatArrives);
        let id = self.id();
        let (path_id, menu_id, path) = PATHS[usize::try_from(id).unwrap_or(0) % PATHS.len()];
        let name = path.rsplit('/').next().unwrap_or(path);
        let now = self.stamp_now();
        let types = ["Messaging Inbound (App Chat)", "Messaging Inbound (Web Chat)", "in-app"];
        let chosen = id.is_multiple_of(4);
        let menu = json!({"id": menu_id, "name": name, "parent_id": 1, "position": 1,
            "deleted": false, "hidden": 0, "menu_type": "web_menu", "output_msg": null});
        let record = json!({
            "id": id, "lang": if id.is_multiple_of(5) { "es" } else { "en" },
            "chat_type": types[usize::try_from(id).unwrap_or(0) % types.len()],
            "status": "queued", "created_at": now, "assigned_at": null, "ends_at": null,
            "updated_at": now, "first_msg_sent_at": null, "last_msg_sent_at": null,
            "wait_duration": 0, "queue_duration": 0, "chat_duration": 0, "verified": false,
            "rating": null, "has_feedback": false, "out_ticket_id": null, "out_ticket_url": null,
            "fail_reason": if id.is_multiple_of(2) { json!("nothing") } else { json!(null) },
            "message_count": 0, "average_response_time": 0, "longest_response_time": 0,
            "selected_menu": if chosen { json!(null) } else { menu },
            "menu_path": if chosen { json!(null) } else {
                json!({"items_count": 2, "name": name, "materialized_path": path})
            },
            "agent_info": null,
            "end_user": {"id": id + 7, "identifier": format!("visitor-{id}"),
                "out_contact_id": null},
            "photos": [], "videos": [], "transfers": [], "participants": [],
            "offer_type": "cascade", "offer_events": [], "handle_durations": [],
            "queue_durations": [], "simulated_path_id": path_id, "simulated_path": path,
        });
        let chat = ChatInProgress {
            record,
            shown: DelayedRecord::default(),
            agent: None,
            transfer: None,
            taken_since: None,
            queue_since: None,
            ended: None,
        };
        self.chats.insert(id, chat);
        self.chat_queue_row(id);
        self.chat_step(id, "queued");
        self.write_chat(id, true);
        if self.chance(0.04) {
            self.after(2_000, Action::ChatFails(id));
            return;
        }
        let patience = self.between(9_000, 30_000);
        self.after(500, Action::ChatLooksForAgent(id));
        self.after(patience, Action::ChatIsGivenUp(id));
    }

    fn chat_queue_row(&mut self, id: u64) {
        let (stamp, now) = (self.stamp_now(), self.now);
        let Some(chat) = self.chats.get_mut(&id) else { return };
        chat.queue_since = Some(now);
        let transfer = chat.transfer;
        let record = &mut chat.record;
        let number = record["queue_durations"].as_array().map_or(0, Vec::len);
        let row = json!({
            "id": FIRST_QUEUE_ROW + number, "agent_id": null, "queue_duration": 0,
            "menu_path_id": record["simulated_path_id"], "menu_path": record["simulated_path"],
            "lang": record["lang"], "transfer": i32::from(transfer.is_some()),
            "transfer_id": transfer, "transfer_cold": 0, "started_at": stamp, "ended_at": null,
            "service_level_abandon_time_threshold": 2, "service_level_event": null,
            "service_level_target_percent": TARGET_PERCENT,
            "service_level_target_time": TARGET_SECONDS,
        });
        if let Some(rows) = record["queue_durations"].as_array_mut() {
            rows.push(row);
        }
        if transfer.is_some() {
            self.chat_step(id, &format!("queued {}", FIRST_QUEUE_ROW + number));
        }
    }

    fn close_chat_queue_row(&mut self, id: u64, agent: Option<u64>) {
        let (now, stamp) = (self.now, self.stamp_now());
        let Some(chat) = self.chats.get_mut(&id) else { return };
        let waited = seconds(chat.queue_since.take(), now);
        let rows = chat.record["queue_durations"].as_array_mut();
        let Some(row) = rows.and_then(|rows| rows.last_mut()) else { return };
        if !row["ended_at"].is_null() {
            return;
        }
        row["agent_id"] = json!(agent);
        row["queue_duration"] = json!(waited);
        row["ended_at"] = stamp;
        row["service_level_event"] = json!(match agent {
            Some(_) if waited <= TARGET_SECONDS => "in_sla",
            Some(_) => "not_in_sla",
            None => "excluded",
        });
        chat.record["queue_duration"] = json!(waited);
    }

    pub(super) fn chat_looks_for_agent(&mut self, id: u64) {
        let waits = self
            .chats
            .get(&id)
            .is_some_and(|chat| chat.ended.is_none() && chat.queue_since.is_some());
        if !waits {
            return;
        }
        let former = self.chats.get(&id).and_then(|chat| chat.agent);
        let free: Vec<_> = self
            .agents
            .values()
            .filter(|person| person.is_free() && Some(person.id) != former)
            .map(|person| person.id)
            .collect();
        let Some(last) = free.len().checked_sub(1) else {
            self.after(1_000, Action::ChatLooksForAgent(id));
            return;
        };
        let chosen = self.between(0, i64::try_from(last).unwrap_or(0));
        let agent = free[usize::try_from(chosen).unwrap_or(0)];
        let contact = Some(Contact::Chat(id));
        for activity in ["chat_notification_offered", "chat_pick_up_attempt", "chat_picked_up"] {
            self.log_activity(agent, activity, contact);
        }
        if let Some(person) = self.agents.get_mut(&agent) {
            person.chat = Some(id);
        }
        self.close_chat_queue_row(id, Some(agent));
        let (stamp, now) = (self.stamp_now(), self.now);
        let reference = self.agents.get(&agent).map(Person::reference);
        let Some(chat) = self.chats.get_mut(&id) else { return };
        chat.agent = Some(agent);
        chat.taken_since = Some(now);
        chat.record["agent_info"] = json!(reference);
        chat.record["status"] = json!("assigned");
        let step = match chat.transfer {
            None => {
                chat.record["assigned_at"] = stamp;
                String::from("assigned")
            }
            Some(transfer) => {
                // The transfer has no such stamp: the new agent's handle row has it.
                let row = chat_handle_row(&chat.record, agent, 0, Some(transfer), &stamp);
                if let Some(rows) = chat.record["handle_durations"].as_array_mut() {
                    rows.push(row);
                }
                if let Some(transfers) = chat.record["transfers"].as_array_mut()
                    && let Some(last) = transfers.last_mut()
                {
                    last["status"] = json!("transferred");
                    last["to_agent"] = json!(reference);
                }
                format!("assigned {transfer}")
            }
        };
        let transferred = chat.transfer.is_some();
        self.chat_step(id, &step);
        self.write_chat(id, true);
        self.set_status(agent, -8, contact);
        self.after(2_500, Action::ChatGoesOn(id));
        let length = self.between(6_000, 20_000);
        let end = match self.between(0, 99) {
            0..=14 if !transferred => Action::ChatIsTransferred(id),
            15..=22 => Action::ChatExpires(id),
            _ => Action::ChatEnds(id),
        };
        self.after(length, end);
    }

    pub(super) fn chat_goes_on(&mut self, id: u64) {
        if self.chat_status(id) != "assigned" {
            return;
        }
        let stamp = self.stamp_now();
        if let Some(chat) = self.chats.get_mut(&id) {
            let count = chat.record["message_count"].as_i64().unwrap_or(0);
            if count == 0 {
                chat.record["first_msg_sent_at"] = stamp.clone();
            }
            chat.record["last_msg_sent_at"] = stamp;
            chat.record["message_count"] = json!(count + 1);
        }
        self.write_chat(id, true);
        self.after(4_000, Action::ChatGoesOn(id));
    }

    /// The agent's part ends, and after-call work begins.
    fn chat_agent_is_done(&mut self, id: u64) {
        let (stamp, now) = (self.stamp_now(), self.now);
        let offset = self.settings.clock_offset_millis;
        let Some(chat) = self.chats.get_mut(&id) else { return };
        let Some(agent) = chat.agent else { return };
        let began = chat.taken_since.take().unwrap_or(now);
        let length = seconds(Some(began), now);
        let open = chat.record["handle_durations"]
            .as_array_mut()
            .and_then(|rows| rows.iter_mut().find(|row| row["ended_at"].is_null()));
        if let Some(row) = open {
            row["ended_at"] = stamp;
            row["chat_duration"] = json!(length);
        } else {
            let started = began.plus_millis(offset).floor_second().to_rfc3339_millis();
            let mut row = chat_handle_row(&chat.record, agent, 0, None, &json!(started));
            row["ended_at"] = stamp;
            row["chat_duration"] = json!(length);
            if let Some(rows) = chat.record["handle_durations"].as_array_mut() {
                rows.push(row);
            }
        }
        chat.record["chat_duration"] = json!(length);
        if let Some(person) = self.agents.get_mut(&agent) {
            person.chat = None;
            person.wrap_up = true;
        }
        self.set_status(agent, -6, Some(Contact::Chat(id)));
        let work = self.between(3_000, 9_000);
        self.after(work, Action::ChatWrapUpEnds(id, agent));
    }

    pub(super) fn chat_is_transferred(&mut self, id: u64) {
        if self.chat_status(id) != "assigned" {
            return;
        }
        let (transfer_id, stamp) = (self.id(), self.stamp_now());
        self.chat_agent_is_done(id);
        let Some(chat) = self.chats.get_mut(&id) else { return };
        let path = chat.record["menu_path"].clone();
        let transfer = json!({
            "id": transfer_id, "status": "transferring", "fail_reason": "nothing",
            "created_at": stamp, "from_menu": path, "to_menu": path,
            "from_agent": chat.record["agent_info"], "to_agent": null,
        });
        if let Some(transfers) = chat.record["transfers"].as_array_mut() {
            transfers.push(transfer);
        }
        chat.transfer = Some(transfer_id);
        chat.record["status"] = json!("queued");
        self.chat_step(id, &format!("transferred {transfer_id}"));
        self.chat_queue_row(id);
        self.write_chat(id, true);
        self.after(600, Action::ChatLooksForAgent(id));
        self.after(25_000, Action::ChatIsGivenUp(id));
    }

    fn end_chat(&mut self, id: u64, status: &str, reason: Option<&str>) {
        let (stamp, now) = (self.stamp_now(), self.now);
        if let Some(chat) = self.chats.get_mut(&id) {
            chat.record["status"] = json!(status);
            chat.record["ends_at"] = stamp;
            if let Some(reason) = reason {
                chat.record["fail_reason"] = json!(reason);
            }
            chat.ended = Some(now);
        }
        self.chat_step(id, "ended");
        self.write_chat(id, true);
    }

    pub(super) fn chat_ends(&mut self, id: u64, status: &str) {
        if self.chat_status(id) != "assigned" {
            return;
        }
        self.chat_agent_is_done(id);
        self.end_chat(id, status, None);
        if status == "finished" && self.chance(0.3) {
            let late = self.between(2_000, 12_000);
            self.after(late, Action::ChatIsRated(id));
        }
    }

    pub(super) fn chat_is_given_up(&mut self, id: u64) {
        if self.chat_status(id) == "queued" {
            self.close_chat_queue_row(id, None);
            self.end_chat(id, "canceled", None);
        }
    }

    pub(super) fn chat_fails(&mut self, id: u64) {
        if self.chat_status(id) == "queued" {
            self.close_chat_queue_row(id, None);
            self.end_chat(id, "failed", Some("expired"));
        }
    }

    pub(super) fn chat_wrap_up_ends(&mut self, id: u64, agent: u64) {
        let (stamp, now) = (self.stamp_now(), self.now);
        let since = self.agents.get(&agent).and_then(|person| person.since);
        let started = since.map(|since| self.stamp(since).to_rfc3339_millis());
        if let Some(chat) = self.chats.get_mut(&id) {
            let work = seconds(since, now).max(1);
            let mut row = chat_handle_row(&chat.record, agent, work, None, &json!(started));
            row["ended_at"] = stamp;
            let row_id = row["id"].clone();
            if let Some(rows) = chat.record["handle_durations"].as_array_mut() {
                rows.push(row);
            }
            self.chat_step(id, &format!("wrap_up {row_id}"));
            self.write_chat(id, false);
        }
        if let Some(person) = self.agents.get_mut(&agent) {
            person.wrap_up = false;
        }
        self.set_status(agent, 0, None);
    }

    pub(super) fn chat_is_rated(&mut self, id: u64) {
        let rating = self.between(1, 5);
        if let Some(chat) = self.chats.get_mut(&id) {
            chat.record["rating"] = json!(rating);
        }
        self.chat_step(id, "rated");
        self.write_chat(id, true);
    }
}

/// A handle row: one agent's part in a chat.
fn chat_handle_row(
    record: &Value,
    agent: u64,
    after_call_work: i64,
    transfer: Option<u64>,
    started_at: &Value,
) -> Value {
    let number = record["handle_durations"].as_array().map_or(0, Vec::len);
    json!({
        "id": FIRST_HANDLE_ROW + number, "agent_id": agent, "acw_duration": after_call_work,
        "chat_duration": 0, "menu_path_id": record["simulated_path_id"],
        "menu_path": record["simulated_path"], "lang": record["lang"],
        "transfer": i32::from(transfer.is_some()), "transfer_id": transfer,
        "started_at": started_at, "ended_at": null, "response_count": 0,
        "response_time_total": 0, "response_time_max": 0, "response_time_avg": 0,
        "assigned_connection_duration": 0,
    })
}
