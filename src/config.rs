//! The configuration: a TOML file and the environment, read into a [`Config`] that is valid
//! because it exists. Nothing here touches disk or network; secrets are only named.
//!
//! Every mistake is one line: where, what, what to do. All of a file's mistakes are reported at once.

mod mistakes;
mod privacy;
mod reader;
mod registry;
mod sections;
mod settings;
#[cfg(test)]
mod tests;
mod tree;
mod values;

pub use crate::secret::{Environment, SecretError, SecretSource};
pub use mistakes::{Mistake, MistakeLocation, Mistakes};
pub use privacy::{PrivacyError, PrivacyMode, PrivacySettings};
pub use registry::{CredentialsConfig, RegistryConfig};
pub use settings::{
    AccountConfig, Config, KafkaConfig, Property, ServiceLevelSettings, StreamConfig,
};
