//! The configuration, in the shape of `schema.json`.

use crate::rule::Verdict;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration, in the shape of `schema.json`, which describes each key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub(crate) rules: Vec<RuleConfig>,
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    #[serde(default)]
    pub(crate) include: Vec<String>,
    #[serde(default)]
    pub(crate) default: Option<Verdict>,
    #[serde(default = "exclude")]
    pub(crate) internal: Verdict,
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, Vec<String>>,
}

fn exclude() -> Verdict {
    Verdict::Exclude
}

/// One rule: patterns and conditions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RuleConfig {
    pub(crate) exclude: Option<OneOrMore>,
    pub(crate) include: Option<OneOrMore>,
    pub(crate) reason: Option<String>,
    pub(crate) partitions: Option<Bounds<u64>>,
    pub(crate) size: Option<Bounds<Bytes>>,
    pub(crate) idle_since: Option<String>,
    pub(crate) empty: Option<bool>,
    pub(crate) cleanup_policy: Option<String>,
}

/// One pattern or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(pattern) => std::slice::from_ref(pattern),
            Self::More(patterns) => patterns,
        }
    }
}

/// Bounds, both included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds<T> {
    pub(crate) min: Option<T>,
    pub(crate) max: Option<T>,
}

/// A number of bytes, or a text such as `10 GiB`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bytes {
    Number(u64),
    Text(String),
}
