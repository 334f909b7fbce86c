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
mod probe;
mod reading;
mod rows;
mod settings;
mod sweep;
mod vendors;

pub use error::{Disposition, Error, Refusal};
pub use http::{Connection, Limits};
pub use memory::{Fingerprint, RowMemory};
pub use probe::{Finding, Report};
pub use reading::{
    IncrementalRows, PollRequest, PollResult, QuarantineReason, Quarantined, Rows, UnknownValue,
};
pub use settings::{Access, ConnectError, PollSettings, SettingsReader};
pub use sweep::{FullScan, FullScanBuilder, FullScanRow, Partial};
pub use vendors::{Source, StreamKind, StreamSpec, VENDORS, Vendor};
