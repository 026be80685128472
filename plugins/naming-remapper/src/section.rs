//! The names of one kind: table, exceptions, rules.

use crate::config::SectionConfig;
use crate::rule::{Rule, coverage};
use ferry_sdk::Error;
use ferry_sdk::pattern::{Coverage, Pattern};
use std::collections::BTreeMap;

/// Why a name stays: it is said alone, or as a part of a longer reason.
const NO_RULE: &str = "no rule fits";

/// The names of one kind.
#[derive(Debug)]
pub(crate) struct Section {
    table: BTreeMap<String, String>,
    except: Vec<Pattern>,
    rules: Vec<Rule>,
}

/// A new name and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renamed {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Section {
    /// Reads a section; `title` names it in errors.
    pub(crate) fn parse(title: &str, config: SectionConfig) -> Result<Self, Error> {
        let wrong = |why: String| Error::new(format!("{title}: {why}"));
        let except = config.except.into_iter().map(Pattern::parse);
        let rules = config.rules.into_iter().enumerate();
        Ok(Self {
            table: config.table,
            except: except
                .collect::<Result<_, _>>()
                .map_err(|e| wrong(e.to_string()))?,
            rules: rules
                .map(|(index, rule)| Rule::parse(index + 1, rule))
                .collect::<Result<_, _>>()
                .map_err(wrong)?,
        })
    }

    /// What the table or the exceptions say: what was decided by hand.
    pub(crate) fn by_hand(&self, name: &str) -> Option<Renamed> {
        if let Some(new) = self.table.get(name) {
            return Some(Renamed {
                name: new.clone(),
                reason: "table".to_owned(),
            });
        }
        let except = self.except.iter().find(|pattern| pattern.matches(name))?;
        Some(Renamed {
            name: name.to_owned(),
            reason: format!("exception: {except}"),
        })
    }

    /// The new name of a thing. `kept` bytes at the start are no part of it: see [`Rule::apply`].
    pub(crate) fn rename(&self, name: &str, kept: usize) -> Renamed {
        let by_rule = || {
            self.rules.iter().find_map(|rule| {
                Some(Renamed {
                    name: rule.apply(name, kept)?,
                    reason: rule.reason(),
                })
            })
        };
        self.by_hand(name)
            .or_else(by_rule)
            .unwrap_or_else(|| Renamed {
                name: name.to_owned(),
                reason: format!("keeps its name: {NO_RULE}"),
            })
    }

    /// What all new names of those that start with `prefix` start with, where that can be proven.
    ///
    /// Everything that may fit such a name must agree: entries of the table, exceptions, rules up to
    /// the first that fits them all, and at last the names that nothing fits.
    pub(crate) fn rename_prefix(&self, prefix: &str) -> Result<Renamed, String> {
        let mut proof = Proof::default();
        for (name, new) in self
            .table
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
        {
            proof.single(name, new, "table");
        }
        for pattern in &self.except {
            let reason = format!("exception: {pattern}");
            match (coverage(pattern, prefix), pattern.only_name()) {
                (Coverage::None, _) => {}
                (Coverage::Some, Some(name)) => proof.single(&name, &name, &reason),
                (coverage, _) => {
                    proof.all(Some(prefix.to_owned()), &reason)?;
                    if coverage == Coverage::All {
                        return proof.conclude();
                    }
                }
            }
        }
        for rule in &self.rules {
            match (rule.coverage(prefix), rule.only_name()) {
                (Coverage::None, _) => {}
                (Coverage::Some, Some(name)) => {
                    let new = rule.apply(&name, 0).unwrap_or_default();
                    proof.single(&name, &new, &rule.reason());
                }
                (coverage, _) => {
                    proof.all(rule.apply_to_prefix(prefix), &rule.reason())?;
                    if coverage == Coverage::All {
                        return proof.conclude();
                    }
                }
            }
        }
        proof.all(Some(prefix.to_owned()), NO_RULE)?;
        proof.conclude().map(|mut renamed| {
            if renamed.reason == NO_RULE {
                renamed.reason = format!("keeps its name: {NO_RULE}");
            }
            renamed
        })
    }
}

/// What is known so far of the new names behind a prefix.
#[derive(Debug, Default)]
struct Proof {
    prefix: Option<Renamed>,
    singles: Vec<(String, Renamed)>,
}

impl Proof {
    /// One name gets this new one.
    fn single(&mut self, name: &str, new: &str, reason: &str) {
        let renamed = Renamed {
            name: new.to_owned(),
            reason: reason.to_owned(),
        };
        self.singles.push((name.to_owned(), renamed));
    }

    /// Many names get new ones that start with `prefix`; none where that is not known.
    fn all(&mut self, prefix: Option<String>, reason: &str) -> Result<(), String> {
        let Some(name) = prefix else {
            return Err(format!(
                "what it becomes depends on what follows ({reason})"
            ));
        };
        match &self.prefix {
            Some(other) if other.name != name => Err(format!(
                "a part becomes {} ({}), another {name} ({reason})",
                other.name, other.reason
            )),
            Some(_) => Ok(()),
            None => {
                self.prefix = Some(Renamed {
                    name,
                    reason: reason.to_owned(),
                });
                Ok(())
            }
        }
    }

    fn conclude(self) -> Result<Renamed, String> {
        let prefix = self.prefix.ok_or("nothing is known of it")?;
        if prefix.name.is_empty() {
            return Err(format!("nothing is left of it ({})", prefix.reason));
        }
        let outside = self
            .singles
            .iter()
            .find(|(_, new)| !new.name.starts_with(&prefix.name));
        match outside {
            Some((name, new)) => Err(format!("{name} becomes {} ({})", new.name, new.reason)),
            None => Ok(prefix),
        }
    }
}
