//! The table of vendors: the one place beside their folders that knows their names.

use std::time::Duration;

use super::ccai;
use super::error::Error;
use super::http::Connection;
use super::memory::RowMemory;
use super::probe::Report;
use super::reading::{Question, Reading};
use crate::model::{Privacy, StreamName};

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// All entities, over several pages.
    Sweep,
    /// The state of the moment.
    Gauge,
    /// What changed since a cursor.
    Tail {
        /// How far before the cursor to ask again.
        overlap: Duration,
        /// Whether it is the activity log of agents.
        log: bool,
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
}

/// All vendors.
pub const VENDORS: &[Vendor] =
    &[Vendor { name: "ccai", streams: ccai::STREAMS, requests_per_second: 1.0 }];

/// How an account is reached, by vendor.
#[derive(Clone, Debug)]
pub enum VendorSettings {
    /// Google CCAI Platform.
    Ccai(ccai::Settings),
}

/// An account that can be asked.
#[derive(Debug)]
pub struct Source {
    client: VendorClient,
}

#[derive(Debug)]
enum VendorClient {
    Ccai(ccai::Ccai),
}

impl Source {
    /// A client for an account. Nothing is asked yet.
    ///
    /// # Errors
    /// When the credentials are no header, or TLS cannot be set up.
    pub fn new(
        settings: &VendorSettings,
        privacy: Privacy,
        connection: Connection,
    ) -> Result<Self, Error> {
        let client = match settings {
            VendorSettings::Ccai(settings) => {
                VendorClient::Ccai(ccai::Ccai::new(settings, privacy, connection)?)
            }
        };
        Ok(Self { client })
    }

    /// Asks a stream. `memory` is that of the stream's last committed reading: rows that have not
    /// changed by a byte since are not decoded again.
    ///
    /// # Errors
    /// When nothing was read; [`Error::disposition`] says what follows.
    pub async fn read(
        &self,
        stream: &StreamName,
        question: &Question,
        memory: &RowMemory,
    ) -> Result<Reading, Error> {
        match &self.client {
            VendorClient::Ccai(ccai) => ccai.read(stream, question, memory).await,
        }
    }

    /// Asks what the vendor's document leaves open: a few requests that change nothing.
    ///
    /// # Errors
    /// When the vendor refuses the credentials. Other questions that are not answered are a part
    /// of the report.
    pub async fn probe(&self) -> Result<Report, Error> {
        match &self.client {
            VendorClient::Ccai(ccai) => ccai.probe().await,
        }
    }
}
