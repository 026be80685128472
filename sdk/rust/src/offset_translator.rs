//! The role that decides where consumer groups go on reading.

use crate::Error;
use serde::de::DeserializeOwned;

pub use crate::bindings::offset_translator::exports::ferry::role::offset_translator::{
    Action, Decision, GroupState, Question,
};

/// Decides where consumer groups go on reading.
pub trait OffsetTranslator: Sized {
    /// The plugin's configuration, as its JSON Schema describes it.
    type Config: DeserializeOwned;

    /// Makes the plugin from its configuration. Called once, first.
    ///
    /// # Errors
    /// Where the configuration contradicts itself in a way that the schema can't say.
    fn configure(config: Self::Config) -> Result<Self, Error>;

    /// Decides on one committed offset. Called in the order of group, topic and partition.
    ///
    /// # Errors
    /// Where the plugin can't decide: the operator then has no plan.
    fn decide(&mut self, question: &Question) -> Result<Decision, Error>;
}

impl Decision {
    /// The group goes on with this action.
    #[must_use]
    pub fn new(action: Action, reason: impl Into<String>) -> Self {
        Self {
            action,
            reason: reason.into(),
        }
    }
}

/// Exports a type that implements [`OffsetTranslator`](crate::offset_translator::OffsetTranslator) as this component's plugin.
///
/// One plugin per crate. Natively it expands to nothing, so that unit tests link.
#[macro_export]
macro_rules! export_offset_translator {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;
            ::std::thread_local! {
                static SLOT: $crate::runtime::Slot<$plugin> =
                    const { $crate::runtime::Slot::empty() };
            }
            impl $crate::bindings::offset_translator::exports::ferry::role::offset_translator::Guest
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
                            <$plugin as $crate::offset_translator::OffsetTranslator>::configure,
                        )
                    })
                }
                fn decide(
                    questions: ::std::vec::Vec<$crate::offset_translator::Question>,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<$crate::offset_translator::Decision>,
                    $crate::bindings::topic_filter::ferry::role::types::PluginError,
                > {
                    SLOT.with(|slot| {
                        slot.decide(
                            &questions,
                            <$plugin as $crate::offset_translator::OffsetTranslator>::decide,
                        )
                    })
                }
            }
            $crate::bindings::offset_translator::export_world!(
                Exported with_types_in $crate::bindings::offset_translator
            );
        };
    };
}
