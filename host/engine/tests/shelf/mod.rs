//! A world in memory that behaves like a cluster: things have names, and an id that is new at every
//! creation; settings have values.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::result_large_err, reason = "a problem ends a test")]

use ferry_engine::testing::World;
use ferry_engine::{
    Context, Effect, EffectId, Effected, FactScope, InverseHandler, Inverses, Leftover, Outcome,
    Past, Readiness, Step, StepError, StepName, Undo, UndoOutcome, View, async_trait,
};
use ferry_model::problem::Problem;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// The world. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Inside>>);

#[derive(Default)]
pub(crate) struct Inside {
    /// Names and ids.
    pub(crate) things: BTreeMap<String, u64>,
    pub(crate) settings: BTreeMap<String, String>,
    /// Groups whose offsets can't be set now.
    pub(crate) active: BTreeSet<String>,
    /// Names that the world refuses to delete.
    pub(crate) undeletable: BTreeSet<String>,
    pub(crate) last_id: u64,
    pub(crate) creations: u64,
    pub(crate) looks: u64,
}

impl Shelf {
    /// With a stranger's thing and settings of old.
    pub(crate) fn new() -> Self {
        let shelf = Self::default();
        shelf.with(|inside| {
            inside.create("strangers");
            inside.settings.insert("retention".into(), "7 days".into());
        });
        shelf
    }

    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Inside) -> R) -> R {
        change(&mut self.0.lock().expect("no panic under the lock"))
    }
}

impl Inside {
    pub(crate) fn create(&mut self, name: &str) -> u64 {
        assert!(!self.things.contains_key(name), "{name} was created twice");
        self.last_id += 1;
        self.creations += 1;
        self.things.insert(name.to_owned(), self.last_id);
        self.last_id
    }
}

pub(crate) fn name(text: &str) -> StepName {
    text.parse().expect("legal")
}

fn id(text: &str) -> EffectId {
    text.parse().expect("legal")
}

/// Creates things one by one; a stranger's stays.
pub(crate) struct Things {
    pub(crate) shelf: Shelf,
    pub(crate) names: Vec<&'static str>,
}

#[async_trait]
impl Step for Things {
    fn name(&self) -> StepName {
        name("things")
    }

    async fn check(&self, _: &View) -> Result<Readiness, Problem> {
        let all = self.shelf.with(|inside| {
            inside.looks += 1;
            self.names
                .iter()
                .all(|name| inside.things.contains_key(*name))
        });
        Ok(if all {
            Readiness::AlreadyDone
        } else {
            Readiness::Ready
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        for thing in &self.names {
            let effect = id(&format!("thing/{thing}"));
            let there = self.shelf.with(|inside| inside.things.contains_key(*thing));
            if there && context.past(&effect) == Past::Never {
                context.found(effect, format!("{thing} exists")).await?;
                continue;
            }
            let shelf = self.shelf.clone();
            let thing = *thing;
            let inverse = json!({ "name": thing });
            let effect =
                Effect::new(effect, format!("create {thing}")).undone_by("delete", inverse);
            context
                .effect(effect, move |past| async move {
                    Ok(create(&shelf, thing, &past))
                })
                .await?;
        }
        let count = self.names.len();
        context
            .record(
                FactScope::Step,
                "things/count".parse().expect("legal"),
                &count,
            )
            .await?;
        Ok(Outcome::Finished)
    }

    async fn verify(&self, view: &View) -> Result<(), Problem> {
        match self.check(view).await? {
            Readiness::AlreadyDone => Ok(()),
            _ => Err(Problem::new(199, "a thing is missing")),
        }
    }
}

fn create(shelf: &Shelf, thing: &str, past: &Past) -> Effected {
    shelf.with(|inside| match (past, inside.things.get(thing).copied()) {
        (Past::Never, Some(_)) => Effected::Foreign(format!("{thing} exists")),
        (Past::Intended { .. } | Past::Done { .. }, Some(id)) => Effected::MadeBefore(json!(id)),
        (Past::Never | Past::Intended { .. }, None) => Effected::Made(json!(inside.create(thing))),
        (Past::Done { .. }, None) => Effected::NotDone("someone deleted it".into()),
    })
}

/// Creates things in one go.
pub(crate) struct Batch {
    pub(crate) shelf: Shelf,
    pub(crate) names: Vec<&'static str>,
}

#[async_trait]
impl Step for Batch {
    fn name(&self) -> StepName {
        name("batch")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![name("things")]
    }

    async fn check(&self, _: &View) -> Result<Readiness, Problem> {
        let all = self.shelf.with(|inside| {
            self.names
                .iter()
                .all(|name| inside.things.contains_key(*name))
        });
        Ok(if all {
            Readiness::AlreadyDone
        } else {
            Readiness::Ready
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let effects = self
            .names
            .iter()
            .map(|thing| {
                Effect::new(id(&format!("thing/{thing}")), format!("create {thing}"))
                    .undone_by("delete", json!({ "name": thing }))
            })
            .collect();
        let (shelf, names) = (self.shelf.clone(), self.names.clone());
        let outcomes = context
            .effects(effects, move |pasts| async move {
                Ok(names
                    .iter()
                    .zip(&pasts)
                    .map(|(thing, past)| Ok(create(&shelf, thing, past)))
                    .collect())
            })
            .await?;
        for outcome in outcomes {
            outcome?;
        }
        Ok(Outcome::Finished)
    }

    async fn verify(&self, _: &View) -> Result<(), Problem> {
        Ok(())
    }
}

/// Changes a setting and remembers the old value as its inverse.
pub(crate) struct Setting {
    pub(crate) shelf: Shelf,
}

#[async_trait]
impl Step for Setting {
    fn name(&self) -> StepName {
        name("setting")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![name("batch")]
    }

    async fn check(&self, _: &View) -> Result<Readiness, Problem> {
        let done = self
            .shelf
            .with(|inside| inside.settings["retention"] == "for ever");
        Ok(if done {
            Readiness::AlreadyDone
        } else {
            Readiness::Ready
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let old = self
            .shelf
            .with(|inside| inside.settings["retention"].clone());
        let effect = Effect::new(id("retention"), "keep everything for ever")
            .undone_by("restore", json!({ "key": "retention", "value": old }));
        let shelf = self.shelf.clone();
        context
            .effect(effect, |past| async move {
                shelf.with(|inside| {
                    inside
                        .settings
                        .insert("retention".into(), "for ever".into());
                });
                Ok(match past {
                    Past::Done { .. } => Effected::MadeBefore(Value::Null),
                    _ => Effected::Made(Value::Null),
                })
            })
            .await?;
        Ok(Outcome::Finished)
    }

    async fn verify(&self, _: &View) -> Result<(), Problem> {
        Ok(())
    }
}

/// Sets groups, but leaves active ones for later.
pub(crate) struct Groups {
    pub(crate) shelf: Shelf,
    pub(crate) names: Vec<&'static str>,
}

#[async_trait]
impl Step for Groups {
    fn name(&self) -> StepName {
        name("groups")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![name("setting")]
    }

    async fn check(&self, view: &View) -> Result<Readiness, Problem> {
        let set = |group: &&&str| matches!(view.past(&id(group)), Past::Done { .. });
        let done = self.names.iter().filter(set).count() == self.names.len();
        Ok(if done {
            Readiness::AlreadyDone
        } else {
            Readiness::Ready
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let mut leftovers = Vec::new();
        for group in &self.names {
            let effect = Effect::new(id(group), format!("set group {group}"))
                .undone_by("delete", json!({ "name": group }));
            let (shelf, group) = (self.shelf.clone(), *group);
            let effected = context
                .effect(effect, move |past| async move {
                    if shelf.with(|inside| inside.active.contains(group)) {
                        return Ok(Effected::NotDone("the group is active".into()));
                    }
                    Ok(create(&shelf, group, &past))
                })
                .await?;
            if let Effected::NotDone(why) = effected {
                leftovers.push(Leftover {
                    what: format!("group {group}"),
                    why,
                });
            }
        }
        Ok(match leftovers.is_empty() {
            true => Outcome::Finished,
            false => Outcome::FinishedWithLeftovers(leftovers),
        })
    }

    async fn verify(&self, _: &View) -> Result<(), Problem> {
        Ok(())
    }
}

/// Deletes a thing, but only the one that was made.
pub(crate) struct Delete(pub(crate) Shelf);

#[async_trait]
impl InverseHandler for Delete {
    fn kind(&self) -> &'static str {
        "delete"
    }

    fn by_hand(&self, undo: &Undo) -> String {
        format!(
            "shelf delete {}",
            undo.value["name"].as_str().unwrap_or("?")
        )
    }

    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let name = undo.value["name"].as_str().expect("a name");
        self.0.with(|inside| {
            let Some(id) = inside.things.get(name) else {
                return Ok(UndoOutcome::AlreadyGone);
            };
            if undo.result.as_ref().is_some_and(|made| made != id) {
                return Err(Problem::new(
                    198,
                    format!("{name} was made anew by someone else"),
                ));
            }
            if inside.undeletable.contains(name) {
                return Err(Problem::new(197, format!("{name} is locked")));
            }
            inside.things.remove(name);
            Ok(UndoOutcome::Undone)
        })
    }
}

/// Restores a setting.
pub(crate) struct Restore(pub(crate) Shelf);

#[async_trait]
impl InverseHandler for Restore {
    fn kind(&self) -> &'static str {
        "restore"
    }

    fn by_hand(&self, undo: &Undo) -> String {
        format!("shelf set retention {}", undo.value["value"])
    }

    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let value = undo.value["value"].as_str().expect("a value").to_owned();
        let old = self
            .0
            .with(|inside| inside.settings.insert("retention".into(), value.clone()));
        Ok(match old {
            Some(old) if old != value => UndoOutcome::Undone,
            _ => UndoOutcome::AlreadyGone,
        })
    }
}

#[async_trait]
impl World for Shelf {
    fn steps(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(Groups {
                shelf: self.clone(),
                names: vec!["billing", "orders"],
            }),
            Arc::new(Setting {
                shelf: self.clone(),
            }),
            Arc::new(Batch {
                shelf: self.clone(),
                names: vec!["x", "y", "z"],
            }),
            Arc::new(Things {
                shelf: self.clone(),
                names: vec!["a", "strangers", "b"],
            }),
        ]
    }

    fn inverses(&self) -> Inverses {
        Inverses::new()
            .with(Arc::new(Delete(self.clone())))
            .with(Arc::new(Restore(self.clone())))
    }

    async fn state(&self) -> Value {
        self.with(|inside| {
            json!({
                "things": inside.things.keys().collect::<Vec<_>>(),
                "settings": inside.settings,
            })
        })
    }
}
