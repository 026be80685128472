//! What the export macros expand to. Not for authors.

use crate::bindings::topic_filter::ferry::role::types::PluginError;
use crate::{Error, log};
use serde::de::DeserializeOwned;
use std::cell::RefCell;

/// The one plugin of an instance, once it is configured.
pub struct Slot<P>(RefCell<Option<P>>);

impl<P> Slot<P> {
    /// A slot without a plugin.
    #[must_use]
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Reads the configuration, makes the plugin and keeps it.
    ///
    /// # Errors
    /// Where the configuration does not fit the plugin's type, or the plugin refuses it.
    pub fn configure<C: DeserializeOwned>(
        &self,
        config: &str,
        make: impl FnOnce(C) -> Result<P, Error>,
    ) -> Result<(), PluginError> {
        install_panic_hook();
        let config = serde_json::from_str(config)
            .map_err(|e| Error::new(format!("the configuration does not fit the plugin: {e}")))?;
        *self.0.borrow_mut() = Some(make(config)?);
        Ok(())
    }

    /// Asks the plugin about each question, in order.
    ///
    /// # Errors
    /// The first error of the plugin, or that it was asked before it was configured.
    pub fn decide<Q, D>(
        &self,
        questions: &[Q],
        mut decide: impl FnMut(&mut P, &Q) -> Result<D, Error>,
    ) -> Result<Vec<D>, PluginError> {
        let mut slot = self.0.borrow_mut();
        let plugin = slot
            .as_mut()
            .ok_or_else(|| Error::new("decide was called before configure"))?;
        let mut decisions = Vec::with_capacity(questions.len());
        for question in questions {
            decisions.push(decide(plugin, question)?);
        }
        Ok(decisions)
    }
}

impl<P> Default for Slot<P> {
    fn default() -> Self {
        Self::empty()
    }
}

/// Sends the text and the line of a panic to the host: an instance that panics ends in a bare
/// `unreachable` otherwise.
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        log::error!("{panic}");
    }));
}
