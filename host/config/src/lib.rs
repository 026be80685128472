//! Reads migration.yaml, client properties and placeholders, and says exactly what is wrong with
//! them.
//!
//! The way of a file: `document` turns text into nodes that know their line and column,
//! `deserializer` turns nodes into the typed [`MigrationConfig`], [`Configuration`] adds the files
//! that it names. Placeholders stay unresolved until [`ClientProperties::resolve`]; what comes out
//! of that is a [`Secret`] and is never printed, serialized or put into an error.
//!
//! This crate opens files and reads the environment. It knows nothing about Kafka's protocol, about
//! the plugins' own configuration, or about plans.

pub mod client_properties;
pub mod cluster;
pub mod codes;
pub mod configuration;
pub mod copy;
mod deserializer;
mod document;
pub mod error;
pub mod guard;
pub mod limits;
pub mod migration;
pub mod placeholder;
pub mod plugin;
pub mod properties;
pub mod quantity;
pub mod schema;
pub mod secret;
pub mod template;
mod vocabulary;

pub use client_properties::{
    ClientProperties, Environment, ProcessEnvironment, ResolvedProperties,
};
pub use cluster::{ClusterSettings, Profile};
pub use configuration::Configuration;
pub use copy::{CopySettings, OTHER_GROUP, OffsetMode, TopicGroupSettings};
pub use error::{ConfigError, Place};
pub use guard::{CanaryLatency, FollowersBehind, GuardChoice, GuardSettings, ThrottleShare};
pub use limits::{BrokerKey, HourRange, Hours, LimitSettings, OrNone, UtcOffset};
pub use migration::{MigrationConfig, MigrationName};
pub use plugin::{PluginChoice, PluginChoices, PluginReference};
pub use quantity::{Bandwidth, ByteSize, RecordRate};
pub use secret::Secret;
