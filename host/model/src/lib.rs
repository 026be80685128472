//! The nouns of a migration: names, facts, decisions and problems.
//!
//! Everything here is a plain value: no input, no output, no clock, no async. Every other crate of
//! the host speaks in these types; wire formats stand at the edges of the crates that own them.

pub mod acl;
pub mod canonical;
pub mod decision;
pub mod digest;
pub mod group;
pub mod identity;
pub mod name;
pub mod offset;
pub mod problem;
pub mod snapshot;
pub mod text;
pub mod topic;
