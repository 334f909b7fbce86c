//! The steps of a call: queued, assigned, connected, transferred, ended, and after-call work.

use serde_json::{Value, json};

use super::action::{Action, Contact};
use super::records::{CallInProgress, Person, seconds};
use super::reference_data::{PATHS, TARGET_PERCENT, TARGET_SECONDS};
use super::world::World;
use crate::simulate::delayed_record::DelayedRecord;

impl World {
    /// Writes a version of a call. After-call work alone does not change `updated_at`.
    fn write_call(&mut self, id: u64, update: bool) {
        let visible = self.visible_at(self.settings.jitter_millis.min(1_000));
        let stamp = self.stamp_now();
        if let Some(call) = self.calls.get_mut(&id) {
            if update {
                call.record["updated_at"] = stamp;
            }
            call.shown.write(visible, call.record.clone());
        }
    }

    fn step(&mut self, call: u64, step: &str) {
        self.happened(format!("call {call} {step}"));
    }

    fn set(&mut self, id: u64, fields: &[(&str, Value)]) {
        if let Some(call) = self.calls.get_mut(&id) {
            for (name, value) in fields {
                call.record[*name] = value.clone();
            }
        }
    }

    fn status_of(&self, id: u64) -> &str {
        self.calls.get(&id).and_then(|call| call.record["status"].as_str()).unwrap_or_default()
    }

    pub(super) fn call_arrives(&mut self) {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds between calls")]
        let mean = (1000.0 / self.settings.calls_per_second.max(0.001)) as i64;
        let next = self.between(mean / 3, mean * 5 / 3);
        self.after(next.max(1), Action::CallArrives);
        let id = self.id();
        let kind = self.between(0, 99);
        let (path_id, menu_id, path) = PATHS[usize::try_from(id).unwrap_or(0) % PATHS.len()];
        let name = path.rsplit('/').next().unwrap_or(path);
        let outbound = (85..93).contains(&kind);
        let now = self.stamp_now();
        let record = json!({
            "id": id, "parent_id": null, "lang": if id.is_multiple_of(5) { "es" } else { "en" },
            "call_type": if outbound { "Voice Outbound" } else { "Voice Inbound (IVR)" },
            "status": "selecting",
            "created_at": now, "queued_at": null, "assigned_at": null, "connected_at": null,
            "ends_at": null, "scheduled_at": null, "updated_at": now,
            "queue_duration": 0, "wait_duration": 0, "call_duration": 0, "hold_duration": 0,
            "rating": null, "has_feedback": false, "voip_provider": "voip_provider_twilio",
            "out_ticket_id": null, "out_ticket_url": null, "verified": false,
            "recording_url": format!("https://example.com/recordings/{id}"),
            "recording_permission": "not_asked", "voicemail_reason": "not_voicemail",
            "deflection": "no_deflection", "disconnected_by": "disconnected_by_unknown",
            "fail_reason": if id.is_multiple_of(2) { json!("nothing") } else { json!(null) },
            "fail_details": null, "support_number": "+15550100", "outbound_number": null,
            "selected_menu": {"id": menu_id, "name": name, "parent_id": 1, "position": 1,
                "deleted": false, "hidden": if id.is_multiple_of(2) { json!(false) } else { json!("string") },
                "menu_type": "ivr_menu", "output_msg": null},
            // The path has no id at the top level.
            "menu_path": {"items_count": 2, "name": name, "materialized_path": path},
            "queue_priority_level": 0, "agent_info": null,
            "end_user": {"id": id + 7, "identifier": format!("+1555{:07}", id % 10_000_000),
                "out_contact_id": null},
            "photos": [], "videos": [], "transfers": [], "participants": [], "recordings": [],
            "offer_type": "cascade", "offer_events": [], "answer_type": "manual",
            "dispositions": [], "handle_durations": [], "queue_durations": [],
            "simulated_path_id": path_id,
        });
        let call = CallInProgress {
            record,
            shown: DelayedRecord::default(),
            agent: None,
            transfer: None,
            talk_since: None,
            queue_since: None,
            ended: None,
        };
        self.calls.insert(id, call);
        self.step(id, "created");
        match kind {
            93..=95 => {
                let later = self.stamp(self.now.plus_millis(3_600_000)).to_rfc3339_millis();
                self.set(id, &[("status", json!("scheduled")), ("scheduled_at", json!(later))]);
                self.step(id, "scheduled");
            }
            85..93 => self.after(300, Action::CallLooksForAgent(id)),
            _ => {
                let choosing = self.between(200, 2_500);
                self.after(choosing, Action::CallQueues(id));
            }
        }
        self.write_call(id, true);
    }

    fn queue_row(&mut self, id: u64, transfer: Option<u64>) {
        let (row_id, stamp) = (self.id(), self.stamp_now());
        let now = self.now;
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.queue_since = Some(now);
        let row = json!({
            "id": row_id, "agent_id": null, "queue_duration": 0,
            "menu_path_id": call.record["simulated_path_id"],
            "menu_path": call.record["menu_path"]["materialized_path"], "lang": call.record["lang"],
            "transfer": match (transfer, id % 2) {
                (None, 0) => json!(0), (None, _) => json!(false),
                (Some(_), 0) => json!(1), (Some(_), _) => json!(true),
            },
            "transfer_id": transfer, "transfer_cold": 0, "started_at": stamp, "ended_at": null,
            "service_level_abandon_time_threshold": 2, "service_level_event": null,
            "service_level_target_percent": TARGET_PERCENT, "service_level_target_time": TARGET_SECONDS,
        });
        if let Some(rows) = call.record["queue_durations"].as_array_mut() {
            rows.push(row);
        }
        if transfer.is_some() {
            self.step(id, &format!("queued {row_id}"));
        }
    }

    fn close_queue_row(&mut self, id: u64, agent: Option<u64>) {
        let (now, stamp) = (self.now, self.stamp_now());
        let Some(call) = self.calls.get_mut(&id) else { return };
        let waited = seconds(call.queue_since.take(), now);
        let rows = call.record["queue_durations"].as_array_mut();
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
        let breached = row["service_level_event"] == "not_in_sla";
        let row_id = row["id"].to_string();
        call.record["queue_duration"] = json!(waited);
        call.record["wait_duration"] = json!(waited);
        if breached {
            self.step(id, &format!("breached {row_id}"));
        }
    }

    pub(super) fn call_queues(&mut self, id: u64) {
        let stamp = self.stamp_now();
        self.set(id, &[("status", json!("queued")), ("queued_at", stamp)]);
        self.queue_row(id, None);
        self.step(id, "queued");
        self.write_call(id, true);
        let patience = self.between(8_000, 25_000);
        match self.between(0, 99) {
            0..=5 => self.after(2_500, Action::VoicemailBegins(id)),
            6..=8 => self.after(3_000, Action::CallFails(id)),
            _ => {
                self.after(400, Action::CallLooksForAgent(id));
                self.after(patience, Action::CallIsGivenUp(id));
            }
        }
    }

    pub(super) fn call_looks_for_agent(&mut self, id: u64) {
        let outbound = self.calls.get(&id).is_some_and(|call| call.record["queued_at"].is_null());
        let waiting = self.status_of(id) == "queued"
            || (outbound && self.status_of(id) == "selecting")
            || self.is_between_agents(id);
        if !waiting {
            return;
        }
        let former = self.calls.get(&id).and_then(|call| call.agent);
        let free: Vec<_> = self
            .agents
            .values()
            .filter(|person| person.is_free() && Some(person.id) != former)
            .map(|person| person.id)
            .collect();
        let Some(last) = free.len().checked_sub(1) else {
            self.after(1_000, Action::CallLooksForAgent(id));
            return;
        };
        let chosen = self.between(0, i64::try_from(last).unwrap_or(0));
        let agent = free[usize::try_from(chosen).unwrap_or(0)];
        if outbound {
            self.log_activity(agent, "call_outbound_dialing", Some(Contact::Call(id)));
        } else {
            self.log_activity(
                agent,
                "deltacast_call_notification_offered",
                Some(Contact::Call(id)),
            );
            if self.chance(0.08) {
                if let Some(person) = self.agents.get_mut(&agent) {
                    person.call = Some(id);
                }
                self.after(4_000, Action::OfferIsMissed(id, agent));
                self.after(5_000, Action::CallLooksForAgent(id));
                return;
            }
            self.log_activity(agent, "deltacast_call_pick_up_attempt", Some(Contact::Call(id)));
            self.log_activity(agent, "deltacast_call_picked_up", Some(Contact::Call(id)));
        }
        if let Some(person) = self.agents.get_mut(&agent) {
            person.call = Some(id);
        }
        self.assign(id, agent);
    }

    fn is_between_agents(&self, id: u64) -> bool {
        self.calls.get(&id).is_some_and(|call| {
            call.ended.is_none() && call.transfer.is_some() && call.queue_since.is_some()
        })
    }

    fn assign(&mut self, id: u64, agent: u64) {
        let stamp = self.stamp_now();
        self.close_queue_row(id, Some(agent));
        let reference = self.agents.get(&agent).map(Person::reference);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.agent = Some(agent);
        call.record["agent_info"] = json!(reference);
        let step = if let Some(transfer) = call.transfer {
            let transfer = &mut call.record["transfers"][transfer];
            transfer["assigned_at"] = stamp;
            transfer["to_agent"] = json!(reference);
            format!("assigned {}", transfer["id"])
        } else {
            call.record["assigned_at"] = stamp;
            String::from("assigned")
        };
        call.record["status"] = json!("assigned");
        self.step(id, &step);
        self.write_call(id, true);
        let ringing = self.between(700, 2_000);
        self.after(ringing, Action::CallConnects(id));
    }

    pub(super) fn offer_is_missed(&mut self, id: u64, agent: u64) {
        self.log_activity(agent, "deltacast_call_missed", Some(Contact::Call(id)));
        if let Some(person) = self.agents.get_mut(&agent) {
            person.call = None;
        }
        self.set_status(agent, -5, None);
        self.after(5_000, Action::BreakEnds(agent));
    }

    pub(super) fn call_connects(&mut self, id: u64) {
        if self.status_of(id) != "assigned" {
            return;
        }
        let (stamp, now) = (self.stamp_now(), self.now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.talk_since = Some(now);
        let (agent, transferred) = (call.agent, call.transfer);
        let step = if let Some(transfer) = transferred {
            let transfer = &mut call.record["transfers"][transfer];
            transfer["connected_at"] = stamp;
            transfer["status"] = json!("connected");
            format!("connected {}", transfer["id"])
        } else {
            call.record["connected_at"] = stamp;
            String::from("connected")
        };
        call.record["status"] = json!("connected");
        self.step(id, &step);
        self.write_call(id, true);
        if let Some(agent) = agent {
            self.set_status(agent, -7, Some(Contact::Call(id)));
        }
        let talk = self.between(5_000, 18_000);
        if self.chance(0.25) {
            self.after(1_500, Action::HoldBegins(id));
            self.after(4_800, Action::HoldEnds(id));
        }
        if transferred.is_none() && self.chance(0.15) {
            self.after(talk, Action::CallIsTransferred(id));
        } else {
            self.after(talk, Action::CallEnds(id));
        }
    }

    pub(super) fn hold(&mut self, id: u64, on: bool) {
        let (now, talking) = (self.now, self.status_of(id) == "connected");
        let Some(agent) = self.calls.get(&id).and_then(|call| call.agent) else { return };
        let Some(person) = self.agents.get_mut(&agent) else { return };
        let begins = on && talking && person.call == Some(id);
        person.hold_since = begins.then_some(now);
        self.show_agent(agent);
    }

    /// The agent's part ends with a handle row, and after-call work begins.
    fn agent_is_done(&mut self, id: u64) {
        let (row_id, stamp, now) = (self.id(), self.stamp_now(), self.now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(agent) = call.agent else { return };
        let began = call.talk_since.take().unwrap_or(now);
        let talk = seconds(Some(began), now);
        let transfer =
            call.transfer.map(|transfer| call.record["transfers"][transfer]["id"].clone());
        let started = began.plus_millis(self.settings.clock_offset_millis).floor_second();
        let row = json!({
            "id": row_id, "agent_id": agent, "acw_duration": 0, "bcw_duration": 0,
            "call_duration": talk, "assigned_connection_duration": 1, "hold_duration": 0,
            "menu_path_id": call.record["simulated_path_id"],
            "menu_path": call.record["menu_path"]["materialized_path"], "lang": call.record["lang"], "barged": 0,
            "transfer": i32::from(transfer.is_some()), "transfer_id": transfer,
            "transfer_cold": 0, "started_at": started.to_rfc3339_millis(), "ended_at": stamp,
            "scheduled_at": null,
        });
        call.record["call_duration"] = json!(talk);
        if let Some(rows) = call.record["handle_durations"].as_array_mut() {
            rows.push(row);
        }
        if let Some(person) = self.agents.get_mut(&agent) {
            person.call = None;
            person.wrap_up = true;
            person.hold_since = None;
        }
        self.set_status(agent, -6, Some(Contact::Call(id)));
        let work = self.between(3_000, 9_000);
        self.after(work, Action::WrapUpEnds(id, agent));
    }

    pub(super) fn call_is_transferred(&mut self, id: u64) {
        if self.status_of(id) != "connected" {
            return;
        }
        let (transfer_id, stamp) = (self.id(), self.stamp_now());
        self.agent_is_done(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let path = call.record["menu_path"].clone();
        let from = call.record["agent_info"].clone();
        let transfer = json!({
            "id": transfer_id, "status": "transferring", "fail_reason": "nothing",
            "created_at": stamp, "from_menu": path, "to_menu": path, "from_agent": from,
            "to_agent": null, "deflection": 0,
        });
        if let Some(transfers) = call.record["transfers"].as_array_mut() {
            transfers.push(transfer);
            call.transfer = Some(transfers.len() - 1);
        }
        self.step(id, &format!("transferred {transfer_id}"));
        self.queue_row(id, Some(transfer_id));
        self.write_call(id, true);
        self.after(600, Action::CallLooksForAgent(id));
        self.after(20_000, Action::CallIsGivenUp(id));
    }

    fn end(&mut self, id: u64, fields: &[(&str, Value)]) {
        let (stamp, now) = (self.stamp_now(), self.now);
        self.set(id, &[("ends_at", stamp)]);
        self.set(id, fields);
        if let Some(call) = self.calls.get_mut(&id) {
            call.ended = Some(now);
        }
        self.step(id, "ended");
        self.write_call(id, true);
    }

    pub(super) fn call_ends(&mut self, id: u64) {
        if self.status_of(id) != "connected" {
            return;
        }
        self.agent_is_done(id);
        self.end(id, &[("status", json!("finished")), ("disconnected_by", json!("end_user"))]);
        if self.chance(0.3) {
            let late = self.between(2_000, 12_000);
            self.after(late, Action::CallIsRated(id));
        }
    }

    pub(super) fn call_is_given_up(&mut self, id: u64) {
        if self.status_of(id) != "queued" && !self.is_between_agents(id) {
            return;
        }
        self.close_queue_row(id, None);
        self.end(id, &[("status", json!("failed")), ("fail_reason", json!("eu_abandoned"))]);
    }

    pub(super) fn call_fails(&mut self, id: u64) {
        if self.status_of(id) == "queued" {
            self.close_queue_row(id, None);
            let reason = json!("voip_conn_timeout");
            self.end(id, &[("status", json!("failed")), ("fail_reason", reason)]);
        }
    }

    pub(super) fn wrap_up_ends(&mut self, id: u64, agent: u64) {
        let row_id = self.id();
        let stamp = self.stamp_now();
        let now = self.now;
        let since = self.agents.get(&agent).and_then(|person| person.since);
        let started = since.map(|since| self.stamp(since).to_rfc3339_millis());
        if let Some(call) = self.calls.get_mut(&id) {
            let row = json!({
                "id": row_id, "agent_id": agent, "acw_duration": seconds(since, now).max(1),
                "bcw_duration": 0, "call_duration": 0, "assigned_connection_duration": 0,
                "hold_duration": 0, "menu_path_id": call.record["simulated_path_id"],
                "menu_path": call.record["menu_path"]["materialized_path"], "lang": call.record["lang"],
                "barged": 0, "transfer": 0, "transfer_id": null, "transfer_cold": 0,
                "started_at": started, "ended_at": stamp, "scheduled_at": null,
            });
            if let Some(rows) = call.record["handle_durations"].as_array_mut() {
                rows.push(row);
            }
            self.step(id, &format!("wrap_up {row_id}"));
            self.write_call(id, false);
        }
        if let Some(person) = self.agents.get_mut(&agent) {
            person.wrap_up = false;
        }
        self.set_status(agent, 0, None);
    }

    pub(super) fn call_is_rated(&mut self, id: u64) {
        let rating = self.between(1, 5);
        self.set(id, &[("rating", json!(rating)), ("has_feedback", json!(true))]);
        self.step(id, "rated");
        self.write_call(id, true);
    }

    pub(super) fn voicemail(&mut self, id: u64, status: &str) {
        match (self.status_of(id), status) {
            ("queued", "voicemail") => {
                self.close_queue_row(id, None);
                self.step(id, "deflected");
                let deflection = json!("over_capacity_deflection_voicemail");
                self.set(id, &[("status", json!(status)), ("deflection", deflection)]);
                self.write_call(id, true);
                self.after(4_000, Action::VoicemailIsLeft(id));
            }
            ("voicemail", "voicemail_received") => {
                self.end(
                    id,
                    &[("status", json!(status)), ("voicemail_reason", json!("over_capacity"))],
                );
                self.after(9_000, Action::VoicemailIsRead(id));
            }
            ("voicemail_received", "voicemail_read") => {
                self.step(id, "voicemail_read");
                self.set(id, &[("status", json!(status))]);
                self.write_call(id, true);
            }
            _ => {}
        }
    }
}
