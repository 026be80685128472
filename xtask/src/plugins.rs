//! Builds the stock plugins: Rust to WebAssembly, to components, with their manifests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use ferry_catalogue::package;

use crate::workspace::{cargo, root, run, say, target};

/// The target of plugins: no operating system, no WASI.
const WASM: &str = "wasm32-unknown-unknown";

/// The profile of the workspace that plugins are built with.
const PROFILE: &str = "plugin";

/// Folders of plugins in the repository, and where their components go under `target/plugins`.
///
/// The hostile ones are for tests of the host only: what is embedded in the binary is what lies at the
/// top of `target/plugins`.
const ORIGINS: [(&str, &str); 2] = [("plugins", ""), ("tests/hostile", "hostile")];

/// Builds every plugin of the repository to `target/plugins/<name>.wasm`, and returns these files.
///
/// # Errors
/// A crate does not build, or its manifest or schema is wrong.
pub(crate) fn build_all() -> Result<Vec<PathBuf>> {
    let mut plugins = Vec::new();
    for (origin, destination) in ORIGINS {
        let destination = target().join("plugins").join(destination);
        std::fs::create_dir_all(&destination)
            .with_context(|| format!("{} can not be made", destination.display()))?;
        for folder in plugin_folders(&root().join(origin))? {
            plugins.push(Source {
                file: destination.join(format!("{}.wasm", name_of(&folder)?)),
                package: package_of(&folder)?,
                folder,
            });
        }
    }
    let built = compile(&plugins)?;
    plugins.iter().map(|plugin| plugin.pack(&built)).collect()
}

/// A plugin in the repository.
struct Source {
    folder: PathBuf,
    /// The name of its crate.
    package: String,
    /// The component that it becomes.
    file: PathBuf,
}

impl Source {
    /// Makes the component of the module that was compiled into `built`.
    fn pack(&self, built: &Path) -> Result<PathBuf> {
        let module = built.join(format!("{}.wasm", self.package.replace('-', "_")));
        let module = std::fs::read(&module)
            .with_context(|| format!("{} can not be read", module.display()))?;
        let manifest = package::read_manifest(&self.folder)?;
        let component = package::package(&module, &manifest)
            .with_context(|| format!("{} is no plugin", self.folder.display()))?;
        write_if_changed(&self.file, &component)?;
        say(&format!(
            "{}  {:>4} KiB  {} {}",
            self.file.display(),
            component.len().div_ceil(1024),
            manifest.name,
            manifest.version
        ));
        Ok(self.file.clone())
    }
}

/// The name of the crate in a folder.
fn package_of(folder: &Path) -> Result<String> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("{} can not be read", manifest.display()))?;
    let name = text.lines().find_map(|line| {
        line.strip_prefix("name = \"")
            .and_then(|rest| rest.strip_suffix('"'))
    });
    let name = name.with_context(|| format!("{} names no package", manifest.display()))?;
    Ok(name.to_owned())
}

/// The folders under `plugins` that hold a manifest, in the order of their names.
fn plugin_folders(plugins: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    let entries = std::fs::read_dir(plugins)
        .with_context(|| format!("{} can not be read", plugins.display()))?;
    for entry in entries {
        let folder = entry?.path();
        if folder.join(package::SOURCE_FILE).is_file() {
            folders.push(folder);
        }
    }
    if folders.is_empty() {
        bail!("{} holds no plugin", plugins.display());
    }
    folders.sort();
    Ok(folders)
}

fn name_of(folder: &Path) -> Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no name", folder.display()))
}

/// Compiles the crates and returns the folder with their modules.
fn compile(plugins: &[Source]) -> Result<PathBuf> {
    let (mut command, target) = if rust_has_wasm()? {
        (cargo(), target())
    } else {
        debian_cargo()?
    };
    command.args(["build", "--target", WASM, "--profile", PROFILE]);
    command.arg("--target-dir").arg(&target);
    for plugin in plugins {
        command.args(["--package", &plugin.package]);
    }
    // Panics carry the path of their source file: without the machine's own part, a plugin has the
    // same digest wherever it is built.
    let mut flags = format!("--remap-path-prefix={}=ferry", root().display());
    if let Some(home) = cargo_home() {
        flags.push_str(&format!(" --remap-path-prefix={}=cargo", home.display()));
    }
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
    run(&mut command)?;
    Ok(target.join(WASM).join(PROFILE))
}

fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// Whether the compiler that builds everything else has a standard library for WebAssembly.
fn rust_has_wasm() -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .context("rustc can not be run")?;
    let sysroot = String::from_utf8(output.stdout).context("the path of the sysroot")?;
    let library = Path::new(sysroot.trim()).join(format!("lib/rustlib/{WASM}/lib"));
    Ok(library.is_dir())
}

/// Debian's compiler with the sources of the standard library, which it then builds. In a target
/// folder of its own: two compilers would throw away each other's work.
fn debian_cargo() -> Result<(Command, PathBuf)> {
    let cargo = Path::new("/usr/bin/cargo");
    if !cargo.is_file() {
        bail!(
            "Rust has no target {WASM}: run rustup target add {WASM}, or on Debian \
             apt-get install rustc-web cargo-web rust-web-src lld"
        );
    }
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args(["-Z", "build-std=std,panic_abort"])
        .env("PATH", "/usr/bin:/bin")
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "/usr/bin/wasm-ld",
        );
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    Ok((command, target().join("debian")))
}

/// Writes a file under a temporary name first, and not at all where it is the same: what embeds it
/// is not built again then.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let temporary = file.with_extension(format!("{}", std::process::id()));
    std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, file))
        .with_context(|| format!("{} can not be written", file.display()))
}
