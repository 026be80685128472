//! ACLs that are left behind because the operator says so.

use crate::config::DropConfig;
use ferry_sdk::Error;
use ferry_sdk::acl_generator::{Binding, Permission};
use ferry_sdk::pattern::Pattern;

/// One rule: all patterns that it has must fit.
#[derive(Debug)]
pub(crate) struct DropRule {
    number: usize,
    principal: Option<Pattern>,
    resource_type: Option<Pattern>,
    resource: Option<Pattern>,
    operation: Option<Pattern>,
    host: Option<Pattern>,
    permission: Option<String>,
    reason: Option<String>,
}

impl DropRule {
    pub(crate) fn parse(number: usize, config: DropConfig) -> Result<Self, Error> {
        let pattern = |text: Option<String>| {
            text.map(Pattern::parse)
                .transpose()
                .map_err(|e| Error::new(format!("drop rule {number}: {e}")))
        };
        Ok(Self {
            number,
            principal: pattern(config.principal)?,
            resource_type: pattern(config.resource_type)?,
            resource: pattern(config.resource)?,
            operation: pattern(config.operation)?,
            host: pattern(config.host)?,
            permission: config.permission,
            reason: config.reason,
        })
    }

    /// Whether the binding is left behind. A DENY only where the rule says that it means those.
    pub(crate) fn fits(&self, binding: &Binding) -> bool {
        let fits = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
        };
        let permission = match (self.permission.as_deref(), binding.permission) {
            (Some("DENY"), Permission::Deny) | (None | Some("ALLOW"), Permission::Allow) => true,
            (_, Permission::Allow | Permission::Deny) => false,
        };
        permission
            && fits(&self.principal, &binding.principal)
            && fits(&self.resource_type, &binding.resource_type)
            && fits(&self.resource, &binding.resource_name)
            && fits(&self.operation, &binding.operation)
            && fits(&self.host, &binding.host)
    }

    pub(crate) fn reason(&self) -> String {
        match &self.reason {
            Some(reason) => format!("left behind by rule {} ({reason})", self.number),
            None => format!("left behind by rule {}", self.number),
        }
    }
}
