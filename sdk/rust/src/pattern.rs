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

/// How many of some names a pattern covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// None of them.
    None,
    /// Perhaps some of them.
    Some,
    /// All of them.
    All,
}

/// A pattern of a simple form: a text, and what may follow.
struct Form {
    start: String,
    rest: Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Anything,
    AtLeastOne,
    /// Something that is not looked into.
    Something,
}

fn glob_form(pieces: &[Piece]) -> Option<Form> {
    let literal = |piece: &Piece| match piece {
        Piece::Literal(literal) => Some(*literal),
        Piece::One | Piece::Any => None,
    };
    let start: String = pieces.iter().map_while(literal).collect();
    let rest = match &pieces[start.chars().count()..] {
        [] => Rest::Nothing,
        [Piece::Any] => Rest::Anything,
        _ => Rest::Something,
    };
    Some(Form { start, rest })
}

/// Expressions of the form `text(.*)`; none for all others.
fn expression_form(expression: &str) -> Option<Form> {
    let endings = [
        ("(.*)", Rest::Anything),
        ("(.+)", Rest::AtLeastOne),
        (".*", Rest::Anything),
        (".+", Rest::AtLeastOne),
    ];
    let (text, rest) = endings
        .into_iter()
        .find_map(|(ending, rest)| Some((expression.strip_suffix(ending)?, rest)))?;
    let mut start = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next()? {
                escaped if escaped.is_ascii_punctuation() => start.push(escaped),
                _ => return None,
            },
            plain if plain.is_alphanumeric() || matches!(plain, '-' | '_' | ':' | '/' | ' ') => {
                start.push(plain);
            }
            _ => return None,
        }
    }
    Some(Form { start, rest })
}

/// An expression for whole names, whatever characters are in them.
fn whole(expression: &str) -> String {
    format!("^(?s:{expression})$")
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
            Some(expression) => regex_lite::Regex::new(&whole(expression))
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

    /// How many of the names that start with `prefix` the pattern covers, as far as its form tells.
    ///
    /// ```
    /// use ferry_sdk::pattern::{Coverage, Pattern};
    ///
    /// let pattern = Pattern::parse("ord.*").unwrap();
    /// assert_eq!(pattern.coverage("ord.eu."), Coverage::All);
    /// assert_eq!(pattern.coverage("or"), Coverage::Some);
    /// assert_eq!(pattern.coverage("pay."), Coverage::None);
    /// ```
    #[must_use]
    pub fn coverage(&self, prefix: &str) -> Coverage {
        let form = match &self.matcher {
            Matcher::Glob(pieces) => glob_form(pieces),
            Matcher::Expression(_) => expression_form(self.expression_text()),
        };
        let Some(form) = form else {
            return Coverage::Some;
        };
        let open = form.rest != Rest::Nothing;
        if open && prefix.starts_with(&form.start) {
            return match form.rest {
                Rest::Anything => Coverage::All,
                Rest::AtLeastOne if prefix.len() > form.start.len() => Coverage::All,
                _ => Coverage::Some,
            };
        }
        if form.start.starts_with(prefix) {
            Coverage::Some
        } else {
            Coverage::None
        }
    }

    /// The text that all covered names start with, where everything that starts with it is covered:
    /// `ord.` for `ord.*`.
    #[must_use]
    pub fn open_start(&self) -> Option<String> {
        let form = match &self.matcher {
            Matcher::Glob(pieces) => glob_form(pieces),
            Matcher::Expression(_) => expression_form(self.expression_text()),
        };
        form.filter(|form| matches!(form.rest, Rest::Anything | Rest::AtLeastOne))
            .map(|form| form.start)
    }

    /// The one name that is covered, where the pattern has no wildcard.
    #[must_use]
    pub fn only_name(&self) -> Option<String> {
        match &self.matcher {
            Matcher::Glob(pieces) => glob_form(pieces)
                .filter(|form| form.rest == Rest::Nothing)
                .map(|form| form.start),
            Matcher::Expression(_) => None,
        }
    }

    /// What stands behind `re:`.
    fn expression_text(&self) -> &str {
        self.text.strip_prefix("re:").unwrap_or(&self.text)
    }

    /// The pattern as a regular expression that covers the whole name. Each `*` and `?` of a glob is
    /// a group.
    #[must_use]
    pub fn expression(&self) -> String {
        match &self.matcher {
            Matcher::Expression(_) => whole(self.expression_text()),
            Matcher::Glob(pieces) => {
                let mut expression = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Any => expression.push_str("(.*)"),
                        Piece::One => expression.push_str("(.)"),
                        Piece::Literal(literal) => {
                            expression
                                .push_str(&regex_lite::escape(literal.encode_utf8(&mut [0; 4])));
                        }
                    }
                }
                whole(&expression)
            }
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
    fn coverage_is_told_only_where_the_form_proves_it() {
        let of = |pattern: &str, prefix| Pattern::parse(pattern).expect(pattern).coverage(prefix);
        for (pattern, prefix, coverage) in [
            ("*", "a", Coverage::All),
            ("a*", "ab", Coverage::All),
            ("a*", "", Coverage::Some),
            ("ab", "a", Coverage::Some),
            ("ab", "abc", Coverage::None),
            ("a*c", "ab", Coverage::Some),
            ("x*c", "ab", Coverage::None),
            ("re:a\\.(.+)", "a.", Coverage::Some),
            ("re:a\\.(.+)", "a.b", Coverage::All),
            ("re:a\\.(.*)", "a.", Coverage::All),
            ("re:a.(.*)", "a.", Coverage::Some),
            ("re:(a|b).*", "a", Coverage::Some),
        ] {
            assert_eq!(of(pattern, prefix), coverage, "{pattern} on {prefix}");
        }
    }

    #[test]
    fn the_wildcards_of_a_glob_are_groups_of_its_expression() {
        let pattern = Pattern::parse("a.*-?").expect("a glob");
        let expression = regex_lite::Regex::new(&pattern.expression()).expect("an expression");
        let captures = expression.captures("a.b\nc-1").expect("covered");
        assert_eq!((&captures[1], &captures[2]), ("b\nc", "1"));
        assert!(expression.captures("axb-1").is_none());
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
