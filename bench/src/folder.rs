//! Where results, logs and Kafka's jars are.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The environment variable that names the folder with one folder of jars per release.
const JARS_VARIABLE: &str = "FERRY_TEST_KAFKA_DIR";

/// The folder with MirrorMaker 2 and all that it needs, among those of the releases.
const MIRROR_MAKER: &str = "mirror-maker-4.3.1";

/// Cargo's target folder.
fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
}

/// Results and logs.
pub(crate) fn bench() -> PathBuf {
    target().join("bench")
}

/// The jars of MirrorMaker 2.
pub(crate) fn mirror_maker() -> Result<PathBuf> {
    let jars = match std::env::var_os(JARS_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => target().join("kafka"),
    };
    let folder = jars.join(MIRROR_MAKER);
    ensure!(
        folder.join(".complete").is_file(),
        "MirrorMaker 2 is not in {}: `./x bench` fetches it",
        folder.display()
    );
    Ok(folder)
}
