//! Access control lists, in the words of Kafka's own tools.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($variant:ident = $code:literal, $word:literal, $doc:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $doc] #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word, in the order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that Kafka's tools print.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The code on the wire.
            #[must_use]
            pub fn code(self) -> i8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The value behind a code on the wire; none for one that this version does not know.
            #[must_use]
            pub fn from_code(code: i8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: $what, word: word.to_owned() }),
                }
            }
        }
    };
}

/// A word that is not part of Kafka's vocabulary of access control.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not {what}")]
pub struct UnknownWord {
    /// What was expected, with its article: `a resource type`.
    pub what: &'static str,
    /// The word that was given.
    pub word: String,
}

vocabulary! {
    /// What an ACL is about (Apache Kafka, `ResourceType`).
    ResourceType, "a resource type" {
        Topic = 2, "TOPIC", "A topic.";
        Group = 3, "GROUP", "A consumer group.";
        Cluster = 4, "CLUSTER", "The cluster itself, always named `kafka-cluster`.";
        TransactionalId = 5, "TRANSACTIONAL_ID", "A transactional id.";
        DelegationToken = 6, "DELEGATION_TOKEN", "A delegation token.";
        User = 7, "USER", "A user, as the owner of delegation tokens.";
    }
}

vocabulary! {
    /// How the name of the resource is meant (KIP-290).
    PatternType, "a pattern type" {
        Literal = 3, "LITERAL", "The name itself; `*` means every name.";
        Prefixed = 4, "PREFIXED", "Every name that starts with it.";
    }
}

vocabulary! {
    /// What the principal may do (Apache Kafka, `AclOperation`).
    AclOperation, "an operation" {
        All = 2, "ALL", "Every operation.";
        Read = 3, "READ", "Read.";
        Write = 4, "WRITE", "Write.";
        Create = 5, "CREATE", "Create.";
        Delete = 6, "DELETE", "Delete.";
        Alter = 7, "ALTER", "Alter.";
        Describe = 8, "DESCRIBE", "Describe.";
        ClusterAction = 9, "CLUSTER_ACTION", "What brokers do among themselves.";
        DescribeConfigs = 10, "DESCRIBE_CONFIGS", "Read configuration.";
        AlterConfigs = 11, "ALTER_CONFIGS", "Change configuration.";
        IdempotentWrite = 12, "IDEMPOTENT_WRITE", "Produce idempotently (before 2.8 a right of its own).";
        CreateTokens = 13, "CREATE_TOKENS", "Create delegation tokens for others.";
        DescribeTokens = 14, "DESCRIBE_TOKENS", "Describe delegation tokens of others.";
        TwoPhaseCommit = 15, "TWO_PHASE_COMMIT", "Take part in two-phase commits (KIP-939).";
    }
}

vocabulary! {
    /// Whether the ACL opens or closes a door. A DENY wins over every ALLOW.
    PermissionType, "a permission" {
        Deny = 2, "DENY", "Forbidden.";
        Allow = 3, "ALLOW", "Allowed.";
    }
}

/// One access control entry on one pattern of resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AclBinding {
    /// What it is about.
    pub resource_type: ResourceType,
    /// The name of the resource, or its prefix.
    pub resource_name: String,
    /// How the name is meant.
    pub pattern_type: PatternType,
    /// For whom, as `User:name`; `User:*` is everybody.
    pub principal: String,
    /// From which host; `*` is every host.
    pub host: String,
    /// What may be done.
    pub operation: AclOperation,
    /// Whether it is allowed or forbidden.
    pub permission: PermissionType,
}

impl fmt::Display for AclBinding {
    /// One line: `ALLOW User:orders READ on TOPIC orders. (PREFIXED) from *`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} on {} {}{} from {}",
            self.permission,
            self.principal,
            self.operation,
            self.resource_type,
            self.resource_name,
            if self.pattern_type == PatternType::Prefixed {
                " (PREFIXED)"
            } else {
                ""
            },
            self.host,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_every_code_leads_back_to_its_value() {
        for operation in AclOperation::ALL {
            assert_eq!(AclOperation::from_code(operation.code()), Some(*operation));
            assert_eq!(operation.as_str().parse(), Ok(*operation));
        }
        assert_eq!(
            AclOperation::from_code(1),
            None,
            "ANY is a filter, not an operation"
        );
        assert!(
            "read".parse::<AclOperation>().is_err(),
            "words are upper case"
        );
    }
}
