//! The folder of a running cluster: removed when it is over, kept when something went wrong.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::SystemTime;

use crate::error::StartError;

/// The environment variable that names another place for the folders.
const ROOT_VARIABLE: &str = "FERRY_TESTBED_DIR";

/// The environment variable that keeps every folder, data included, when it is set to `1`.
const KEEP_VARIABLE: &str = "FERRY_TESTBED_KEEP";

/// How many folders of failed runs are kept; the oldest go first.
const KEPT_AT_MOST: usize = 20;

/// Marks a folder that is kept after a failure.
const KEPT_MARK: &str = "kept";

/// Locked by the process that uses the folder.
const LOCK: &str = "lock";

/// Makes names unique within this process.
static COUNTER: AtomicU32 = AtomicU32::new(1);

/// The folder of one cluster.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    keep: AtomicBool,
    /// Locked while it is open, so that a folder whose process was killed can be told from one in
    /// use.
    _lock: File,
}

impl RunFolder {
    /// Makes a new folder whose name begins with `name`, and removes those that killed processes
    /// left behind.
    pub(crate) fn create(name: &str) -> Result<Self, StartError> {
        let runs = root().join("runs");
        let created = create_in(&runs, name).map_err(|source| StartError::Folder {
            path: runs.clone(),
            source,
        })?;
        Ok(created)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps it when it is dropped, whatever happens.
    pub(crate) fn keep(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if std::env::var_os(KEEP_VARIABLE).is_some_and(|value| value == "1") {
            let _ = fs::write(self.path.join(KEPT_MARK), KEEP_VARIABLE);
            say_kept(&self.path);
        } else if thread::panicking() || self.keep.load(Ordering::Relaxed) {
            remove_data(&self.path);
            let _ = fs::write(self.path.join(KEPT_MARK), "failure");
            say_kept(&self.path);
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The folder that holds all of the test bed's files: `target/testbed`, or what
/// `FERRY_TESTBED_DIR` names.
pub(crate) fn root() -> PathBuf {
    match std::env::var_os(ROOT_VARIABLE) {
        Some(root) => absolute(root.into()),
        None => target_folder().join("testbed"),
    }
}

/// The servers run in folders of their own, so paths given to them are absolute.
pub(crate) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Cargo's target folder.
pub(crate) fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => absolute(target.into()),
        // This crate lies two levels below the workspace.
        None => {
            let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            workspace.canonicalize().unwrap_or(workspace).join("target")
        }
    }
}

/// Makes and locks a folder, under a lock of the whole place: else another process could take a
/// folder that is made but not yet locked for an abandoned one.
fn create_in(runs: &Path, name: &str) -> io::Result<RunFolder> {
    fs::create_dir_all(runs)?;
    let place = File::create(runs.join(LOCK))?;
    place.lock()?;
    remove_abandoned(runs);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let path = runs.join(format!("{name}-{}-{number}", std::process::id()));
    if path.exists() {
        // A kept folder of an earlier process that had the same id.
        fs::remove_dir_all(&path)?;
    }
    fs::create_dir(&path)?;
    let lock = File::create(path.join(LOCK))?;
    lock.lock()?;
    Ok(RunFolder {
        path,
        keep: AtomicBool::new(false),
        _lock: lock,
    })
}

/// Removes the folders whose process is gone and that are not kept, and the oldest of the kept.
fn remove_abandoned(runs: &Path) {
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in fs::read_dir(runs).into_iter().flatten().flatten() {
        let path = path.path();
        if !path.is_dir() {
            continue;
        }
        if let Ok(mark) = fs::metadata(path.join(KEPT_MARK)) {
            let when = mark.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            kept.push((when, path));
        } else if is_abandoned(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
    kept.sort();
    let too_many = kept.len().saturating_sub(KEPT_AT_MOST);
    for (_, path) in &kept[..too_many] {
        let _ = fs::remove_dir_all(path);
    }
}

/// Whether nobody holds the folder's lock.
fn is_abandoned(path: &Path) -> bool {
    match File::open(path.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes the data of every node, which is large, and leaves logs and configuration.
fn remove_data(path: &Path) {
    for node in fs::read_dir(path).into_iter().flatten().flatten() {
        let data = node.path().join("data");
        if data.is_dir() {
            let _ = fs::remove_dir_all(data);
        }
    }
}

/// Prints where a kept folder is. Written directly, because a test's captured output is shown with
/// the failure, which is the place for it.
#[allow(clippy::print_stderr)]
fn say_kept(path: &Path) {
    let _ = io::stdout().flush();
    eprintln!("test bed: logs are kept in {}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place of its own under the target folder.
    fn place(name: &str) -> PathBuf {
        let place = root().join(format!("unit-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        place
    }

    #[test]
    fn a_folder_in_use_stays_and_an_abandoned_one_goes() {
        let place = place("abandoned");
        let used = create_in(&place, "used").unwrap();
        let abandoned = place.join("abandoned-1-1");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        let _next = create_in(&place, "next").unwrap();
        assert!(used.path().exists());
        assert!(!abandoned.exists());
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn only_the_newest_kept_folders_stay() {
        let place = place("kept");
        fs::create_dir_all(&place).unwrap();
        for number in 0..KEPT_AT_MOST + 3 {
            let path = place.join(format!("old-{number}"));
            fs::create_dir(&path).unwrap();
            let mark = File::create(path.join(KEPT_MARK)).unwrap();
            let seconds = 1_000_000 + u64::try_from(number).unwrap();
            mark.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
                .unwrap();
        }
        remove_abandoned(&place);
        assert!(!place.join("old-2").exists());
        assert!(place.join("old-3").exists());
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn a_kept_folder_loses_its_data_and_keeps_its_logs() {
        let place = place("data");
        let folder = create_in(&place, "failed").unwrap();
        let node = folder.path().join("node-1");
        fs::create_dir_all(node.join("data")).unwrap();
        fs::write(node.join("server.log"), "why").unwrap();
        folder.keep();
        drop(folder);
        assert!(node.join("server.log").exists());
        assert!(!node.join("data").exists());
        fs::remove_dir_all(&place).unwrap();
    }
}
