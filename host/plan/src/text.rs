//! Lists of names from outside, fit for a terminal.

pub use ferry_model::text::escaped;

/// The first `most` of `names`, escaped, with the number of those left out.
#[must_use]
pub fn listed<'n>(names: impl IntoIterator<Item = &'n str>, most: usize) -> String {
    let mut names = names.into_iter();
    let shown: Vec<_> = names.by_ref().take(most).map(escaped).collect();
    let rest = names.count();
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_tells_how_many_it_leaves_out() {
        assert_eq!(listed(["a", "b"], 3), "a, b");
        assert_eq!(listed(["a", "b", "c", "d"], 2), "a, b and 2 more");
    }
}
