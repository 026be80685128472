//! `ferry:role@0.1.0`: the host's side of the interfaces, one file per role.
//!
//! A released version never changes. The next one gets a module of its own beside this one.

mod acl_generator;
mod naming_remapper;
mod offset_translator;
mod topic_filter;

use crate::containment::Containment;
use crate::log::LogLevel;
use bindings::exports::ferry::role as exports;
use ferry_model::decision::Role;
use wasmtime::component::{HasSelf, InstancePre, Linker};

#[allow(missing_docs, clippy::all, clippy::semicolon_if_nothing_returned)]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/role/0.1.0",
        inline: "
            package ferry:host;
            world roles {
                import ferry:role/log@0.1.0;
                export ferry:role/topic-filter@0.1.0;
                export ferry:role/naming-remapper@0.1.0;
                export ferry:role/offset-translator@0.1.0;
                export ferry:role/acl-generator@0.1.0;
            }
        ",
        world: "ferry:host/roles",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) use bindings::ferry::role::types::PluginError;

impl bindings::ferry::role::log::Host for Containment {
    fn write(&mut self, level: bindings::ferry::role::log::Level, message: String) {
        use bindings::ferry::role::log::Level;
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.write_log(level, &message);
    }
}

/// Offers what a guest of this version may import: `log`, and nothing else.
pub(crate) fn offer(linker: &mut Linker<Containment>) -> wasmtime::Result<()> {
    bindings::ferry::role::log::add_to_linker::<_, HasSelf<Containment>>(linker, |state| state)
}

/// Where a component's functions stand in its exports, looked up once per component.
pub enum Exports {
    /// Of a topic filter.
    TopicFilter(exports::topic_filter::GuestIndices),
    /// Of a naming remapper.
    NamingRemapper(exports::naming_remapper::GuestIndices),
    /// Of an offset translator.
    OffsetTranslator(exports::offset_translator::GuestIndices),
    /// Of an ACL generator.
    AclGenerator(exports::acl_generator::GuestIndices),
}

impl Exports {
    /// Looks up the functions of `role`, and compares their types with those of this version.
    pub(crate) fn of(role: Role, component: &InstancePre<Containment>) -> wasmtime::Result<Self> {
        Ok(match role {
            Role::TopicFilter => {
                Self::TopicFilter(exports::topic_filter::GuestIndices::new(component)?)
            }
            Role::NamingRemapper => {
                Self::NamingRemapper(exports::naming_remapper::GuestIndices::new(component)?)
            }
            Role::OffsetTranslator => {
                Self::OffsetTranslator(exports::offset_translator::GuestIndices::new(component)?)
            }
            Role::AclGenerator => {
                Self::AclGenerator(exports::acl_generator::GuestIndices::new(component)?)
            }
        })
    }
}

/// Bytes of a list of pairs on its way to the guest: the texts, and four words each.
fn pairs_weight_bytes<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> usize {
    pairs.into_iter().map(|(k, v)| k.len() + v.len() + 16).sum()
}
