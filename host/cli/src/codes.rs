//! The codes of what goes wrong in the command itself, each with a page in `docs/errors`.

/// A name that the command line gives is not legal.
pub(crate) const ILLEGAL_NAME: u16 = 601;
/// A file can't be written.
pub(crate) const NOT_WRITTEN: u16 = 602;
/// No plan was applied in this project.
pub(crate) const NO_PLAN: u16 = 603;
/// The plan is of another migration.
pub(crate) const OTHER_MIGRATION: u16 = 604;
/// A snapshot can't be used.
pub(crate) const BAD_SNAPSHOT: u16 = 605;
/// A plan, or a check, has no such part.
pub(crate) const NO_SUCH_PART: u16 = 606;
/// There is no problem of this code.
pub(crate) const NO_SUCH_CODE: u16 = 607;
/// An argument is not JSON.
pub(crate) const NOT_JSON: u16 = 608;
/// A plugin can't be found, or is another than the role or version that is wanted.
pub(crate) const WRONG_PLUGIN: u16 = 609;
/// The migration was not started yet.
pub(crate) const NOT_STARTED: u16 = 610;
/// A result can't be shown.
pub(crate) const NOT_SHOWN: u16 = 611;

/// There is no such topic group.
pub(crate) const NO_SUCH_GROUP: u16 = 612;
/// A limit on the command line is not one, or is none.
pub(crate) const BAD_LIMIT: u16 = 613;

/// Those that say that the input was bad rather than that something failed.
pub(crate) const BAD_INPUT: [u16; 9] = [
    ILLEGAL_NAME,
    OTHER_MIGRATION,
    BAD_SNAPSHOT,
    NO_SUCH_PART,
    NO_SUCH_CODE,
    NOT_JSON,
    WRONG_PLUGIN,
    NO_SUCH_GROUP,
    BAD_LIMIT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_copy_the_steps_and_the_command_has_a_page() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let own = [NOT_WRITTEN, NO_PLAN, NOT_STARTED, NOT_SHOWN];
        let all = BAD_INPUT
            .into_iter()
            .chain(own)
            .chain(ferry_steps::codes::ALL);
        for code in all {
            let page = folder.join(format!("FERRY-E{code}.md"));
            let text = std::fs::read_to_string(&page).unwrap_or_default();
            assert!(
                text.starts_with(&format!("# FERRY-E{code}: ")),
                "{}",
                page.display()
            );
        }
    }
}
