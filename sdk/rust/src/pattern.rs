//! Patterns for names, as the stock plugins know them: globs, and regular expressions after `re:`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes that a pattern may have.
pub const PATTERN_BYTES_MAX: usize = 1_024;

/// A pattern for names. It covers the whole name, never a part of it.
///
/// - A glob: `*` stands for any characters, also none; `?` for one; `\` takes the next character as
///   it is. Everything else stands for itself, dots too.
/// - `re:` and a regular expression, in the syntax of the crate `regex-lite`: no look-around, no
///   back references, time linear in the name.
///
/// ```
/// use ferry_sdk::pattern::Pattern;
///
/// assert!(Pattern::parse("ord.*").unwrap().matches("ord.eu.1"));
/// assert!(!Pattern::parse("ord.*").unwrap().matches("order"));
/// assert!(Pattern::parse("re:(tmp|test)-\\d+").unwrap().matches("tmp-42"));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// Characters before the first `*`, between the stars, and after the last one.
    Glob(Vec<Piece>),
    Expression(regex_lite::Regex),
}

/// A part of a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(char),
    One,
    Any,
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalPattern {
    text: String,
    why: String,
}

impl fmt::Display for IllegalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a pattern: {}", self.text, self.why)
    }
}

impl std::error::Error for IllegalPattern {}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`IllegalPattern`] where it is empty, too long, or no regular expression.
    pub fn parse(text: impl Into<String>) -> Result<Self, IllegalPattern> {
        let text = text.into();
        match Self::matcher(&text) {
            Ok(matcher) => Ok(Self { text, matcher }),
            Err(why) => Err(IllegalPattern { text, why }),
        }
    }

    fn matcher(text: &str) -> Result<Matcher, String> {
        if text.is_empty() {
            return Err("it is empty, and would cover nothing".to_owned());
        }
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!("it has more than {PATTERN_BYTES_MAX} bytes"));
        }
        match text.strip_prefix("re:") {
            Some(expression) => regex_lite::Regex::new(&format!("^(?:{expression})$"))
                .map(Matcher::Expression)
                .map_err(|e| e.to_string()),
            None => pieces(text).map(Matcher::Glob),
        }
    }

    /// Whether the pattern covers the whole of `name`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Glob(pieces) => glob_matches(pieces, name),
            Matcher::Expression(expression) => expression.is_match(name),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = IllegalPattern;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '*' if pieces.last() == Some(&Piece::Any) => continue,
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => Piece::Literal(
                characters
                    .next()
                    .ok_or("it ends in `\\`, which takes the next character as it is")?,
            ),
            other => Piece::Literal(other),
        });
    }
    Ok(pieces)
}

/// Matches with one step back: to the last star, which then takes one character more. Earlier stars
/// never need to be tried again, so that the time is at most pieces times characters.
fn glob_matches(pieces: &[Piece], name: &str) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = name[at..].chars().next() {
        let fits = match pieces.get(piece) {
            Some(Piece::Any) => {
                star = Some((piece + 1, at));
                piece += 1;
                continue;
            }
            Some(Piece::One) => true,
            Some(Piece::Literal(literal)) => *literal == character,
            None => false,
        };
        if fits {
            piece += 1;
            at += character.len_utf8();
            continue;
        }
        let Some((after_star, taken)) = star else {
            return false;
        };
        let skipped = name[taken..].chars().next().map_or(1, char::len_utf8);
        star = Some((after_star, taken + skipped));
        piece = after_star;
        at = taken + skipped;
    }
    pieces[piece..].iter().all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).expect(pattern).matches(name)
    }

    #[test]
    fn a_glob_covers_the_whole_name() {
        for (pattern, name) in [
            ("optr*", "optr"),
            ("optr*", "optr-1"),
            ("*", ""),
            ("*-dlq", "a-dlq-dlq"),
            ("a*b*c", "aXbbXbc"),
            ("a?c", "aöc"),
            ("ord.eu", "ord.eu"),
            ("\\*", "*"),
            ("**x", "x"),
        ] {
            assert!(covers(pattern, name), "{pattern} on {name}");
        }
        for (pattern, name) in [
            ("optr*", "xoptr"),
            ("ord.eu", "ord-eu"),
            ("a?c", "ac"),
            ("a*b*c", "acb"),
            ("\\*", "x"),
            ("a", "ab"),
        ] {
            assert!(!covers(pattern, name), "{pattern} on {name}");
        }
    }

    #[test]
    fn an_expression_covers_the_whole_name_also_with_alternatives() {
        assert!(covers("re:a|b", "b"));
        assert!(!covers("re:a|b", "xb"));
        assert!(!covers("re:a|b", "ax"));
    }

    #[test]
    fn a_glob_of_many_stars_stays_quick() {
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!covers(&pattern, &"a".repeat(249)));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "empty"),
            ("re:(", "open group"),
            ("a\\", "next character"),
        ] {
            let error = Pattern::parse(text).expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(Pattern::parse("a".repeat(1_025)).is_err());
    }
}
