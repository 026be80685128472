//! Offsets, with the side they belong to in the type.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! offset {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(
            Debug,
            Clone,
            Copy,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Default,
            Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The offset `records` further on.
            #[must_use]
            pub fn plus(self, records: i64) -> Self {
                Self(self.0 + records)
            }

            /// How many offsets lie from `earlier` up to this one; negative if it lies behind.
            #[must_use]
            pub fn since(self, earlier: Self) -> i64 {
                self.0 - earlier.0
            }
        }

        impl fmt::Display for $name {
            /// With thousands separated: `88,120`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&grouped(self.0))
            }
        }
    };
}

offset!(
    SourceOffset,
    "A position in a partition of the source cluster."
);
offset!(
    TargetOffset,
    "A position in a partition of the target cluster."
);

/// A whole number with its thousands separated by commas: `88,120`.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(-1_234_567), "-1,234,567");
        assert_eq!(SourceOffset(88_120).to_string(), "88,120");
    }
}
