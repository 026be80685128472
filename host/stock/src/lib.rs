//! The stock plugins, carried inside the binary.
//!
//! They are components like all others, built from `plugins/` before the binary, and loaded through
//! the same checks. A binary that was built without them says so when one is asked for.

use ferry_model::problem::{Explain, Problem};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The owner of the stock plugins, as the first part of their names.
pub const OWNER: &str = "ferry";

/// Why there is no stock plugin of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    /// The binary carries none at all.
    #[error("this ferry was built without stock plugins")]
    NoneEmbedded,
    /// The binary carries others.
    #[error("there is no stock plugin `{name}`; there are {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
}

impl Explain for StockError {
    fn problem(&self) -> Problem {
        let problem = Problem::new(330, self.to_string());
        match self {
            Self::NoneEmbedded => problem.next("run ./x build, which builds them first"),
            Self::Unknown { .. } => problem.next("mend the name under `use`, or give a file"),
        }
    }
}

/// The component of the stock plugin `ferry/<name>`; `name` with or without the owner.
///
/// # Errors
/// [`StockError`] where the binary carries no plugins, or none of this name.
pub fn component(name: &str) -> Result<&'static [u8], StockError> {
    find(EMBEDDED, name)
}

/// The names of the stock plugins, without their owner; empty where the binary carries none.
pub fn names() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(name, _)| *name)
}

fn find(
    embedded: &'static [(&'static str, &'static [u8])],
    name: &str,
) -> Result<&'static [u8], StockError> {
    let short = match name.split_once('/') {
        Some((OWNER, short)) => short,
        Some(_) => "",
        None => name,
    };
    if let Some((_, component)) = embedded.iter().find(|(known, _)| *known == short) {
        return Ok(component);
    }
    if embedded.is_empty() {
        return Err(StockError::NoneEmbedded);
    }
    let known: Vec<_> = embedded
        .iter()
        .map(|(known, _)| format!("{OWNER}/{known}"))
        .collect();
    Err(StockError::Unknown {
        name: name.to_owned(),
        known: known.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[(&str, &[u8])] = &[("one", b"1"), ("two", b"2")];

    #[test]
    fn a_plugin_is_found_with_and_without_its_owner() {
        assert_eq!(find(TWO, "two"), Ok(b"2".as_slice()));
        assert_eq!(find(TWO, "ferry/one"), Ok(b"1".as_slice()));
    }

    #[test]
    fn a_name_that_there_is_not_is_answered_with_those_that_there_are() {
        let error = find(TWO, "acme/one").expect_err("another owner");
        assert_eq!(
            error.to_string(),
            "there is no stock plugin `acme/one`; there are ferry/one, ferry/two"
        );
    }

    #[test]
    fn a_binary_without_plugins_says_so_and_how_to_build_one_with() {
        let error = find(&[], "one").expect_err("none");
        let text = error.problem().to_string();
        assert!(text.contains("built without stock plugins"), "{text}");
        assert!(text.contains("./x build"), "{text}");
    }
}
