use super::*;
use crate::engine::engine;
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;

/// A cache in a folder of its own, and a component with its digest.
struct Bed {
    _folder: tempfile::TempDir,
    settings: CacheSettings,
    engine: Engine,
    compiled: Cell<u32>,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        Self {
            settings: CacheSettings {
                folder: folder.path().join("components"),
                key_file: folder.path().join("key"),
            },
            _folder: folder,
            engine: engine().expect("engine"),
            compiled: Cell::new(0),
        }
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.settings, &self.engine).expect("opens")
    }

    /// Loads a component through a cache that is opened anew, and counts compilations.
    fn load(&self, text: &str) {
        let bytes = wat::parse_str(text).expect("parses");
        self.cache()
            .component(&self.engine, &Digest::of(&bytes), || {
                self.compiled.set(self.compiled.get() + 1);
                Component::from_binary(&self.engine, &bytes)
            })
            .expect("loads");
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.settings.folder).expect("folder");
        let mut files: Vec<_> = entries.map(|e| e.expect("entry").path()).collect();
        files.sort();
        files
    }
}

const ONE: &str = "(component (core module (func (export \"one\"))))";
const TWO: &str = "(component (core module (func (export \"two\"))))";

#[test]
fn a_component_is_compiled_once() {
    let bed = Bed::new();
    bed.load(ONE);
    bed.load(ONE);
    assert_eq!(bed.compiled.get(), 1);
    bed.load(TWO);
    assert_eq!(bed.compiled.get(), 2);
}

#[test]
fn a_file_swapped_for_that_of_another_component_is_compiled_anew() {
    let bed = Bed::new();
    bed.load(ONE);
    let one = bed.files()[0].clone();
    bed.load(TWO);
    let two = bed.files().into_iter().find(|p| *p != one).expect("two");
    std::fs::copy(&two, &one).expect("swapped");
    bed.load(ONE);
    assert_eq!(bed.compiled.get(), 3);
}

#[test]
fn a_file_with_any_part_changed_is_compiled_anew_and_mended() {
    let bed = Bed::new();
    bed.load(ONE);
    let path = bed.files()[0].clone();
    let sound = std::fs::read(&path).expect("read");
    for (round, at) in [0, MAGIC.len(), MAGIC.len() + SEAL_BYTES, sound.len() - 1]
        .into_iter()
        .enumerate()
    {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).expect("written");
        bed.load(ONE);
        assert_eq!(bed.compiled.get() as usize, round + 2, "byte {at}");
        assert_eq!(std::fs::read(&path).expect("read").len(), sound.len());
    }
    std::fs::write(&path, &sound[..20]).expect("cut");
    bed.load(ONE);
    assert_eq!(bed.compiled.get(), 6);
}

#[test]
fn a_file_sealed_with_another_key_is_compiled_anew() {
    let bed = Bed::new();
    bed.load(ONE);
    std::fs::write(&bed.settings.key_file, [7; KEY_BYTES]).expect("written");
    bed.load(ONE);
    assert_eq!(bed.compiled.get(), 2);
}

#[test]
fn a_folder_that_others_may_enter_or_that_is_a_link_is_refused() {
    let bed = Bed::new();
    bed.load(ONE);
    let folder = &bed.settings.folder;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let refused = |settings: &CacheSettings| {
        let error = Cache::open(settings, &bed.engine).err().expect("refused");
        error.to_string()
    };
    assert!(refused(&bed.settings).contains("others may"));
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("mode");
    let link = folder.with_file_name("link");
    std::os::unix::fs::symlink(folder, &link).expect("link");
    let linked = CacheSettings {
        folder: link,
        ..bed.settings.clone()
    };
    assert!(refused(&linked).contains("symbolic link"));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let bed = Bed::new();
    bed.load(ONE);
    let key = &bed.settings.key_file;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).expect("mode");
    assert!(matches!(
        Cache::open(&bed.settings, &bed.engine),
        Err(CacheError::Unusable { .. })
    ));
}

#[test]
fn files_are_the_users_own_and_nothing_temporary_stays() {
    let bed = Bed::new();
    bed.load(ONE);
    let files = bed.files();
    assert_eq!(files.len(), 1);
    let mode = std::fs::metadata(&files[0]).expect("file").mode();
    assert_eq!(mode & 0o777, 0o600);
}
