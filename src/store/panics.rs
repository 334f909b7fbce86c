//! sled panics over damaged files. Here its panics become an error and are not printed: their texts may
//! hold stored values.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// sled panicked. Its text is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs a closure that may panic inside sled.
pub(super) fn catch_panics<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    install_panic_hook();
    let outer = CATCHING.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    outcome.map_err(|_| Panicked)
}

/// Keeps the panics that are caught here, and those of sled's own threads, from being printed. All
/// others are handled as before.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_caught = CATCHING.try_with(Cell::get).unwrap_or(false);
            let thread = std::thread::current();
            let is_sleds = thread.name().is_some_and(|name| name.starts_with("sled-"));
            if is_caught || is_sleds {
                let location = panic.location().map(|at| (at.file(), at.line()));
                tracing::debug!(?location, "sled panicked");
            } else {
                default_hook(panic);
            }
        }));
    });
}
