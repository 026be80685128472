//! The role that decides which topics move.

use crate::Error;
use serde::de::DeserializeOwned;

pub use crate::bindings::topic_filter::exports::ferry::role::topic_filter::{Decision, Topic};

/// Decides which topics move.
pub trait TopicFilter: Sized {
    /// The plugin's configuration, as its JSON Schema describes it.
    type Config: DeserializeOwned;

    /// Makes the plugin from its configuration. Called once, first.
    ///
    /// # Errors
    /// Where the configuration contradicts itself in a way that the schema can't say.
    fn configure(config: Self::Config) -> Result<Self, Error>;

    /// Decides on one topic. Called in the order of names.
    ///
    /// # Errors
    /// Where the plugin can't decide: the operator then has no plan.
    fn decide(&mut self, topic: &Topic) -> Result<Decision, Error>;
}

impl Topic {
    /// The value of a configuration that was set on the topic itself.
    #[must_use]
    pub fn config(&self, key: &str) -> Option<&str> {
        let found = self.configs.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the topic is compacted: `cleanup.policy` holds `compact`.
    #[must_use]
    pub fn compacted(&self) -> bool {
        self.config("cleanup.policy")
            .is_some_and(|policy| policy.split(',').any(|part| part.trim() == "compact"))
    }

    /// A topic of this name with one partition and nothing else, for unit tests.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: 1,
            replication_factor: 1,
            internal: None,
            configs: Vec::new(),
            size_bytes: None,
            offsets: 0,
            last_write_ms: None,
            attributes: Vec::new(),
        }
    }
}

impl Decision {
    /// The topic moves.
    #[must_use]
    pub fn keep(reason: impl Into<String>) -> Self {
        Self {
            keep: true,
            reason: reason.into(),
            group: None,
        }
    }

    /// The topic stays behind.
    #[must_use]
    pub fn drop(reason: impl Into<String>) -> Self {
        Self {
            keep: false,
            reason: reason.into(),
            group: None,
        }
    }

    /// Puts the topic into a topic group.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }
}

/// Exports a type that implements [`TopicFilter`](crate::topic_filter::TopicFilter) as this component's plugin.
///
/// One plugin per crate. Natively it expands to nothing, so that unit tests link.
#[macro_export]
macro_rules! export_topic_filter {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;
            ::std::thread_local! {
                static SLOT: $crate::runtime::Slot<$plugin> =
                    const { $crate::runtime::Slot::empty() };
            }
            impl $crate::bindings::topic_filter::exports::ferry::role::topic_filter::Guest
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
                            <$plugin as $crate::topic_filter::TopicFilter>::configure,
                        )
                    })
                }
                fn decide(
                    questions: ::std::vec::Vec<$crate::topic_filter::Topic>,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<$crate::topic_filter::Decision>,
                    $crate::bindings::topic_filter::ferry::role::types::PluginError,
                > {
                    SLOT.with(|slot| {
                        slot.decide(
                            &questions,
                            <$plugin as $crate::topic_filter::TopicFilter>::decide,
                        )
                    })
                }
            }
            $crate::bindings::topic_filter::export_world!(
                Exported with_types_in $crate::bindings::topic_filter
            );
        };
    };
}
