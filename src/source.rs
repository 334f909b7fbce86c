//! Asking a vendor: requests, paging, lenient decoding, and the mapping to the model.
//!
//! A [`Source`] answers one [`PollRequest`] at a time with a [`PollResult`]. A reading says what it
//! proves: a [`FullScan`] is complete only when its count agreed, a tail carries the cursor that the
//! vendor's own stamps give. Nothing outside this folder knows a vendor's name but the table of
//! vendors.

pub mod ccai;
#[cfg(test)]
mod checks;
mod deepcall;
mod error;
mod fields;
mod full_scan;
mod gathered;
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
mod probe;
mod rows;
mod settings;
mod vendors;

pub use error::{Disposition, Error, Refusal};
pub use full_scan::{FullScan, FullScanBuilder, FullScanRow, Partial};
pub use http::{Connection, Limits};
pub use memory::{Fingerprint, RowMemory};
pub use poll_result::{
    IncrementalRows, PollRequest, PollResult, QuarantineReason, Quarantined, Rows, UnknownValue,
};
pub use probe::{Finding, Report};
pub use settings::{Access, ConnectError, PollSettings, SettingsReader};
pub use vendors::{Source, StreamKind, StreamSpec, VENDORS, Vendor};
