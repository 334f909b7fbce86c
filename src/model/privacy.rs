//! Privacy: which fields tell of whom, and what becomes of them.
//!
//! Closed by default, with a list of our own, because the vendors' marks are uneven. It is applied
//! right after decoding, so that nothing behind that point (state, events, logs) ever holds more
//! than the configuration opens.

use super::{Activity, Agent, AgentReference, Call};

/// What becomes of a class of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Kept as they are.
    Keep,
    /// Left out.
    Drop,
}

/// What becomes of each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Privacy {
    /// Names, e-mail addresses, numbers and pictures of agents.
    pub agents: Mode,
    /// Identifiers and telephone numbers of customers.
    pub customers: Mode,
    /// Recordings, messages, pictures, notes and other free text.
    pub content: Mode,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { agents: Mode::Keep, customers: Mode::Drop, content: Mode::Drop }
    }
}

impl Privacy {
    /// A number that differs when the settings do, to be stored beside what was made under them.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let bit = |mode: Mode| u64::from(mode == Mode::Keep);
        1 | (bit(self.agents) << 1) | (bit(self.customers) << 2) | (bit(self.content) << 3)
    }

    /// Applies the settings to an agent.
    pub fn agent(&self, agent: &mut Agent) {
        if self.agents == Mode::Drop {
            for field in [
                &mut agent.email,
                &mut agent.name,
                &mut agent.first_name,
                &mut agent.middle_name,
                &mut agent.last_name,
                &mut agent.avatar_url,
                &mut agent.agent_number,
            ] {
                *field = None;
            }
        }
    }

    /// Applies the settings to a row of the activity log.
    pub fn activity(&self, activity: &mut Activity) {
        self.reference(activity.whodunnit.as_mut());
    }

    fn reference(&self, agent: Option<&mut AgentReference>) {
        if let (Mode::Drop, Some(agent)) = (self.agents, agent) {
            for field in [
                &mut agent.name,
                &mut agent.last_name,
                &mut agent.first_name,
                &mut agent.agent_number,
                &mut agent.avatar_url,
            ] {
                *field = None;
            }
        }
    }

    /// Applies the settings to a call.
    pub fn call(&self, call: &mut Call) {
        self.reference(call.agent_info.as_mut());
        for transfer in &mut call.transfers {
            self.reference(transfer.from_agent.as_mut());
            self.reference(transfer.to_agent.as_mut());
        }
        if self.customers == Mode::Drop {
            call.end_user = None;
            // The number dialled from an agent's pad is the customer's.
            call.outbound_number = None;
            for participant in &mut call.participants {
                participant.end_user_id = None;
            }
        }
        if self.content == Mode::Drop {
            call.recording_url = None;
            call.fail_details = None;
            call.photos.clear();
            call.videos.clear();
            call.wait_time_sms.clear();
            call.in_call_sms.clear();
            for recording in &mut call.recordings {
                recording.conference_sid = None;
            }
            for disposition in &mut call.dispositions {
                disposition.code = None;
            }
        }
    }
}
