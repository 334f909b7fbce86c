//! From the vendor's fields to the model: every field of the document and of its examples.

mod queues;

pub(super) use queues::{LevelRow, level, queue, queue_status, status_definition, team};

use super::vocabulary::{
    ACTIVITIES, ADAPTER_FAIL_CODES, CALL_FAIL_REASONS, CALL_STATUSES, CALL_TYPES, CHANNEL_TYPES,
    CHAT_FAIL_REASONS, CHAT_STATUSES, CHAT_TYPES, MENU_TYPES, SERVICE_LEVEL_EVENTS, presence,
};
use crate::model::{
    Activity, Agent, AgentReference, AgentStatus, Call, ChannelAssignment, Chat,
    ConsumerEventDuration, ConsumerHandleDuration, ConsumerInMenuDuration, CurrentStatus,
    Disposition, EndUser, HandleDuration, Media, Menu, MenuPath, OfferEvent, Participant,
    QueueDuration, Recording, RedactionTime, TeamReference, Transfer, VirtualAgent,
    VirtualAgentDeflectedEscalation, VirtualAgentHandleDuration,
};
use crate::source::fields::Fields;
use crate::source::{QuarantineReason, UnknownValue};

type Result<T> = std::result::Result<T, QuarantineReason>;

/// Counts a value that its table does not know.
fn check(
    value: Option<&String>,
    known: &[&str],
    field: &'static str,
    unknown: &mut Vec<UnknownValue>,
) {
    if value.is_some_and(|value| !known.contains(&value.as_str())) {
        unknown.push(UnknownValue { field });
    }
}

/// Counts a code that the table does not know.
fn check_code(code: Option<i64>, field: &'static str, unknown: &mut Vec<UnknownValue>) {
    if code.is_some_and(|code| !ADAPTER_FAIL_CODES.contains(&code)) {
        unknown.push(UnknownValue { field });
    }
}

/// Counts the words of the parts that calls and chats share, and of the calls' own.
struct Parts<'a> {
    transfers: &'a [Transfer],
    participants: &'a [Participant],
    menu: Option<&'a Menu>,
    fail_reasons: &'a [&'a str],
    /// Of a transfer's and a participant's reason, a participant's code, and a menu's type.
    fields: [&'static str; 4],
}

impl Parts<'_> {
    fn check(&self, unknown: &mut Vec<UnknownValue>) {
        let [of_transfer, of_participant, code, menu_type] = self.fields;
        for transfer in self.transfers {
            check(transfer.fail_reason.as_ref(), self.fail_reasons, of_transfer, unknown);
        }
        for participant in self.participants {
            check(participant.fail_reason.as_ref(), self.fail_reasons, of_participant, unknown);
            check_code(participant.adapter_fail_code, code, unknown);
        }
        let kind = self.menu.and_then(|menu| menu.menu_type.as_ref());
        check(kind, MENU_TYPES, menu_type, unknown);
    }
}

/// A row of `agents`.
pub(super) fn agent(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Agent> {
    let mut roles = row.texts("roles")?;
    roles.sort();
    let mut teams = row.list("teams", team_reference)?;
    teams.sort_by(|one, other| one.id.cmp(&other.id));
    let mut channels = row.list("channels", |channel| {
        Ok(ChannelAssignment {
            channel_type: channel.text("channel_type")?,
            menu: channel.part("menu", menu)?,
        })
    })?;
    channels.sort_by_cached_key(|channel| {
        (channel.channel_type.clone(), channel.menu.as_ref().and_then(|menu| menu.id.clone()))
    });
    for channel in &channels {
        let kind = channel.menu.as_ref().and_then(|menu| menu.menu_type.as_ref());
        check(channel.channel_type.as_ref(), CHANNEL_TYPES, "agent.channel_type", unknown);
        check(kind, MENU_TYPES, "agent.menu_type", unknown);
    }
    Ok(Agent {
        email: row.text("email")?,
        name: row.text("name")?,
        first_name: row.text("first_name")?,
        middle_name: row.text("middle_name")?,
        last_name: row.text("last_name")?,
        avatar_url: row.text("avatar_url")?,
        agent_number: row.text("agent_number")?,
        status: row.part("status", status)?,
        status_updated_at: row.time("status_updated_at")?,
        crm_authenticated: row.flag("crm_authenticated")?,
        online: row.flag("online")?,
        wrap_up: row.flag("wrap_up")?,
        call_count: row.integer("call_count")?,
        chat_count: row.integer("chat_count")?,
        location: row.text("location")?,
        created_at: row.time("created_at")?,
        last_login_time: row.time("last_login_time")?,
        roles,
        teams,
        channels,
        ..Agent::new(row.required_id("id")?)
    })
}

fn status(fields: &Fields) -> Result<AgentStatus> {
    let id = fields.required_id("id")?;
    Ok(AgentStatus {
        presence: presence(&id),
        id,
        name: fields.text("name")?,
        color: fields.text("color")?,
        wfm_id: fields.text("wfm_id")?,
    })
}

fn team_reference(fields: &Fields) -> Result<TeamReference> {
    Ok(TeamReference {
        id: fields.required_id("id")?,
        name: fields.text("name")?,
        parent_id: fields.id("parent_id")?,
        position: fields.integer("position")?,
        deleted: fields.flag("deleted")?,
        agents_count: fields.integer("agents_count")?,
    })
}

fn menu(fields: &Fields) -> Result<Menu> {
    Ok(Menu {
        id: fields.id("id")?,
        name: fields.text("name")?,
        parent_id: fields.id("parent_id")?,
        position: fields.integer("position")?,
        deleted: fields.flag("deleted")?,
        hidden: fields.flag("hidden")?,
        menu_type: fields.text("menu_type")?,
        output_msg: fields.text("output_msg")?,
    })
}

fn menu_path(fields: &Fields) -> Result<MenuPath> {
    Ok(MenuPath {
        items_count: fields.integer("items_count")?,
        name: fields.text("name")?,
        materialized_path: fields.text("materialized_path")?,
    })
}

fn agent_reference(fields: &Fields) -> Result<AgentReference> {
    Ok(AgentReference {
        id: fields.id("id")?,
        name: fields.text("name")?,
        last_name: fields.text("last_name")?,
        first_name: fields.text("first_name")?,
        agent_number: fields.text("agent_number")?,
        avatar_url: fields.text("avatar_url")?,
    })
}

/// A row of `agents/current_status`: the status is a text here, its id stands beside it.
pub(super) fn current_status(row: &Fields, _: &mut Vec<UnknownValue>) -> Result<CurrentStatus> {
    let status_id = row.required_id("status_id")?;
    Ok(CurrentStatus {
        agent_id: row.required_id("id")?,
        status: AgentStatus {
            presence: presence(&status_id),
            id: status_id,
            name: row.text("status")?,
            color: None,
            wfm_id: None,
        },
        status_updated_at: row.time("status_updated_at")?,
        on_hold: row.flag("on_hold")?,
        on_hold_duration: row.integer("on_hold_duration")?,
    })
}

/// A row of `agent_activity_logs`.
pub(super) fn activity(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Activity> {
    let activity = row.text("activity")?;
    check(activity.as_ref(), ACTIVITIES, "activity.activity", unknown);
    Ok(Activity {
        id: row.required_id("id")?,
        agent_id: row.required_id("agent_id")?,
        activity: activity.unwrap_or_default(),
        started_at: row.required_time("started_at")?,
        ended_at: row.time("ended_at")?,
        duration: row.integer("duration")?,
        status: row.part("status", status)?,
        call_id: row.id("call_id")?,
        chat_id: row.id("chat_id")?,
        whodunnit: row.part("whodunnit", agent_reference)?,
    })
}

/// A row of `calls`.
pub(super) fn call(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Call> {
    let status = row.text("status")?;
    let call_type = row.text("call_type")?;
    check(status.as_ref(), CALL_STATUSES, "call.status", unknown);
    check(call_type.as_ref(), CALL_TYPES, "call.call_type", unknown);
    check(row.text("fail_reason")?.as_ref(), CALL_FAIL_REASONS, "call.fail_reason", unknown);
    let queue_durations = row.list("queue_durations", queue_duration)?;
    for queue in &queue_durations {
        let verdict = queue.service_level_event.as_ref();
        check(verdict, SERVICE_LEVEL_EVENTS, "call.service_level_event", unknown);
    }
    let call = Call {
        id: row.required_id("id")?,
        parent_id: row.id("parent_id")?,
        lang: row.text("lang")?,
        call_type,
        status,
        created_at: row.time("created_at")?,
        queued_at: row.time("queued_at")?,
        assigned_at: row.time("assigned_at")?,
        connected_at: row.time("connected_at")?,
        ends_at: row.time("ends_at")?,
        scheduled_at: row.time("scheduled_at")?,
        updated_at: row.time("updated_at")?,
        wait_duration: row.integer("wait_duration")?,
        queue_duration: row.integer("queue_duration")?,
        call_duration: row.integer("call_duration")?,
        hold_duration: row.integer("hold_duration")?,
        rating: rating(row)?,
        has_feedback: row.flag("has_feedback")?,
        voip_provider: row.text("voip_provider")?,
        out_ticket_id: row.text("out_ticket_id")?,
        out_ticket_url: row.text("out_ticket_url")?,
        verified: row.flag("verified")?,
        recording_url: row.text("recording_url")?,
        recording_permission: row.text("recording_permission")?,
        voicemail_reason: row.text("voicemail_reason")?,
        deflection: row.text("deflection")?,
        disconnected_by: row.text("disconnected_by")?,
        fail_details: row.text("fail_details")?,
        fail_reason: row.reason("fail_reason")?,
        adapter_fail_code: row.integer("adapter_fail_code")?,
        adapter_fail_message: row.text("adapter_fail_message")?,
        support_number: row.text("support_number")?,
        outbound_number: row.text("outbound_number")?,
        selected_menu: row.part("selected_menu", menu)?,
        menu_path: row.part("menu_path", menu_path)?,
        queue_priority_level: row.integer("queue_priority_level")?,
        offer_type: row.text("offer_type")?,
        offer_events: row.list("offer_events", offer_event)?,
        answer_type: row.text("answer_type")?,
        agent_info: row.part("agent_info", agent_reference)?,
        end_user: row.part("end_user", end_user)?,
        photos: row.list("photos", media)?,
        videos: row.list("videos", media)?,
        wait_time_sms: row.json_texts("wait_time_sms"),
        in_call_sms: row.json_texts("in_call_sms"),
        transfers: row.list("transfers", transfer)?,
        participants: row.list("participants", participant)?,
        queue_durations,
        handle_durations: row.list("handle_durations", handle_duration)?,
        recordings: row.list("recordings", recording)?,
        dispositions: row.list("dispositions", disposition)?,
        consumer_handle_durations: row
            .list("consumer_handle_durations", consumer_handle_duration)?,
        consumer_in_menu_durations: row
            .list("consumer_in_menu_durations", consumer_in_menu_duration)?,
        consumer_event_durations: row.list("consumer_event_durations", consumer_event_duration)?,
        virtual_agent: row.part("virtual_agent", virtual_agent)?,
        virtual_agent_deflected_escalations: row
            .list("virtual_agent_deflected_escalations", deflected_escalation)?,
        virtual_agent_handle_durations: row
            .list("virtual_agent_handle_durations", virtual_agent_handle_duration)?,
    };
    check_code(call.adapter_fail_code, "call.adapter_fail_code", unknown);
    let parts = Parts {
        transfers: &call.transfers,
        participants: &call.participants,
        menu: call.selected_menu.as_ref(),
        fail_reasons: CALL_FAIL_REASONS,
        fields: [
            "call.transfer.fail_reason",
            "call.participant.fail_reason",
            "call.participant.adapter_fail_code",
            "call.menu_type",
        ],
    };
    parts.check(unknown);
    Ok(call)
}

/// A row of `chats`.
pub(super) fn chat(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Chat> {
    let status = row.text("status")?;
    let chat_type = row.text("chat_type")?;
    check(status.as_ref(), CHAT_STATUSES, "chat.status", unknown);
    check(chat_type.as_ref(), CHAT_TYPES, "chat.chat_type", unknown);
    check(row.text("fail_reason")?.as_ref(), CHAT_FAIL_REASONS, "chat.fail_reason", unknown);
    let queue_durations = row.list("queue_durations", queue_duration)?;
    for queue in &queue_durations {
        let verdict = queue.service_level_event.as_ref();
        check(verdict, SERVICE_LEVEL_EVENTS, "chat.service_level_event", unknown);
    }
    let chat = Chat {
        id: row.required_id("id")?,
        lang: row.text("lang")?,
        chat_type,
        status,
        created_at: row.time("created_at")?,
        assigned_at: row.time("assigned_at")?,
        ends_at: row.time("ends_at")?,
        updated_at: row.time("updated_at")?,
        first_msg_sent_at: row.time("first_msg_sent_at")?,
        last_msg_sent_at: row.time("last_msg_sent_at")?,
        wait_duration: row.integer("wait_duration")?,
        queue_duration: row.integer("queue_duration")?,
        chat_duration: row.integer("chat_duration")?,
        verified: row.flag("verified")?,
        rating: rating(row)?,
        has_feedback: row.flag("has_feedback")?,
        out_ticket_id: row.text("out_ticket_id")?,
        out_ticket_url: row.text("out_ticket_url")?,
        fail_reason: row.reason("fail_reason")?,
        message_count: row.integer("message_count")?,
        average_response_time: row.integer("average_response_time")?,
        longest_response_time: row.integer("longest_response_time")?,
        selected_menu: row.part("selected_menu", menu)?,
        menu_path: row.part("menu_path", menu_path)?,
        agent_info: row.part("agent_info", agent_reference)?,
        end_user: row.part("end_user", end_user)?,
        offer_type: row.text("offer_type")?,
        offer_events: row.list("offer_events", offer_event)?,
        photos: row.list("photos", media)?,
        videos: row.list("videos", media)?,
        transfers: row.list("transfers", transfer)?,
        participants: row.list("participants", participant)?,
        queue_durations,
        handle_durations: row.list("handle_durations", handle_duration)?,
        consumer_handle_durations: row
            .list("consumer_handle_durations", consumer_handle_duration)?,
        consumer_event_durations: row.list("consumer_event_durations", consumer_event_duration)?,
        virtual_agent: row.part("virtual_agent", virtual_agent)?,
        virtual_agent_deflected_escalations: row
            .list("virtual_agent_deflected_escalations", deflected_escalation)?,
        virtual_agent_handle_durations: row
            .list("virtual_agent_handle_durations", virtual_agent_handle_duration)?,
    };
    let parts = Parts {
        transfers: &chat.transfers,
        participants: &chat.participants,
        menu: chat.selected_menu.as_ref(),
        fail_reasons: CHAT_FAIL_REASONS,
        fields: [
            "chat.transfer.fail_reason",
            "chat.participant.fail_reason",
            "chat.participant.adapter_fail_code",
            "chat.menu_type",
        ],
    };
    parts.check(unknown);
    Ok(chat)
}

/// A rating is 1 to 5 or null; the document's models show a 0, which rates nothing.
fn rating(row: &Fields) -> Result<Option<i64>> {
    Ok(row.integer("rating")?.filter(|rating| *rating != 0))
}

fn offer_event(fields: &Fields) -> Result<OfferEvent> {
    Ok(OfferEvent { casting_time: fields.time("casting_time")?, group: fields.text("group")? })
}

fn end_user(fields: &Fields) -> Result<EndUser> {
    Ok(EndUser {
        id: fields.id("id")?,
        identifier: fields.text("identifier")?,
        out_contact_id: fields.text("out_contact_id")?,
    })
}

fn media(fields: &Fields) -> Result<Media> {
    Ok(Media {
        id: fields.id("id")?,
        photo_type: fields.text("photo_type")?,
        url: fields.text("url")?,
    })
}

fn transfer(fields: &Fields) -> Result<Transfer> {
    Ok(Transfer {
        id: fields.id("id")?,
        status: fields.text("status")?,
        fail_reason: fields.reason("fail_reason")?,
        created_at: fields.time("created_at")?,
        assigned_at: fields.time("assigned_at")?,
        connected_at: fields.time("connected_at")?,
        updated_at: fields.time("updated_at")?,
        call_duration: fields.integer("call_duration")?,
        wait_duration: fields.integer("wait_duration")?,
        deflection: fields.text("deflection")?,
        from_menu: fields.part("from_menu", menu_path)?,
        to_menu: fields.part("to_menu", menu_path)?,
        from_agent: fields.part("from_agent", agent_reference)?,
        to_agent: fields.part("to_agent", agent_reference)?,
    })
}

fn participant(fields: &Fields) -> Result<Participant> {
    Ok(Participant {
        id: fields.id("id")?,
        participant_type: fields.text("type")?,
        status: fields.text("status")?,
        call_id: fields.id("call_id")?,
        user_id: fields.id("user_id")?,
        end_user_id: fields.id("end_user_id")?,
        call_duration: fields.integer("call_duration")?,
        hold_duration: fields.integer("hold_duration")?,
        connected_at: fields.time("connected_at")?,
        ended_at: fields.time("ended_at")?,
        fail_reason: fields.reason("fail_reason")?,
        adapter_fail_code: fields.integer("adapter_fail_code")?,
        adapter_fail_message: fields.text("adapter_fail_message")?,
    })
}

fn queue_duration(fields: &Fields) -> Result<QueueDuration> {
    Ok(QueueDuration {
        id: fields.id("id")?,
        agent_id: fields.id("agent_id")?,
        queue_duration: fields.integer("queue_duration")?,
        menu_path_id: fields.id("menu_path_id")?,
        menu_path: fields.text("menu_path")?,
        lang: fields.text("lang")?,
        transfer: fields.flag("transfer")?.unwrap_or(false),
        transfer_id: fields.id("transfer_id")?,
        transfer_cold: fields.flag("transfer_cold")?,
        started_at: fields.time("started_at")?,
        ended_at: fields.time("ended_at")?,
        service_level_abandon_time_threshold: fields
            .integer("service_level_abandon_time_threshold")?,
        service_level_event: fields.text("service_level_event")?,
        service_level_target_percent: fields.number("service_level_target_percent")?,
        service_level_target_time: fields.integer("service_level_target_time")?,
    })
}

fn handle_duration(fields: &Fields) -> Result<HandleDuration> {
    Ok(HandleDuration {
        id: fields.id("id")?,
        agent_id: fields.id("agent_id")?,
        acw_duration: fields.integer("acw_duration")?,
        bcw_duration: fields.integer("bcw_duration")?,
        call_duration: fields.integer("call_duration")?,
        chat_duration: fields.integer("chat_duration")?,
        wait_duration: fields.integer("wait_duration")?,
        assigned_connection_duration: fields.integer("assigned_connection_duration")?,
        hold_duration: fields.integer("hold_duration")?,
        message_count: fields.integer("message_count")?,
        response_count: fields.integer("response_count")?,
        response_time_total: fields.integer("response_time_total")?,
        response_time_max: fields.integer("response_time_max")?,
        response_time_avg: fields.integer("response_time_avg")?,
        menu_path_id: fields.id("menu_path_id")?,
        menu_path: fields.text("menu_path")?,
        lang: fields.text("lang")?,
        barged: fields.flag("barged")?,
        transfer: fields.flag("transfer")?.unwrap_or(false),
        transfer_id: fields.id("transfer_id")?,
        transfer_cold: fields.flag("transfer_cold")?,
        started_at: fields.time("started_at")?,
        ended_at: fields.time("ended_at")?,
        scheduled_at: fields.time("scheduled_at")?,
    })
}

fn recording(fields: &Fields) -> Result<Recording> {
    Ok(Recording {
        id: fields.id("id")?,
        call_id: fields.id("call_id")?,
        conference_sid: fields.text("conference_sid")?,
        duration: fields.integer("duration")?,
        recording_type: fields.text("recording_type")?,
        redaction_times: fields.list("redaction_times", |part| {
            Ok(RedactionTime {
                start: part.time("start")?,
                end: part.time("end")?,
                duration: part.number("duration")?,
                start_agent_id: part.id("start_agent_id")?,
                end_agent_id: part.id("end_agent_id")?,
            })
        })?,
        started_at: fields.time("started_at")?,
    })
}

fn disposition(fields: &Fields) -> Result<Disposition> {
    Ok(Disposition {
        user_id: fields.id("user_id")?,
        participant_id: fields.id("participant_id")?,
        transfer_id: fields.id("transfer_id")?,
        code: fields.text("code")?,
    })
}

fn consumer_handle_duration(fields: &Fields) -> Result<ConsumerHandleDuration> {
    Ok(ConsumerHandleDuration {
        id: fields.id("id")?,
        call_duration: fields.integer("call_duration")?,
        chat_duration: fields.integer("chat_duration")?,
        hold_duration: fields.integer("hold_duration")?,
        message_count: fields.integer("message_count")?,
        response_count: fields.integer("response_count")?,
        response_time_total: fields.integer("response_time_total")?,
        response_time_max: fields.integer("response_time_max")?,
        response_time_avg: fields.integer("response_time_avg")?,
        started_at: fields.time("started_at")?,
        ended_at: fields.time("ended_at")?,
    })
}

fn consumer_in_menu_duration(fields: &Fields) -> Result<ConsumerInMenuDuration> {
    Ok(ConsumerInMenuDuration {
        id: fields.id("id")?,
        event: fields.text("event")?,
        duration: fields.integer("duration")?,
        menu_path_id: fields.id("menu_path_id")?,
        menu_path: fields.text("menu_path")?,
        lang: fields.text("lang")?,
        started_at: fields.time("started_at")?,
        ended_at: fields.time("ended_at")?,
    })
}

fn consumer_event_duration(fields: &Fields) -> Result<ConsumerEventDuration> {
    Ok(ConsumerEventDuration {
        id: fields.id("id")?,
        event_type: fields.text("type")?,
        event: fields.text("event")?,
        duration: fields.integer("duration")?,
        menu_path_id: fields.id("menu_path_id")?,
        menu_path: fields.text("menu_path")?,
        lang: fields.text("lang")?,
        started_at: fields.time("started_at")?,
        ended_at: fields.time("ended_at")?,
    })
}

fn virtual_agent(fields: &Fields) -> Result<VirtualAgent> {
    Ok(VirtualAgent { id: fields.id("id")?, name: fields.text("name")? })
}

fn deflected_escalation(fields: &Fields) -> Result<VirtualAgentDeflectedEscalation> {
    Ok(VirtualAgentDeflectedEscalation {
        id: fields.id("id")?,
        deflection: fields.text("deflection")?,
        escalation_id: fields.id("escalation_id")?,
        escalation_reason: fields.text("escalation_reason")?,
        escalated_at: fields.time("escalated_at")?,
        menu_path_id: fields.id("menu_path_id")?,
        menu_path: fields.text("menu_path")?,
        lang: fields.text("lang")?,
        virtual_agent: fields.part("virtual_agent", virtual_agent)?,
    })
}

fn virtual_agent_handle_duration(fields: &Fields) -> Result<VirtualAgentHandleDuration> {
    Ok(VirtualAgentHandleDuration {
        id: fields.id("id")?,
        virtual_agent: fields.part("virtual_agent", virtual_agent)?,
        call_duration: fields.integer("call_duration")?,
        chat_duration: fields.integer("chat_duration")?,
        escalation_reason: fields.text("escalation_reason")?,
        sentiment: fields.integer("sentiment")?,
        response_count: fields.integer("response_count")?,
        response_time_total: fields.integer("response_time_total")?,
        response_time_max: fields.integer("response_time_max")?,
        response_time_avg: fields.integer("response_time_avg")?,
        fallback_response_count: fields.integer("fallback_response_count")?,
        initiated_by: fields.text("initiated_by")?,
        menu_path_id: fields.id("menu_path_id")?,
        menu_path: fields.text("menu_path")?,
        lang: fields.text("lang")?,
        transfer: fields.flag("transfer")?,
        transfer_id: fields.id("transfer_id")?,
        started_at: fields.time("started_at")?,
        ended_at: fields.time("ended_at")?,
    })
}
