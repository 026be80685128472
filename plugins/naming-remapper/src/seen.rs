//! The names that were decided on before, to check what a renamed prefix would cover.

/// Old and new names of one kind.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    by_old: Vec<(String, String)>,
    /// New and old names; made when it is first asked for.
    by_new: Vec<(String, String)>,
    sorted: bool,
}

impl Seen {
    pub(crate) fn add(&mut self, old: &str, new: &str) {
        self.by_old.push((old.to_owned(), new.to_owned()));
        self.sorted = false;
    }

    /// Why `new_prefix` does not cover exactly what `old_prefix` covers, where it does not.
    pub(crate) fn contradiction(&mut self, old_prefix: &str, new_prefix: &str) -> Option<String> {
        if !self.sorted {
            self.by_old.sort_unstable();
            self.by_new = self
                .by_old
                .iter()
                .map(|(old, new)| (new.clone(), old.clone()))
                .collect();
            self.by_new.sort_unstable();
            self.sorted = true;
        }
        let left_out = starting_with(&self.by_old, old_prefix)
            .iter()
            .find(|(_, new)| !new.starts_with(new_prefix));
        if let Some((old, new)) = left_out {
            return Some(format!("{old} becomes {new}"));
        }
        let taken_in = starting_with(&self.by_new, new_prefix)
            .iter()
            .find(|(_, old)| !old.starts_with(old_prefix));
        taken_in.map(|(new, old)| format!("{new_prefix} would cover {new} too, once {old}"))
    }
}

/// The part of a sorted list whose first texts start with `prefix`.
fn starting_with<'a>(sorted: &'a [(String, String)], prefix: &str) -> &'a [(String, String)] {
    let from = sorted.partition_point(|(text, _)| text.as_str() < prefix);
    let rest = &sorted[from..];
    &rest[..rest.partition_point(|(text, _)| text.starts_with(prefix))]
}
