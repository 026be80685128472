//! The configuration, in the shape of `schema.json`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration, in the shape of `schema.json`, which describes each key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    pub(crate) topics: SectionConfig,
    pub(crate) groups: SectionConfig,
    pub(crate) subjects: SectionConfig,
    pub(crate) connectors: SectionConfig,
    pub(crate) transactional_ids: SectionConfig,
    pub(crate) principals: SectionConfig,
    pub(crate) streams: Streams,
}

/// What becomes of internal topics of Kafka Streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Streams {
    /// They are named after their application.
    #[default]
    Follow,
    /// They are topics like all others.
    Ignore,
}

/// The names of one kind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SectionConfig {
    pub(crate) table: BTreeMap<String, String>,
    pub(crate) except: Vec<String>,
    pub(crate) rules: Vec<RuleConfig>,
}

/// One rule.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct RuleConfig {
    pub(crate) r#match: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) strip_prefix: Option<String>,
    pub(crate) strip_suffix: Option<String>,
    pub(crate) replace: Option<Replace>,
    pub(crate) case: Option<Case>,
    pub(crate) add_prefix: Option<String>,
    pub(crate) add_suffix: Option<String>,
}

/// A text that takes the place of another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replace {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// How letters and words are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Case {
    /// `orderevents`
    Lower,
    /// `ORDEREVENTS`
    Upper,
    /// `order-events`
    Kebab,
    /// `order_events`
    Snake,
}
