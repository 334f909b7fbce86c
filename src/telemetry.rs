//! The metrics of the process, in one file.

mod metrics;

pub use metrics::{FullScanOutcome, Metrics, RequestOutcome};
