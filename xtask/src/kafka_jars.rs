//! Fetches the jars of Kafka's releases with Maven, into `target/kafka/<release>/`.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::workspace::{say, target};

/// The releases that the tests start.
const NEEDED: [&str; 3] = ["4.3.1", "3.9.2", "2.8.2"];

/// The release whose MirrorMaker 2 is measured beside Ferry.
const MIRROR_MAKER: &str = "4.3.1";

/// The binding of Kafka 4 to Log4j 2, which is for whoever packs Kafka to choose.
const LOGGING: &str = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4";

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

/// Fetches MirrorMaker 2 into a folder of its own, `mirror-maker-RELEASE`: it needs much that no
/// broker does.
pub(crate) fn fetch_mirror_maker() -> Result<()> {
    let of_kafka = |name: &str| format!("org.apache.kafka:{name}:{MIRROR_MAKER}");
    let artifacts = [
        of_kafka("connect-mirror"),
        of_kafka("connect-runtime"),
        LOGGING.to_owned(),
    ];
    let name = format!("mirror-maker-{MIRROR_MAKER}");
    let main_jar = format!("connect-mirror-{MIRROR_MAKER}.jar");
    fetch_folder(&name, &artifacts, &main_jar)
}

/// The folder with one folder per release.
pub(crate) fn folder() -> PathBuf {
    target().join("kafka")
}

/// Fetches one release.
fn fetch_release(release: &str) -> Result<()> {
    let main_jar = format!("kafka_2.13-{release}.jar");
    fetch_folder(release, &artifacts(release), &main_jar)
}

/// Fetches `artifacts` and what they need, in a folder that gets its name when it is complete.
/// `main_jar` must be among what came.
fn fetch_folder(name: &str, artifacts: &[String], main_jar: &str) -> Result<()> {
    let folder = folder();
    let wanted = artifacts.join("\n");
    let complete = folder.join(name);
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
    say(&format!("fetching Kafka {name} with Maven"));
    let partial = folder.join(format!("{name}.partial"));
    remove(&partial)?;
    fs::create_dir_all(&partial)?;
    let project = partial.join("pom.xml");
    fs::write(&project, project_file(artifacts))?;
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
        "Kafka {name} was not fetched ({})\n{}{}",
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    ensure!(
        partial.join(main_jar).is_file(),
        "Maven brought no {main_jar} into {}",
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
    // Up to 3.9 the logging library comes with the tools (Log4j 1, reload4j at last). From 4.0 on it is Log4j 2.
    if !release.starts_with("2.") && !release.starts_with("3.") {
        artifacts.push(LOGGING.to_owned());
    }
    artifacts
}

/// A project that depends on the artifacts and is nothing else.
fn project_file(artifacts: &[String]) -> String {
    let mut dependencies = String::new();
    for artifact in artifacts {
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
           <version>1</version>\n  \
           <packaging>pom</packaging>\n  \
           <dependencies>\n{dependencies}  </dependencies>\n\
         </project>\n"
    )
}
