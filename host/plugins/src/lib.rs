//! Loads, contains and calls plugins.
//!
//! A plugin is a WebAssembly component that answers the questions of one [role](Role). What happens
//! to it, in order:
//!
//! 1. [`PluginHost::load`] reads it without compiling ([`inspect`]): size, structure, manifest, the
//!    names and versions of what it imports and exports. Only then it is compiled, or taken from
//!    the cache.
//! 2. [`Plugin::configure`] checks the operator's configuration against the plugin's own schema,
//!    fills in defaults and inlines files.
//! 3. A [`Job`] is a fresh instance with limits on memory, time, log and data: it is configured
//!    once, asked in chunks, and thrown away.
//!
//! A plugin that traps, loops, floods or lies ends its job with a [`JobError`]; the host goes on.
//! Failure is never taken for a decision.
//!
//! This crate knows nothing of Kafka's protocol: questions and decisions are plain values of
//! [`ferry_model`].

pub mod bench;
pub mod cache;
pub mod configuration;
mod containment;
mod difference;
mod engine;
pub mod fixtures;
mod host;
mod job;
mod job_error;
mod load_error;
pub mod log;
mod printable;
mod role;
mod schema;
mod settings;
mod ticker;
mod v0_1_0;

pub use configuration::{Configuration, ConfigurationError};
pub use ferry_catalogue::{Inspection, InspectionError, Manifest, PluginName};
pub use ferry_model::decision::Role;
pub use host::{Plugin, PluginHost, PluginLabel};
pub use job::Job;
pub use job_error::{Failure, JobError, Phase};
pub use load_error::LoadError;
pub use role::{
    AclGenerator, AclGeneratorJob, DecidingRole, NamingRemapper, NamingRemapperJob,
    OffsetTranslator, OffsetTranslatorJob, TopicFilter, TopicFilterJob,
};
pub use settings::{HostSettings, Limits};

/// Reads a component without compiling it, with the default limits on its structure.
///
/// # Errors
/// [`InspectionError`] says why it is refused.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectionError> {
    ferry_catalogue::inspect(
        bytes,
        &ferry_catalogue::structure::StructureLimits::default(),
    )
}
