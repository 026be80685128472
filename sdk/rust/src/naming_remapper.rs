//! The role that decides what things are called at the target.

use crate::Error;
use serde::de::DeserializeOwned;

pub use crate::bindings::naming_remapper::exports::ferry::role::naming_remapper::{
    Decision, Question,
};

/// Decides what things are called at the target.
pub trait NamingRemapper: Sized {
    /// The plugin's configuration, as its JSON Schema describes it.
    type Config: DeserializeOwned;

    /// Makes the plugin from its configuration. Called once, first.
    ///
    /// # Errors
    /// Where the configuration contradicts itself in a way that the schema can't say.
    fn configure(config: Self::Config) -> Result<Self, Error>;

    /// Decides on one name. Leave the names of kinds that you do not know as they are.
    ///
    /// # Errors
    /// Where the plugin can't decide: the operator then has no plan.
    fn decide(&mut self, question: &Question) -> Result<Decision, Error>;
}

impl Question {
    /// A question without attributes, for unit tests.
    #[must_use]
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            attributes: Vec::new(),
        }
    }

    /// The value of an attribute: `topic`, `application-id`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }
}

impl Decision {
    /// The thing gets this name.
    #[must_use]
    pub fn rename(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            reason: reason.into(),
        }
    }

    /// The thing keeps the name that it has.
    #[must_use]
    pub fn keep(question: &Question, reason: impl Into<String>) -> Self {
        Self::rename(question.name.clone(), reason)
    }

    /// No single prefix covers the new names. Only for prefixes.
    #[must_use]
    pub fn no_prefix(reason: impl Into<String>) -> Self {
        Self {
            name: None,
            reason: reason.into(),
        }
    }
}

/// Exports a type that implements [`NamingRemapper`](crate::naming_remapper::NamingRemapper) as this component's plugin.
///
/// One plugin per crate. Natively it expands to nothing, so that unit tests link.
#[macro_export]
macro_rules! export_naming_remapper {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;
            ::std::thread_local! {
                static SLOT: $crate::runtime::Slot<$plugin> =
                    const { $crate::runtime::Slot::empty() };
            }
            impl $crate::bindings::naming_remapper::exports::ferry::role::naming_remapper::Guest
                for Exported
            {
                fn configure(
                    config: ::std::string::String,
                ) -> ::core::result::Result<
                    (),
                    $crate::bindings::topic_filter::ferry::role::types::PluginError,
                > {
                    SLOT.with(|slot| {
                        slot.configure(
                            &config,
                            <$plugin as $crate::naming_remapper::NamingRemapper>::configure,
                        )
                    })
                }
                fn decide(
                    questions: ::std::vec::Vec<$crate::naming_remapper::Question>,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<$crate::naming_remapper::Decision>,
                    $crate::bindings::topic_filter::ferry::role::types::PluginError,
                > {
                    SLOT.with(|slot| {
                        slot.decide(
                            &questions,
                            <$plugin as $crate::naming_remapper::NamingRemapper>::decide,
                        )
                    })
                }
            }
            $crate::bindings::naming_remapper::export_world!(
                Exported with_types_in $crate::bindings::naming_remapper
            );
        };
    };
}
