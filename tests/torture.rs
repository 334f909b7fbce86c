//! Exactly once, under repeated failures: the short form. The long one is a program:
//! `cargo run --release --features failpoints --example torture -- --rounds 500`; what both do and
//! have found is in `docs/torture.md`.

mod check;
mod final_state;
pub(crate) mod fleet;
mod owners;
mod report;
pub(crate) mod run;
pub(crate) mod schedule;
mod store;

/// Whether the program was built with failpoints.
pub(crate) const WITH_FAILPOINTS: bool = cfg!(feature = "failpoints");

#[cfg(test)]
mod tests {
    use super::WITH_FAILPOINTS;
    use super::fleet::StartOptions;
    use super::run::Torture;
    use super::schedule;
    use crate::support::cache_directory;

    #[test]
    #[cfg_attr(not(feature = "failpoints"), ignore = "needs --features failpoints")]
    fn every_fact_is_published_once_and_in_order_despite_kills_and_damaged_stores() {
        let seed = 4;
        let logs = cache_directory("torture-short");
        let say = |line: &str| println!("{line}");
        let mut torture = Torture::begin(StartOptions { planted: None }, logs, say);
        let report = torture.run(seed, &schedule::short(seed, WITH_FAILPOINTS));
        println!("{report}");
        assert!(report.passed(), "{report}");
        assert!(report.kills >= 30, "{report}");
        assert!(report.facts > 500, "{report}");
    }
}
