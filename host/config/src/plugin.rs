//! Which plugin decides in which role.

use ferry_model::decision::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// Where a plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PluginReference {
    /// A plugin of the catalogue by its name: `ferry/topic-filter@1`.
    Named {
        /// Owner and name: `ferry/topic-filter`.
        name: String,
        /// The version or the beginning of it: `1`, `2.1`. None takes any.
        version: Option<String>,
    },
    /// A component file, relative to the configuration: `./names.wasm`.
    File(PathBuf),
}

/// A text that names no plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a plugin as `owner/name@version`, or a path as `./name.wasm`")]
pub struct IllegalReference;

impl TryFrom<String> for PluginReference {
    type Error = IllegalReference;
    fn try_from(text: String) -> Result<Self, IllegalReference> {
        if text.starts_with("./") || text.starts_with("../") || text.starts_with('/') {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text.as_str(), None),
        };
        let word = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let legal_name = name
            .split_once('/')
            .is_some_and(|(owner, plugin)| word(owner) && word(plugin));
        let legal_version = version.is_none_or(|version| {
            version.split('.').count() <= 3 && version.split('.').all(number)
        });
        if !legal_name || !legal_version {
            return Err(IllegalReference);
        }
        Ok(Self::Named {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl fmt::Display for PluginReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named {
                name,
                version: Some(version),
            } => write!(f, "{name}@{version}"),
            Self::Named {
                name,
                version: None,
            } => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<PluginReference> for String {
    fn from(reference: PluginReference) -> Self {
        reference.to_string()
    }
}

impl JsonSchema for PluginReference {
    fn schema_name() -> Cow<'static, str> {
        "PluginReference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A plugin of the catalogue, or the path of a component file.",
            "pattern": "^([a-z][a-z0-9-]*/[a-z][a-z0-9-]*(@[0-9]+(\\.[0-9]+){0,2})?|\\.{0,2}/.*)$",
            "examples": ["ferry/topic-filter@1", "./names.wasm"],
        })
    }
}

/// A plugin with its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct PluginChoice {
    /// The plugin.
    #[serde(rename = "use")]
    pub reference: PluginReference,
    /// Its configuration, by the plugin's own schema.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub with: serde_json::Map<String, serde_json::Value>,
}

impl PluginChoice {
    /// The stock plugin of a role, with its default configuration.
    #[must_use]
    pub fn stock(role: Role) -> Self {
        Self {
            reference: PluginReference::Named {
                name: format!("ferry/{role}"),
                version: Some("1".to_owned()),
            },
            with: serde_json::Map::new(),
        }
    }
}

/// The plugins of the four roles. Roles that are left out get the stock plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct PluginChoices {
    /// Decides which topics move.
    pub topics: PluginChoice,
    /// Decides what things are called at the target.
    pub names: PluginChoice,
    /// Decides where groups go on reading.
    pub offsets: PluginChoice,
    /// Decides which access control lists the target gets.
    pub acls: PluginChoice,
}

impl Default for PluginChoices {
    fn default() -> Self {
        Self {
            topics: PluginChoice::stock(Role::TopicFilter),
            names: PluginChoice::stock(Role::NamingRemapper),
            offsets: PluginChoice::stock(Role::OffsetTranslator),
            acls: PluginChoice::stock(Role::AclGenerator),
        }
    }
}

impl PluginChoices {
    /// The plugin of `role`.
    #[must_use]
    pub fn of(&self, role: Role) -> &PluginChoice {
        match role {
            Role::TopicFilter => &self.topics,
            Role::NamingRemapper => &self.names,
            Role::OffsetTranslator => &self.offsets,
            Role::AclGenerator => &self.acls,
        }
    }

    /// The key of `role` under `plugins`: `topics`.
    #[must_use]
    pub fn key(role: Role) -> &'static str {
        match role {
            Role::TopicFilter => "topics",
            Role::NamingRemapper => "names",
            Role::OffsetTranslator => "offsets",
            Role::AclGenerator => "acls",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_names_with_versions_or_paths() {
        let read = |text: &str| PluginReference::try_from(text.to_owned());
        for text in [
            "ferry/topic-filter@1",
            "acme/retail-names@2.1",
            "acme/names",
            "./a.wasm",
            "/opt/a.wasm",
        ] {
            assert_eq!(read(text).expect(text).to_string(), text);
        }
        assert!(matches!(read("../a.wasm"), Ok(PluginReference::File(_))));
        for text in [
            "topic-filter",
            "a/b/c",
            "Acme/names",
            "acme/names@latest",
            "acme/names@1.2.3.4",
            "a.wasm",
            "",
        ] {
            assert_eq!(read(text), Err(IllegalReference), "{text}");
        }
    }
}
