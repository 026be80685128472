//! The configuration, in the shape of `schema.json`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration, in the shape of `schema.json`, which describes each key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    pub(crate) principals: Option<PrincipalsConfig>,
    pub(crate) principal_rules: Vec<PrincipalRuleConfig>,
    pub(crate) unmapped: Option<Unmapped>,
    pub(crate) drop: Vec<DropConfig>,
    pub(crate) wildcards: Wildcards,
    pub(crate) prefixed: Prefixed,
    pub(crate) hosts: Hosts,
    pub(crate) target: TargetConfig,
}

/// A table, or the contents of a CSV file.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum PrincipalsConfig {
    Table(BTreeMap<String, String>),
    Csv(String),
}

/// A rule for principals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrincipalRuleConfig {
    pub(crate) r#match: String,
    pub(crate) to: String,
}

/// What becomes of principals that nothing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unmapped {
    Keep,
    Drop,
    Undecided,
}

/// ACLs that are left behind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct DropConfig {
    pub(crate) principal: Option<String>,
    pub(crate) resource_type: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) permission: Option<String>,
    pub(crate) reason: Option<String>,
}

/// What becomes of ACLs for everybody, or on everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wildcards {
    #[default]
    Undecided,
    Keep,
}

/// What becomes of ACLs on prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prefixed {
    #[default]
    Rename,
    Expand,
}

/// What becomes of ACLs for single hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Hosts {
    #[default]
    Keep,
    Any,
    Undecided,
}

/// What the target can express.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct TargetConfig {
    pub(crate) hosts: bool,
    pub(crate) cluster_operations: Option<Vec<String>>,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            hosts: true,
            cluster_operations: None,
        }
    }
}
