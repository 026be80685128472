//! `migration.yaml` as a typed value.

use crate::cluster::ClusterSettings;
use crate::copy::CopySettings;
use crate::plugin::PluginChoices;
use ferry_model::canonical::{self, NotJson};
use ferry_model::digest::Digest;
use ferry_model::identity::Side;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The name of a migration: 1 to 63 characters of `[a-z0-9-]`. It names folders and is told to
/// clusters as part of client ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MigrationName(String);

/// A text that can't name a migration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 63 characters of a to z, 0 to 9 and `-`")]
pub struct IllegalMigrationName;

impl MigrationName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`IllegalMigrationName`] for anything but 1 to 63 characters of `[a-z0-9-]`.
    pub fn parse(name: impl Into<String>) -> Result<Self, IllegalMigrationName> {
        let name = name.into();
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 63 || !name.bytes().all(legal) {
            return Err(IllegalMigrationName);
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MigrationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for MigrationName {
    type Error = IllegalMigrationName;
    fn try_from(name: String) -> Result<Self, IllegalMigrationName> {
        Self::parse(name)
    }
}

impl From<MigrationName> for String {
    fn from(name: MigrationName) -> Self {
        name.0
    }
}

impl JsonSchema for MigrationName {
    fn schema_name() -> Cow<'static, str> {
        "MigrationName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The name of the migration. It names folders and client ids.",
            "pattern": "^[a-z0-9-]{1,63}$",
            "examples": ["retail-emea"],
        })
    }
}

/// A migration: everything that `migration.yaml` says.
///
/// Serializing it hides every literal part of a secret property; placeholders are kept as they are
/// written. [`MigrationConfig::digest`] therefore stays the same when a password changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
#[schemars(
    title = "migration.yaml",
    description = "A migration from one Kafka cluster to another."
)]
pub struct MigrationConfig {
    /// The name of the migration.
    #[serde(rename = "migration")]
    pub name: MigrationName,
    /// The cluster that is left.
    pub source: ClusterSettings,
    /// The cluster that is moved to.
    pub target: ClusterSettings,
    /// The plugins that decide.
    #[serde(default)]
    pub plugins: PluginChoices,
    /// How records are copied.
    #[serde(default)]
    pub copy: CopySettings,
    /// Answers to open decisions of the plan: the id of the decision and the answer, both as
    /// `ferry plan --show decisions` prints them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<String, String>,
    /// The directory that holds journals and offset maps, relative to this file.
    #[serde(default = "state_default")]
    pub state: PathBuf,
}

/// The state directory where the configuration names none.
pub const STATE_DEFAULT: &str = ".ferry";

fn state_default() -> PathBuf {
    PathBuf::from(STATE_DEFAULT)
}

impl MigrationConfig {
    /// The settings of one of the two clusters.
    #[must_use]
    pub fn cluster(&self, side: Side) -> &ClusterSettings {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// The digest of the settings, with placeholders unresolved and secrets hidden. Files that the
    /// settings name are not part of it; see [`crate::Configuration::digest`].
    ///
    /// # Errors
    /// [`NotJson`] where a path is not UTF-8.
    pub fn digest(&self) -> Result<Digest, NotJson> {
        canonical::digest(self)
    }
}
