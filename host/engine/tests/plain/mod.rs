//! A step made of closures, and an engine around a journal in a directory.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use ferry_engine::{
    Context, Effect, Effected, Engine, Graph, Happening, Outcome, Readiness, Reporter, Step,
    StepError, StepName, View, async_trait,
};
use ferry_journal::{EffectId, Journal, MigrationIdentity, Recorded, StateDirectory, StepState};
use ferry_model::digest::Digest;
use ferry_model::identity::ClusterId;
use ferry_model::problem::Problem;
use serde_json::{Value, json};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Outcome, StepError>> + Send>>;
type Run = dyn Fn(Context) -> Running + Send + Sync;
type Check = dyn Fn(&View) -> Readiness + Send + Sync;

/// A step made of closures.
#[derive(Clone)]
pub(crate) struct Plain {
    name: StepName,
    needs: Vec<StepName>,
    reversible: bool,
    check: Arc<Check>,
    run: Arc<Run>,
}

impl Plain {
    /// A step that is always ready and does nothing.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: step(name),
            needs: vec![],
            reversible: true,
            check: Arc::new(|_| Readiness::Ready),
            run: Arc::new(|_| Box::pin(async { Ok(Outcome::Finished) })),
        }
    }

    pub(crate) fn needs(mut self, need: &str) -> Self {
        self.needs.push(step(need));
        self
    }

    pub(crate) fn irreversible(mut self) -> Self {
        self.reversible = false;
        self
    }

    pub(crate) fn check(
        mut self,
        check: impl Fn(&View) -> Readiness + Send + Sync + 'static,
    ) -> Self {
        self.check = Arc::new(check);
        self
    }

    pub(crate) fn run<F>(mut self, run: impl Fn(Context) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Outcome, StepError>> + Send + 'static,
    {
        self.run = Arc::new(move |context| Box::pin(run(context)));
        self
    }
}

#[async_trait]
impl Step for Plain {
    fn name(&self) -> StepName {
        self.name.clone()
    }
    fn needs(&self) -> Vec<StepName> {
        self.needs.clone()
    }
    fn reversible(&self) -> bool {
        self.reversible
    }
    async fn check(&self, view: &View) -> Result<Readiness, Problem> {
        Ok((self.check)(view))
    }
    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        (self.run)(context.clone()).await
    }
    async fn verify(&self, _: &View) -> Result<(), Problem> {
        Ok(())
    }
}

pub(crate) fn step(name: &str) -> StepName {
    name.parse().expect("legal")
}

pub(crate) fn id(text: &str) -> EffectId {
    text.parse().expect("legal")
}

/// An effect that the handler `note` undoes.
pub(crate) fn effect(text: &str) -> Effect {
    Effect::new(id(text), format!("make {text}")).undone_by("note", json!({ "name": text }))
}

pub(crate) async fn made(context: &Context, text: &str) -> Result<Effected, StepError> {
    let make = |_| async { Ok(Effected::Made(Value::Null)) };
    context.effect(effect(text), make).await
}

pub(crate) fn graph(steps: &[Plain]) -> Graph {
    let steps = steps
        .iter()
        .map(|step| Arc::new(step.clone()) as Arc<dyn Step>);
    Graph::new(steps.collect()).expect("a graph")
}

pub(crate) fn identity(plan: &str) -> MigrationIdentity {
    MigrationIdentity {
        migration: "retail".into(),
        plan: Digest::of(plan.as_bytes()),
        source: ClusterId("source".into()),
        target: ClusterId("target".into()),
    }
}

pub(crate) fn engine(directory: &Path) -> Engine {
    engine_of(directory, identity("plan"))
}

pub(crate) fn engine_of(directory: &Path, identity: MigrationIdentity) -> Engine {
    let journal = Journal::open(directory).expect("opened");
    Engine::new(journal, identity, "0.1.0")
}

pub(crate) fn kinds(directory: &Path) -> Vec<&'static str> {
    let recorded = Recorded::read(&StateDirectory::at(directory)).expect("whole");
    recorded
        .entries
        .iter()
        .map(|entry| entry.event.kind())
        .collect()
}

pub(crate) fn state(directory: &Path, name: &str) -> StepState {
    let recorded = Recorded::read(&StateDirectory::at(directory)).expect("whole");
    recorded.status.step_state(&step(name)).clone()
}

/// Keeps one line for each happening.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<String>>);

impl Reporter for Lines {
    fn report(&self, happening: &Happening<'_>) {
        let line = match happening {
            Happening::RunStarted { attempt, steps } => {
                format!("attempt {attempt}: {}", steps.len())
            }
            Happening::StepStarted {
                step,
                number,
                total,
                again,
            } => {
                format!(
                    "{number}/{total} {step}{}",
                    if *again { " again" } else { "" }
                )
            }
            Happening::StepSkipped {
                step,
                number,
                total,
            } => {
                format!("{number}/{total} {step} skipped")
            }
            Happening::Progressed { step, progress } => {
                format!(
                    "{step}: {} of {:?} {}",
                    progress.done, progress.total, progress.unit
                )
            }
            Happening::EffectDone { step, effect, .. } => format!("{step}: {effect}"),
            Happening::StepFinished { step, leftovers } => {
                format!("{step} finished, {} left", leftovers.len())
            }
            Happening::StepFailed { step, problem } => format!("{step} failed: {}", problem.code),
            Happening::StepStopped { step } => format!("{step} stopped"),
            Happening::UndoStarted { step } => format!("{step} undo"),
            Happening::EffectUndone { description, .. } => format!("undone: {description}"),
            Happening::StepStuck { step, problem } => format!("{step} stuck: {}", problem.code),
            other => format!("{other:?}"),
        };
        self.0.lock().expect("no panic under the lock").push(line);
    }
}
