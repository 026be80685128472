//! Where the jars of a release are, and how a class of it is run.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::StartError;
use crate::folder::{absolute, target_folder};
use crate::version::KafkaVersion;

/// The environment variable that names the folder with one folder of jars per release.
const FOLDER_VARIABLE: &str = "FERRY_TEST_KAFKA_DIR";

/// The file that is written when all jars of a release are there.
const COMPLETE: &str = ".complete";

/// The jars of a release.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    folder: PathBuf,
    version: KafkaVersion,
}

impl Installation {
    /// Finds the jars of `version`.
    pub(crate) fn find(version: KafkaVersion) -> Result<Self, StartError> {
        let folder = match std::env::var_os(FOLDER_VARIABLE) {
            Some(folder) => absolute(folder.into()),
            None => target_folder().join("kafka"),
        }
        .join(version.release());
        if folder.join(COMPLETE).is_file() {
            Ok(Self { folder, version })
        } else {
            Err(StartError::KafkaMissing {
                release: version.release(),
                folder,
            })
        }
    }

    /// The release.
    pub(crate) fn version(&self) -> KafkaVersion {
        self.version
    }

    /// The file that was written when the last jar was there.
    pub(crate) fn mark(&self) -> PathBuf {
        self.folder.join(COMPLETE)
    }

    /// Java's option and value for the class path.
    pub(crate) fn class_path(&self) -> [OsString; 2] {
        ["-cp".into(), self.folder.join("*").into_os_string()]
    }
}

/// Java, from `JAVA_HOME` where it is set.
pub(crate) fn java() -> OsString {
    java_program("java")
}

/// A program of the JDK.
pub(crate) fn java_program(name: &str) -> OsString {
    match std::env::var_os("JAVA_HOME") {
        Some(home) => PathBuf::from(home).join("bin").join(name).into_os_string(),
        None => name.into(),
    }
}
