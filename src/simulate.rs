//! Simulated vendors behind their HTTP APIs: to try floorcast without a contact centre, and to
//! verify its events against a ground truth.
//!
//! `contact_centre` and `directory` are what is simulated; both depend only on the seed and on
//! the times they are advanced to. `simulator` serves them, with the vendors' irregular behaviour
//! and, on demand, with faults. `verdict` compares what was recorded and served with what was
//! published. Nothing here uses the bridge's decoding or detection, so that a mistake in them is
//! not repeated here.

mod contact_centre;
mod delayed_record;
mod directory;
mod fault_injector;
mod json;
mod request;
mod schedule;
mod served;
mod settings;
mod simulator;
mod system;
mod truth;
mod verdict;

pub use fault_injector::Faults;
pub use served::{Served, Version};
pub use settings::{DirectorySettings, Traps, WorldSettings};
pub use simulator::{Simulator, SimulatorError};
pub use system::System;
pub use truth::{AgentView, DirectoryTruth, Truth};
pub use verdict::{Published, Verdict, VerdictRow, judge};
