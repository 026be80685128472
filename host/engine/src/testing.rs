//! The tests that every step must pass.
//!
//! A crate with steps makes a [`World`] (its steps, the handlers of their inverses, and a look at
//! what they change) and hands a way to make new ones to a [`Trial`]. The trial runs the steps
//! against new worlds, with a failure, a lost reply or a crash at every point in turn, and compares
//! the world after each with the world after an undisturbed run.
//!
//! A trial panics at the first difference, with the point at which it happened: it belongs into
//! tests only.

mod script;
mod session;
mod trial;

use crate::inverse::Inverses;
use crate::step::Step;
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;

pub use trial::{Counts, Trial};

/// A world that steps change: a cluster, or what stands for one.
#[async_trait]
pub trait World: Send + Sync {
    /// The steps, as a new process would make them: they share nothing but the world with the
    /// steps of an earlier call.
    fn steps(&self) -> Vec<Arc<dyn Step>>;

    /// The handlers of the inverses of their effects, likewise.
    fn inverses(&self) -> Inverses;

    /// What of the world the steps may change, such as names, settings and offsets; without what is
    /// new at every creation, such as ids and times.
    async fn state(&self) -> Value;
}
