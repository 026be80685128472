//! The ACL generator of 0.1.0.

use super::Exports;
use super::bindings::exports::ferry::role::acl_generator::{
    BindingParam, BindingResult, Decision, Guest, Permission, Question,
};
use crate::containment::Containment;
use crate::printable;
use crate::role::{AclGenerator, Answer, DecidingRole, accept_reason};
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::decision::{AclDecision, AclQuestion, Role};
use wasmtime::Store;
use wasmtime::component::Instance;

/// Bytes of the fixed part of a question.
const FIXED_BYTES: usize = 160;

/// The most bindings that one binding of the source may become.
const BINDINGS_MAX: usize = 1_000;

impl DecidingRole for AclGenerator {
    type Question = AclQuestion;
    type Decision = AclDecision;
    const ROLE: Role = Role::AclGenerator;
    type Guest = Guest;
    type Raw = Decision;
    type Context = ();

    fn subject(question: &AclQuestion) -> String {
        question.binding.to_string()
    }

    fn sample(number: usize) -> AclQuestion {
        let name = format!("ord.eu.{number:06}");
        AclQuestion {
            renamed: Some(format!("retail.{name}")),
            binding: AclBinding {
                resource_type: ResourceType::Topic,
                resource_name: name,
                pattern_type: PatternType::Literal,
                principal: format!("User:service-{:03}", number % 500),
                host: "*".to_owned(),
                operation: AclOperation::Read,
                permission: PermissionType::Allow,
            },
            covered: Vec::new(),
        }
    }

    fn guest(
        exports: &Exports,
        store: &mut Store<Containment>,
        instance: &Instance,
    ) -> Option<wasmtime::Result<Guest>> {
        match exports {
            Exports::AclGenerator(indices) => Some(indices.load(store, instance)),
            _ => None,
        }
    }

    fn configure(guest: &Guest, store: &mut Store<Containment>, config: &str) -> Answer<()> {
        guest.call_configure(store, config)
    }

    fn context(_questions: &[AclQuestion]) {}

    fn decide(
        guest: &Guest,
        store: &mut Store<Containment>,
        questions: &[&AclQuestion],
        _context: &(),
    ) -> Answer<Vec<Decision>> {
        let covered: Vec<Vec<&str>> = questions
            .iter()
            .map(|q| q.covered.iter().map(String::as_str).collect())
            .collect();
        let asked: Vec<_> = questions
            .iter()
            .zip(&covered)
            .map(|(question, covered)| Question {
                binding: on_the_wire(&question.binding),
                renamed: question.renamed.as_deref(),
                covered,
                attributes: &[],
            })
            .collect();
        guest.call_decide(store, &asked)
    }

    fn weight_bytes(question: &AclQuestion) -> usize {
        let binding = &question.binding;
        FIXED_BYTES
            + binding.resource_name.len()
            + binding.principal.len()
            + binding.host.len()
            + question.renamed.as_ref().map_or(0, String::len)
            + question.covered.iter().map(|n| n.len() + 8).sum::<usize>()
    }

    fn accept(_question: &AclQuestion, raw: Decision) -> Result<AclDecision, String> {
        if raw.bindings.len() > BINDINGS_MAX {
            return Err(format!(
                "it makes {} bindings out of one; {BINDINGS_MAX} are allowed",
                raw.bindings.len()
            ));
        }
        Ok(AclDecision {
            bindings: raw
                .bindings
                .into_iter()
                .map(accept)
                .collect::<Result<_, _>>()?,
            reason: accept_reason(raw.reason)?,
            undecided: raw.undecided.map(accept_reason).transpose()?,
        })
    }
}

fn on_the_wire(binding: &AclBinding) -> BindingParam<'_> {
    BindingParam {
        resource_type: binding.resource_type.as_str(),
        resource_name: &binding.resource_name,
        pattern_type: binding.pattern_type.as_str(),
        principal: &binding.principal,
        host: &binding.host,
        operation: binding.operation.as_str(),
        permission: match binding.permission {
            PermissionType::Allow => Permission::Allow,
            PermissionType::Deny => Permission::Deny,
        },
    }
}

/// Takes a binding out of the sandbox: every word must be one of Kafka's.
fn accept(raw: BindingResult) -> Result<AclBinding, String> {
    for (what, text) in [
        ("resource", &raw.resource_name),
        ("principal", &raw.principal),
        ("host", &raw.host),
    ] {
        if text.is_empty() {
            return Err(format!("a binding has an empty {what}"));
        }
    }
    if !raw.principal.contains(':') {
        return Err(format!(
            "the principal `{}` has no type, such as `User:`",
            printable::line(&raw.principal, 255)
        ));
    }
    Ok(AclBinding {
        resource_type: word(&raw.resource_type)?,
        pattern_type: word(&raw.pattern_type)?,
        operation: word(&raw.operation)?,
        resource_name: raw.resource_name,
        principal: raw.principal,
        host: raw.host,
        permission: match raw.permission {
            Permission::Allow => PermissionType::Allow,
            Permission::Deny => PermissionType::Deny,
        },
    })
}

fn word<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    printable::line(text, 255)
        .parse()
        .map_err(|e: T::Err| e.to_string())
}
