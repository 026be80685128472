//! A whole migration between two real clusters, for people to watch and for tests to break.
//!
//! [`Stage`] sets it up: a source of Kafka 3.9 that is filled with an estate, an empty target of
//! Kafka 4.3, both with SASL_SSL and access control lists, and a project folder with the
//! `migration.yaml` that a consultant would write. [`Ferry`] runs the real binary in that folder.

pub mod ferry;
pub mod operator;
pub mod stage;

pub use ferry::Ferry;
pub use stage::{Stage, StageOptions};
