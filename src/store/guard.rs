//! sled panics over damaged files. Here its panics become an error, and stay out of the terminal:
//! their texts may show stored values.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// sled panicked. Its text is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs something that may panic inside sled.
pub(super) fn catching<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    silence_caught_panics();
    let outer = GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(outer);
    outcome.map_err(|_| Panicked)
}

/// Keeps the panics that are caught here, and those of sled's own threads, out of the terminal.
/// All others are reported as before.
fn silence_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let ours = GUARDED.try_with(Cell::get).unwrap_or(false);
            let sleds = std::thread::current().name().is_some_and(|name| name.starts_with("sled-"));
            if ours || sleds {
                let place = panic.location().map(|place| (place.file(), place.line()));
                tracing::debug!(?place, "sled panicked");
            } else {
                report(panic);
            }
        }));
    });
}
