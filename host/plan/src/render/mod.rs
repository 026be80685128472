//! The plan as text that a person reviews: aligned, without colour, within a width, and with every
//! name from outside made harmless to a terminal. Nothing is cut off: what does not fit goes on in the
//! next line.

mod acls;
pub mod amount;
mod decisions;
mod grid;
mod groups;
mod settings;
mod summary;
mod topics;

use crate::plan::Plan;

/// The narrowest table.
const WIDTH_LEAST: usize = 60;

/// Which part of a plan is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    /// The whole in a few lines.
    #[default]
    Summary,
    /// Every topic, in or out, and why.
    Topics,
    /// Every group.
    Groups,
    /// Every access control list.
    Acls,
    /// Every decision, open or answered.
    Decisions,
    /// Every setting that is changed for the copy, and what is known of the others.
    Settings,
    /// Everything.
    All,
}

/// A word that names no part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are summary, topics, groups, acls, decisions, settings and all")]
pub struct UnknownPart;

impl std::str::FromStr for Show {
    type Err = UnknownPart;
    fn from_str(word: &str) -> Result<Self, UnknownPart> {
        Ok(match word {
            "summary" => Self::Summary,
            "topics" => Self::Topics,
            "groups" => Self::Groups,
            "acls" => Self::Acls,
            "decisions" => Self::Decisions,
            "settings" => Self::Settings,
            "all" => Self::All,
            _ => return Err(UnknownPart),
        })
    }
}

/// The part `show` of `plan`, in lines of at most `width` characters (60 at least).
#[must_use]
pub fn table(plan: &Plan, width: usize, show: Show) -> String {
    let width = width.max(WIDTH_LEAST);
    match show {
        Show::Summary => summary::table(plan, width),
        Show::Topics => topics::table(plan, width),
        Show::Groups => groups::table(plan, width),
        Show::Acls => acls::table(plan, width),
        Show::Decisions => decisions::table(plan, width),
        Show::Settings => settings::table(plan, width),
        Show::All => [
            summary::table(plan, width),
            topics::table(plan, width),
            groups::table(plan, width),
            acls::table(plan, width),
            decisions::table(plan, width),
            settings::table(plan, width),
        ]
        .join("\n"),
    }
}
