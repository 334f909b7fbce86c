//! Failpoints at which the torture tests kill the process, and faults that they enable to check that
//! they are detected. Without the feature `failpoints` none of it is in the program.

/// A failpoint at which `FAILPOINTS` may abort the process:
/// `FAILPOINTS="publish::after_commit=3*off->1*return"` aborts at the fourth passage.
#[cfg(feature = "failpoints")]
pub(crate) fn failpoint(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}

/// Does nothing without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn failpoint(_name: &str) {}

/// Whether `PLANTED_FAULT` names this fault. The variable lacks the program's prefix, whose variables
/// are keys of the configuration.
#[cfg(feature = "failpoints")]
pub(crate) fn fault_enabled(fault: &str) -> bool {
    use std::sync::OnceLock;
    static ENABLED: OnceLock<Option<String>> = OnceLock::new();
    let enabled = ENABLED.get_or_init(|| std::env::var("PLANTED_FAULT").ok());
    enabled.as_deref() == Some(fault)
}

/// Always `false` without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn fault_enabled(_fault: &str) -> bool {
    false
}

/// Reads `FAILPOINTS`, whose failpoints are enabled for as long as the returned value lives.
#[cfg(feature = "failpoints")]
pub(crate) fn enable() -> impl Sized {
    fail::FailScenario::setup()
}
