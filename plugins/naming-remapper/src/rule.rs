//! One rule: which names it fits, what it makes of them, and what it makes of a whole prefix.

use crate::config::{Case, Replace, RuleConfig};
use ferry_sdk::pattern::{Coverage, Pattern};
use ferry_sdk::template::Template;

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    number: usize,
    pattern: Pattern,
    change: Change,
    text: String,
}

/// What happens to a name.
#[derive(Debug)]
enum Change {
    Template(Template),
    Steps(Steps),
}

/// Changes one after the other, in the order of the fields.
#[derive(Debug)]
struct Steps {
    strip_prefix: Option<String>,
    strip_suffix: Option<String>,
    replace: Option<Replace>,
    case: Option<Case>,
    add_prefix: Option<String>,
    add_suffix: Option<String>,
}

impl Rule {
    /// Reads rule `number` of a section.
    pub(crate) fn parse(number: usize, config: RuleConfig) -> Result<Self, String> {
        let wrong = |why: String| format!("rule {number}: {why}");
        let pattern = config.r#match.unwrap_or_else(|| "*".to_owned());
        let pattern = Pattern::parse(pattern).map_err(|e| wrong(e.to_string()))?;
        let steps = Steps {
            strip_prefix: config.strip_prefix,
            strip_suffix: config.strip_suffix,
            replace: config.replace,
            case: config.case,
            add_prefix: config.add_prefix,
            add_suffix: config.add_suffix,
        };
        let text = match &config.to {
            Some(to) => format!("{pattern} -> {to}"),
            None => format!(
                "{pattern}: {}",
                steps.text().ok_or_else(|| {
                    wrong("changes nothing; to keep names, use `except`".to_owned())
                })?
            ),
        };
        let change = match &config.to {
            None => Change::Steps(steps),
            Some(_) if steps.text().is_some() => {
                return Err(wrong(
                    "`to` makes the whole name; nothing else may change it".to_owned(),
                ));
            }
            Some(to) => {
                let template = Template::parse(to, &pattern).map_err(|e| wrong(e.to_string()))?;
                Change::Template(template)
            }
        };
        Ok(Self {
            number,
            pattern,
            change,
            text,
        })
    }

    /// The new name, where the rule fits. `kept` bytes at the start are the type of a principal: the
    /// pattern sees them, the steps do not.
    pub(crate) fn apply(&self, name: &str, kept: usize) -> Option<String> {
        if !self.pattern.matches(name) {
            return None;
        }
        Some(match &self.change {
            Change::Template(template) => template.expand(name)?,
            Change::Steps(steps) => {
                let (kind, rest) = name.split_at(kept);
                format!("{kind}{}", steps.apply(rest))
            }
        })
    }

    /// Which names that start with `prefix` the rule fits: see [`coverage`].
    pub(crate) fn coverage(&self, prefix: &str) -> Coverage {
        coverage(&self.pattern, prefix)
    }

    /// The one name that the rule fits, where it has no wildcard.
    pub(crate) fn only_name(&self) -> Option<String> {
        self.pattern.only_name()
    }

    /// What every new name of those that start with `prefix` starts with, where that can be proven.
    pub(crate) fn apply_to_prefix(&self, prefix: &str) -> Option<String> {
        match &self.change {
            Change::Steps(steps) => steps.apply_to_prefix(prefix),
            Change::Template(template) => {
                let start = self.pattern.open_start()?;
                let rest = prefix.strip_prefix(&start)?;
                Some(format!("{}{rest}", template.text_before_only_group()?))
            }
        }
    }

    /// `rule 2: ord.* -> retail.$1`
    pub(crate) fn reason(&self) -> String {
        format!("rule {}: {}", self.number, self.text)
    }
}

impl Steps {
    fn apply(&self, name: &str) -> String {
        let strip = |name, prefix: &Option<String>| match prefix {
            Some(prefix) => str::strip_prefix(name, prefix).unwrap_or(name),
            None => name,
        };
        let name = strip(name, &self.strip_prefix);
        let name = match &self.strip_suffix {
            Some(suffix) => name.strip_suffix(suffix.as_str()).unwrap_or(name),
            None => name,
        };
        let mut name = name.to_owned();
        if let Some(Replace { from, to }) = &self.replace {
            name = name.replace(from, to);
        }
        if let Some(case) = self.case {
            name = case.apply(&name);
        }
        format!(
            "{}{name}{}",
            self.add_prefix.as_deref().unwrap_or_default(),
            self.add_suffix.as_deref().unwrap_or_default()
        )
    }

    /// What each step makes of all names that start with `prefix`; none as soon as it depends on
    /// what follows.
    fn apply_to_prefix(&self, prefix: &str) -> Option<String> {
        let mut prefix = prefix;
        if let Some(stripped) = &self.strip_prefix {
            match prefix.strip_prefix(stripped.as_str()) {
                Some(rest) => prefix = rest,
                // Some names that start with the prefix go on with what is stripped, others do not.
                None if stripped.starts_with(prefix) => return None,
                None => {}
            }
        }
        if let Some(stripped) = &self.strip_suffix
            && ends_within(prefix, stripped, stripped.len())
        {
            return None;
        }
        let mut prefix = prefix.to_owned();
        if let Some(Replace { from, to }) = &self.replace {
            if ends_within(&prefix, from, from.len() - 1) {
                return None;
            }
            prefix = prefix.replace(from, to);
        }
        match self.case {
            // Whether a word starts at the last capital is told by the letter after it.
            Some(Case::Kebab | Case::Snake)
                if prefix.ends_with(|c: char| c.is_ascii_uppercase()) =>
            {
                return None;
            }
            Some(case) => prefix = case.apply(&prefix),
            None => {}
        }
        Some(format!(
            "{}{prefix}",
            self.add_prefix.as_deref().unwrap_or_default()
        ))
    }

    /// The steps for people; none where there are none.
    fn text(&self) -> Option<String> {
        let mut steps = Vec::new();
        let named =
            |what: &str, text: &Option<String>| text.as_ref().map(|text| format!("{what} {text}"));
        steps.extend(named("strip prefix", &self.strip_prefix));
        steps.extend(named("strip suffix", &self.strip_suffix));
        if let Some(Replace { from, to }) = &self.replace {
            steps.push(format!("replace {from} by {to}"));
        }
        steps.extend(self.case.map(|case| format!("case {}", case.as_str())));
        steps.extend(named("prefix", &self.add_prefix));
        steps.extend(named("suffix", &self.add_suffix));
        (!steps.is_empty()).then(|| steps.join(", "))
    }
}

/// Which names that start with `prefix` the pattern covers. `re:ord\\.(.+)` is taken to cover all
/// that start with `ord.`, although it leaves out the name `ord.` itself: where such a thing exists,
/// its new name was seen and speaks for itself.
pub(crate) fn coverage(pattern: &Pattern, prefix: &str) -> Coverage {
    match pattern.open_start() {
        Some(start) if prefix.starts_with(&start) => Coverage::All,
        _ => pattern.coverage(prefix),
    }
}

/// Whether `text` ends in the first 1 to `most` bytes of `word`, so that what follows decides
/// whether the word is there.
fn ends_within(text: &str, word: &str, most: usize) -> bool {
    (1..=most)
        .filter(|length| word.is_char_boundary(*length))
        .any(|length| text.ends_with(&word[..length]))
}
