//! What a plugin author needs to write a Ferry plugin in Rust.
//!
//! A plugin is a type that implements the trait of its role, and one line that exports it:
//!
//! ```
//! use ferry_sdk::topic_filter::{Decision, Topic, TopicFilter};
//! use ferry_sdk::Error;
//!
//! #[derive(serde::Deserialize)]
//! struct Config {
//!     suffix: String,
//! }
//!
//! struct WithoutSuffix(Config);
//!
//! impl TopicFilter for WithoutSuffix {
//!     type Config = Config;
//!
//!     fn configure(config: Config) -> Result<Self, Error> {
//!         Ok(Self(config))
//!     }
//!
//!     fn decide(&mut self, topic: &Topic) -> Result<Decision, Error> {
//!         Ok(if topic.name.ends_with(&self.0.suffix) {
//!             Decision::drop(format!("ends with {}", self.0.suffix))
//!         } else {
//!             Decision::keep("does not end with the suffix")
//!         })
//!     }
//! }
//!
//! ferry_sdk::export_topic_filter!(WithoutSuffix);
//! # fn main() {}
//! ```
//!
//! The crate is built as a `cdylib` for `wasm32-unknown-unknown`, without WASI: a role can reach
//! nothing but [`log`]. It builds natively too, so that the logic has ordinary unit tests.
//!
//! The host hands over a configuration that is already valid against the plugin's JSON Schema, with
//! its defaults filled in. A panic reaches the operator with its text and line.

pub mod acl_generator;
#[doc(hidden)]
pub mod bindings;
mod error;
pub mod log;
pub mod naming_remapper;
pub mod offset_translator;
pub mod pattern;
#[doc(hidden)]
pub mod runtime;
pub mod template;
pub mod topic_filter;

pub use error::Error;
