//! The classes of personal data, and what is done with each.

use super::pseudonym::PseudonymKey;

/// What is done with a class of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Kept as they are.
    Keep,
    /// Removed.
    Drop,
    /// Each value is replaced by a pseudonym that only the owner of the key can connect with it:
    /// equal values of a class stay equal, and can be joined and counted.
    Pseudonymise(PseudonymKey),
}

/// Whose personal data a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Agents,
    Customers,
    Content,
}

impl Class {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Customers => "customers",
            Self::Content => "content",
        }
    }
}

impl Mode {
    /// A number that differs between modes and reveals no key.
    pub(super) fn code(self) -> u64 {
        match self {
            Self::Drop => 0,
            Self::Keep => 1,
            Self::Pseudonymise(key) => {
                let code = key.code("fingerprint", "");
                code[..7].iter().fold(2, |number, byte| (number << 8) | u64::from(*byte))
            }
        }
    }
}
