//! Whether a binding of the target grants more, or denies less, than the binding of the source that
//! it stands for.

use crate::text::listed;
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use std::collections::BTreeSet;

/// The name that means every resource in a literal pattern, and every host.
pub(crate) const EVERYTHING: &str = "*";
/// The principal that means everybody.
pub(crate) const EVERYBODY: &str = "User:*";

/// What the pattern of the source's binding means at the target.
pub(crate) struct Reach<'r> {
    /// The name or the prefix at the target; none where there is no single one.
    pub(crate) renamed: Option<&'r str>,
    /// Names at the target of the moved resources that the pattern covers.
    pub(crate) covered: &'r BTreeSet<String>,
    /// Names of the same kind that the target has or will have.
    pub(crate) there: &'r BTreeSet<String>,
}

/// Whether the pattern covers `name` (KIP-290).
pub(crate) fn covers(pattern: PatternType, pattern_name: &str, name: &str) -> bool {
    match pattern {
        PatternType::Literal => pattern_name == EVERYTHING || pattern_name == name,
        PatternType::Prefixed => name.starts_with(pattern_name),
    }
}

/// Whether being allowed `given` is part of being allowed `asked`
/// (Apache Kafka, `AclAuthorizer`: READ, WRITE, DELETE and ALTER imply DESCRIBE, ALTER_CONFIGS implies
/// DESCRIBE_CONFIGS).
fn implied(asked: AclOperation, given: AclOperation) -> bool {
    use AclOperation as Op;
    asked == given
        || asked == Op::All
        || (given == Op::Describe && matches!(asked, Op::Read | Op::Write | Op::Delete | Op::Alter))
        || (given == Op::DescribeConfigs && asked == Op::AlterConfigs)
}

/// What `given` grants beyond `source`; none where it grants no more.
pub(crate) fn widens(source: &AclBinding, given: &AclBinding, reach: &Reach<'_>) -> Option<String> {
    if given.permission == PermissionType::Deny {
        return None;
    }
    if source.permission == PermissionType::Deny {
        return Some("it allows what the source denies".to_owned());
    }
    if given.resource_type != source.resource_type {
        return Some(format!(
            "it grants on a {} instead of a {}",
            given.resource_type, source.resource_type
        ));
    }
    if !implied(source.operation, given.operation) {
        return Some(format!(
            "it grants {} instead of {}",
            given.operation, source.operation
        ));
    }
    if given.principal == EVERYBODY && source.principal != EVERYBODY {
        return Some("it grants to everybody".to_owned());
    }
    if given.host != source.host && source.host != EVERYTHING {
        return Some("it grants from other hosts than the source".to_owned());
    }
    wider_resource(source, given, reach)
}

fn wider_resource(source: &AclBinding, given: &AclBinding, reach: &Reach<'_>) -> Option<String> {
    let everything = |binding: &AclBinding| {
        binding.pattern_type == PatternType::Literal && binding.resource_name == EVERYTHING
    };
    let inside = match (source.pattern_type, given.pattern_type) {
        _ if everything(source) => true,
        _ if everything(given) => false,
        (PatternType::Literal, PatternType::Literal) => {
            reach.renamed == Some(given.resource_name.as_str())
        }
        (PatternType::Literal, PatternType::Prefixed) => false,
        (PatternType::Prefixed, PatternType::Literal) => {
            reach.covered.contains(&given.resource_name)
                || reach
                    .renamed
                    .is_some_and(|prefix| given.resource_name.starts_with(prefix))
        }
        (PatternType::Prefixed, PatternType::Prefixed) => reach
            .renamed
            .is_some_and(|prefix| given.resource_name.starts_with(prefix)),
    };
    if !inside {
        return Some("it grants on other resources than the source".to_owned());
    }
    if source.pattern_type == PatternType::Literal && !everything(source) {
        return None;
    }
    let more: Vec<_> = reach
        .there
        .difference(reach.covered)
        .filter(|name| covers(given.pattern_type, &given.resource_name, name))
        .map(String::as_str)
        .collect();
    (!more.is_empty()).then(|| {
        format!(
            "at the target it also covers {}, which the source's does not",
            listed(more, 3)
        )
    })
}

/// What `given` no longer denies of what `source` denies; none where it denies all of it.
pub(crate) fn weakens(
    source: &AclBinding,
    given: &[AclBinding],
    reach: &Reach<'_>,
) -> Option<String> {
    if source.permission == PermissionType::Allow {
        return None;
    }
    let denies: Vec<_> = given
        .iter()
        .filter(|binding| {
            binding.permission == PermissionType::Deny
                && binding.resource_type == source.resource_type
                && (binding.operation == source.operation || binding.operation == AclOperation::All)
                && (binding.host == source.host || binding.host == EVERYTHING)
                && (binding.principal == EVERYBODY || source.principal != EVERYBODY)
        })
        .collect();
    let denied = |name: &str| {
        denies
            .iter()
            .any(|binding| covers(binding.pattern_type, &binding.resource_name, name))
    };
    let mut missing: Vec<_> = reach
        .covered
        .iter()
        .map(String::as_str)
        .filter(|name| !denied(name))
        .collect();
    if source.pattern_type == PatternType::Literal {
        let name = reach.renamed.filter(|name| !denied(name));
        missing.extend(name.filter(|name| !reach.covered.contains(*name)));
    }
    if !missing.is_empty() {
        return Some(format!(
            "the target would no longer deny it on {}",
            listed(missing, 3)
        ));
    }
    // A prefix also denies what is created later.
    let kept_for_later = source.pattern_type == PatternType::Literal
        || denies
            .iter()
            .any(|binding| binding.pattern_type == PatternType::Prefixed)
        || denies
            .iter()
            .any(|binding| binding.resource_name == EVERYTHING);
    (!kept_for_later).then(|| {
        "the source also denies it on resources that are created later; the target would not"
            .to_owned()
    })
}

/// What makes a binding one that Kafka refuses; none where it is legal.
pub(crate) fn illegal(binding: &AclBinding) -> Option<&'static str> {
    let principal = binding.principal.split_once(':');
    if principal.is_none_or(|(kind, name)| kind.is_empty() || name.is_empty()) {
        return Some("a principal is written as `User:name`");
    }
    if binding.host.is_empty() {
        return Some("the host is empty; `*` is every host");
    }
    if binding.resource_name.is_empty() {
        return Some("the resource has no name");
    }
    if binding.resource_type == ResourceType::Cluster && binding.resource_name != "kafka-cluster" {
        return Some("the cluster is always named `kafka-cluster`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(change: impl FnOnce(&mut AclBinding)) -> AclBinding {
        let mut binding = AclBinding {
            resource_type: ResourceType::Topic,
            resource_name: "orders".to_owned(),
            pattern_type: PatternType::Literal,
            principal: "User:a".to_owned(),
            host: EVERYTHING.to_owned(),
            operation: AclOperation::Read,
            permission: PermissionType::Allow,
        };
        change(&mut binding);
        binding
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn prefixed(name: &str) -> AclBinding {
        binding(|b| {
            b.resource_name = name.to_owned();
            b.pattern_type = PatternType::Prefixed;
        })
    }

    #[test]
    fn the_same_right_on_the_renamed_topic_is_no_more() {
        let (covered, there) = (names(&[]), names(&["other"]));
        let reach = Reach {
            renamed: Some("new.orders"),
            covered: &covered,
            there: &there,
        };
        let source = binding(|_| {});
        let renamed = |change: fn(&mut AclBinding)| {
            binding(|b| {
                b.resource_name = "new.orders".to_owned();
                change(b);
            })
        };
        assert_eq!(widens(&source, &renamed(|_| {}), &reach), None);
        assert_eq!(
            widens(
                &source,
                &renamed(|b| b.principal = "User:sa-1".into()),
                &reach
            ),
            None
        );
        assert_eq!(
            widens(
                &source,
                &renamed(|b| b.operation = AclOperation::Describe),
                &reach
            ),
            None
        );
        assert_eq!(
            widens(
                &source,
                &renamed(|b| b.permission = PermissionType::Deny),
                &reach
            ),
            None
        );
        assert_eq!(
            widens(&source, &renamed(|b| b.host = "10.0.0.1".into()), &reach),
            None
        );
    }

    #[test]
    fn every_way_of_granting_more_is_found() {
        let (covered, there) = (names(&[]), names(&[]));
        let reach = Reach {
            renamed: Some("orders"),
            covered: &covered,
            there: &there,
        };
        let host = |b: &mut AclBinding| b.host = "10.0.0.1".to_owned();
        type Change = fn(&mut AclBinding);
        let wider: [(Change, &str); 7] = [
            (|b| b.operation = AclOperation::All, "ALL instead of READ"),
            (
                |b| b.operation = AclOperation::Write,
                "WRITE instead of READ",
            ),
            (|b| b.principal = EVERYBODY.into(), "everybody"),
            (|b| b.resource_name = EVERYTHING.into(), "other resources"),
            (|b| b.resource_name = "orders-2".into(), "other resources"),
            (
                |b| b.pattern_type = PatternType::Prefixed,
                "other resources",
            ),
            (
                |b| b.resource_type = ResourceType::Group,
                "GROUP instead of a TOPIC",
            ),
        ];
        for (change, words) in wider {
            let found = widens(&binding(|_| {}), &binding(change), &reach);
            assert!(
                found.as_deref().is_some_and(|text| text.contains(words)),
                "{found:?}"
            );
        }
        assert!(
            widens(&binding(host), &binding(|_| {}), &reach).is_some(),
            "from every host"
        );
        let deny = binding(|b| b.permission = PermissionType::Deny);
        assert!(
            widens(&deny, &binding(|_| {}), &reach).is_some(),
            "allowed instead of denied"
        );
        let nothing = Reach {
            renamed: None,
            covered: &covered,
            there: &there,
        };
        assert!(
            widens(&binding(|_| {}), &binding(|_| {}), &nothing).is_some(),
            "did not move"
        );
    }

    #[test]
    fn a_prefix_may_become_its_renamed_prefix_or_the_names_it_covers_and_nothing_wider() {
        let (covered, there) = (names(&["new.ord-1", "odd"]), names(&["new.x"]));
        let reach = Reach {
            renamed: Some("new.ord-"),
            covered: &covered,
            there: &there,
        };
        assert_eq!(
            widens(&prefixed("ord-"), &prefixed("new.ord-"), &reach),
            None
        );
        assert_eq!(
            widens(
                &prefixed("ord-"),
                &binding(|b| b.resource_name = "odd".into()),
                &reach
            ),
            None
        );
        assert!(widens(&prefixed("ord-"), &prefixed("new."), &reach).is_some());
        let there = names(&["new.ord-foreign"]);
        let reach = Reach {
            renamed: Some("new.ord-"),
            covered: &covered,
            there: &there,
        };
        let found = widens(&prefixed("ord-"), &prefixed("new.ord-"), &reach);
        assert!(
            found.is_some_and(|text| text.contains("new.ord-foreign")),
            "covers another's topic"
        );
    }

    #[test]
    fn a_denial_that_is_lost_or_weakened_is_found() {
        let deny = |binding: AclBinding| AclBinding {
            permission: PermissionType::Deny,
            ..binding
        };
        let (covered, there) = (names(&[]), names(&[]));
        let reach = Reach {
            renamed: Some("orders"),
            covered: &covered,
            there: &there,
        };
        let source = deny(binding(|_| {}));
        assert_eq!(
            weakens(&source, std::slice::from_ref(&source), &reach),
            None
        );
        assert!(weakens(&source, &[], &reach).is_some());
        assert!(
            weakens(&source, &[binding(|_| {})], &reach).is_some(),
            "an ALLOW denies nothing"
        );
        let host = deny(binding(|b| b.host = "10.0.0.1".into()));
        assert!(
            weakens(&source, &[host], &reach).is_some(),
            "only from one host"
        );
        let unmoved = Reach {
            renamed: None,
            covered: &covered,
            there: &there,
        };
        assert_eq!(
            weakens(&source, &[], &unmoved),
            None,
            "nothing moved that could be denied"
        );

        let covered = names(&["new.ord-1", "new.ord-2"]);
        let reach = Reach {
            renamed: Some("new.ord-"),
            covered: &covered,
            there: &there,
        };
        let source = deny(prefixed("ord-"));
        assert_eq!(
            weakens(&source, &[deny(prefixed("new.ord-"))], &reach),
            None
        );
        let one = deny(binding(|b| b.resource_name = "new.ord-1".into()));
        let two = deny(binding(|b| b.resource_name = "new.ord-2".into()));
        assert!(weakens(&source, std::slice::from_ref(&one), &reach).is_some());
        assert!(
            weakens(&source, &[one, two], &reach).is_some(),
            "later topics are not denied"
        );
    }
}
