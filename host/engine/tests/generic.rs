//! Goal: the engine keeps its promises for steps that keep theirs, whatever goes wrong and where;
//! and the trial finds steps that don't keep theirs. Method: the trial itself, on a world in
//! memory.

mod shelf;

use ferry_engine::testing::{Counts, Trial, World};
use ferry_engine::{
    Context, Effect, Effected, Inverses, Outcome, Readiness, Step, StepError, StepName, View,
    async_trait,
};
use ferry_model::problem::Problem;
use serde_json::{Value, json};
use shelf::*;
use std::sync::Arc;

#[tokio::test]
async fn steps_survive_everything_at_every_point() {
    let counts = Trial::new(|| async { Shelf::new() }).all().await;
    assert_eq!(
        counts,
        Counts {
            // Started, attempt, 4 x (started, finished), 8 intended and done, one found, one fact,
            // finished, ended.
            run_events: 2 + 8 + 16 + 2 + 2,
            // Two things, one batch, one setting, two groups.
            run_writes: 6,
            effects: 8,
            // Attempt, 4 x (started, finished), 8 undone, rolled back, ended.
            rollback_events: 1 + 8 + 8 + 2,
            rollback_writes: 8,
        }
    );
}

#[tokio::test]
async fn a_trial_of_few_points_tries_the_first_and_the_last() {
    Trial::new(|| async { Shelf::new() })
        .points_max(3)
        .all()
        .await;
}

/// A step with a fault, on a world of its own.
struct Faulty {
    shelf: Shelf,
    step: fn(Shelf) -> Arc<dyn Step>,
}

#[async_trait]
impl World for Faulty {
    fn steps(&self) -> Vec<Arc<dyn Step>> {
        vec![(self.step)(self.shelf.clone())]
    }
    fn inverses(&self) -> Inverses {
        self.shelf.inverses()
    }
    async fn state(&self) -> Value {
        self.shelf
            .with(|inside| json!({ "things": inside.things.keys().collect::<Vec<_>>() }))
    }
}

async fn trial_panics(step: fn(Shelf) -> Arc<dyn Step>) -> String {
    let trial = tokio::spawn(async move {
        let make = move || async move {
            Faulty {
                shelf: Shelf::new(),
                step,
            }
        };
        Trial::new(make).all().await
    });
    let error = trial.await.expect_err("the trial finds it");
    let panic = error.into_panic();
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| "another panic".to_owned())
}

/// Writes past the journal.
struct Smuggler(Shelf);

#[async_trait]
impl Step for Smuggler {
    fn name(&self) -> StepName {
        name("smuggler")
    }
    async fn check(&self, _: &View) -> Result<Readiness, Problem> {
        Ok(Readiness::Ready)
    }
    async fn run(&self, _: &Context) -> Result<Outcome, StepError> {
        self.0.with(|inside| {
            if !inside.things.contains_key("smuggled") {
                inside.create("smuggled");
            }
        });
        Ok(Outcome::Finished)
    }
    async fn verify(&self, _: &View) -> Result<(), Problem> {
        Ok(())
    }
}

#[tokio::test]
async fn the_trial_finds_a_step_that_writes_past_the_journal() {
    let panic = trial_panics(|shelf| Arc::new(Smuggler(shelf))).await;
    assert!(panic.contains("undisturbed rollback"), "{panic}");
}

/// Takes what it finds after a lost reply for a stranger's.
struct Forgetful(Shelf);

#[async_trait]
impl Step for Forgetful {
    fn name(&self) -> StepName {
        name("forgetful")
    }
    async fn check(&self, _: &View) -> Result<Readiness, Problem> {
        Ok(Readiness::Ready)
    }
    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let shelf = self.0.clone();
        let effect = Effect::new("thing/f".parse().expect("legal"), "create f")
            .undone_by("delete", json!({ "name": "f" }));
        context
            .effect(effect, |_| async move {
                Ok(shelf.with(|inside| match inside.things.contains_key("f") {
                    true => Effected::Foreign("f exists".into()),
                    false => Effected::Made(json!(inside.create("f"))),
                }))
            })
            .await?;
        Ok(Outcome::Finished)
    }
    async fn verify(&self, _: &View) -> Result<(), Problem> {
        Ok(())
    }
}

#[tokio::test]
async fn the_trial_finds_a_step_that_forgets_its_own_doing() {
    let panic = trial_panics(|shelf| Arc::new(Forgetful(shelf))).await;
    assert!(
        panic.contains("the reply of write 0 is lost: resumed"),
        "{panic}"
    );
}
