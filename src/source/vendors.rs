//! The table of vendors: the one place beside their folders that knows their names.

use std::sync::Arc;

#[cfg(test)]
use super::parley;
use super::settings::{Access, SettingsReader};
use super::stream::{AgentActivity, StreamType};
use super::stream_spec::StreamSpec;
use super::vendor_client::{VendorClient, VendorStream};
use super::{ccai, deepcall, infobip, maqsam};
use crate::model::Vocabulary;

/// All vendors.
pub const VENDORS: &[Vendor] = &[
    Vendor::of::<ccai::Ccai>(),
    Vendor::of::<infobip::Infobip>(),
    Vendor::of::<maqsam::Maqsam>(),
    Vendor::of::<deepcall::Deepcall>(),
    // The example of `docs/adding-a-vendor.md`.
    #[cfg(test)]
    Vendor::of::<parley::Parley>(),
];

/// A vendor: what is known of it before there is a client.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// Its name in the configuration and in events.
    pub name: &'static str,
    /// The limit that it documents, or a cautious one, in requests per second.
    pub requests_per_second: f64,
    /// Reads the keys of an account that are this vendor's own, see [`VendorClient::settings`].
    pub settings: fn(&mut dyn SettingsReader) -> Option<Arc<dyn Access>>,
    /// What its words mean.
    pub vocabulary: &'static Vocabulary,
    streams: fn() -> Vec<&'static StreamSpec>,
}

impl Vendor {
    /// The vendor whose client this is.
    #[must_use]
    pub const fn of<C: VendorClient>() -> Self {
        Self {
            name: C::NAME,
            requests_per_second: C::REQUESTS_PER_SECOND,
            settings: C::settings,
            vocabulary: C::VOCABULARY,
            streams: || C::STREAMS.iter().map(VendorStream::spec).collect(),
        }
    }

    /// Its streams, with their defaults.
    #[must_use]
    pub fn streams(&self) -> Vec<&'static StreamSpec> {
        (self.streams)()
    }

    /// Whether it has an activity log of agents, which then alone decides their statuses.
    #[must_use]
    pub fn has_activity_log(&self) -> bool {
        self.streams().iter().any(|stream| stream.name == AgentActivity::NAME)
    }
}
