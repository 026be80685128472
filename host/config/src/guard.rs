//! How the brokers of the source are protected from being read too fast.

use crate::quantity::Bandwidth;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How the brokers of the source are protected: `off`, or what is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardChoice {
    /// They are not.
    Off,
    /// They are slowed when they are in trouble.
    On(GuardSettings),
}

impl Default for GuardChoice {
    fn default() -> Self {
        Self::On(GuardSettings::default())
    }
}

impl GuardChoice {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is borne of a broker of the source before it is read more slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping, or `off`"
)]
pub struct GuardSettings {
    /// How long the broker may take to answer to a small request, sent every second on a connection
    /// of its own: the median of five.
    pub canary_latency: CanaryLatency,
    /// How much of the time the broker may throttle this client.
    pub throttle: ThrottleShare,
    /// What is done while followers of copied partitions fall behind.
    pub in_sync_replicas: FollowersBehind,
    /// No broker is slowed below this.
    pub floor: Bandwidth,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            canary_latency: CanaryLatency::Times(3),
            throttle: ThrottleShare::Percent(50),
            in_sync_replicas: FollowersBehind::Slow,
            floor: Bandwidth::MIB,
        }
    }
}

/// What is done while followers of copied partitions fall behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FollowersBehind {
    /// Their leader is not read.
    Pause,
    /// Their leader is read more slowly.
    Slow,
    /// Nothing.
    Ignore,
}

/// How long canaries may take: `50 ms`, `3x` what they took before the copy, or `ignore`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CanaryLatency {
    /// So many times what they took before the copy; what is below 100 ms is always borne.
    Times(u32),
    /// So many milliseconds.
    Ms(u32),
    /// Any time: none are sent.
    Ignore,
}

impl CanaryLatency {
    /// The ceiling, where it is a time.
    #[must_use]
    pub fn ceiling(self) -> Option<Duration> {
        match self {
            Self::Ms(ms) => Some(Duration::from_millis(ms.into())),
            Self::Times(_) | Self::Ignore => None,
        }
    }
}

/// A text that does not say how long canaries may take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a time as `50 ms`, a multiple as `3x`, or `ignore`")]
pub struct IllegalCanaryLatency;

impl TryFrom<String> for CanaryLatency {
    type Error = IllegalCanaryLatency;
    fn try_from(text: String) -> Result<Self, IllegalCanaryLatency> {
        let text = text.trim();
        if text == "ignore" {
            return Ok(Self::Ignore);
        }
        let positive = |number: &str| whole(number).filter(|number| *number > 0);
        if let Some(times) = text.strip_suffix('x') {
            let times = positive(times).ok_or(IllegalCanaryLatency)?;
            return Ok(Self::Times(times));
        }
        let ms = text
            .strip_suffix("ms")
            .and_then(|ms| positive(ms.trim_end()));
        ms.map(Self::Ms).ok_or(IllegalCanaryLatency)
    }
}

impl fmt::Display for CanaryLatency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}x"),
            Self::Ms(ms) => write!(f, "{ms} ms"),
            Self::Ignore => f.write_str("ignore"),
        }
    }
}

/// How much of the time a broker may throttle this client: `50 %`, or `ignore`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ThrottleShare {
    /// So many percent of it.
    Percent(u32),
    /// All of it.
    Ignore,
}

/// A text that is not a share of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a share of time from 1 to 100 as `50 %`, or `ignore`")]
pub struct IllegalThrottleShare;

impl TryFrom<String> for ThrottleShare {
    type Error = IllegalThrottleShare;
    fn try_from(text: String) -> Result<Self, IllegalThrottleShare> {
        let text = text.trim();
        if text == "ignore" {
            return Ok(Self::Ignore);
        }
        let number = text
            .strip_suffix('%')
            .and_then(|number| whole(number.trim_end()));
        number
            .filter(|percent| (1..=100).contains(percent))
            .map(Self::Percent)
            .ok_or(IllegalThrottleShare)
    }
}

impl fmt::Display for ThrottleShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Ignore => f.write_str("ignore"),
        }
    }
}

/// Digits and nothing else.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl From<CanaryLatency> for String {
    fn from(latency: CanaryLatency) -> Self {
        latency.to_string()
    }
}

impl From<ThrottleShare> for String {
    fn from(share: ThrottleShare) -> Self {
        share.to_string()
    }
}

impl JsonSchema for CanaryLatency {
    fn schema_name() -> Cow<'static, str> {
        "CanaryLatency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time as `50 ms`, a multiple of what was measured before the copy as `3x`, or `ignore`.",
            "pattern": "^\\s*([0-9]+\\s*ms|[0-9]+x|ignore)\\s*$",
            "examples": ["3x", "50 ms"],
        })
    }
}

impl JsonSchema for ThrottleShare {
    fn schema_name() -> Cow<'static, str> {
        "ThrottleShare".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A share of time as `50 %`, or `ignore`.",
            "pattern": "^\\s*([0-9]+\\s*%|ignore)\\s*$",
            "examples": ["50 %"],
        })
    }
}

impl Serialize for GuardChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::On(settings) => settings.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for GuardChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Choice)
    }
}

struct Choice;

impl<'de> Visitor<'de> for Choice {
    type Value = GuardChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, or `off`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<GuardChoice, E> {
        match text {
            "off" => Ok(GuardChoice::Off),
            "on" => Ok(GuardChoice::default()),
            other => Err(E::unknown_variant(other, &["on", "off"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GuardChoice, A::Error> {
        GuardSettings::deserialize(MapAccessDeserializer::new(map)).map(GuardChoice::On)
    }
}

impl JsonSchema for GuardChoice {
    fn schema_name() -> Cow<'static, str> {
        "GuardChoice".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<GuardSettings>();
        json_schema!({ "anyOf": [{ "enum": ["on", "off"] }, settings] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_times_or_multiples() {
        let read = |text: &str| CanaryLatency::try_from(text.to_owned());
        assert_eq!(read("3x"), Ok(CanaryLatency::Times(3)));
        assert_eq!(read(" 50 ms "), Ok(CanaryLatency::Ms(50)));
        assert_eq!(
            read("50ms").map(|latency| latency.to_string()),
            Ok("50 ms".to_owned())
        );
        assert_eq!(read("ignore"), Ok(CanaryLatency::Ignore));
        for wrong in ["", "3", "x", "0x", "0 ms", "50 s", "-5 ms", "1.5x", "3 x"] {
            assert_eq!(read(wrong), Err(IllegalCanaryLatency), "{wrong}");
        }
    }

    #[test]
    fn shares_of_time_are_whole_percents() {
        let read = |text: &str| ThrottleShare::try_from(text.to_owned());
        assert_eq!(read("50 %"), Ok(ThrottleShare::Percent(50)));
        assert_eq!(
            read("100%").map(|share| share.to_string()),
            Ok("100 %".to_owned())
        );
        assert_eq!(read("ignore"), Ok(ThrottleShare::Ignore));
        for wrong in ["", "50", "0 %", "101 %", "%", "5.5 %"] {
            assert_eq!(read(wrong), Err(IllegalThrottleShare), "{wrong}");
        }
    }
}
