//! A state file in memory, on a disk that can be full.

use ferry_copy::storage::Storage;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The file, which outlives the processes that write it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryStorage {
    file: Arc<Mutex<File>>,
}

#[derive(Debug, Default)]
struct File {
    contents: Option<Vec<u8>>,
    full: bool,
}

impl MemoryStorage {
    /// Fills the disk, or makes room.
    pub(crate) fn fill(&self, full: bool) {
        self.lock().full = full;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStorage {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.lock().contents.clone())
    }

    fn write(&self, contents: &[u8]) -> io::Result<()> {
        let mut file = self.lock();
        if file.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.contents = Some(contents.to_vec());
        Ok(())
    }

    fn name(&self) -> PathBuf {
        PathBuf::from("copy.json")
    }
}
