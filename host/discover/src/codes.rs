//! The numbers of this crate's problems: `FERRY-E160` to `FERRY-E169`. Each has a page in
//! `docs/errors`; a number is never used for anything else again.

macro_rules! codes {
    ($($name:ident = $code:literal, $doc:literal;)+) => {
        $(#[doc = $doc] pub const $name: u16 = $code;)+

        /// Every code with one line about it.
        pub const ALL: &[(u16, &str)] = &[$(($code, $doc),)+];
    };
}

codes! {
    CLUSTER_UNREADABLE = 160, "A part of a cluster can't be read.";
    CONFIGS_UNREADABLE = 161, "Configurations of topics can't be read.";
    OFFSETS_UNREADABLE = 162, "Offsets of partitions can't be read.";
    GROUPS_UNREADABLE = 163, "Consumer groups can't be read.";
    NO_CLUSTER_ID = 164, "A cluster has no id.";
    SIZES_UNKNOWN = 165, "The brokers do not tell how large partitions are.";
    NOT_SAMPLED = 166, "Partitions could not be sampled.";
    TOPICS_HIDDEN = 167, "There are topics that the principal may not see.";
    ACLS_UNKNOWN = 168, "The principal may not see access control lists.";
    GROUPS_SKIPPED = 169, "Groups of a kind that has no committed offsets were skipped.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_code_has_a_page_that_says_what_it_means_why_and_what_to_do() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        for (code, line) in ALL {
            let page = folder.join(format!("FERRY-E{code}.md"));
            let text = std::fs::read_to_string(&page).unwrap_or_default();
            let title = format!("# FERRY-E{code}: ");
            for part in [&title, "## What it means", "## Causes", "## What to do"] {
                assert!(
                    text.contains(part),
                    "{} ({line}) lacks `{part}`",
                    page.display()
                );
            }
        }
    }
}
