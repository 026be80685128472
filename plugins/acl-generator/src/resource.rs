//! What an ACL is about at the target.

use crate::config::Prefixed;
use crate::principals::{Mapped, Principals};
use ferry_sdk::acl_generator::{Permission, Question};

/// From this many covered names on the list may be incomplete.
const COVERED_MAX: usize = 1_000;

/// How resources are carried over.
#[derive(Debug)]
pub(crate) struct Resources {
    prefixed: Prefixed,
    cluster_operations: Option<Vec<String>>,
}

/// What an ACL is about at the target: pattern types with names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// The same as at the source.
    Is(Vec<(String, String)>),
    /// Another one, for this reason.
    Changed(Vec<(String, String)>, String),
    /// Perhaps this, but rights would change: a person has to decide.
    Unclear(Vec<(String, String)>, String),
    /// Nothing, for this reason.
    Gone(String),
}

impl Resources {
    pub(crate) fn new(prefixed: Prefixed, cluster_operations: Option<Vec<String>>) -> Self {
        Self {
            prefixed,
            cluster_operations,
        }
    }

    /// What the ACL is about at the target.
    pub(crate) fn of(&self, question: &Question, principals: &Principals) -> Resource {
        let binding = &question.binding;
        match binding.resource_type.as_str() {
            "TOPIC" | "GROUP" | "TRANSACTIONAL_ID" => self.named(question),
            "CLUSTER" => self.cluster(question),
            "USER" => user(question, principals),
            "DELEGATION_TOKEN" => Resource::Gone("delegation tokens do not move".to_owned()),
            other => Resource::Unclear(
                vec![same(question)],
                format!("what becomes of a resource of the kind {other}?"),
            ),
        }
    }

    fn named(&self, question: &Question) -> Resource {
        let binding = &question.binding;
        let literal = binding.pattern_type == "LITERAL";
        if literal && binding.resource_name == "*" {
            return Resource::Is(vec![same(question)]);
        }
        match &question.renamed {
            Some(name) if literal || !self.expands(question) => {
                let resource = vec![(binding.pattern_type.clone(), name.clone())];
                if *name == binding.resource_name {
                    return Resource::Is(resource);
                }
                Resource::Changed(resource, "renamed".to_owned())
            }
            None if literal => Resource::Gone(format!(
                "{} {} does not move",
                binding.resource_type.to_lowercase(),
                binding.resource_name
            )),
            _ => expanded(question),
        }
    }

    /// An ALLOW on a prefix may be made one on each name. A DENY keeps its prefix where it can:
    /// names that are created later must not slip through.
    fn expands(&self, question: &Question) -> bool {
        self.prefixed == Prefixed::Expand && question.binding.permission == Permission::Allow
    }

    fn cluster(&self, question: &Question) -> Resource {
        let operation = &question.binding.operation;
        let known = self.cluster_operations.as_ref();
        if known.is_none_or(|known| known.contains(operation)) {
            return Resource::Is(vec![same(question)]);
        }
        Resource::Gone(format!("the target knows no {operation} on the cluster"))
    }
}

fn same(question: &Question) -> (String, String) {
    let binding = &question.binding;
    (binding.pattern_type.clone(), binding.resource_name.clone())
}

/// A literal for each name that the prefix covers.
fn expanded(question: &Question) -> Resource {
    let prefix = &question.binding.resource_name;
    let names = question.covered.iter();
    let literals: Vec<_> = names
        .map(|name| ("LITERAL".to_owned(), name.clone()))
        .collect();
    if literals.is_empty() {
        return Resource::Gone(format!("nothing that starts with {prefix} moves"));
    }
    if literals.len() >= COVERED_MAX {
        return Resource::Unclear(
            Vec::new(),
            format!(
                "{prefix} covers {COVERED_MAX} names or more, and no single prefix does so anew"
            ),
        );
    }
    let names = match literals.len() {
        1 => "one name".to_owned(),
        count => format!("{count} names"),
    };
    if question.binding.permission == Permission::Deny {
        return Resource::Unclear(
            literals,
            format!("no single prefix stands for {prefix}: names created later would be open"),
        );
    }
    Resource::Changed(
        literals,
        format!("on {names} instead of the prefix {prefix}"),
    )
}

/// The owner of delegation tokens is a principal.
fn user(question: &Question, principals: &Principals) -> Resource {
    let binding = &question.binding;
    match principals.map(&binding.resource_name) {
        Mapped::To(name, _) if name == binding.resource_name => Resource::Is(vec![same(question)]),
        Mapped::To(name, _) => Resource::Changed(
            vec![(binding.pattern_type.clone(), name)],
            "resource by principals".to_owned(),
        ),
        Mapped::Dropped => Resource::Gone(format!("{} is not mapped", binding.resource_name)),
        Mapped::Unknown => Resource::Unclear(
            Vec::new(),
            format!("who is {} at the target?", binding.resource_name),
        ),
    }
}
