//! Why a plugin can't be loaded.

use crate::cache::CacheError;
use crate::host::PluginLabel;
use ferry_catalogue::InspectionError;
use ferry_model::digest::Digest;
use ferry_model::problem::{Explain, Problem};
use std::sync::Arc;

/// Why a plugin can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is refused before it is compiled.
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    /// It is not the file that was written down.
    #[error("the plugin has the digest {found}, not {expected}")]
    Digest {
        /// The digest that was written down.
        expected: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// It can't be compiled or linked.
    #[error("plugin {plugin} ({}) can't be {stage}: {message}", plugin.digest)]
    Compile {
        /// Which plugin.
        plugin: Arc<PluginLabel>,
        /// `compiled` or `linked`.
        stage: &'static str,
        /// What wasmtime says.
        message: String,
    },
    /// This machine can't run plugins.
    #[error("this machine can't run plugins: {0}")]
    Host(String),
    /// The cache of compiled plugins is not safe to use.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Explain for LoadError {
    fn problem(&self) -> Problem {
        match self {
            Self::Inspection(error) => error.problem(),
            Self::Cache(error) => error.problem(),
            Self::Digest { .. } => Problem::new(307, self.to_string())
                .cause("the file was replaced since the digest was written down?")
                .next("compare with the plugin's origin: ferry plugin inspect FILE"),
            Self::Compile { .. } => Problem::new(308, self.to_string())
                .cause("built with the SDK of another version?")
                .next("build it again with the SDK of the version that its manifest names"),
            Self::Host(_) => Problem::new(309, self.to_string())
                .cause("a policy of the system forbids executable or large memory?"),
        }
    }
}
