//! What the vendor recorded: each of its timestamps and rows is a fact that one event has to state.

use serde_json::Value;

use super::judge::Fact;
use super::published::Published;
use crate::simulate::json::{has_id, is_set, millis, rows, text};
use crate::simulate::truth::Truth;

/// All facts that were recorded since the first answer.
pub(super) fn facts(truth: &Truth) -> Vec<Fact> {
    let mut facts = Vec::new();
    let Some(since) = truth.first_answer.map(crate::model::Timestamp::millis) else { return facts };
    activities(truth, since, &mut facts);
    for call in published_interactions(&truth.calls, since) {
        call_facts(&mut Interaction {
            truth,
            since,
            record: call,
            kind: "call",
            facts: &mut facts,
        });
    }
    for chat in published_interactions(&truth.chats, since) {
        chat_facts(&mut Interaction {
            truth,
            since,
            record: chat,
            kind: "chat",
            facts: &mut facts,
        });
    }
    facts
}

/// The interactions that have to be published: those that had not ended before the first answer
/// and were updated since.
pub(super) fn published_interactions(
    records: &[Value],
    since: i64,
) -> impl Iterator<Item = &Value> {
    records.iter().filter(move |record| {
        let ended_before = millis(&record["ends_at"]).is_some_and(|ended| ended < since);
        !ended_before && millis(&record["updated_at"]).is_some_and(|updated| updated >= since)
    })
}

fn activities(truth: &Truth, since: i64, facts: &mut Vec<Fact>) {
    for row in &truth.activities {
        activity_end(truth, since, row, facts);
        let stamp = millis(&row["started_at"]);
        if stamp.is_none_or(|stamp| stamp < since) {
            continue;
        }
        let id = row["id"].to_string();
        let activity = row["activity"].as_str().unwrap_or_default();
        let kind = match activity {
            "user_status_changed" => "status changes",
            "login" | "logout" => "logins and logouts",
            "deltacast_call_missed" => "missed offers",
            _ => "other activities",
        };
        let name = match activity {
            "login" | "logout" | "user_status_changed" => format!("{activity} {id}"),
            _ => format!("activity {id}"),
        };
        let happened = truth.happened.get(&format!("activity {id}")).map(|time| time.millis());
        facts.push(Fact { kind, name, stamp, happened });
    }
}

/// The end of a row of the log, whenever it began. Logins and logouts have none.
fn activity_end(truth: &Truth, since: i64, row: &Value, facts: &mut Vec<Fact>) {
    let stamp = millis(&row["ended_at"]);
    if has_no_end(row) || stamp.is_none_or(|stamp| stamp < since) {
        return;
    }
    let name = format!("ended {}", row["id"]);
    let happened = truth.happened.get(&format!("end {}", row["id"])).map(|time| time.millis());
    facts.push(Fact { kind: "ends of activities", name, stamp, happened });
}

fn has_no_end(row: &Value) -> bool {
    row["activity"] == "login" || row["activity"] == "logout"
}

/// A call or chat whose facts are collected.
struct Interaction<'a> {
    truth: &'a Truth,
    since: i64,
    record: &'a Value,
    kind: &'static str,
    facts: &'a mut Vec<Fact>,
}

impl Interaction<'_> {
    /// Adds a fact: the event that states it, the part of the record that it is about, the step's
    /// name in [`Truth::happened`], and its timestamp.
    fn add(
        &mut self,
        kind: &'static str,
        event: &str,
        part: Option<&Value>,
        step: &str,
        stamp: Option<i64>,
    ) {
        let id = &self.record["id"];
        let part = part.map_or_else(String::new, |part| format!(" {}", text(part)));
        let happened = self.truth.happened.get(&format!("{} {id} {step}", self.kind));
        let happened = happened.map(|time| time.millis()).filter(|time| {
            // The delay of what happened before the first answer says nothing about the bridge.
            *time + self.truth.clock_offset_millis >= self.since
        });
        self.facts.push(Fact { kind, name: format!("{event} {id}{part}"), stamp, happened });
    }

    fn millis_of(&self, column: &str) -> Option<i64> {
        millis(&self.record[column])
    }

    /// After-call work and the rating, which calls and chats have.
    fn afterwards(&mut self, wrap_up: &str, rated: &str) {
        let record = self.record;
        for row in rows(record, "handle_durations") {
            if row["acw_duration"].as_i64().unwrap_or(0) > 0 {
                let (row_id, at) = (&row["id"], millis(&row["ended_at"]));
                let step = format!("wrap_up {row_id}");
                self.add("after-call work", wrap_up, Some(row_id), &step, at);
            }
        }
        if !record["rating"].is_null() {
            self.add("ratings", rated, None, "rated", None);
        }
    }
}

fn call_facts(interaction: &mut Interaction<'_>) {
    let (call, steps) = (interaction.record, "call steps");
    let created = interaction.millis_of("created_at");
    interaction.add(steps, "CallCreated", None, "created", created);
    if !call["scheduled_at"].is_null() {
        interaction.add(steps, "CallScheduled", None, "scheduled", created);
    }
    for (event, step, column) in [
        ("CallQueued", "queued", "queued_at"),
        ("CallAssigned", "assigned", "assigned_at"),
        ("CallConnected", "connected", "connected_at"),
    ] {
        if let Some(at) = interaction.millis_of(column) {
            interaction.add(steps, event, None, step, Some(at));
        }
    }
    for row in rows(call, "queue_durations").filter(|row| is_set(&row["transfer"])) {
        let (row_id, at) = (&row["id"], millis(&row["started_at"]));
        interaction.add(steps, "CallQueued", Some(row_id), &format!("queued {row_id}"), at);
    }
    for transfer in rows(call, "transfers") {
        let id = &transfer["id"];
        for (event, step, column, always) in [
            ("CallTransferred", "transferred", "created_at", true),
            ("CallAssigned", "assigned", "assigned_at", false),
            ("CallConnected", "connected", "connected_at", false),
        ] {
            let at = millis(&transfer[column]);
            if always || at.is_some() {
                interaction.add(steps, event, Some(id), &format!("{step} {id}"), at);
            }
        }
    }
    if call["deflection"] != "no_deflection" {
        interaction.add(steps, "CallDeflected", None, "deflected", None);
    }
    let end = match call["status"].as_str() {
        Some("finished") => Some("CallFinished"),
        Some("failed") => Some("CallFailed"),
        Some("voicemail_received" | "voicemail_read") => Some("CallVoicemailReceived"),
        _ => None,
    };
    if let Some(end) = end {
        interaction.add("call ends", end, None, "ended", interaction.millis_of("ends_at"));
    }
    if call["status"] == "voicemail_read" {
        interaction.add(steps, "CallVoicemailRead", None, "voicemail_read", None);
    }
    interaction.afterwards("CallWrapUpEnded", "CallRated");
}

fn chat_facts(interaction: &mut Interaction<'_>) {
    let (chat, steps) = (interaction.record, "chat steps");
    for row in rows(chat, "queue_durations") {
        let (row_id, at) = (&row["id"], millis(&row["started_at"]));
        if is_set(&row["transfer"]) {
            interaction.add(steps, "ChatQueued", Some(row_id), &format!("queued {row_id}"), at);
        } else {
            interaction.add(steps, "ChatQueued", None, "queued", at);
        }
    }
    if let Some(at) = interaction.millis_of("assigned_at") {
        interaction.add(steps, "ChatAssigned", None, "assigned", Some(at));
    }
    for transfer in rows(chat, "transfers") {
        let (id, at) = (&transfer["id"], millis(&transfer["created_at"]));
        interaction.add(steps, "ChatTransferred", Some(id), &format!("transferred {id}"), at);
        let mut handled = rows(chat, "handle_durations");
        if let Some(row) = handled.find(|row| row["transfer_id"] == *id) {
            let at = millis(&row["started_at"]);
            interaction.add(steps, "ChatAssigned", Some(id), &format!("assigned {id}"), at);
        }
    }
    let end = match chat["status"].as_str() {
        Some("finished") => Some("ChatFinished"),
        Some("failed") => Some("ChatFailed"),
        Some("canceled") => Some("ChatCanceled"),
        Some("no_response") => Some("ChatUnanswered"),
        _ => None,
    };
    if let Some(end) = end {
        interaction.add("chat ends", end, None, "ended", interaction.millis_of("ends_at"));
    }
    interaction.afterwards("ChatWrapUpEnded", "ChatRated");
}

/// The name of the fact that an event states; `None` for what the vendor does not record.
pub(super) fn name_of(event: &Published) -> Option<String> {
    let value = &event.value;
    let name = event.event_type.as_str();
    let id = value["meta"]["entity_id"].as_str().unwrap_or_default();
    let part = |part: &Value| {
        let part = part.as_str().map_or_else(String::new, |part| format!(" {part}"));
        format!("{name} {id}{part}")
    };
    Some(match name {
        "AgentStatusChanged" | "AgentStatusRecovered" => {
            // Without a row it comes from the baseline, or from a snapshot instead of the log.
            format!("user_status_changed {}", value["activity_id"].as_str()?)
        }
        "AgentLoggedIn" => format!("login {}", value["activity_id"].as_str()?),
        "AgentLoggedOut" => format!("logout {}", value["activity_id"].as_str()?),
        "AgentOfferMissed" | "AgentActivityLogged" => {
            format!("activity {}", text(&value["activity"]["id"]))
        }
        "AgentActivityEnded" => format!("ended {}", text(&value["activity"]["id"])),
        "CallQueued" | "ChatQueued" if value["transfer_id"].is_null() => part(&Value::Null),
        "CallQueued" | "ChatQueued" => part(&value["row_id"]),
        "CallAssigned" | "CallConnected" | "ChatAssigned" => part(&value["transfer_id"]),
        "CallTransferred" | "ChatTransferred" => part(&value["transfer"]["id"]),
        "CallWrapUpEnded" | "ChatWrapUpEnded" => part(&value["row"]["id"]),
        "CallUpdated" | "ChatUpdated" => return None,
        _ if name.starts_with("Call") || name.starts_with("Chat") => part(&Value::Null),
        _ => return None,
    })
}

/// Whether nothing that was recorded explains an event. Interactions that had ended or were last
/// updated before the first answer may be published, too.
pub(super) fn is_invented(truth: &Truth, name: &str) -> bool {
    let id = name.split(' ').nth(1).unwrap_or_default();
    let is_end = name.starts_with("ended ");
    let has_end = |row: &Value| !has_no_end(row) && !row["ended_at"].is_null();
    let known_row = truth.activities.iter().any(|row| has_id(row, id) && (!is_end || has_end(row)));
    let before = truth.calls.iter().chain(&truth.chats).any(|record| {
        has_id(record, id)
            && truth.first_answer.is_some_and(|first| {
                let before = |column| millis(&record[column]).is_some_and(|at| at < first.millis());
                before("ends_at") || before("updated_at")
            })
    });
    !known_row && !before
}
