//! The directory that holds the state of one migration.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory that holds the state of one migration: `.ferry/<migration>`, readable by its owner
/// only (0700), its files too (0600).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDirectory(PathBuf);

/// The directory, or a file in it, can't be used.
#[derive(Debug, thiserror::Error)]
#[error("can't {operation} {}", path.display())]
pub struct DirectoryError {
    /// What was tried: `create`, `open`, `read`, `write`.
    pub operation: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

impl DirectoryError {
    pub(crate) fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            source,
        }
    }
}

impl StateDirectory {
    /// Names a directory, without touching it.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Creates the directory and those above it where they are missing, durably, and closes it to
    /// everyone but its owner.
    ///
    /// # Errors
    /// [`DirectoryError`] where it can't be created or closed.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let path = path.into();
        let missing: Vec<_> = path.ancestors().take_while(|path| !exists(path)).collect();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| DirectoryError::new("create", &path, error))?;
        for created in missing {
            sync_names(created.parent().unwrap_or(created))?;
        }
        let mode = fs::metadata(&path)
            .map_err(|error| DirectoryError::new("look at", &path, error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&path, Permissions::from_mode(0o700))
                .map_err(|error| DirectoryError::new("close to others", &path, error))?;
        }
        Ok(Self(path))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// The file whose OS lock the writer holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("journal.lock")
    }

    /// Makes the names of new files in it durable.
    pub(crate) fn sync(&self) -> Result<(), DirectoryError> {
        sync_names(&self.0)
    }
}

/// Whether there is a directory. The empty path is the current one.
fn exists(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.exists()
}

/// Makes the names in a directory durable: without it, a file that was synced can be lost with its
/// name when the power goes.
fn sync_names(directory: &Path) -> Result<(), DirectoryError> {
    let directory = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| DirectoryError::new("write", directory, error))
}

/// How files of the state are opened for writing: created closed to everyone but the owner.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_closed_to_others_even_if_it_was_open_before() {
        let above = tempfile::tempdir().expect("directory");
        let path = above.path().join(".ferry/retail");
        fs::create_dir_all(&path).expect("directory");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("mode");
        for _ in 0..2 {
            StateDirectory::create(&path).expect("created");
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let above = tempfile::tempdir().expect("directory");
        let path = above.path().join("file");
        fs::write(&path, "").expect("file");
        let error = StateDirectory::create(path.join("state")).expect_err("in the way");
        assert!(error.to_string().starts_with("can't create "), "{error}");
    }
}
