//! Asking a vendor: requests, paging, lenient decoding, and the mapping to the model.
//!
//! A [`Source`] answers one [`Question`] at a time with a [`Reading`]. A reading says what it
//! proves: a [`Sweep`] is complete only when its count agreed, a tail carries the cursor that the
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
pub use reading::{QuarantineReason, Quarantined, Question, Reading, Rows, TailRows, UnknownValue};
pub use settings::{Access, ConnectError, ReadingSettings, SettingsReader};
pub use sweep::{Partial, Sweep, SweepBuilder, SweepRow};
pub use vendors::{Source, StreamKind, StreamSpec, VENDORS, Vendor};
