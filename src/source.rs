//! Asking a vendor: requests, paging, lenient decoding, and the mapping to the model.
//!
//! A [`Source`] answers one [`Question`] at a time with a [`Reading`]. A reading says what it
//! proves: a [`Sweep`] is complete only when its count agreed, a tail carries the cursor that the
//! vendor's own stamps give. Nothing outside this folder knows a vendor's name but the table of
//! vendors.

mod memory;
mod reading;
mod sweep;

pub use memory::{Fingerprint, RowMemory};
pub use reading::{QuarantineReason, Quarantined, Question, Reading, Rows, TailRows, UnknownValue};
pub use sweep::{Partial, Sweep, SweepBuilder, SweepRow};
