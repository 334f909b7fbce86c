//! What an operator sees: metrics, in one file, and logs.

mod metrics;

pub use metrics::{FullScanOutcome, Metrics, RequestOutcome};
