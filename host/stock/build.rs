//! Puts the stock plugins that were built into the crate: `target/plugins/*.wasm`, or the folder that
//! `FERRY_STOCK_PLUGINS` names. Without any, none are embedded, and lookups say so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-env-changed=FERRY_STOCK_PLUGINS");
    println!("cargo:rerun-if-env-changed=CARGO_TARGET_DIR");
    let folder = folder()?;
    // A path that is missing makes cargo run this again each time, until it is there.
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut source = String::from(
        "/// Names and components.\npub(crate) const EMBEDDED: &[(&str, &[u8])] = &[\n",
    );
    for file in components(&folder)? {
        println!("cargo:rerun-if-changed={}", file.display());
        let name = file.file_stem().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| format!("{} has no name", file.display()))?;
        writeln!(
            source,
            "    ({name:?}, include_bytes!({:?})),",
            file.display().to_string()
        )?;
    }
    source.push_str("];\n");
    let output = PathBuf::from(std::env::var("OUT_DIR")?).join("embedded.rs");
    std::fs::write(output, source)?;
    Ok(())
}

fn folder() -> std::io::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("FERRY_STOCK_PLUGINS") {
        return std::path::absolute(folder);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.map_or_else(|| root.join("target"), |target| root.join(target));
    std::path::absolute(target.join("plugins"))
}

fn components(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
