//! What the export macros expand to. Not for authors.

use crate::Error;
use crate::bindings::topic_filter::ferry::role::types::PluginError;
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
        #[cfg(target_arch = "wasm32")]
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
#[cfg(target_arch = "wasm32")]
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        crate::log::error!("{panic}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_not_configured_gives_an_error_and_no_decision() {
        let slot = Slot::<u8>::empty();
        let decided = slot.decide(&[1, 2], |_, question: &i32| Ok(*question));
        let error = decided.expect_err("not configured");
        assert_eq!(error.message, "decide was called before configure");
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_told_with_its_place() {
        let slot = Slot::<Vec<u8>>::empty();
        let error = slot
            .configure("[1, \"x\"]", |config: Vec<u8>| Ok(config))
            .expect_err("does not fit");
        assert!(error.message.contains("column 7"), "{}", error.message);
    }

    #[test]
    fn one_plugin_answers_all_questions_in_order_and_stops_at_the_first_error() {
        let slot = Slot::<u32>::empty();
        slot.configure("10", Ok).expect("configured");
        let count = |plugin: &mut u32, question: &u32| {
            *plugin += 1;
            match question {
                0 => Err(Error::new("zero").about("it")),
                _ => Ok(*plugin),
            }
        };
        assert_eq!(slot.decide(&[1, 1], count), Ok(vec![11, 12]));
        let error = slot.decide(&[1, 0, 1], count).expect_err("zero");
        assert_eq!((error.message.as_str(), error.about.len()), ("zero", 1));
        assert_eq!(slot.decide(&[1], count), Ok(vec![15]));
    }
}
