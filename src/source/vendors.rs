//! The table of vendors: the one place beside their folders that knows their names.

use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::memory::RowMemory;
#[cfg(test)]
use super::parley;
use super::poll_result::{PollRequest, PollResult};
use super::probe::Report;
use super::settings::{Access, SettingsReader};
use super::{ccai, deepcall, infobip, maqsam};
use crate::model::{StreamName, Vocabulary};

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// All entities, over several pages.
    FullScan,
    /// The state of the moment.
    Snapshot,
    /// What changed since a cursor.
    Incremental {
        /// How far before the cursor to ask again.
        overlap: Duration,
        /// Whether it is the activity log of agents.
        log: bool,
    },
    /// Rows of the activity log that ended since a cursor: the vendor fills the ends in later.
    LogEnds {
        /// How far before the cursor to ask again.
        overlap: Duration,
    },
    /// Interactions that ended a short time ago, by their ids.
    Recent,
    /// Who waits, asked when a wait becomes too long.
    Waiting,
}

/// A stream and its defaults.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name.
    pub name: StreamName,
    /// What it is.
    pub kind: StreamKind,
    /// Its part of the budget beside the others'.
    pub weight: f64,
    /// After this long it goes before the others.
    pub max_interval: Duration,
    /// The shortest time from one question to the next.
    pub min_interval: Duration,
}

/// A vendor: a line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// Its name in the configuration and in every event.
    pub name: &'static str,
    /// Its streams.
    pub streams: &'static [StreamSpec],
    /// The limit that its documents name, or a cautious one, in requests per second.
    pub requests_per_second: f64,
    /// Reads the keys of an account that are this vendor's own. `None` when they are wrong, which
    /// is then noted.
    pub settings: fn(&mut dyn SettingsReader) -> Option<Arc<dyn Access>>,
    /// What its words mean.
    pub vocabulary: &'static Vocabulary,
}

impl Vendor {
    /// Whether the vendor has an activity log of agents, which then alone tells of their statuses.
    #[must_use]
    pub fn has_activity_log(&self) -> bool {
        self.streams
            .iter()
            .any(|stream| matches!(stream.kind, StreamKind::Incremental { log: true, .. }))
    }
}

impl StreamKind {
    /// The same with another overlap, where there is one.
    #[must_use]
    pub const fn with_overlap(self, overlap: Duration) -> Self {
        match self {
            Self::Incremental { log, .. } => Self::Incremental { overlap, log },
            Self::LogEnds { .. } => Self::LogEnds { overlap },
            other => other,
        }
    }

    /// Whether it begins before its cursor.
    #[must_use]
    pub const fn overlaps(self) -> bool {
        matches!(self, Self::Incremental { .. } | Self::LogEnds { .. })
    }

    /// Whether it reads rows of the activity log.
    #[must_use]
    pub const fn reads_log(self) -> bool {
        matches!(self, Self::Incremental { log: true, .. } | Self::LogEnds { .. })
    }
}

/// Makes the table, and of each line a way to ask that vendor.
macro_rules! vendors {
    ($( $( #[$only:meta] )* $folder:ident::$client:ident, )*) => {
        /// All vendors.
        pub const VENDORS: &[Vendor] = &[$( $( #[$only] )* $folder::VENDOR ),*];

        #[derive(Debug)]
        enum VendorClient {
            $( $( #[$only] )* $client($folder::$client), )*
        }

        $(
            $( #[$only] )*
            impl From<$folder::$client> for Source {
                fn from(client: $folder::$client) -> Self {
                    Self { client: VendorClient::$client(client) }
                }
            }
        )*

        impl Source {
            /// Asks a stream. `memory` is that of the stream's last committed reading: rows that
            /// have not changed by a byte since are not decoded again.
            ///
            /// # Errors
            /// When nothing was read; [`Error::disposition`] says what follows.
            pub async fn read(
                &self,
                stream: &StreamName,
                poll_request: &PollRequest,
                memory: &RowMemory,
            ) -> Result<PollResult, Error> {
                match &self.client {
                    $( $( #[$only] )* VendorClient::$client(client) => {
                        client.read(stream, poll_request, memory).await
                    } )*
                }
            }

            /// Asks what the vendor's document leaves open: a few requests that change nothing.
            ///
            /// # Errors
            /// When the vendor refuses the credentials. Other questions that are not answered are
            /// a part of the report.
            pub async fn probe(&self) -> Result<Report, Error> {
                match &self.client {
                    $( $( #[$only] )* VendorClient::$client(client) => client.probe().await, )*
                }
            }
        }
    };
}

vendors! {
    ccai::Ccai,
    infobip::Infobip,
    maqsam::Maqsam,
    deepcall::Deepcall,
    // The one that shows how it is done.
    #[cfg(test)]
    parley::Parley,
}

/// An account that can be asked.
#[derive(Debug)]
pub struct Source {
    client: VendorClient,
}
