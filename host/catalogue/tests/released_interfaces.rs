//! A released version of the interfaces never changes: plugins were built against it. Method: the
//! digest of its files, names included.

use ferry_model::digest::Digest;
use std::path::Path;

fn digest_of(folder: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("interfaces")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    let mut bytes = Vec::new();
    for file in files {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let contents = std::fs::read(&file).expect("a file");
        bytes.extend_from_slice(format!("{name} {}\n", contents.len()).as_bytes());
        bytes.extend_from_slice(&contents);
    }
    Digest::of(&bytes).to_string()
}

#[test]
fn the_roles_of_0_1_0_are_as_they_were_released() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/role/0.1.0");
    assert_eq!(
        digest_of(&folder),
        "sha256:f2fa156505a06494e506b19c60a3fd16626c350dea60b0156a24f902ad45ad60",
        "wit/role/0.1.0 was changed; make a folder for the next version instead"
    );
}
