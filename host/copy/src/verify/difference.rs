//! One difference between source and target.

use crate::batch::records::Record;
use ferry_model::offset::grouped;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A place where source and target differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The offset at the source, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<i64>,
    /// The offset at the target, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<i64>,
    /// How they differ.
    #[serde(flatten)]
    pub kind: Kind,
}

/// How source and target differ. Contents are never shown: they are the client's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Kind {
    /// The source has a record that the target lacks.
    Missing {
        /// Whether its value is null.
        tombstone: bool,
    },
    /// The target has a record that the source lacks.
    Extra {
        /// Whether its value is null.
        tombstone: bool,
    },
    /// The keys differ.
    Key,
    /// The values differ.
    Value,
    /// The headers differ.
    Headers,
    /// The timestamps differ.
    Timestamp {
        /// The source's, in milliseconds since 1970.
        source_ms: i64,
        /// The target's, in milliseconds since 1970.
        target_ms: i64,
    },
    /// The target's log ends before the end of what was copied, although nothing that the source
    /// still has is missing: it has lost its end, and may have been written to since.
    Ends {
        /// Where the copied offsets end at the target.
        copied_to: i64,
    },
}

impl Kind {
    /// Which part of the two bodies differs first.
    pub(crate) fn contents(source: &[u8], target: &[u8]) -> Self {
        let record = |body| Record {
            offset: 0,
            timestamp_ms: 0,
            body,
        };
        match (record(source).contents(), record(target).contents()) {
            (Ok(source), Ok(target)) if source.key != target.key => Self::Key,
            (Ok(source), Ok(target)) if source.value != target.value => Self::Value,
            _ => Self::Headers,
        }
    }
}

impl fmt::Display for Difference {
    /// One line: `source 88,120, target 88,118: the values differ`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |offset: Option<i64>| offset.map_or("-".to_owned(), grouped);
        write!(
            f,
            "source {}, target {}: ",
            place(self.source),
            place(self.target)
        )?;
        match &self.kind {
            Kind::Missing { .. } => f.write_str("missing at the target"),
            Kind::Extra { .. } => f.write_str("at the target only"),
            Kind::Key => f.write_str("the keys differ"),
            Kind::Value => f.write_str("the values differ"),
            Kind::Headers => f.write_str("the headers differ"),
            Kind::Timestamp {
                source_ms,
                target_ms,
            } => {
                write!(f, "the timestamps differ ({source_ms} and {target_ms})")
            }
            Kind::Ends { copied_to } => {
                let copied_to = grouped(*copied_to);
                write!(
                    f,
                    "the target's log ends here, but was copied to {copied_to}"
                )
            }
        }
    }
}
