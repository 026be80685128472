//! The role that decides which access control lists the target gets.

use crate::Error;
use serde::de::DeserializeOwned;

pub use crate::bindings::acl_generator::exports::ferry::role::acl_generator::{
    Binding, Decision, Permission, Question,
};

/// Decides which access control lists the target gets.
pub trait AclGenerator: Sized {
    /// The plugin's configuration, as its JSON Schema describes it.
    type Config: DeserializeOwned;

    /// Makes the plugin from its configuration. Called once, first.
    ///
    /// # Errors
    /// Where the configuration contradicts itself in a way that the schema can't say.
    fn configure(config: Self::Config) -> Result<Self, Error>;

    /// Decides on one binding of the source.
    ///
    /// # Errors
    /// Where the plugin can't decide: the operator then has no plan.
    fn decide(&mut self, question: &Question) -> Result<Decision, Error>;
}

impl Decision {
    /// The target gets these bindings; none leaves the source's binding behind.
    #[must_use]
    pub fn create(bindings: Vec<Binding>, reason: impl Into<String>) -> Self {
        Self {
            bindings,
            reason: reason.into(),
            undecided: None,
        }
    }

    /// A person has to decide. `proposal` is what the plugin would create.
    #[must_use]
    pub fn undecided(
        proposal: Vec<Binding>,
        reason: impl Into<String>,
        question: impl Into<String>,
    ) -> Self {
        Self {
            bindings: proposal,
            reason: reason.into(),
            undecided: Some(question.into()),
        }
    }
}

/// Exports a type that implements [`AclGenerator`](crate::acl_generator::AclGenerator) as this component's plugin.
///
/// One plugin per crate. Natively it expands to nothing, so that unit tests link.
#[macro_export]
macro_rules! export_acl_generator {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;
            ::std::thread_local! {
                static SLOT: $crate::runtime::Slot<$plugin> =
                    const { $crate::runtime::Slot::empty() };
            }
            impl $crate::bindings::acl_generator::exports::ferry::role::acl_generator::Guest
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
                            <$plugin as $crate::acl_generator::AclGenerator>::configure,
                        )
                    })
                }
                fn decide(
                    questions: ::std::vec::Vec<$crate::acl_generator::Question>,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<$crate::acl_generator::Decision>,
                    $crate::bindings::topic_filter::ferry::role::types::PluginError,
                > {
                    SLOT.with(|slot| {
                        slot.decide(
                            &questions,
                            <$plugin as $crate::acl_generator::AclGenerator>::decide,
                        )
                    })
                }
            }
            $crate::bindings::acl_generator::export_world!(
                Exported with_types_in $crate::bindings::acl_generator
            );
        };
    };
}
