//! Calls and chats, and their parts.

use super::parts::{Result, agent_reference, check, check_word, menu, menu_path};
use crate::model::{
    Call, Chat, ConsumerEventDuration, ConsumerHandleDuration, ConsumerInMenuDuration, Direction,
    Disposition, EndUser, FailureCause, HandleDuration, InteractionPhase, InteractionRecord, Media,
    Normalise, OfferEvent, Participant, QueueDuration, Recording, RedactionTime, Transfer,
    VendorWord, VirtualAgent, VirtualAgentDeflectedEscalation, VirtualAgentHandleDuration, Words,
};
use crate::source::UnknownValue;
use crate::source::ccai::vocabulary::{ADAPTER_FAIL_CODES, MENU_TYPES, VOCABULARY};
use crate::source::fields::Fields;

/// A row of `calls`.
pub(in crate::source::ccai) fn call(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Call> {
    let (interaction, call_type) = interaction(row, "call_type", &CALLS, unknown)?;
    let mut call = Call {
        interaction,
        parent_id: row.id("parent_id")?,
        call_type: call_type.map(VendorWord::from),
        queued_at: row.time("queued_at")?,
        connected_at: row.time("connected_at")?,
        scheduled_at: row.time("scheduled_at")?,
        call_duration: row.integer("call_duration")?,
        hold_duration: row.integer("hold_duration")?,
        voip_provider: row.text("voip_provider")?,
        recording_url: row.text("recording_url")?,
        recording_permission: row.text("recording_permission")?,
        voicemail_reason: row.text("voicemail_reason")?,
        deflection: row.text("deflection")?.map(VendorWord::from),
        disconnected_by: row.text("disconnected_by")?,
        fail_details: row.text("fail_details")?,
        adapter_fail_code: row.integer("adapter_fail_code")?,
        adapter_fail_message: row.text("adapter_fail_message")?,
        support_number: row.text("support_number")?,
        outbound_number: row.text("outbound_number")?,
        queue_priority_level: row.integer("queue_priority_level")?,
        answer_type: row.text("answer_type")?,
        wait_time_sms: row.json_texts("wait_time_sms"),
        in_call_sms: row.json_texts("in_call_sms"),
        recordings: row.list("recordings", recording)?,
        dispositions: row.list("dispositions", disposition)?,
        consumer_in_menu_durations: row
            .list("consumer_in_menu_durations", consumer_in_menu_duration)?,
    };
    call.normalise(&VOCABULARY);
    check_code(call.adapter_fail_code, "call.adapter_fail_code", unknown);
    CALLS.check_parts(&call.interaction, unknown);
    Ok(call)
}

/// A row of `chats`.
pub(in crate::source::ccai) fn chat(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Chat> {
    let (interaction, chat_type) = interaction(row, "chat_type", &CHATS, unknown)?;
    let mut chat = Chat {
        interaction,
        chat_type: chat_type.map(VendorWord::from),
        first_msg_sent_at: row.time("first_msg_sent_at")?,
        last_msg_sent_at: row.time("last_msg_sent_at")?,
        chat_duration: row.integer("chat_duration")?,
        message_count: row.integer("message_count")?,
        average_response_time: row.integer("average_response_time")?,
        longest_response_time: row.integer("longest_response_time")?,
    };
    chat.normalise(&VOCABULARY);
    CHATS.check_parts(&chat.interaction, unknown);
    Ok(chat)
}

/// The words of a kind of interaction, and the names under which unknown ones are counted.
struct InteractionWords {
    statuses: Words<InteractionPhase>,
    types: Words<Direction>,
    fail_reasons: Words<FailureCause>,
    status: &'static str,
    interaction_type: &'static str,
    fail_reason: &'static str,
    verdict: &'static str,
    transfer_fail_reason: &'static str,
    participant_fail_reason: &'static str,
    participant_code: &'static str,
    menu_type: &'static str,
}

const CALLS: InteractionWords = InteractionWords {
    statuses: VOCABULARY.call_statuses,
    types: VOCABULARY.call_types,
    fail_reasons: VOCABULARY.call_fail_reasons,
    status: "call.status",
    interaction_type: "call.call_type",
    fail_reason: "call.fail_reason",
    verdict: "call.service_level_event",
    transfer_fail_reason: "call.transfer.fail_reason",
    participant_fail_reason: "call.participant.fail_reason",
    participant_code: "call.participant.adapter_fail_code",
    menu_type: "call.menu_type",
};

const CHATS: InteractionWords = InteractionWords {
    statuses: VOCABULARY.chat_statuses,
    types: VOCABULARY.chat_types,
    fail_reasons: VOCABULARY.chat_fail_reasons,
    status: "chat.status",
    interaction_type: "chat.chat_type",
    fail_reason: "chat.fail_reason",
    verdict: "chat.service_level_event",
    transfer_fail_reason: "chat.transfer.fail_reason",
    participant_fail_reason: "chat.participant.fail_reason",
    participant_code: "chat.participant.adapter_fail_code",
    menu_type: "chat.menu_type",
};

impl InteractionWords {
    /// Counts the unknown words of an interaction's parts.
    fn check_parts(&self, interaction: &InteractionRecord, unknown: &mut Vec<UnknownValue>) {
        let reasons = self.fail_reasons;
        for transfer in &interaction.transfers {
            let reason = transfer.fail_reason.as_deref();
            check_word(reason, reasons, self.transfer_fail_reason, unknown);
        }
        for participant in &interaction.participants {
            let reason = participant.fail_reason.as_deref();
            check_word(reason, reasons, self.participant_fail_reason, unknown);
            check_code(participant.adapter_fail_code, self.participant_code, unknown);
        }
        let menu = interaction.selected_menu.as_ref();
        let menu_type = menu.and_then(|menu| menu.menu_type.as_ref());
        check(menu_type, MENU_TYPES, self.menu_type, unknown);
    }
}

/// What the rows of calls and chats share, and the kind of call or chat under its own name.
fn interaction(
    row: &Fields,
    type_name: &str,
    words: &InteractionWords,
    unknown: &mut Vec<UnknownValue>,
) -> Result<(InteractionRecord, Option<String>)> {
    let status = row.text("status")?;
    let interaction_type = row.text(type_name)?;
    check_word(status.as_deref(), words.statuses, words.status, unknown);
    check_word(interaction_type.as_deref(), words.types, words.interaction_type, unknown);
    let reason = row.text("fail_reason")?;
    check_word(reason.as_deref(), words.fail_reasons, words.fail_reason, unknown);
    let queue_durations = row.list("queue_durations", queue_duration)?;
    for queue in &queue_durations {
        let verdict = queue.service_level_event.as_deref();
        check_word(verdict, VOCABULARY.sla_verdicts, words.verdict, unknown);
    }
    let interaction = InteractionRecord {
        id: row.required_id("id")?,
        lang: row.text("lang")?,
        status: status.map(VendorWord::from),
        created_at: row.time("created_at")?,
        assigned_at: row.time("assigned_at")?,
        ends_at: row.time("ends_at")?,
        updated_at: row.time("updated_at")?,
        wait_duration: row.integer("wait_duration")?,
        queue_duration: row.integer("queue_duration")?,
        rating: rating(row)?,
        has_feedback: row.flag("has_feedback")?,
        out_ticket_id: row.text("out_ticket_id")?,
        out_ticket_url: row.text("out_ticket_url")?,
        verified: row.flag("verified")?,
        fail_reason: row.reason("fail_reason")?.map(VendorWord::from),
        selected_menu: row.part("selected_menu", menu)?,
        menu_path: row.part("menu_path", menu_path)?,
        offer_type: row.text("offer_type")?,
        offer_events: row.list("offer_events", offer_event)?,
        agent_info: row.part("agent_info", agent_reference)?,
        end_user: row.part("end_user", end_user)?,
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
    Ok((interaction, interaction_type))
}

/// Counts a code that is not in the table.
fn check_code(code: Option<i64>, field: &'static str, unknown: &mut Vec<UnknownValue>) {
    if code.is_some_and(|code| !ADAPTER_FAIL_CODES.contains(&code)) {
        unknown.push(UnknownValue { field });
    }
}

/// A rating is 1 to 5 or null; the document's models show a 0, which is no rating.
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
        service_level_event: fields.text("service_level_event")?.map(VendorWord::from),
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
