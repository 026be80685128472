//! The names of steps, effects and facts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that can't be used as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct IllegalName {
    /// What was expected, with its article: `a step name`.
    pub what: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
    /// The text that was given, at most 80 characters of it.
    pub text: String,
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $what:literal, $rule:literal, $legal:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and takes it.
            ///
            /// # Errors
            /// [`IllegalName`] where the text breaks the rule.
            pub fn parse(text: impl Into<String>) -> Result<Self, IllegalName> {
                let text = text.into();
                let legal: fn(&str) -> bool = $legal;
                if legal(&text) {
                    Ok(Self(text))
                } else {
                    Err(IllegalName {
                        what: $what,
                        rule: $rule,
                        text: text.chars().take(80).collect(),
                    })
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IllegalName;
            fn from_str(text: &str) -> Result<Self, IllegalName> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IllegalName;
            fn try_from(text: String) -> Result<Self, IllegalName> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// The name of a step, unique in its migration: `topics`, `copy`, `offsets`.
    StepName,
    "a step name",
    "1 to 64 of a-z, 0-9, `-` and `.`",
    |text| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    }
);

name!(
    /// The name of an effect, unique in its step and the same at every attempt:
    /// `topic/retail.orders`. It may hold any name that Kafka allows, also a whole ACL.
    EffectId,
    "an effect id",
    "1 to 2048 bytes without control characters",
    free_text
);

name!(
    /// The name of a fact, unique in its migration: `copy/producer-id`.
    FactKey,
    "a fact key",
    "1 to 2048 bytes without control characters",
    free_text
);

fn free_text(text: &str) -> bool {
    (1..=2048).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_name_holds_lower_case_digits_dashes_and_dots_only() {
        assert_eq!(
            StepName::parse("copy.orders-2").expect("legal").as_str(),
            "copy.orders-2"
        );
        for text in ["", "Copy", "a b", "a/b", &"a".repeat(65)] {
            assert!(StepName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_effect_id_holds_what_kafka_names_hold_but_no_control_character() {
        assert!(EffectId::parse("acl/ALLOW User:CN=a, O=\u{e9} READ on GROUP *").is_ok());
        assert!(EffectId::parse("a\nb").is_err());
        assert!(EffectId::parse("a".repeat(2049)).is_err());
        assert!(serde_json::from_str::<EffectId>("\"\"").is_err());
    }
}
