//! A simulated contact centre that speaks the vendors' APIs: to try floorcast without a contact
//! centre, and to know the truth that its events are held against.
//!
//! The *world* is people, calls and what the vendor recorded of them; it depends only on its seed
//! and the times it is advanced to. The *server* shows it through the vendor's endpoints, with
//! their habits and, on demand, their faults. The *verdict* compares what was recorded and served
//! with what was published. Nothing here uses the bridge's code, so that no mistake is made twice.

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
