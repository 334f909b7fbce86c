//! The vendor's document and its traps.
