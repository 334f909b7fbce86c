//! A vendor that means harm, or is broken in ways that look like it. Whatever it answers, the
//! bridge lives on, concludes nothing, gives nothing away, and recovers by itself once the vendor
//! answers properly again.
//!
//! `docs/hostile.md` lists the forms.

mod footprint;
mod forms;
mod speech;
mod survival;
mod vendor;
