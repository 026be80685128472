//! Keeps compiled plugins, so that the next start needs no compiler.
//!
//! Compiled plugins are native code, and loading one is as good as running it. Therefore: the folder
//! belongs to the user and nobody else may enter it; every file is sealed with an HMAC under a key
//! of the user that is kept apart from it; the seal covers what the code was made from, so that one
//! plugin's file can't stand in for another's; and the bytes that were checked are the very bytes
//! that are loaded, never the file read again. Whatever does not fit is compiled anew.

use ferry_model::digest::Digest;
use ferry_model::problem::{Explain, Problem};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{Hash as _, Hasher};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The first bytes of every file, with the version of this format.
const MAGIC: &[u8; 8] = b"FERRYCC1";

/// Bytes of a seal.
const SEAL_BYTES: usize = 32;

/// Bytes of a user's key: one block of SHA-256, which HMAC takes as it is.
const KEY_BYTES: usize = 64;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Where compiled plugins and the key that seals them are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// The folder of compiled plugins. Made with mode 0700 where it is missing.
    pub folder: PathBuf,
    /// The file of the user's key. Made with mode 0600 where it is missing. It should not lie in the
    /// folder, which may be restored or shared without it.
    pub key_file: PathBuf,
}

impl CacheSettings {
    /// The usual places: `ferry/components` under `XDG_CACHE_HOME` (or `~/.cache`), and
    /// `ferry/component-cache.key` under `XDG_CONFIG_HOME` (or `~/.config`). None without a home.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let place = |variable: &str, fallback: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| Some(home.as_ref()?.join(fallback)))
        };
        Some(Self {
            folder: place("XDG_CACHE_HOME", ".cache")?.join("ferry/components"),
            key_file: place("XDG_CONFIG_HOME", ".config")?.join("ferry/component-cache.key"),
        })
    }
}

/// Why the cache can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A folder or file can't be read or made.
    #[error("{path} can't be used for compiled plugins", path = path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could change what is in it.
    #[error("{path} is not safe for compiled plugins: {why}", path = path.display())]
    Unsafe {
        /// Which.
        path: PathBuf,
        /// Why: `it is a symbolic link`, `others may write to it`.
        why: &'static str,
    },
}

impl Explain for CacheError {
    fn problem(&self) -> Problem {
        match self {
            Self::Unusable { source, .. } => Problem::new(340, format!("{self}: {source}"))
                .next("check who owns it and its mode"),
            Self::Unsafe { path, .. } => Problem::new(341, self.to_string())
                .cause("compiled plugins are native code: whoever writes there runs code as you")
                .next(format!("chmod go-rwx {0}, or remove {0}", path.display())),
        }
    }
}

/// The cache, opened and found safe.
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    build: Digest,
}

impl Cache {
    /// Opens the cache, and makes folder and key where they are missing.
    pub(crate) fn open(settings: &CacheSettings, engine: &Engine) -> Result<Self, CacheError> {
        make_folder(&settings.folder)?;
        let key = read_or_make_key(&settings.key_file)?;
        Ok(Self {
            folder: settings.folder.clone(),
            key,
            build: build_digest(engine),
        })
    }

    /// The compiled component with this digest: from the cache, or compiled and then kept.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: &Digest,
        compile: impl FnOnce() -> wasmtime::Result<Component>,
    ) -> wasmtime::Result<Component> {
        let path = self.path(digest);
        match self.read(&path, digest) {
            Ok(Some(code)) => match deserialize(engine, &code) {
                Ok(component) => return Ok(component),
                Err(error) => warn(&path, &format!("{error:#}")),
            },
            Ok(None) => {}
            Err(error) => warn(&path, &error),
        }
        let component = compile()?;
        if let Err(error) = self.write(&path, digest, &component.serialize()?) {
            warn(&path, &error.to_string());
        }
        Ok(component)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let mut name = Vec::from(*digest.as_bytes());
        name.extend_from_slice(self.build.as_bytes());
        let name = Digest::of(&name).to_string();
        self.folder.join(name.replace(':', "-"))
    }

    /// The seal of some code: under the user's key, over the component, the build and the code.
    fn seal(&self, digest: &Digest, code: &[u8]) -> Hmac<Sha256> {
        let mut seal = Hmac::<Sha256>::new(&self.key.into());
        seal.update(MAGIC);
        seal.update(digest.as_bytes());
        seal.update(self.build.as_bytes());
        seal.update(code);
        seal
    }

    /// The code in a file whose seal fits; none where there is no file.
    fn read(&self, path: &Path, digest: &Digest) -> Result<Option<Vec<u8>>, String> {
        let file = match open_private(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|e| e.to_string())?;
        let sealed = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.split_at_checked(SEAL_BYTES));
        let Some((seal, code)) = sealed else {
            return Err("it is no compiled plugin".to_owned());
        };
        self.seal(digest, code)
            .verify_slice(seal)
            .map_err(|_| "its seal does not fit: it was changed, or moved here".to_owned())?;
        bytes.drain(..MAGIC.len() + SEAL_BYTES);
        Ok(Some(bytes))
    }

    fn write(&self, path: &Path, digest: &Digest, code: &[u8]) -> std::io::Result<()> {
        let seal = self.seal(digest, code).finalize().into_bytes();
        write_whole(path, &[MAGIC, &seal, code], |temporary| {
            std::fs::rename(temporary, path)
        })
    }
}

/// The cache is there to be quick; where it fails, plugins are compiled.
fn warn(path: &Path, error: &str) {
    tracing::warn!(path = %path.display(), error, "a compiled plugin can't be kept or taken");
}

/// Loads compiled code.
#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the caller has verified, on these very bytes, a seal that only this user's processes
    // can make, over code that `Component::serialize` of the same build has written.
    unsafe { Component::deserialize(engine, code) }
}

/// What compiled code depends on beside the component: this build, wasmtime, its settings, the
/// machine.
fn build_digest(engine: &Engine) -> Digest {
    struct Collect(Vec<u8>);
    impl Hasher for Collect {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut collect = Collect(env!("CARGO_PKG_VERSION").as_bytes().to_vec());
    engine.precompile_compatibility_hash().hash(&mut collect);
    Digest::of(&collect.0)
}

fn make_folder(folder: &Path) -> Result<(), CacheError> {
    let unusable = |source| CacheError::Unusable {
        path: folder.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(unusable)?;
    let metadata = std::fs::symlink_metadata(folder).map_err(unusable)?;
    let why = if metadata.file_type().is_symlink() {
        "it is a symbolic link"
    } else if !metadata.is_dir() {
        "it is no folder"
    } else if let Some(why) = shared(&metadata) {
        why
    } else {
        return Ok(());
    };
    Err(CacheError::Unsafe {
        path: folder.to_owned(),
        why,
    })
}

/// Why somebody else could reach a file; none where nobody can.
fn shared(metadata: &std::fs::Metadata) -> Option<&'static str> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Some("it belongs to somebody else");
    }
    (metadata.mode() & 0o077 != 0).then_some("others may read or write it")
}

/// Opens a file that is the user's own, and no link. Looks at what was opened, not at the path.
fn open_private(path: &Path) -> std::io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path)?;
    let metadata = file.metadata()?;
    let why = if metadata.is_file() {
        shared(&metadata)
    } else {
        Some("it is no plain file")
    };
    match why {
        Some(why) => Err(std::io::Error::other(why)),
        None => Ok(file),
    }
}

/// Writes a file under a temporary name beside `path`, then hands the name to `publish`: nobody ever
/// sees half a file.
fn write_whole(
    path: &Path,
    parts: &[&[u8]],
    publish: impl FnOnce(&Path) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let temporary = path.with_extension(format!("{:016x}", u64::from_le_bytes(random)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = parts
        .iter()
        .try_for_each(|part| file.write_all(part))
        .and_then(|()| file.sync_all())
        .and_then(|()| publish(&temporary));
    if written.is_err() {
        // Best effort: the file has a name of its own and is never read.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn read_or_make_key(path: &Path) -> Result<[u8; KEY_BYTES], CacheError> {
    let unusable = |source| CacheError::Unusable {
        path: path.to_owned(),
        source,
    };
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(unusable)?;
    }
    let mut key = [0_u8; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|e| unusable(std::io::Error::other(e)))?;
    // Of two processes that come here at once, one makes the link and both read its key.
    let made = write_whole(path, &[&key], |temporary| {
        let linked = std::fs::hard_link(temporary, path);
        std::fs::remove_file(temporary)?;
        match linked {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    made.map_err(unusable)?;
    read_key(path)?.ok_or_else(|| unusable(std::io::ErrorKind::NotFound.into()))
}

fn read_key(path: &Path) -> Result<Option<[u8; KEY_BYTES]>, CacheError> {
    let unusable = |source| CacheError::Unusable {
        path: path.to_owned(),
        source,
    };
    let mut file = match open_private(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    let mut key = [0_u8; KEY_BYTES];
    file.read_exact(&mut key).map_err(unusable)?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests;
