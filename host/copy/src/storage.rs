//! Where the copy's state is kept: a file that is replaced as a whole.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place for one text that is written and read as a whole.
pub trait Storage: fmt::Debug + Send + Sync {
    /// What was written last; none if nothing ever was.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self) -> io::Result<Option<Vec<u8>>>;

    /// Puts `contents` in the place of what was there. After a crash at any moment either the one
    /// or the other is there, and once this has returned it is the new one.
    ///
    /// # Errors
    /// What the system says.
    fn write(&self, contents: &[u8]) -> io::Result<()>;

    /// Its name in errors.
    fn name(&self) -> PathBuf;
}

/// A file.
#[derive(Debug, Clone)]
pub struct FileStorage(PathBuf);

impl FileStorage {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Arc<dyn Storage> {
        Arc::new(Self(path.into()))
    }
}

impl Storage for FileStorage {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(&self.0) {
            Ok(contents) => Ok(Some(contents)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, contents: &[u8]) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let fresh = self.0.with_extension("json.new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(contents)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.0)?;
        std::fs::File::open(folder)?.sync_all()
    }

    fn name(&self) -> PathBuf {
        self.0.clone()
    }
}
