//! The settings of one cluster: client properties by the names that Kafka people know.

use crate::deserializer::TEXT_AS_WRITTEN;
use crate::placeholder::{Part, Parts};
use crate::vocabulary;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What is known beforehand of a kind of cluster.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Apache Kafka, and everything that behaves like it.
    #[default]
    ApacheKafka,
    /// Confluent Cloud: SASL_SSL with PLAIN unless said otherwise, replication factor 3, and a
    /// limited set of topic settings.
    ConfluentCloud,
}

impl Profile {
    /// Every profile's name.
    pub const NAMES: &'static [&'static str] = &["apache-kafka", "confluent-cloud"];

    /// Client properties that hold where neither the configuration nor its properties file says
    /// otherwise.
    #[must_use]
    pub fn properties(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ApacheKafka => &[],
            Self::ConfluentCloud => &[
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", "PLAIN"),
            ],
        }
    }
}

/// The value of a client property as it is written, placeholders included.
#[derive(Clone, PartialEq, Eq)]
pub struct PropertyText(String);

impl PropertyText {
    /// A value as it is written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it is written. It may hold a password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text as it may be shown for property `name`: of secrets only the placeholders.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        if vocabulary::is_public(name) {
            return self.0.clone();
        }
        match Parts::parse(&self.0) {
            Ok(parts) => parts
                .0
                .iter()
                .map(|part| match part {
                    Part::Text(_) => "[hidden]".to_owned(),
                    Part::Placeholder(placeholder) => placeholder.to_string(),
                })
                .collect(),
            Err(_) => "[hidden]".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for PropertyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = PropertyText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PropertyText, E> {
                Ok(PropertyText(text.to_owned()))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<PropertyText, D::Error> {
                String::deserialize(deserializer).map(PropertyText)
            }
        }
        deserializer.deserialize_newtype_struct(TEXT_AS_WRITTEN, TextVisitor)
    }
}

/// The settings of one cluster. Properties written here win over those of the properties file, and
/// those win over the profile's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClusterSettings {
    /// An existing file of client properties, relative to the configuration.
    pub properties_file: Option<PathBuf>,
    /// What is known beforehand of this kind of cluster.
    pub profile: Profile,
    /// Client properties by name.
    pub properties: BTreeMap<String, PropertyText>,
}

impl ClusterSettings {
    /// Properties with their values as they may be shown.
    pub fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.properties
            .iter()
            .map(|(name, text)| (name.as_str(), text.shown(name)))
    }
}

impl fmt::Debug for ClusterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterSettings")
            .field("properties_file", &self.properties_file)
            .field("profile", &self.profile)
            .field("properties", &self.shown().collect::<BTreeMap<_, _>>())
            .finish()
    }
}

impl Serialize for ClusterSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(path) = &self.properties_file {
            map.serialize_entry("properties", path)?;
        }
        map.serialize_entry("profile", &self.profile)?;
        for (name, shown) in self.shown() {
            map.serialize_entry(name, &shown)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ClusterSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SettingsVisitor;
        impl<'de> Visitor<'de> for SettingsVisitor {
            type Value = ClusterSettings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of client properties")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClusterSettings, A::Error> {
                let mut settings = ClusterSettings::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "properties" => settings.properties_file = Some(map.next_value()?),
                        "profile" => settings.profile = map.next_value()?,
                        _ => {
                            let text = map.next_value()?;
                            settings.properties.insert(name, text);
                        }
                    }
                }
                Ok(settings)
            }
        }
        deserializer.deserialize_map(SettingsVisitor)
    }
}

impl JsonSchema for ClusterSettings {
    fn schema_name() -> Cow<'static, str> {
        "ClusterSettings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        properties.insert(
            "properties".to_owned(),
            serde_json::json!({
                "type": "string",
                "description": "An existing file of client properties, relative to this file.",
            }),
        );
        properties.insert(
            "profile".to_owned(),
            generator.subschema_for::<Profile>().to_value(),
        );
        for name in vocabulary::names() {
            let types = serde_json::json!({ "type": ["string", "number", "boolean", "null"] });
            properties.insert(name.to_owned(), types);
        }
        json_schema!({
            "type": "object",
            "description": "Client properties by the names that Kafka people know. Values may hold \
                ${env:NAME} and ${file:PATH:KEY}.",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}
