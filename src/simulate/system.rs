//! The systems whose APIs are simulated: how each is reached, and by whom.

use super::settings::WorldSettings;

/// A system whose API is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// A contact centre with calls, chats, queues and an activity log.
    Ccai,
    /// A directory of agents with a status and no time of it.
    Infobip,
    /// A directory of agents with a state and, mostly, its start.
    Maqsam,
    /// A directory of agents without any status.
    DeepCall,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ccai, Self::Infobip, Self::Maqsam, Self::DeepCall];
    /// Those that are a directory of agents.
    pub(super) const DIRECTORIES: [Self; 3] = [Self::Infobip, Self::Maqsam, Self::DeepCall];

    /// The vendor, as a configuration names it.
    #[must_use]
    pub const fn vendor(self) -> &'static str {
        match self {
            Self::Ccai => "ccai",
            Self::Infobip => "infobip",
            Self::Maqsam => "maqsam",
            Self::DeepCall => "deepcall",
        }
    }

    /// Whether it is a directory of agents and nothing else.
    #[must_use]
    pub fn is_directory(self) -> bool {
        Self::DIRECTORIES.contains(&self)
    }

    /// Whose path it is: no two have one in common.
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with("/ccaas/") {
            Self::Infobip
        } else if path.starts_with("/v1/") {
            Self::Maqsam
        } else if path.starts_with("/api/v2/") {
            Self::DeepCall
        } else {
            Self::Ccai
        }
    }

    /// What lets in, each system its own: the password, the access secret or the session.
    pub(super) fn secret(self, settings: &WorldSettings) -> String {
        match self {
            Self::Ccai => settings.token.clone(),
            other => format!("{}-{}", settings.token, other.vendor()),
        }
    }

    /// The keys of an account that say who asks. The secret is in this variable.
    pub(super) fn credentials(self, username: &str, variable: &str) -> String {
        match self {
            Self::Ccai | Self::Infobip | Self::Maqsam => {
                format!("username = \"{username}\"\npassword = {{ env = \"{variable}\" }}\n")
            }
            Self::DeepCall => format!("ssid = {{ env = \"{variable}\" }}\n"),
        }
    }
}
