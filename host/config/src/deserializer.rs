//! Turns nodes into typed values through serde, and serde's complaints into places.
//!
//! serde tells a complaint without a place. [`Failure`] starts where it arises with what serde knows,
//! and gains the position of the innermost node and the path of keys while it travels outwards.

use crate::document::{Entry, Node, Value};
use crate::error::{ConfigError, Place, Position};
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};
use std::fmt;
use std::path::Path;

/// A newtype struct of this name receives a scalar as the text that stands in the file, whatever
/// it looks like: `30000` and `true` are texts in client properties.
pub(crate) const TEXT_AS_WRITTEN: &str = "ferry::text-as-written";

/// The value of type `T` in `node`; `file` is named in errors.
pub(crate) fn deserialize<'de, T: de::Deserialize<'de>>(
    node: &'de Node,
    file: &Path,
) -> Result<T, ConfigError> {
    T::deserialize(Deserializer { node }).map_err(|failure| failure.into_error(node.at, file))
}

#[derive(Debug)]
enum Complaint {
    UnknownKey {
        key: String,
        valid: &'static [&'static str],
    },
    MissingKey {
        key: String,
    },
    UnknownChoice {
        choice: String,
        valid: &'static [&'static str],
    },
    WrongType {
        expected: String,
        found: String,
    },
    Other(String),
}

/// A complaint on its way outwards.
#[derive(Debug)]
pub(crate) struct Failure {
    complaint: Complaint,
    at: Option<Position>,
    /// Path segments, innermost first; a list's index is `[3]`.
    path: Vec<String>,
}

impl Failure {
    fn new(complaint: Complaint) -> Self {
        Self {
            complaint,
            at: None,
            path: Vec::new(),
        }
    }

    fn at(mut self, position: Position) -> Self {
        self.at.get_or_insert(position);
        self
    }

    fn within(mut self, segment: &str) -> Self {
        self.path.push(segment.to_owned());
        self
    }

    fn into_error(self, root: Position, file: &Path) -> ConfigError {
        let mut path = String::new();
        for segment in self.path.iter().rev() {
            if !path.is_empty() && !segment.starts_with('[') {
                path.push('.');
            }
            path.push_str(segment);
        }
        if let Complaint::MissingKey { key } = &self.complaint {
            path = crate::document::join(&path, key);
        }
        let position = self.at.unwrap_or(root);
        let place = Place {
            file: file.to_owned(),
            position,
            path,
        };
        match self.complaint {
            Complaint::UnknownKey { key, valid } => ConfigError::UnknownKey {
                place,
                nearest: nearest(&key, valid.iter().copied()),
                valid: valid.iter().map(|key| (*key).to_owned()).collect(),
            },
            Complaint::MissingKey { .. } => ConfigError::MissingKey { place },
            Complaint::UnknownChoice { choice, valid } => ConfigError::IllegalValue {
                place,
                what: format!("must be {}", alternatives(valid)),
                nearest: nearest(&choice, valid.iter().copied()),
            },
            Complaint::WrongType { expected, found } => ConfigError::WrongType {
                place,
                expected,
                found,
            },
            Complaint::Other(what) => ConfigError::IllegalValue {
                place,
                what,
                nearest: None,
            },
        }
    }
}

/// The candidate that `word` was probably meant to be: near in spelling, or one that it begins.
pub(crate) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
    let lower = word.to_lowercase().replace('_', "-");
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.chars().count().max(lower.chars().count()) / 4
        })
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

fn alternatives(words: &[&str]) -> String {
    match words {
        [] => "left out".to_owned(),
        [only] => format!("`{only}`"),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", rest.join(", "))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.complaint)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Complaint::Other(message.to_string()))
    }

    fn unknown_field(key: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Complaint::UnknownKey {
            key: key.to_owned(),
            valid,
        })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Complaint::MissingKey {
            key: key.to_owned(),
        })
    }

    fn unknown_variant(choice: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Complaint::UnknownChoice {
            choice: choice.to_owned(),
            valid,
        })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Complaint::WrongType {
            expected: plain_words(&expected.to_string()),
            found: kind(&found).to_owned(),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }
}

/// serde's own descriptions in the words of a configuration.
fn plain_words(expected: &str) -> String {
    match expected {
        "a string" | "string" | "a borrowed string" => "text",
        "a map" => "a mapping",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "u16" | "u32" | "u64" => "a whole number, 0 or more",
        "i32" | "i64" => "a whole number",
        other => other,
    }
    .to_owned()
}

/// The kind of what was found, never the value: it may be a secret in the wrong place.
fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a mapping",
        _ => "something else",
    }
}

/// What a plain scalar means by the core schema of YAML 1.2 (chapter 10.3).
enum Scalar {
    Nothing,
    Truth(bool),
    Whole(i64),
    WholeUnsigned(u64),
    Fraction(f64),
    Text,
}

fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Nothing,
        "true" | "True" | "TRUE" => return Scalar::Truth(true),
        "false" | "False" | "FALSE" => return Scalar::Truth(false),
        _ => {}
    }
    let radix = [("0x", 16), ("0o", 8)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((text.strip_prefix(prefix)?, radix)));
    if let Some((digits, radix)) = radix {
        return match u64::from_str_radix(digits, radix) {
            Ok(number) if !digits.starts_with('+') => Scalar::WholeUnsigned(number),
            _ => Scalar::Text,
        };
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match (text.parse(), text.parse()) {
            (Ok(number), _) => Scalar::Whole(number),
            (_, Ok(number)) => Scalar::WholeUnsigned(number),
            _ => text.parse().map_or(Scalar::Text, Scalar::Fraction),
        };
    }
    let looks_like_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if looks_like_number {
        return text.parse().map_or(Scalar::Text, Scalar::Fraction);
    }
    Scalar::Text
}

#[derive(Clone, Copy)]
struct Deserializer<'de> {
    node: &'de Node,
}

impl<'de> Deserializer<'de> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar { text, plain: false } => visitor.visit_borrowed_str(text),
            Value::Scalar { text, plain: true } => match resolve(text) {
                Scalar::Nothing => visitor.visit_unit(),
                Scalar::Truth(truth) => visitor.visit_bool(truth),
                Scalar::Whole(number) => visitor.visit_i64(number),
                Scalar::WholeUnsigned(number) => visitor.visit_u64(number),
                Scalar::Fraction(number) => visitor.visit_f64(number),
                Scalar::Text => visitor.visit_borrowed_str(text),
            },
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Mapping(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }
}

impl<'de> de::Deserializer<'de> for Deserializer<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visit(visitor)
            .map_err(|failure| failure.at(self.node.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar { text, plain: true } if matches!(resolve(text), Scalar::Nothing) => {
                visitor.visit_none()
            }
            _ => visitor
                .visit_some(self)
                .map_err(|failure| failure.at(self.node.at)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let result = match &self.node.value {
            Value::Scalar { text, .. } if name == TEXT_AS_WRITTEN => {
                visitor.visit_borrowed_str(text)
            }
            _ if name == TEXT_AS_WRITTEN => self.visit(visitor),
            _ => visitor.visit_newtype_struct(self),
        };
        result.map_err(|failure| failure.at(self.node.at))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let result = match &self.node.value {
            Value::Scalar { text, .. } => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => self.visit(visitor),
        };
        result.map_err(|failure| failure.at(self.node.at))
    }

    /// Only mappings: serde would also take a list for a struct, field by field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let result = match &self.node.value {
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.visit(visitor),
        };
        result.map_err(|failure: Failure| failure.at(self.node.at))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some(node) = self.items.get(self.next) else {
            return Ok(None);
        };
        let segment = format!("[{}]", self.next);
        self.next += 1;
        seed.deserialize(Deserializer { node })
            .map(Some)
            .map_err(|failure| failure.at(node.at).within(&segment))
    }
}

struct Entries<'de> {
    entries: &'de [Entry],
    next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some(entry) = self.entries.get(self.next) else {
            return Ok(None);
        };
        let key: de::value::BorrowedStrDeserializer<'de, Failure> =
            de::value::BorrowedStrDeserializer::new(&entry.key);
        seed.deserialize(key)
            .map(Some)
            .map_err(|failure| failure.at(entry.key_at).within(&entry.key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(de::Error::custom("a value was asked for without its key"));
        };
        self.next += 1;
        seed.deserialize(Deserializer { node: &entry.node })
            .map_err(|failure| failure.at(entry.node.at).within(&entry.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<serde_json::Value, ConfigError> {
        let file = Path::new("test.yaml");
        deserialize(&crate::document::parse(text.as_bytes(), file)?, file)
    }

    #[test]
    fn plain_scalars_follow_the_core_schema_of_yaml_1_2() {
        let json = value(
            "{a: 12, b: -3, c: 0x1F, d: 0o17, e: 1.5e3, f: true, g: ~, h: yes, i: 02:00, j: '7', \
             k: 18446744073709551615, l: 1.2.3, m: +0x1, n: ., o: -.}",
        )
        .expect("YAML");
        assert_eq!(
            json,
            serde_json::json!({
                "a": 12, "b": -3, "c": 31, "d": 15, "e": 1500.0, "f": true, "g": null, "h": "yes",
                "i": "02:00", "j": "7", "k": 18_446_744_073_709_551_615_u64, "l": "1.2.3",
                "m": "+0x1", "n": ".", "o": "-.",
            })
        );
    }

    #[test]
    fn a_near_key_is_suggested_and_a_far_one_is_not() {
        let keys = ["topics", "names", "offsets", "acls"];
        assert_eq!(
            nearest("topic", keys.into_iter()).as_deref(),
            Some("topics")
        );
        assert_eq!(
            nearest("Offset", keys.into_iter()).as_deref(),
            Some("offsets")
        );
        assert_eq!(nearest("schema", keys.into_iter()), None);
    }
}
