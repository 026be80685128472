//! Makes a plugin: a component out of a core module, with its manifest.

use crate::manifest::{Manifest, ManifestError};
use crate::section;
use ferry_model::decision::Role;
use semver::Version;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file that describes a plugin in its folder.
pub const SOURCE_FILE: &str = "ferry-plugin.json";

/// What stands in [`SOURCE_FILE`]: the manifest, with the schema in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestSource {
    /// As in [`Manifest`].
    pub name: crate::PluginName,
    /// As in [`Manifest`].
    pub version: Version,
    /// As in [`Manifest`].
    pub role: Role,
    /// As in [`Manifest`].
    pub wit: Version,
    /// As in [`Manifest`].
    pub description: String,
    /// The file of the JSON Schema, relative to the plugin's folder.
    pub schema: PathBuf,
}

/// Why a plugin could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file can't be read.
    #[error("{path} can't be read")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} does not fit")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The manifest breaks a rule.
    #[error("the manifest is refused")]
    Manifest(#[from] ManifestError),
    /// The core module can't become a component.
    #[error("the module can't become a component: {0}")]
    Module(String),
}

/// Reads the manifest of the plugin in `folder`: [`SOURCE_FILE`] and the schema that it names.
///
/// # Errors
/// [`PackageError`] where a file is missing or malformed.
pub fn read_manifest(folder: &Path) -> Result<Manifest, PackageError> {
    let source: ManifestSource = read_json(&folder.join(SOURCE_FILE))?;
    let schema = read_json(&folder.join(&source.schema))?;
    let manifest = Manifest {
        name: source.name,
        version: source.version,
        role: source.role,
        wit: source.wit,
        description: source.description,
        schema,
    };
    manifest.to_bytes()?;
    Ok(manifest)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, PackageError> {
    let text = std::fs::read(path).map_err(|source| PackageError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|source| PackageError::Malformed {
        path: path.to_owned(),
        source,
    })
}

/// Makes the component of a core module that was built with the SDK, and appends the manifest.
///
/// # Errors
/// [`PackageError`] where the module carries no description of its world, or does not fit it.
pub fn package(core_module: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
    let bytes = manifest.to_bytes()?;
    let mut component = wit_component::ComponentEncoder::default()
        .module(core_module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|e| PackageError::Module(format!("{e:#}")))?;
    section::append(&mut component, &bytes);
    Ok(component)
}
