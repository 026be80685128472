//! Archives of loaded classes, with which a node starts in half the processor time.
//!
//! Most of a node's start is loading and checking some 6,000 classes. Java can write what it has
//! loaded into a file when it ends, and map that file at the next start (application class data
//! sharing, JEP 350). The archive is made once for each release and Java, by a node that is started
//! for this alone. Without an archive everything works the same, more slowly.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::builder::ClusterBuilder;
use crate::folder::root;
use crate::installation::{Installation, java};
use crate::listener::Listener;

/// How long a failure to make an archive is remembered.
const RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// What a node does with an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ClassArchive {
    /// Finds the one for its release, or has it made.
    #[default]
    Find,
    /// Maps this one.
    Use(PathBuf),
    /// Writes this one when it is stopped.
    Make(PathBuf),
    /// Works without.
    None,
}

impl ClassArchive {
    /// The option for Java.
    pub(crate) fn option(&self) -> Option<String> {
        match self {
            Self::Find | Self::None => None,
            Self::Use(path) => Some(format!("-XX:SharedArchiveFile={}", path.display())),
            Self::Make(path) => Some(format!("-XX:ArchiveClassesAtExit={}", path.display())),
        }
    }

    /// The archive for a release: the one that is there, or one that is made now. That none can be
    /// made is remembered, and is no error.
    pub(crate) fn for_installation(installation: &Installation) -> Self {
        match find_or_make(installation) {
            Ok(Some(path)) => Self::Use(path),
            Ok(None) | Err(_) => Self::None,
        }
    }
}

fn find_or_make(installation: &Installation) -> io::Result<Option<PathBuf>> {
    let folder = root().join("archives");
    let release = installation.version().release();
    let archive = folder.join(format!("{release}-{:016x}.jsa", identity(installation)?));
    let failed = archive.with_extension("failed");
    if archive.is_file() {
        return Ok(Some(archive));
    }
    if is_recent(&failed) {
        return Ok(None);
    }
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    // Another process may have made it while this one waited.
    if archive.is_file() {
        return Ok(Some(archive));
    }
    remove_archives_of(release, &folder);
    let partial = archive.with_extension("partial");
    if make(installation, &partial) && partial.is_file() {
        fs::rename(&partial, &archive)?;
        Ok(Some(archive))
    } else {
        fs::write(failed, "")?;
        Ok(None)
    }
}

/// Whether a failure is too recent to try again: it may have been the machine's load.
fn is_recent(failed: &Path) -> bool {
    modified(failed).is_ok_and(|when| when.elapsed().is_ok_and(|age| age < RETRY_AFTER))
}

/// Names what an archive is good for: these jars, and this Java.
fn identity(installation: &Installation) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    installation.mark().hash(&mut hasher);
    modified(&installation.mark())?.hash(&mut hasher);
    let java = find_java()?;
    modified(&java)?.hash(&mut hasher);
    java.hash(&mut hasher);
    Ok(hasher.finish())
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// Where Java really is, behind the links of the system's alternatives.
fn find_java() -> io::Result<PathBuf> {
    let java = PathBuf::from(java());
    if java.components().count() > 1 {
        return java.canonicalize();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(&java))
        .find(|candidate| candidate.is_file())
        .ok_or(io::ErrorKind::NotFound)?
        .canonicalize()
}

/// Removes the archives that an earlier Java or earlier jars left.
fn remove_archives_of(release: &str, folder: &Path) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten() {
        if path
            .file_name()
            .to_string_lossy()
            .starts_with(&format!("{release}-"))
        {
            let _ = fs::remove_file(path.path());
        }
    }
}

/// Starts a node with all that its release may do here and stops it in order; whether that went well.
fn make(installation: &Installation, archive: &Path) -> bool {
    let version = installation.version();
    let mut settings = ClusterBuilder::new(version)
        .name("class-archive")
        .listener(Listener::Plaintext)
        .authorizer(true);
    if !version.needs_zookeeper() {
        settings = settings
            .listener(Listener::SaslPlaintext)
            .listener(Listener::SaslSsl)
            .listener(Listener::Ssl)
            .user("archive", "archive");
    }
    settings.class_archive = ClassArchive::Make(archive.to_owned());
    let Ok(cluster) = settings.start_blocking() else {
        return false;
    };
    cluster.node(1).stop_blocking().is_ok()
}
