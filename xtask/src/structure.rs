//! Rules about the shape of the sources that no compiler knows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::root;

/// A file has one job; one that is longer than this has several.
const LINES_MAX: usize = 800;

/// The kinds of files that are written by hand.
const WRITTEN: [&str; 9] = ["css", "html", "js", "md", "py", "rs", "sh", "wat", "wit"];

/// Which crates of the workspace a crate may depend on, apart from its tests: the layers of
/// docs/ARCHITECTURE.md. Crates that are not listed are not bound.
const MAY_DEPEND_ON: [(&str, &[&str]); 8] = [
    ("host/model", &[]),
    ("host/journal", &["ferry-model"]),
    ("host/engine", &["ferry-model", "ferry-journal"]),
    ("host/kafka", &["ferry-model"]),
    ("host/copy", &["ferry-model", "ferry-kafka"]),
    ("host/plugins", &["ferry-model", "ferry-catalogue"]),
    ("tests/fake-kafka", &[]),
    ("tests/testbed", &[]),
];

/// Checks all rules and names every place that breaks one.
pub(crate) fn check() -> Result<()> {
    let root = root();
    let mut faults = Vec::new();
    for path in files(&root)? {
        let Some(kind) = path.extension().and_then(|kind| kind.to_str()) else {
            continue;
        };
        let manifest = path.file_name().is_some_and(|name| name == "Cargo.toml");
        if !manifest && !WRITTEN.contains(&kind) {
            continue;
        }
        let full = root.join(&path);
        let Ok(text) = std::fs::read_to_string(&full) else {
            // Listed by git but deleted in the working tree.
            ensure!(!full.exists(), "{} is not text", path.display());
            continue;
        };
        if manifest {
            check_manifest(&path, &text, &mut faults);
        } else {
            check_length(&path, &text, &mut faults);
        }
        if kind == "rs" {
            check_unfinished(&path, &text, &mut faults);
        }
    }
    if !faults.is_empty() {
        bail!("the structure is broken:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// The files of the project: what git tracks or would track.
fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = Command::new("git")
        // The checkout may belong to another user, as it does in many build containers.
        .args(["-c", "safe.directory=*"])
        .args(["ls-files", "-z", "--cached", "--others"])
        .arg("--exclude-standard")
        .current_dir(root)
        .output()
        .context("git can not be run")?;
    ensure!(listed.status.success(), "git ls-files failed");
    let names = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(PathBuf::from).collect())
}

fn check_length(path: &Path, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!(
            "{} has {lines} lines, more than {LINES_MAX}",
            path.display()
        ));
    }
}

/// Finds code that stands in for what is not written.
fn check_unfinished(path: &Path, text: &str, faults: &mut Vec<String>) {
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        for name in ["todo", "unimplemented"] {
            if code.contains(&format!("{name}!(")) {
                faults.push(format!("{}:{number} has {name}!", path.display()));
            }
        }
    }
}

/// Every crate takes the workspace's lints and versions, and depends downwards only.
fn check_manifest(path: &Path, text: &str, faults: &mut Vec<String>) {
    if !text.contains("[package]") {
        return;
    }
    if !text.contains("[lints]\nworkspace = true") {
        faults.push(format!(
            "{} does not take the workspace's lints",
            path.display()
        ));
    }
    let folder = path
        .parent()
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/");
    let layer = MAY_DEPEND_ON
        .iter()
        .find(|(crate_folder, _)| *crate_folder == folder);
    for (section, dependency, inherited) in dependencies(text) {
        if !inherited {
            faults.push(format!(
                "{}: {dependency} is not inherited from the workspace",
                path.display()
            ));
        }
        if let Some((_, allowed)) = layer
            && section != "dev-dependencies"
            && dependency.starts_with("ferry-")
            && !allowed.contains(&dependency)
        {
            faults.push(format!(
                "{} must not depend on {dependency} (docs/ARCHITECTURE.md)",
                path.display()
            ));
        }
    }
}

/// The dependencies of a manifest: section, name, and whether the workspace says the version.
fn dependencies(manifest: &str) -> Vec<(&str, &str, bool)> {
    let mut found = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.rsplit('.').next().unwrap_or(name);
            continue;
        }
        if !section.ends_with("dependencies") || line.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            let name = key.trim().trim_end_matches(".workspace");
            let inherited =
                key.trim().ends_with(".workspace") || value.contains("workspace = true");
            found.push((section, name, inherited));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest_faults(path: &str, dependencies: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let text =
            format!("[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n\n{dependencies}");
        check_manifest(Path::new(path), &text, &mut faults);
        faults
    }

    #[test]
    fn a_lower_layer_that_depends_on_a_higher_one_is_found() {
        let fine = "[dependencies]\nferry-model.workspace = true\n";
        assert_eq!(manifest_faults("host/engine/Cargo.toml", fine), [""; 0]);
        let upwards = "[dependencies]\nferry-kafka.workspace = true\n";
        let faults = manifest_faults("host/engine/Cargo.toml", upwards);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("ferry-kafka"), "{faults:?}");
        let in_tests = "[dev-dependencies]\nferry-testbed.workspace = true\n";
        assert_eq!(manifest_faults("host/engine/Cargo.toml", in_tests), [""; 0]);
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        let own =
            "[dependencies]\nbytes = \"1\"\nuuid = { workspace = true, features = [\"v4\"] }\n";
        let faults = manifest_faults("host/cli/Cargo.toml", own);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("bytes"), "{faults:?}");
    }

    #[test]
    fn unfinished_code_is_found_but_not_in_comments() {
        let mut faults = Vec::new();
        let text = ["fn a() {", "    todo", "!()", "}", "// todo", "!()"].concat();
        check_unfinished(
            Path::new("a.rs"),
            &text.replace("}//", "}\n//"),
            &mut faults,
        );
        assert_eq!(faults, ["a.rs:1 has todo!"]);
    }

    #[test]
    fn a_long_file_is_found() {
        let mut faults = Vec::new();
        check_length(Path::new("a.rs"), &"line\n".repeat(LINES_MAX), &mut faults);
        assert!(faults.is_empty());
        check_length(
            Path::new("b.rs"),
            &"line\n".repeat(LINES_MAX + 1),
            &mut faults,
        );
        assert_eq!(faults.len(), 1);
    }
}
