//! Places where the torture lets the process die, and faults that it plants to see whether its own
//! check notices them. Without the feature `failpoints` there is nothing of it in the program.

/// The process passes a place at which `FAILPOINTS` may have asked it to die:
/// `FAILPOINTS="publish::after_commit=3*off->1*return"` is the fourth passage.
#[cfg(feature = "failpoints")]
pub(crate) fn passing(place: &str) {
    fail::fail_point!(place, |_| std::process::abort());
}

/// See the function of the same name under the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn passing(_place: &str) {}

/// Whether this fault is planted: `PLANTED_FAULT` names it. Without the program's prefix, whose
/// variables are keys of the configuration.
#[cfg(feature = "failpoints")]
pub(crate) fn planted(fault: &str) -> bool {
    use std::sync::OnceLock;
    static PLANTED: OnceLock<Option<String>> = OnceLock::new();
    let planted = PLANTED.get_or_init(|| std::env::var("PLANTED_FAULT").ok());
    planted.as_deref() == Some(fault)
}

/// See the function of the same name under the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn planted(_fault: &str) -> bool {
    false
}

/// Reads what `FAILPOINTS` asks for, for as long as the returned value lives.
#[cfg(feature = "failpoints")]
pub(crate) fn armed() -> impl Sized {
    fail::FailScenario::setup()
}
