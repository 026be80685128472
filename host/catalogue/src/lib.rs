//! What a plugin is before it runs: its manifest, its structure, its making.
//!
//! Nothing here compiles or runs WebAssembly. [`inspect`] reads a component's bytes with limits on
//! everything, and says what it is, what it asks for, and why it is refused; [`package`] makes a
//! component out of a core module and appends its manifest.

pub mod inspection;
pub mod interface;
pub mod manifest;
pub mod package;
pub mod section;
pub mod structure;

pub use inspection::{Inspection, InspectionError, inspect};
pub use interface::{InterfaceName, ROLE_VERSIONS};
pub use manifest::{Manifest, PluginName};
