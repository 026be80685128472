//! Goal: every code that the journal and the engine can show has a page. Method: the codes as they
//! stand in the sources, against docs/errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Numbers from 400 to 499 that stand alone in the sources of a crate.
fn collect(sources: &Path, codes: &mut BTreeSet<u16>) {
    for entry in fs::read_dir(sources).expect("there") {
        let path = entry.expect("there").path();
        if path.is_dir() {
            collect(&path, codes);
        } else {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let words = text.split(|c: char| !c.is_alphanumeric());
            codes.extend(
                words
                    .filter_map(|word| word.parse::<u16>().ok())
                    .filter(|n| (400..500).contains(n)),
            );
        }
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut in_sources = BTreeSet::new();
    for crate_name in ["journal", "engine"] {
        collect(
            &root.join("host").join(crate_name).join("src"),
            &mut in_sources,
        );
    }
    let pages: BTreeSet<u16> = fs::read_dir(root.join("docs/errors"))
        .expect("there")
        .filter_map(|entry| {
            let name = entry
                .expect("there")
                .file_name()
                .into_string()
                .expect("UTF-8");
            name.strip_prefix("FERRY-E")?
                .strip_suffix(".md")?
                .parse()
                .ok()
        })
        .filter(|code| (400..500).contains(code))
        .collect();
    assert_eq!(in_sources, pages);
    for code in pages {
        let page = fs::read_to_string(root.join(format!("docs/errors/FERRY-E{code}.md")));
        let page = page.expect("UTF-8");
        assert!(page.starts_with(&format!("# FERRY-E{code}: ")), "{code}");
        assert!(page.contains("\n## What to do\n"), "{code}");
    }
}
