//! A walk over a component's structure, with limits, before anybody compiles it.
//!
//! Compiling is work that can't be interrupted, and a small file can ask for a lot of it: many
//! functions, many locals, deep nesting. The walk reads every section and every instruction once,
//! in constant memory, and stops at the first limit.

use crate::section::SECTION_NAME;
use wasmparser::{BinaryReaderError, Encoding, Operator, Parser, Payload};

/// What a component may be made of. Defaults fit components made from Rust, Python and JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StructureLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Core modules and components inside it, at any depth.
    pub nested: usize,
    /// How deep they may stand in each other.
    pub nested_depth: usize,
    /// Functions over all modules.
    pub functions: usize,
    /// Bytes of one function's code.
    pub function_bytes: usize,
    /// Locals of one function.
    pub locals: u32,
    /// Blocks, loops and conditions of one function inside each other.
    pub block_depth: usize,
    /// Imports and exports of the component itself.
    pub names: usize,
}

impl Default for StructureLimits {
    fn default() -> Self {
        Self {
            bytes: 64 * 1024 * 1024,
            nested: 64,
            nested_depth: 8,
            functions: 60_000,
            function_bytes: 1024 * 1024,
            locals: 10_000,
            block_depth: 2_000,
            names: 64,
        }
    }
}

/// What a component is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structure {
    /// Names of what the component itself imports, in order.
    pub imports: Vec<String>,
    /// Names of what the component itself exports, in order.
    pub exports: Vec<String>,
    /// Contents of the manifest sections at the top level.
    pub manifests: Vec<Vec<u8>>,
    /// Manifest sections inside nested modules or components, where they don't count.
    pub nested_manifests: usize,
    /// Core modules inside it.
    pub modules: usize,
    /// Components inside it.
    pub components: usize,
    /// Functions over all modules.
    pub functions: usize,
}

/// Why a file is no component that may be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// It is no WebAssembly.
    #[error("the file is not WebAssembly")]
    NotWebAssembly,
    /// It is a core module.
    #[error("the file is a core module, not a component")]
    CoreModule,
    /// It breaks off or is damaged.
    #[error("the component is damaged at byte {offset}: {message}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What the parser says.
        message: String,
    },
    /// It has more of something than allowed.
    #[error("the component has more than {limit} {what}")]
    Limit {
        /// Of what: `functions`.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
}

impl From<BinaryReaderError> for StructureError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Damaged {
            offset: error.offset(),
            message: error.message().to_owned(),
        }
    }
}

/// Refuses what is beyond a limit.
fn within(found: usize, limit: usize, what: &'static str) -> Result<(), StructureError> {
    if found > limit {
        return Err(StructureError::Limit { what, limit });
    }
    Ok(())
}

/// Walks over a component.
///
/// # Errors
/// [`StructureError`] at the first thing that is wrong or too much.
pub fn walk(bytes: &[u8], limits: &StructureLimits) -> Result<Structure, StructureError> {
    within(bytes.len(), limits.bytes, "bytes")?;
    if !bytes.starts_with(b"\0asm") {
        return Err(StructureError::NotWebAssembly);
    }
    let mut structure = Structure::default();
    // How many modules and components we are inside of; the component itself is the first.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding == Encoding::Module {
                    return Err(StructureError::CoreModule);
                }
                depth += 1;
                within(depth, limits.nested_depth, "levels of nesting")?;
                if depth > 1 {
                    match encoding {
                        Encoding::Module => structure.modules += 1,
                        Encoding::Component => structure.components += 1,
                    }
                }
                let nested = structure.modules + structure.components;
                within(nested, limits.nested, "nested modules and components")?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(reader) if depth == 1 => {
                for import in reader {
                    structure.imports.push(import?.name.name.to_owned());
                    within(structure.imports.len(), limits.names, "imports")?;
                }
            }
            Payload::ComponentExportSection(reader) if depth == 1 => {
                for export in reader {
                    structure.exports.push(export?.name.name.to_owned());
                    within(structure.exports.len(), limits.names, "exports")?;
                }
            }
            Payload::CustomSection(section) if section.name() == SECTION_NAME => {
                if depth == 1 {
                    structure.manifests.push(section.data().to_owned());
                    within(structure.manifests.len(), limits.names, "manifests")?;
                } else {
                    structure.nested_manifests += 1;
                }
            }
            Payload::CodeSectionStart { count, .. } => {
                structure.functions += count as usize;
                within(structure.functions, limits.functions, "functions")?;
            }
            Payload::CodeSectionEntry(body) => walk_function(&body, limits)?,
            _ => {}
        }
    }
    Ok(structure)
}

/// Walks over one function.
fn walk_function(
    body: &wasmparser::FunctionBody<'_>,
    limits: &StructureLimits,
) -> Result<(), StructureError> {
    let range = body.range();
    let bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    within(bytes, limits.function_bytes, "bytes in one function")?;
    let mut locals = 0_u32;
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(group?.0);
        within(
            locals as usize,
            limits.locals as usize,
            "locals in one function",
        )?;
    }
    let mut depth = 0_usize;
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                depth += 1;
                within(depth, limits.block_depth, "blocks inside each other")?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(text: &str) -> Result<Structure, StructureError> {
        let bytes = wat::parse_str(text).expect("parses");
        walk(&bytes, &StructureLimits::default())
    }

    #[test]
    fn imports_and_exports_of_the_component_itself_are_listed_and_nested_ones_are_not() {
        let structure = walked(
            r#"(component
                (import "ferry:role/log@0.1.0" (instance))
                (component (import "inner" (func)))
                (core module (func) (func))
                (instance $i)
                (export "ferry:role/topic-filter@0.1.0" (instance $i)))"#,
        )
        .expect("walks");
        assert_eq!(structure.imports, ["ferry:role/log@0.1.0"]);
        assert_eq!(structure.exports, ["ferry:role/topic-filter@0.1.0"]);
        assert_eq!((structure.modules, structure.components), (1, 1));
        assert_eq!(structure.functions, 2);
    }

    #[test]
    fn a_core_module_and_a_text_are_told_apart_from_a_component() {
        assert_eq!(walked("(module)"), Err(StructureError::CoreModule));
        let limits = StructureLimits::default();
        assert_eq!(
            walk(b"#!/bin/sh\n", &limits),
            Err(StructureError::NotWebAssembly)
        );
    }

    #[test]
    fn a_component_cut_anywhere_is_damaged_and_nothing_worse() {
        let bytes =
            wat::parse_str("(component (core module (func (local i32) (block))))").expect("parses");
        let limits = StructureLimits::default();
        let mut damaged = 0;
        for end in 4..bytes.len() {
            match walk(&bytes[..end], &limits) {
                Err(StructureError::Damaged { .. }) => damaged += 1,
                // Between two sections the rest is simply missing.
                other => assert!(other.is_ok(), "{end}: {other:?}"),
            }
        }
        assert!(damaged > bytes.len() / 2);
    }

    #[test]
    fn deep_nesting_many_locals_and_many_functions_are_refused() {
        let deep = format!(
            "(component (core module (func {} {})))",
            "block ".repeat(2_001),
            "end ".repeat(2_001)
        );
        assert!(matches!(
            walked(&deep),
            Err(StructureError::Limit {
                what: "blocks inside each other",
                ..
            })
        ));
        let locals = format!(
            "(component (core module (func (local {}))))",
            "i32 ".repeat(10_001)
        );
        assert!(matches!(
            walked(&locals),
            Err(StructureError::Limit {
                what: "locals in one function",
                ..
            })
        ));
        let functions = format!("(component (core module {}))", "(func)".repeat(60_001));
        assert!(matches!(
            walked(&functions),
            Err(StructureError::Limit {
                what: "functions",
                ..
            })
        ));
        let nested = format!("(component {})", "(core module)".repeat(65));
        assert!(matches!(walked(&nested), Err(StructureError::Limit { .. })));
        let onion = format!("{}{}", "(component ".repeat(9), ")".repeat(9));
        assert!(matches!(
            walked(&onion),
            Err(StructureError::Limit {
                what: "levels of nesting",
                ..
            })
        ));
    }
}
