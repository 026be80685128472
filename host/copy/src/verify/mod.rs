//! Verification: what stands at the target is what stood at the source.

pub mod comparison;
pub mod difference;
mod reader;
mod run;

pub use run::{PartitionToVerify, PartitionVerdict, VerifyProgress, verify};
