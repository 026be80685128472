//! The configuration, in the shape of `schema.json`.

use serde::Deserialize;

/// The configuration, in the shape of `schema.json`, which describes each key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    pub(crate) behind_start: Option<Fallback>,
    pub(crate) beyond_end: Option<Fallback>,
    pub(crate) not_copied: Option<Fallback>,
    pub(crate) groups: Vec<GroupConfig>,
}

/// Groups that are treated otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GroupConfig {
    pub(crate) r#match: String,
    #[serde(default)]
    pub(crate) topics: Option<String>,
    #[serde(default)]
    pub(crate) policy: Policy,
    #[serde(default)]
    pub(crate) behind_start: Option<Fallback>,
    #[serde(default)]
    pub(crate) beyond_end: Option<Fallback>,
    #[serde(default)]
    pub(crate) not_copied: Option<Fallback>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// What becomes of all offsets of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Policy {
    /// They are translated, with a fallback for each case without a translation.
    #[default]
    Translate,
    /// All are put at the log start offset.
    Earliest,
    /// All are put at the high watermark.
    Latest,
    /// None is committed.
    Skip,
}

/// What becomes of an offset without a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fallback {
    /// It is put at the log start offset.
    Earliest,
    /// It is put at the high watermark.
    Latest,
    /// It is not committed.
    Skip,
}
