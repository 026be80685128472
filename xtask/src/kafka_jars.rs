//! Fetches the jars of Kafka's releases with Maven, into `target/kafka/<release>/`.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::workspace::{say, target};

/// The releases that the tests start.
const NEEDED: [&str; 2] = ["4.3.1", "3.9.2"];

/// The plugin that copies what a project depends on.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// Written last; it lists what was asked for, so that a changed list is fetched anew.
const COMPLETE: &str = ".complete";

/// Fetches `releases`, or those that tests need; what is there already is left alone.
pub(crate) fn fetch(releases: &[String]) -> Result<()> {
    if releases.is_empty() {
        for release in NEEDED {
            fetch_release(release)?;
        }
    }
    for release in releases {
        let sign = |one: char| one.is_ascii_digit() || one == '.';
        ensure!(
            !release.is_empty() && release.chars().all(sign),
            "{release:?} is no release of Kafka"
        );
        fetch_release(release)?;
    }
    Ok(())
}

/// The folder with one folder per release.
pub(crate) fn folder() -> PathBuf {
    target().join("kafka")
}

/// Fetches one release, in a folder of its own that gets its name when it is complete.
fn fetch_release(release: &str) -> Result<()> {
    let folder = folder();
    let wanted = artifacts(release).join("\n");
    let complete = folder.join(release);
    if is_complete(&complete, &wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    // Two processes may want the same, and Maven's own repository has no lock either.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    if is_complete(&complete, &wanted) {
        return Ok(());
    }
    say(&format!("fetching Kafka {release} with Maven"));
    let partial = folder.join(format!("{release}.partial"));
    remove(&partial)?;
    fs::create_dir_all(&partial)?;
    let project = partial.join("pom.xml");
    fs::write(&project, project_file(release))?;
    let mut maven = Command::new("mvn");
    maven
        .args(["--quiet", "--batch-mode", "-Dstyle.color=never", "--file"])
        .arg(&project)
        .arg(PLUGIN)
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", partial.display()))
        .stdin(Stdio::null());
    // Even a quiet Maven prints colour codes, so its output is shown only when it tells why.
    let done = maven.output().context("mvn can not be run")?;
    ensure!(
        done.status.success(),
        "Kafka {release} was not fetched ({})\n{}{}",
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    ensure!(
        partial.join(format!("kafka_2.13-{release}.jar")).is_file(),
        "Maven brought no broker into {}",
        partial.display()
    );
    fs::write(partial.join(COMPLETE), &wanted)?;
    remove(&complete)?;
    fs::rename(&partial, &complete)?;
    Ok(())
}

fn is_complete(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|found| found == wanted)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

/// What a release needs: `group:artifact:version`.
fn artifacts(release: &str) -> Vec<String> {
    let mut artifacts = vec![
        format!("org.apache.kafka:kafka_2.13:{release}"),
        format!("org.apache.kafka:kafka-tools:{release}"),
    ];
    // Up to 3.9 the logging library comes with the tools (reload4j). From 4.0 on it is Log4j 2, and
    // the binding to it is for whoever packs Kafka to choose.
    if !release.starts_with("2.") && !release.starts_with("3.") {
        artifacts.push("org.apache.logging.log4j:log4j-slf4j-impl:2.25.4".to_owned());
    }
    artifacts
}

/// A project that depends on the artifacts and is nothing else.
fn project_file(release: &str) -> String {
    let mut dependencies = String::new();
    for artifact in artifacts(release) {
        let mut parts = artifact.split(':');
        for (tag, end) in [("groupId", ""), ("artifactId", ""), ("version", "\n")] {
            let part = parts.next().unwrap_or_default();
            if tag == "groupId" {
                dependencies.push_str("    <dependency>");
            }
            // Writing to a string never fails.
            let _ = write!(dependencies, "<{tag}>{part}</{tag}>");
            if tag == "version" {
                let _ = write!(dependencies, "</dependency>{end}");
            }
        }
    }
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  \
           <modelVersion>4.0.0</modelVersion>\n  \
           <groupId>ferry.testbed</groupId>\n  \
           <artifactId>kafka</artifactId>\n  \
           <version>{release}</version>\n  \
           <packaging>pom</packaging>\n  \
           <dependencies>\n{dependencies}  </dependencies>\n\
         </project>\n"
    )
}
