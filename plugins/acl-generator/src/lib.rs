//! The stock plugin that decides which access control lists the target gets.
//!
//! What is mapped and left behind stands in the configuration; `schema.json` describes it. What can't
//! be carried over without changing anybody's rights becomes a decision for a person.

mod config;
mod csv;
mod drop_rule;
mod principals;
mod resource;

pub use config::Config;

use config::{Hosts, TargetConfig, Wildcards};
use drop_rule::DropRule;
use ferry_sdk::Error;
use ferry_sdk::acl_generator::{AclGenerator, Binding, Decision, Permission, Question};
use principals::{Mapped, Principals};
use resource::{Resource, Resources};

/// Decides on each binding by itself.
pub struct Acls {
    principals: Principals,
    drop: Vec<DropRule>,
    resources: Resources,
    wildcards: Wildcards,
    hosts: Hosts,
    target: TargetConfig,
}

/// What is known so far of a decision: why it is as it is, and what a person has to decide.
#[derive(Default)]
struct Verdict {
    reasons: Vec<String>,
    open: Vec<String>,
}

impl Verdict {
    fn because(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    fn ask(&mut self, question: impl Into<String>) {
        self.open.push(question.into());
    }

    /// The decision: undecided as soon as one question is open.
    fn conclude(self, bindings: Vec<Binding>) -> Decision {
        let reason = if self.reasons.is_empty() {
            "as at the source".to_owned()
        } else {
            self.reasons.join(", ")
        };
        if self.open.is_empty() {
            Decision::create(bindings, reason)
        } else {
            Decision::undecided(bindings, reason, self.open.join("; "))
        }
    }
}

impl AclGenerator for Acls {
    type Config = Config;

    fn configure(mut config: Config) -> Result<Self, Error> {
        let principals = Principals::parse(&mut config)?;
        let drop = config.drop.into_iter().enumerate();
        Ok(Self {
            principals,
            drop: drop
                .map(|(index, rule)| DropRule::parse(index + 1, rule))
                .collect::<Result<_, _>>()?,
            resources: Resources::new(config.prefixed, config.target.cluster_operations.take()),
            wildcards: config.wildcards,
            hosts: config.hosts,
            target: config.target,
        })
    }

    fn decide(&mut self, question: &Question) -> Result<Decision, Error> {
        let binding = &question.binding;
        let deny = binding.permission == Permission::Deny;
        let mut verdict = Verdict::default();
        if let Some(rule) = self.drop.iter().find(|rule| rule.fits(binding)) {
            return Ok(Decision::create(Vec::new(), rule.reason()));
        }
        let principal = match self.principals.map(&binding.principal) {
            _ if everybody(&binding.principal) => binding.principal.clone(),
            Mapped::To(principal, reason) => {
                verdict.reasons.extend(reason);
                principal
            }
            Mapped::Dropped if !deny => {
                return Ok(Decision::create(Vec::new(), "the principal is not mapped"));
            }
            Mapped::Dropped | Mapped::Unknown => {
                verdict.because("the principal is not mapped");
                verdict.ask(format!("who is {} at the target?", binding.principal));
                return Ok(verdict.conclude(Vec::new()));
            }
        };
        self.ask_about_wildcards(binding, &mut verdict);
        let host = self.host(binding, &mut verdict);
        let resources = match self.resources.of(question, &self.principals) {
            Resource::Is(resources) => resources,
            Resource::Changed(resources, reason) => {
                verdict.because(reason);
                resources
            }
            Resource::Unclear(resources, reason) => {
                verdict.because("the resource can't be carried over as it is");
                verdict.ask(reason);
                resources
            }
            Resource::Gone(reason) if deny => {
                verdict.because(reason.clone());
                verdict.ask(format!("a DENY would be lost: {reason}"));
                Vec::new()
            }
            Resource::Gone(reason) => return Ok(Decision::create(Vec::new(), reason)),
        };
        let bindings = resources
            .into_iter()
            .map(|(pattern_type, resource_name)| Binding {
                resource_type: binding.resource_type.clone(),
                resource_name,
                pattern_type,
                principal: principal.clone(),
                host: host.clone(),
                operation: binding.operation.clone(),
                permission: binding.permission,
            });
        Ok(verdict.conclude(bindings.collect()))
    }
}

impl Acls {
    /// ACLs for everybody, or on everything, also cover what is at the target already.
    fn ask_about_wildcards(&self, binding: &Binding, verdict: &mut Verdict) {
        if self.wildcards == Wildcards::Keep {
            return;
        }
        if everybody(&binding.principal) {
            verdict.ask(format!(
                "is {} meant for everybody at the target?",
                binding.principal
            ));
        }
        if binding.resource_name == "*" && binding.pattern_type == "LITERAL" {
            let kind = &binding.resource_type;
            verdict.ask(format!("is it meant for every {kind} of the target?"));
        }
    }

    /// The host at the target. An ALLOW may be opened to every host where the operator says so; a
    /// DENY for one host never becomes one for all, nor none at all.
    fn host(&self, binding: &Binding, verdict: &mut Verdict) -> String {
        let host = &binding.host;
        if host == "*" {
            return host.clone();
        }
        let allow = binding.permission == Permission::Allow;
        match (self.hosts, self.target.hosts) {
            (Hosts::Keep, true) => host.clone(),
            (Hosts::Any, _) if allow => {
                verdict.because(format!("for every host instead of {host}"));
                "*".to_owned()
            }
            (Hosts::Any | Hosts::Undecided, true) => {
                verdict.ask(format!("is it still for the host {host}?"));
                host.clone()
            }
            (_, false) => {
                verdict.because("the target knows no hosts");
                verdict.ask(format!("it was for the host {host} only"));
                "*".to_owned()
            }
        }
    }
}

/// Whether a principal is everybody: `User:*`.
fn everybody(principal: &str) -> bool {
    principal
        .split_once(':')
        .is_some_and(|(_, name)| name == "*")
}

ferry_sdk::export_acl_generator!(Acls);

#[cfg(test)]
mod tests;
