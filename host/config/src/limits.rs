//! How fast the source may be read, by the hour and by the broker.

use crate::quantity::{Bandwidth, RecordRate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;
/// How far a clock may be ahead of UTC (Kiribati) or behind (Baker Island), in minutes.
const UTC_OFFSETS_MIN: std::ops::RangeInclusive<i32> = -12 * 60..=14 * 60;

/// A limit, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrNone<T> {
    /// No limit.
    None,
    /// This one.
    Of(T),
}

/// Limits that stand in place of others. What is left out is as otherwise; `none` takes a limit away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping"
)]
pub struct LimitSettings {
    /// The most that is read per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<OrNone<Bandwidth>>,
    /// The most records that are read per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<OrNone<RecordRate>>,
}

/// Limits for parts of the day.
pub type Hours = BTreeMap<HourRange, LimitSettings>;

/// Two parts of `hours` that have a minute in common, if there are any.
#[must_use]
pub fn overlap(hours: &Hours) -> Option<(HourRange, HourRange)> {
    let parts: Vec<HourRange> = hours.keys().copied().collect();
    let pairs = parts
        .iter()
        .enumerate()
        .flat_map(|(number, one)| parts[number + 1..].iter().map(move |other| (*one, *other)));
    let mut overlapping = pairs.filter(|(one, other)| one.overlaps(*other));
    overlapping.next()
}

/// A part of every day: `08:00-18:00`. It may reach over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HourRange {
    from_min: u16,
    to_min: u16,
}

impl HourRange {
    /// Its first minute, counted from midnight.
    #[must_use]
    pub fn from_min(self) -> u16 {
        self.from_min
    }

    /// The minute behind its last one; 1,440 for the end of the day.
    #[must_use]
    pub fn to_min(self) -> u16 {
        self.to_min
    }

    fn overlaps(self, other: Self) -> bool {
        let holds = |part: Self, minute: u16| {
            if part.from_min < part.to_min {
                (part.from_min..part.to_min).contains(&minute)
            } else {
                minute >= part.from_min || minute < part.to_min
            }
        };
        holds(self, other.from_min) || holds(other, self.from_min)
    }
}

/// A text that is not a part of the day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be two different times of day, as `08:00-18:00`")]
pub struct IllegalHours;

/// The minute of the day that `text` names: `08:30`, at most `24:00`.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= DAY_MIN).then_some(minutes)
}

impl TryFrom<String> for HourRange {
    type Error = IllegalHours;
    fn try_from(text: String) -> Result<Self, IllegalHours> {
        let (from, to) = text.split_once('-').ok_or(IllegalHours)?;
        let from_min = minute_of(from.trim()).ok_or(IllegalHours)?;
        let to_min = minute_of(to.trim()).ok_or(IllegalHours)?;
        if from_min == to_min || from_min == DAY_MIN || to_min == 0 {
            return Err(IllegalHours);
        }
        Ok(Self { from_min, to_min })
    }
}

impl fmt::Display for HourRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        f.pad(&format!("{}-{}", time(self.from_min), time(self.to_min)))
    }
}

impl From<HourRange> for String {
    fn from(part: HourRange) -> Self {
        part.to_string()
    }
}

impl JsonSchema for HourRange {
    fn schema_name() -> Cow<'static, str> {
        "HourRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A part of every day, written as `08:00-18:00`.",
            "pattern": "^\\s*[0-9]{2}:[0-9]{2}\\s*-\\s*[0-9]{2}:[0-9]{2}\\s*$",
            "examples": ["08:00-18:00"],
        })
    }
}

/// How far a clock is ahead of UTC: `+01:00`, `UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcOffset {
    minutes: i32,
}

impl UtcOffset {
    /// Minutes that the clock is ahead of UTC.
    #[must_use]
    pub fn minutes(self) -> i32 {
        self.minutes
    }
}

/// A text that is not a distance from UTC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be the distance from UTC, as `+01:00`, or `UTC`")]
pub struct IllegalUtcOffset;

impl TryFrom<String> for UtcOffset {
    type Error = IllegalUtcOffset;
    fn try_from(text: String) -> Result<Self, IllegalUtcOffset> {
        let text = text.trim();
        if matches!(text, "UTC" | "Z") {
            return Ok(Self { minutes: 0 });
        }
        let (sign, time) = match text.split_at_checked(1) {
            Some(("+", time)) => (1, time),
            Some(("-", time)) => (-1, time),
            _ => return Err(IllegalUtcOffset),
        };
        let minutes = sign * i32::from(minute_of(time).ok_or(IllegalUtcOffset)?);
        if UTC_OFFSETS_MIN.contains(&minutes) {
            Ok(Self { minutes })
        } else {
            Err(IllegalUtcOffset)
        }
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.minutes == 0 {
            return f.pad("UTC");
        }
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.abs();
        f.pad(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
    }
}

impl From<UtcOffset> for String {
    fn from(offset: UtcOffset) -> Self {
        offset.to_string()
    }
}

impl JsonSchema for UtcOffset {
    fn schema_name() -> Cow<'static, str> {
        "UtcOffset".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The distance from UTC, written as `+01:00`, or `UTC`.",
            "pattern": "^\\s*(UTC|Z|[+-][0-9]{2}:[0-9]{2})\\s*$",
            "examples": ["+01:00", "UTC"],
        })
    }
}

/// Brokers of the source that a limit is for: `each`, or one by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BrokerKey {
    /// Each of them.
    Each,
    /// The one with this id.
    Id(i32),
}

/// A text that is not a broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of a broker, or `each`")]
pub struct IllegalBroker;

impl TryFrom<String> for BrokerKey {
    type Error = IllegalBroker;
    fn try_from(text: String) -> Result<Self, IllegalBroker> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match (text.as_str(), digits) {
            ("each", _) => Ok(Self::Each),
            (id, true) => id.parse().map(Self::Id).map_err(|_| IllegalBroker),
            _ => Err(IllegalBroker),
        }
    }
}

impl fmt::Display for BrokerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.pad("each"),
            Self::Id(id) => f.pad(&id.to_string()),
        }
    }
}

impl From<BrokerKey> for String {
    fn from(broker: BrokerKey) -> Self {
        broker.to_string()
    }
}

impl JsonSchema for BrokerKey {
    fn schema_name() -> Cow<'static, str> {
        "BrokerKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The id of a broker of the source, or `each`.",
            "pattern": "^(each|[0-9]+)$",
            "examples": ["each", "3"],
        })
    }
}

impl<T: fmt::Display> Serialize for OrNone<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Of(limit) => serializer.collect_str(limit),
        }
    }
}

impl<'de, T> Deserialize<'de> for OrNone<T>
where
    T: TryFrom<String>,
    T::Error: fmt::Display,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

impl<T: TryFrom<String>> TryFrom<String> for OrNone<T> {
    type Error = T::Error;
    fn try_from(text: String) -> Result<Self, T::Error> {
        if text.trim() == "none" {
            return Ok(Self::None);
        }
        T::try_from(text).map(Self::Of)
    }
}

impl<T: fmt::Display> fmt::Display for OrNone<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("none"),
            Self::Of(limit) => limit.fmt(f),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OrNone<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNone", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let limit = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "const": "none" }, limit] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Result<HourRange, IllegalHours> {
        HourRange::try_from(text.to_owned())
    }

    #[test]
    fn parts_of_the_day_are_read_and_written_back() {
        let read = |text: &str| hours(text).map(|part| (part.from_min, part.to_min));
        assert_eq!(read("08:00-18:30"), Ok((480, 1110)));
        assert_eq!(read("22:00 - 06:00"), Ok((1320, 360)));
        assert_eq!(read("00:00-24:00"), Ok((0, 1440)));
        assert_eq!(
            hours("08:00-18:30").expect("legal").to_string(),
            "08:00-18:30"
        );
        for wrong in [
            "",
            "8:00-18:00",
            "08:00",
            "08:00-08:00",
            "24:00-08:00",
            "20:00-00:00",
            "08:60-09:00",
            "24:01-02:00",
            "08:00-18:00-20:00",
            "aa:bb-cc:dd",
            "08:+1-09:00",
        ] {
            assert_eq!(read(wrong), Err(IllegalHours), "{wrong}");
        }
    }

    #[test]
    fn parts_that_have_a_minute_in_common_are_found_also_over_midnight() {
        let found = |parts: &[&str]| {
            let hours: Hours = parts
                .iter()
                .map(|part| (hours(part).expect("legal"), LimitSettings::default()))
                .collect();
            overlap(&hours).is_some()
        };
        assert!(!found(&["08:00-18:00", "18:00-08:00"]));
        assert!(!found(&["00:00-08:00", "08:00-24:00"]));
        assert!(found(&["08:00-18:00", "17:59-20:00"]));
        assert!(found(&["22:00-06:00", "05:00-07:00"]));
        assert!(found(&["22:00-06:00", "23:00-24:00"]));
        assert!(found(&["00:00-24:00", "03:00-04:00"]));
    }

    #[test]
    fn distances_from_utc_are_read_within_those_that_clocks_have() {
        let read = |text: &str| UtcOffset::try_from(text.to_owned()).map(UtcOffset::minutes);
        assert_eq!(read("UTC"), Ok(0));
        assert_eq!(read("+05:30"), Ok(330));
        assert_eq!(read("-03:00"), Ok(-180));
        for wrong in ["", "CET", "+1", "01:00", "+15:00", "-12:01"] {
            assert_eq!(read(wrong), Err(IllegalUtcOffset), "{wrong}");
        }
        let shown = |text: &str| UtcOffset::try_from(text.to_owned()).map(|o| o.to_string());
        assert_eq!(shown("-03:30"), Ok("-03:30".to_owned()));
        assert_eq!(shown("+00:00"), Ok("UTC".to_owned()));
    }
}
