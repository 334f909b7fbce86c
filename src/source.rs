//! Polling a vendor: requests, paging, lenient decoding, and the mapping to the model.
//!
//! A vendor is a [`VendorClient`] that implements [`Poll`] for the type of each of its streams
//! (module [`stream`]): its name, its request and its rows belong together. A [`PollResult`] says
//! what it proves: a [`FullScan`] is complete only when its count agreed, an incremental poll
//! carries the cursor that the vendor's own timestamps give. Nothing outside this folder knows a
//! vendor's name but the table of vendors.

mod account_source;
pub mod ccai;
#[cfg(test)]
mod checks;
mod deepcall;
mod error;
mod fields;
mod full_scan;
mod full_scan_in_progress;
mod future;
mod http;
mod infobip;
#[cfg(test)]
mod loopback;
mod maqsam;
mod memory;
mod pages;
#[cfg(test)]
mod parley;
mod poll_result;
mod poll_result_builder;
mod poll_settings;
mod probe;
mod request_permits;
mod requests;
mod rows;
mod settings;
pub mod stream;
mod stream_spec;
mod vendor_client;
mod vendors;

pub use account_source::{AccountStream, PollStream, Source, StreamPoll};
pub use error::{Error, ErrorDisposition, Refusal};
pub use full_scan::{FullScan, FullScanBuilder, FullScanRow, Partial};
pub use future::BoxFuture;
pub use http::{Connection, Limits};
pub use memory::{Fingerprint, RowMemory};
pub use poll_result::{
    IncrementalRows, LookupRows, PollResult, QuarantineReason, Quarantined, Rows, RowsById,
    UnknownValue, WaitingRows,
};
pub use poll_settings::PollSettings;
pub use probe::{Finding, Report};
pub use request_permits::RequestPermits;
pub use requests::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};
pub use settings::{Access, ConnectError, SettingsReader};
pub use stream_spec::{Pace, StreamSpec};
pub use vendor_client::{Poll, Polled, VendorClient, VendorStream};
pub use vendors::{VENDORS, Vendor};
