//! The vendors' systems that are simulated: the paths and credentials of each.

use super::settings::WorldSettings;

/// The system of one vendor, whose API is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// A contact centre with calls, chats, queues and an activity log.
    Ccai,
    /// A directory of agents with a status, without its start.
    Infobip,
    /// A directory of agents with a state and, in most rows, its start.
    Maqsam,
    /// A directory of agents without a status.
    DeepCall,
}

impl System {
    /// All systems.
    pub const ALL: [Self; 4] = [Self::Ccai, Self::Infobip, Self::Maqsam, Self::DeepCall];
    /// The systems that are a directory of agents.
    pub(super) const DIRECTORIES: [Self; 3] = [Self::Infobip, Self::Maqsam, Self::DeepCall];

    /// The vendor's name in a configuration.
    #[must_use]
    pub const fn vendor(self) -> &'static str {
        match self {
            Self::Ccai => "ccai",
            Self::Infobip => "infobip",
            Self::Maqsam => "maqsam",
            Self::DeepCall => "deepcall",
        }
    }

    /// Whether it is a directory of agents, without calls and chats.
    #[must_use]
    pub fn is_directory(self) -> bool {
        Self::DIRECTORIES.contains(&self)
    }

    /// The system that a path belongs to: no two systems have a path in common.
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

    /// The secret of an account, different for each system: the password, the access secret or the
    /// session.
    pub(super) fn secret(self, settings: &WorldSettings) -> String {
        match self {
            Self::Ccai => settings.token.clone(),
            other => format!("{}-{}", settings.token, other.vendor()),
        }
    }

    /// The configuration keys of the credentials, whose secret is in this environment variable.
    pub(super) fn credentials(self, username: &str, variable: &str) -> String {
        match self {
            Self::Ccai | Self::Infobip | Self::Maqsam => {
                format!("username = \"{username}\"\npassword = {{ env = \"{variable}\" }}\n")
            }
            Self::DeepCall => format!("ssid = {{ env = \"{variable}\" }}\n"),
        }
    }
}
