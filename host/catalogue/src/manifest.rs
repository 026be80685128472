//! What a plugin says of itself without being run.

use ferry_model::canonical;
use ferry_model::decision::Role;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes that a manifest may have.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// The most bytes that a description may have.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The name of a plugin: `owner/name`, both 1 to 63 characters of `[a-z0-9-]`, starting and ending
/// with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

/// A text that can't be the name of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a plugin's name: owner/name, each 1 to 63 of a-z, 0-9 and -")]
pub struct IllegalPluginName(pub String);

impl PluginName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`IllegalPluginName`] where it has no owner, or other characters.
    pub fn parse(name: impl Into<String>) -> Result<Self, IllegalPluginName> {
        let name = name.into();
        match name.split_once('/') {
            Some((owner, short)) if legal_label(owner) && legal_label(short) => Ok(Self(name)),
            _ => Err(IllegalPluginName(name)),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `label` is 1 to 63 characters of `[a-z0-9-]` with a letter or digit at both ends.
fn legal_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| inner(b) || b == b'-')
        && label.bytes().next().is_some_and(inner)
        && label.bytes().last().is_some_and(inner)
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for PluginName {
    type Error = IllegalPluginName;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(name)
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0
    }
}

/// What a plugin says of itself. It stands in the component as the custom section
/// [`SECTION_NAME`](crate::section::SECTION_NAME), so that nothing has to be run to read it.
///
/// Unknown keys are refused: a manifest that asks for more than this host understands must not be
/// taken for one that asks for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: `ferry/topic-filter`.
    pub name: PluginName,
    /// Its own version.
    pub version: Version,
    /// What it decides.
    pub role: Role,
    /// The version of `ferry:role` that it was built for.
    pub wit: Version,
    /// What it does, in a sentence or two.
    pub description: String,
    /// The JSON Schema (draft 2020-12) of its configuration.
    pub schema: serde_json::Value,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It has more than [`MANIFEST_BYTES_MAX`] bytes.
    #[error("the manifest has {bytes} bytes; {MANIFEST_BYTES_MAX} are allowed")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// It is no JSON, or not of the shape of [`Manifest`].
    #[error("the manifest can't be read: {0}")]
    Unreadable(String),
    /// It is not canonical JSON: keys unsorted, white space, doubled keys.
    #[error("the manifest is not canonical JSON, so it was not written by Ferry")]
    NotCanonical,
    /// The description is empty, too long, or holds control characters.
    #[error(
        "the description must be 1 to {DESCRIPTION_BYTES_MAX} bytes without control characters"
    )]
    Description,
    /// The schema is no object.
    #[error("the schema must be a JSON object")]
    Schema,
}

impl Manifest {
    /// Reads a manifest as it stands in a component.
    ///
    /// # Errors
    /// [`ManifestError`] says what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { bytes: bytes.len() });
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|e| ManifestError::Unreadable(e.to_string()))?;
        if manifest.to_bytes()? != bytes {
            return Err(ManifestError::NotCanonical);
        }
        Ok(manifest)
    }

    /// The manifest as it stands in a component: canonical JSON.
    ///
    /// # Errors
    /// [`ManifestError`] where it breaks a rule of its own.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let description = &self.description;
        if !(1..=DESCRIPTION_BYTES_MAX).contains(&description.len())
            || description.chars().any(char::is_control)
        {
            return Err(ManifestError::Description);
        }
        if !self.schema.is_object() {
            return Err(ManifestError::Schema);
        }
        let bytes = canonical::to_string(self)
            .map_err(|e| ManifestError::Unreadable(e.to_string()))?
            .into_bytes();
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            name: PluginName::parse("acme/names").expect("legal"),
            version: Version::new(1, 2, 3),
            role: Role::NamingRemapper,
            wit: Version::new(0, 1, 0),
            description: "Renames.".to_owned(),
            schema: serde_json::json!({"type": "object"}),
        }
    }

    #[test]
    fn a_manifest_reads_back_as_it_was_written() {
        let bytes = manifest().to_bytes().expect("writes");
        assert_eq!(Manifest::from_bytes(&bytes).expect("reads"), manifest());
    }

    #[test]
    fn a_manifest_with_another_spelling_of_the_same_is_refused() {
        let bytes = serde_json::to_vec_pretty(&manifest()).expect("JSON");
        assert!(matches!(
            Manifest::from_bytes(&bytes),
            Err(ManifestError::NotCanonical)
        ));
    }

    #[test]
    fn a_manifest_that_asks_for_grants_is_refused() {
        let text = String::from_utf8(manifest().to_bytes().expect("writes")).expect("UTF-8");
        let text = text.replacen('{', r#"{"grants":[],"#, 1);
        let error = Manifest::from_bytes(text.as_bytes()).expect_err("refused");
        assert!(error.to_string().contains("grants"), "{error}");
    }

    #[test]
    fn names_need_an_owner_and_plain_letters() {
        assert!(PluginName::parse("acme/retail-names").is_ok());
        for name in [
            "names",
            "acme/",
            "/names",
            "a/b/c",
            "Acme/names",
            "a/-b",
            "a/\u{1b}[2J",
        ] {
            assert!(PluginName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_description_that_drives_a_terminal_is_refused() {
        let mut manifest = manifest();
        manifest.description = "\u{1b}[2Jhello".to_owned();
        assert!(matches!(
            manifest.to_bytes(),
            Err(ManifestError::Description)
        ));
    }
}
