//! Who somebody of the source is at the target.

use crate::config::{Config, PrincipalRuleConfig, PrincipalsConfig, Unmapped};
use crate::csv;
use ferry_sdk::Error;
use ferry_sdk::pattern::Pattern;
use ferry_sdk::template::Template;
use std::collections::BTreeMap;

/// Who somebody of the source is at the target.
#[derive(Debug)]
pub(crate) struct Principals {
    table: BTreeMap<String, String>,
    rules: Vec<Rule>,
    unmapped: Unmapped,
}

#[derive(Debug)]
struct Rule {
    number: usize,
    pattern: Pattern,
    template: Template,
}

/// What becomes of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// It is this one at the target, for this reason; none where nothing changes.
    To(String, Option<String>),
    /// Nothing names it, and its ACLs are left behind.
    Dropped,
    /// Nothing names it, and a person has to say who it is.
    Unknown,
}

impl Principals {
    /// Reads what the configuration says on principals.
    pub(crate) fn parse(config: &mut Config) -> Result<Self, Error> {
        let table = config.principals.take();
        let given = table.is_some() || !config.principal_rules.is_empty();
        let unmapped = match (config.unmapped, given) {
            (Some(unmapped), _) => unmapped,
            (None, true) => Unmapped::Undecided,
            (None, false) => Unmapped::Keep,
        };
        let table = match table {
            None => BTreeMap::new(),
            Some(PrincipalsConfig::Table(table)) => checked(table)?,
            Some(PrincipalsConfig::Csv(text)) => read_csv(&text)?,
        };
        let rules = std::mem::take(&mut config.principal_rules);
        let rules = rules.into_iter().enumerate();
        Ok(Self {
            table,
            rules: rules
                .map(|(index, rule)| Rule::parse(index + 1, rule))
                .collect::<Result<_, _>>()?,
            unmapped,
        })
    }

    /// Who `principal` is at the target.
    pub(crate) fn map(&self, principal: &str) -> Mapped {
        if let Some(target) = self.table.get(principal) {
            return Mapped::To(target.clone(), Some("principal by table".to_owned()));
        }
        for rule in &self.rules {
            if let Some(target) = rule.template.expand(principal) {
                let reason = format!("principal by rule {}: {}", rule.number, rule.pattern);
                return Mapped::To(target, Some(reason));
            }
        }
        match self.unmapped {
            Unmapped::Keep => Mapped::To(principal.to_owned(), None),
            Unmapped::Drop => Mapped::Dropped,
            Unmapped::Undecided => Mapped::Unknown,
        }
    }
}

impl Rule {
    fn parse(number: usize, config: PrincipalRuleConfig) -> Result<Self, Error> {
        let wrong = |why: String| Error::new(format!("principal rule {number}: {why}"));
        let pattern = Pattern::parse(config.r#match).map_err(|e| wrong(e.to_string()))?;
        if !typed(&config.to) {
            return Err(wrong(format!(
                "`{}` has no type, such as `User:`",
                config.to
            )));
        }
        let template = Template::parse(&config.to, &pattern).map_err(|e| wrong(e.to_string()))?;
        Ok(Self {
            number,
            pattern,
            template,
        })
    }
}

/// Whether a principal starts with its type: `User:`.
fn typed(principal: &str) -> bool {
    let Some((kind, name)) = principal.split_once(':') else {
        return false;
    };
    !kind.is_empty() && !name.is_empty() && kind.chars().all(char::is_alphanumeric)
}

fn checked(table: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    let wrong = table.iter().flat_map(|(source, target)| [source, target]);
    if let Some(principal) = wrong.into_iter().find(|principal| !typed(principal)) {
        let message = format!("principals: `{principal}` has no type, such as `User:`");
        return Err(Error::new(message).about(principal));
    }
    Ok(table)
}

fn read_csv(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let wrong = |why: String| Error::new(format!("principals: {why}"));
    let mut table = BTreeMap::new();
    for (position, (line, source, target)) in
        csv::rows(text).map_err(wrong)?.into_iter().enumerate()
    {
        if position == 0 && source == "source" && target == "target" {
            continue; // The names of the columns.
        }
        for principal in [&source, &target] {
            if !typed(principal) {
                return Err(wrong(format!(
                    "line {line}: `{principal}` has no type, such as `User:`"
                )));
            }
        }
        let before = table.insert(source.clone(), target.clone());
        if let Some(before) = before.filter(|before| *before != target) {
            return Err(wrong(format!(
                "line {line}: {source} is {target} here and {before} further up"
            )));
        }
    }
    Ok(table)
}
