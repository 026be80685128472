//! Templates of names: `retail.orders.$1`.

use regex_lite::{Captures, Regex};

/// A template for the names that an expression covers.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Reads a template; every group that it names must exist in `expression`.
    pub(crate) fn parse(text: &str, expression: &Regex) -> Result<Self, String> {
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
            let (number, behind) = group_number(behind)
                .ok_or_else(|| format!("`{text}`: after `$` comes a number, or another `$`"))?;
            if number == 0 || number > groups {
                return Err(format!(
                    "`{text}` uses ${number}; the pattern has {groups} groups"
                ));
            }
            parts.push(Part::Group(number));
            rest = behind;
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// The name that the template makes.
    pub(crate) fn expand(&self, captures: &Captures<'_>) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Group(number) => {
                    name.push_str(captures.get(*number).map_or("", |group| group.as_str()));
                }
            }
        }
        name
    }

    /// The text in front of `$1`, where the template is nothing but these two.
    pub(crate) fn text_before_only_group(&self) -> Option<&str> {
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

    fn expanded(template: &str, expression: &str, name: &str) -> Result<String, String> {
        let expression = Regex::new(expression).expect("an expression");
        let template = Template::parse(template, &expression)?;
        Ok(template.expand(&expression.captures(name).expect("covered")))
    }

    #[test]
    fn groups_stand_plain_or_in_braces_and_dollars_are_doubled() {
        assert_eq!(expanded("x.$1", "^a(.*)$", "ab").as_deref(), Ok("x.b"));
        assert_eq!(expanded("${1}0$$", "^a(.*)$", "ab").as_deref(), Ok("b0$"));
        assert_eq!(expanded("$2-$1", "^(.)(.)$", "ab").as_deref(), Ok("b-a"));
    }

    #[test]
    fn a_group_that_does_not_exist_is_refused() {
        for template in ["$2", "$0", "$x", "a$", "${1", "$"] {
            assert!(expanded(template, "^a(.*)$", "ab").is_err(), "{template}");
        }
    }
}
