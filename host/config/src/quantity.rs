//! Quantities with their units: `200 MiB/s`, `256 MiB`, `10000/s`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A text that is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalQuantity {
    /// Not a whole number and a unit.
    #[error("must be a whole number with a unit, as `{example}`; units: {units}")]
    Form {
        /// A right one.
        example: &'static str,
        /// The units that are known.
        units: &'static str,
    },
    /// The number is 0.
    #[error("must be more than 0")]
    Nothing,
    /// The number does not fit.
    #[error("is too large")]
    TooLarge,
}

const SIZE_FORM: IllegalQuantity = IllegalQuantity::Form {
    example: "256 MiB",
    units: "B, kB, KiB, MB, MiB, GB, GiB",
};
const BANDWIDTH_FORM: IllegalQuantity = IllegalQuantity::Form {
    example: "200 MiB/s",
    units: "B/s, kB/s, KiB/s, MB/s, MiB/s, GB/s, GiB/s",
};

const RECORD_RATE_FORM: IllegalQuantity = IllegalQuantity::Form {
    example: "10000/s",
    units: "/s",
};

fn parse_bytes(text: &str, form: IllegalQuantity) -> Result<u64, IllegalQuantity> {
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err(form);
    }
    let unit = unit.trim();
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(form);
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor))
        .ok_or(IllegalQuantity::TooLarge)?;
    if bytes == 0 {
        Err(IllegalQuantity::Nothing)
    } else {
        Ok(bytes)
    }
}

/// The number with the largest unit that leaves it whole.
fn print_bytes(bytes: u64) -> String {
    let (unit, factor) = UNITS
        .iter()
        .rev()
        .find(|(_, factor)| bytes.is_multiple_of(*factor))
        .copied()
        .unwrap_or(("B", 1));
    format!("{} {unit}", bytes / factor)
}

/// A number of bytes, written as `256 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

impl ByteSize {
    /// Memory for batches on their way where the configuration says nothing.
    pub const MEMORY_DEFAULT: Self = Self(256 << 20);

    /// `bytes` bytes; none for 0.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        (bytes > 0).then_some(Self(bytes))
    }

    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// A number of bytes per second, written as `200 MiB/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bandwidth(u64);

impl Bandwidth {
    /// One MiB per second.
    pub const MIB: Self = Self(1 << 20);

    /// `bytes` bytes per second; none for 0.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        (bytes > 0).then_some(Self(bytes))
    }

    /// Bytes per second.
    #[must_use]
    pub fn bytes_per_second(self) -> u64 {
        self.0
    }
}

/// A number of records per second, written as `10000/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordRate(u64);

impl RecordRate {
    /// `records` records per second; none for 0.
    #[must_use]
    pub fn new(records: u64) -> Option<Self> {
        (records > 0).then_some(Self(records))
    }

    /// Records per second.
    #[must_use]
    pub fn records_per_second(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for ByteSize {
    type Error = IllegalQuantity;
    fn try_from(text: String) -> Result<Self, IllegalQuantity> {
        parse_bytes(text.trim(), SIZE_FORM).map(Self)
    }
}

impl TryFrom<String> for Bandwidth {
    type Error = IllegalQuantity;
    fn try_from(text: String) -> Result<Self, IllegalQuantity> {
        let size = text.trim().strip_suffix("/s").ok_or(BANDWIDTH_FORM)?;
        parse_bytes(size.trim(), BANDWIDTH_FORM).map(Self)
    }
}

impl TryFrom<String> for RecordRate {
    type Error = IllegalQuantity;
    fn try_from(text: String) -> Result<Self, IllegalQuantity> {
        let number = text
            .trim()
            .strip_suffix("/s")
            .ok_or(RECORD_RATE_FORM)?
            .trim();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RECORD_RATE_FORM);
        }
        let records = number.parse().map_err(|_| IllegalQuantity::TooLarge)?;
        Self::new(records).ok_or(IllegalQuantity::Nothing)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print_bytes(self.0))
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", print_bytes(self.0)))
    }
}

impl fmt::Display for RecordRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", self.0))
    }
}

impl From<RecordRate> for String {
    fn from(rate: RecordRate) -> Self {
        rate.to_string()
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

impl From<Bandwidth> for String {
    fn from(bandwidth: Bandwidth) -> Self {
        bandwidth.to_string()
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of bytes, written as `256 MiB`.",
            "pattern": "^\\s*[0-9]+\\s*(B|kB|KiB|MB|MiB|GB|GiB)\\s*$",
            "examples": ["256 MiB"],
        })
    }
}

impl JsonSchema for Bandwidth {
    fn schema_name() -> Cow<'static, str> {
        "Bandwidth".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of bytes per second, written as `200 MiB/s`.",
            "pattern": "^\\s*[0-9]+\\s*(B|kB|KiB|MB|MiB|GB|GiB)\\s*/s\\s*$",
            "examples": ["200 MiB/s"],
        })
    }
}

impl JsonSchema for RecordRate {
    fn schema_name() -> Cow<'static, str> {
        "RecordRate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of records per second, written as `10000/s`.",
            "pattern": "^\\s*[0-9]+\\s*/s\\s*$",
            "examples": ["10000/s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units_and_written_back_short() {
        let size = |text: &str| ByteSize::try_from(text.to_owned()).map(|s| (s.0, s.to_string()));
        assert_eq!(size("256 MiB"), Ok((268_435_456, "256 MiB".to_owned())));
        assert_eq!(size("1024KiB"), Ok((1_048_576, "1 MiB".to_owned())));
        assert_eq!(size("3 kB"), Ok((3_000, "3 kB".to_owned())));
        let bandwidth = Bandwidth::try_from("200 MiB/s".to_owned()).expect("legal");
        assert_eq!(bandwidth.bytes_per_second(), 209_715_200);
        assert_eq!(bandwidth.to_string(), "200 MiB/s");
    }

    #[test]
    fn rates_of_records_are_whole_numbers_a_second() {
        let rate = |text: &str| RecordRate::try_from(text.to_owned());
        assert_eq!(
            rate("10000/s").map(|rate| rate.to_string()),
            Ok("10000/s".to_owned())
        );
        assert_eq!(rate(" 5 /s").map(RecordRate::records_per_second), Ok(5));
        assert_eq!(rate("10000"), Err(RECORD_RATE_FORM));
        assert_eq!(rate("10k/s"), Err(RECORD_RATE_FORM));
        assert_eq!(rate("/s"), Err(RECORD_RATE_FORM));
        assert_eq!(rate("0/s"), Err(IllegalQuantity::Nothing));
        assert_eq!(
            rate("99999999999999999999/s"),
            Err(IllegalQuantity::TooLarge)
        );
    }

    #[test]
    fn quantities_without_unit_of_nothing_or_beyond_64_bits_are_refused() {
        let size = |text: &str| ByteSize::try_from(text.to_owned());
        assert_eq!(size("256"), Err(SIZE_FORM));
        assert_eq!(size("MiB"), Err(SIZE_FORM));
        assert_eq!(size("-1 MiB"), Err(SIZE_FORM));
        assert_eq!(size("1.5 GiB"), Err(SIZE_FORM));
        assert_eq!(size("0 MiB"), Err(IllegalQuantity::Nothing));
        assert_eq!(size("99999999999 GiB"), Err(IllegalQuantity::TooLarge));
        assert_eq!(
            Bandwidth::try_from("200 MiB".to_owned()),
            Err(BANDWIDTH_FORM)
        );
    }
}
