//! Every code that this crate and its neighbours can show has a page. Method: the numbers that stand
//! beside `Problem::new`, or first in a pair with the next step, in their sources.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("sources") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            codes(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("source");
        let Some((_, explain)) = text.split_once("impl Explain for") else {
            continue;
        };
        let numbers = explain.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        found.extend(
            numbers
                .filter(|n| n.len() == 3 && n.starts_with('3') && n.parse::<u16>().is_ok())
                .map(str::to_owned),
        );
    }
}

#[test]
fn every_code_has_a_page_that_names_it() {
    let mut found = BTreeSet::new();
    for source in ["host/plugins/src", "host/catalogue/src", "host/stock/src"] {
        codes(&support::root().join(source), &mut found);
    }
    assert!(found.len() > 20, "{found:?}");
    for code in found {
        let page = support::root().join(format!("docs/errors/FERRY-E{code}.md"));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(text.starts_with(&format!("# FERRY-E{code}: ")), "{code}");
    }
}
