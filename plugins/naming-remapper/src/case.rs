//! Letters and words of names.

use crate::config::Case;

impl Case {
    /// The name in this case. Letters beyond ASCII stay: Kafka's own names have none.
    pub(crate) fn apply(self, name: &str) -> String {
        match self {
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Kebab => words(name, '-'),
            Self::Snake => words(name, '_'),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Kebab => "kebab",
            Self::Snake => "snake",
        }
    }
}

/// Small letters, with `separator` where a word starts in the middle of letters: before a capital
/// after a small letter or digit (`orderEvents`), and before the last capital of several when a
/// small letter follows (`HTTPLog`).
fn words(name: &str, separator: char) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut text = String::with_capacity(name.len() + 4);
    for (index, character) in characters.iter().copied().enumerate() {
        if matches!(character, '-' | '_') {
            text.push(separator);
            continue;
        }
        let before = index.checked_sub(1).map(|i| characters[i]);
        let after = characters.get(index + 1);
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let starts = character.is_ascii_uppercase()
            && before.is_some_and(|b| {
                small(b) || (b.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if starts {
            text.push(separator);
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_the_usual_ways_of_writing_them() {
        for (name, kebab) in [
            ("orderEvents", "order-events"),
            ("OrderEvents", "order-events"),
            ("HTTPLog", "http-log"),
            ("eu_west.OrderID", "eu-west.order-id"),
            ("v2Orders", "v2-orders"),
            ("a-b_c.d", "a-b-c.d"),
        ] {
            assert_eq!(Case::Kebab.apply(name), kebab);
            assert_eq!(Case::Snake.apply(name), kebab.replace('-', "_"));
        }
        assert_eq!(Case::Upper.apply("aB-c"), "AB-C");
        assert_eq!(Case::Lower.apply("aB-c"), "ab-c");
    }
}
