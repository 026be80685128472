//! What can be said of a component without compiling it.

use crate::interface::{InterfaceName, ROLE_VERSIONS, known_versions};
use crate::manifest::{Manifest, ManifestError};
use crate::section::SECTION_NAME;
use crate::structure::{Structure, StructureError, StructureLimits, walk};
use ferry_model::digest::Digest;
use ferry_model::problem::{Explain, Problem};
use std::fmt;
use wasmparser::{Validator, WasmFeatures};

/// What a component is, read without compiling it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The digest of the whole file, manifest included.
    pub digest: Digest,
    /// Bytes of the file.
    pub bytes: usize,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it imports.
    pub imports: Vec<InterfaceName>,
    /// What it exports.
    pub exports: Vec<InterfaceName>,
    /// Core modules inside it.
    pub modules: usize,
    /// Functions over all modules.
    pub functions: usize,
}

/// Why a component is refused before it is compiled.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.title())]
pub struct InspectionError {
    /// The digest of the file.
    pub digest: Digest,
    /// What the file says it is, where its manifest could be read: `acme/names 2.1.0`.
    pub plugin: Option<String>,
    /// What is wrong with it.
    #[source]
    pub refusal: Refusal,
}

impl InspectionError {
    fn title(&self) -> String {
        match &self.plugin {
            Some(plugin) => format!("plugin {plugin} ({}) is refused", self.digest),
            None => format!("the file {} is refused as a plugin", self.digest),
        }
    }
}

/// What is wrong with a component.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no component, damaged, or made of too much.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// It breaks a rule of WebAssembly, or uses a proposal that is switched off.
    #[error("not valid at byte {offset}: {message}")]
    Invalid {
        /// Where.
        offset: u64,
        /// What the validator says.
        message: String,
    },
    /// It has no manifest.
    #[error("no section {SECTION_NAME}")]
    NoManifest {
        /// Whether one stands in a nested module, where it doesn't count.
        nested: bool,
    },
    /// It has several manifests.
    #[error("{0} sections {SECTION_NAME}; one is allowed")]
    Manifests(usize),
    /// Its manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It imports something that a role does not get.
    #[error("it imports `{name}`; a role may import nothing but `ferry:role/log`")]
    Import {
        /// What.
        name: String,
    },
    /// It exports something that is no role.
    #[error("it exports `{name}`, which is no role")]
    Export {
        /// What.
        name: String,
    },
    /// It was built for a version of the interfaces that this host does not have.
    #[error("`{name}`: this host has the versions {}", known_versions())]
    Version {
        /// The interface as it is asked for.
        name: String,
    },
    /// Its manifest and its exports disagree.
    #[error("the manifest says {manifest}, the component exports {exported}")]
    Role {
        /// What the manifest says: `ferry:role/topic-filter@0.1.0`.
        manifest: String,
        /// What is exported; `nothing` where nothing is.
        exported: String,
    },
}

/// Reads a component without compiling it: structure, manifest, names and versions of imports and
/// exports, and validity with the proposals that the host allows.
///
/// # Errors
/// [`InspectionError`] says why it is refused.
pub fn inspect(bytes: &[u8], limits: &StructureLimits) -> Result<Inspection, InspectionError> {
    let digest = Digest::of(bytes);
    let refuse = |plugin: Option<&Manifest>, refusal: Refusal| InspectionError {
        digest,
        plugin: plugin.map(|m| format!("{} {}", m.name, m.version)),
        refusal,
    };
    let structure = walk(bytes, limits).map_err(|e| refuse(None, e.into()))?;
    let manifest = read_manifest(&structure).map_err(|e| refuse(None, e))?;
    let refuse = |refusal| refuse(Some(&manifest), refusal);
    let imports = check_imports(&structure).map_err(refuse)?;
    let exports = check_exports(&structure, &manifest).map_err(refuse)?;
    validate(bytes).map_err(refuse)?;
    Ok(Inspection {
        digest,
        bytes: bytes.len(),
        imports,
        exports,
        modules: structure.modules,
        functions: structure.functions,
        manifest,
    })
}

/// The one manifest at the top level.
fn read_manifest(structure: &Structure) -> Result<Manifest, Refusal> {
    match structure.manifests.as_slice() {
        [manifest] => Ok(Manifest::from_bytes(manifest)?),
        [] => Err(Refusal::NoManifest {
            nested: structure.nested_manifests > 0,
        }),
        several => Err(Refusal::Manifests(several.len())),
    }
}

/// The version of an interface of `ferry:role` must stand in the host's own table.
fn check_version(name: &InterfaceName) -> Result<(), Refusal> {
    match &name.version {
        Some(version) if ROLE_VERSIONS.contains(version) => Ok(()),
        _ => Err(Refusal::Version {
            name: name.to_string(),
        }),
    }
}

/// A role imports `log`, and `types` for the shapes of its records.
fn check_imports(structure: &Structure) -> Result<Vec<InterfaceName>, Refusal> {
    let mut imports = Vec::with_capacity(structure.imports.len());
    for name in &structure.imports {
        let parsed = InterfaceName::parse(name)
            .filter(|i| i.of_roles() && matches!(i.interface.as_str(), "log" | "types"))
            .ok_or_else(|| Refusal::Import { name: name.clone() })?;
        check_version(&parsed)?;
        imports.push(parsed);
    }
    Ok(imports)
}

/// A plugin exports the role and the version that its manifest names, and nothing else.
fn check_exports(
    structure: &Structure,
    manifest: &Manifest,
) -> Result<Vec<InterfaceName>, Refusal> {
    let mut exports = Vec::with_capacity(structure.exports.len());
    for name in &structure.exports {
        let parsed = InterfaceName::parse(name)
            .filter(|e| e.role().is_some())
            .ok_or_else(|| Refusal::Export { name: name.clone() })?;
        check_version(&parsed)?;
        exports.push(parsed);
    }
    let promised = InterfaceName {
        package: "ferry:role".to_owned(),
        interface: manifest.role.as_str().to_owned(),
        version: Some(manifest.wit.clone()),
    };
    if exports.as_slice() != [promised.clone()] {
        let exported: Vec<_> = exports.iter().map(InterfaceName::to_string).collect();
        return Err(Refusal::Role {
            manifest: promised.to_string(),
            exported: if exported.is_empty() {
                "nothing".to_owned()
            } else {
                exported.join(" and ")
            },
        });
    }
    Ok(exports)
}

/// The proposals that the host allows. Not among them: memory64, multi-memory, threads, tail calls,
/// relaxed SIMD, exceptions, garbage collection, component-model concurrency.
#[must_use]
pub fn allowed_features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

fn validate(bytes: &[u8]) -> Result<(), Refusal> {
    Validator::new_with_features(allowed_features())
        .validate_all(bytes)
        .map(|_| ())
        .map_err(|e| Refusal::Invalid {
            offset: e.offset(),
            message: e.message().to_owned(),
        })
}

impl Explain for InspectionError {
    fn problem(&self) -> Problem {
        let (code, next) = match &self.refusal {
            Refusal::Structure(StructureError::CoreModule) => {
                (300, "make a component of it, as docs/plugins.md shows")
            }
            Refusal::Structure(StructureError::Limit { .. }) => (
                301,
                "make the plugin smaller: optimise for size, strip debug sections",
            ),
            Refusal::Structure(_) | Refusal::Invalid { .. } => {
                (300, "fetch or build the file again, and compare its digest")
            }
            Refusal::NoManifest { .. } | Refusal::Manifests(_) | Refusal::Manifest(_) => (
                302,
                "build it as docs/plugins.md shows; tools that strip remove the section",
            ),
            Refusal::Import { .. } => (
                303,
                "roles are pure: leave out what needs files, clocks or sockets",
            ),
            Refusal::Version { .. } => (
                304,
                "build the plugin with the SDK of one of these versions, or use another ferry",
            ),
            Refusal::Export { .. } | Refusal::Role { .. } => (
                306,
                "mend `role` and `wit` in ferry-plugin.json, and build again",
            ),
        };
        let mut problem = Problem::new(code, format!("{}: {}", self.title(), self.refusal));
        if let Refusal::NoManifest { nested: true } = self.refusal {
            problem = problem.cause(
                "the section stands in a nested module; it must stand in the component itself",
            );
        }
        problem.next(next)
    }
}

impl fmt::Display for Inspection {
    /// For people: what it is, what it asks for, how large it is, and the schema of its configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[InterfaceName]| {
            let names: Vec<_> = names.iter().map(InterfaceName::to_string).collect();
            names.join(", ")
        };
        let manifest = &self.manifest;
        writeln!(f, "name       {} {}", manifest.name, manifest.version)?;
        writeln!(f, "           {}", manifest.description)?;
        writeln!(f, "role       {}, WIT {}", manifest.role, manifest.wit)?;
        writeln!(f, "digest     {}", self.digest)?;
        writeln!(
            f,
            "size       {} bytes, {} modules, {} functions",
            self.bytes, self.modules, self.functions
        )?;
        writeln!(f, "imports    {}", names(&self.imports))?;
        writeln!(f, "exports    {}", names(&self.exports))?;
        writeln!(
            f,
            "grants     none: it decides, and can reach nothing but a log"
        )?;
        write!(f, "schema     {:#}", manifest.schema)
    }
}
