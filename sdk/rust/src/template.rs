//! Templates for new names: `retail.orders.$1`.

use crate::pattern::Pattern;
use regex_lite::Regex;
use std::fmt;

/// Makes new names of those that a pattern covers. `$1` or `${1}` stands for the first group of an
/// expression, or the first wildcard of a glob; `$$` for a dollar.
///
/// ```
/// use ferry_sdk::{pattern::Pattern, template::Template};
///
/// let pattern = Pattern::parse("ord.*").unwrap();
/// let template = Template::parse("retail.$1", &pattern).unwrap();
/// assert_eq!(template.expand("ord.eu").as_deref(), Some("retail.eu"));
/// assert_eq!(template.expand("pay.eu"), None);
/// ```
#[derive(Debug, Clone)]
pub struct Template {
    expression: Regex,
    parts: Vec<Part>,
}

/// A text that is no template for its pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalTemplate(String);

impl fmt::Display for IllegalTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IllegalTemplate {}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Reads a template for the names that `pattern` covers.
    ///
    /// # Errors
    /// [`IllegalTemplate`] where it names a group that the pattern does not have.
    pub fn parse(text: &str, pattern: &Pattern) -> Result<Self, IllegalTemplate> {
        let expression =
            Regex::new(&pattern.expression()).map_err(|e| IllegalTemplate(e.to_string()))?;
        let groups = expression.captures_len() - 1;
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            push_text(&mut parts, before);
            if let Some(behind) = behind.strip_prefix('$') {
                push_text(&mut parts, "$");
                rest = behind;
                continue;
            }
            let (number, behind) = group_number(behind).ok_or_else(|| {
                IllegalTemplate(format!(
                    "`{text}`: after `$` comes a number, or another `$`"
                ))
            })?;
            if number == 0 || number > groups {
                return Err(IllegalTemplate(format!(
                    "`{text}` uses ${number}; the pattern has {groups} groups"
                )));
            }
            parts.push(Part::Group(number));
            rest = behind;
        }
        push_text(&mut parts, rest);
        Ok(Self { expression, parts })
    }

    /// The new name; none where the pattern does not cover the old one.
    #[must_use]
    pub fn expand(&self, name: &str) -> Option<String> {
        let captures = self.expression.captures(name)?;
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Group(number) => {
                    name.push_str(captures.get(*number).map_or("", |group| group.as_str()));
                }
            }
        }
        Some(name)
    }

    /// The text in front of `$1`, where the template is nothing but these two.
    #[must_use]
    pub fn text_before_only_group(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Group(1)] => Some(""),
            [Part::Text(text), Part::Group(1)] => Some(text),
            _ => None,
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Text(last)) = parts.last_mut() {
        last.push_str(text);
    } else if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// The number behind a `$`, plain or in braces, and what follows.
fn group_number(text: &str) -> Option<(usize, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        let (number, behind) = braced.split_once('}')?;
        return Some((number.parse().ok()?, behind));
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(template: &str, pattern: &str, name: &str) -> Result<String, IllegalTemplate> {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let template = Template::parse(template, &pattern)?;
        Ok(template.expand(name).expect("covered"))
    }

    #[test]
    fn groups_stand_plain_or_in_braces_and_dollars_are_doubled() {
        assert_eq!(expanded("x.$1", "re:a(.*)", "ab").as_deref(), Ok("x.b"));
        assert_eq!(expanded("${1}0$$", "a*", "ab").as_deref(), Ok("b0$"));
        assert_eq!(expanded("$2-$1", "??", "ab").as_deref(), Ok("b-a"));
    }

    #[test]
    fn a_group_that_does_not_exist_is_refused() {
        for template in ["$2", "$0", "$x", "a$", "${1", "$"] {
            assert!(expanded(template, "a*", "ab").is_err(), "{template}");
        }
    }
}
