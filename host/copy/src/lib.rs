//! The data plane: record batches pass from source to target untouched.
//!
//! Everything particular to Kafka's log lives here and nothing else does: no journal, no plugin, no
//! configuration file.

pub mod batch;

pub mod append;
pub mod controls;
pub mod fillers;
pub mod fleet;
pub mod guard;
pub mod halt;
pub mod job;
pub mod lease;
pub mod map;
pub mod partition;
#[cfg_attr(not(feature = "planted-bugs"), doc(hidden))]
pub mod planted;
pub mod progress;
pub mod progress_reader;
pub mod recopy;
mod single_fetch;
pub mod state;
pub mod verify;
pub mod worker;
