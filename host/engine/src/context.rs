//! What a step is given: a view to look with, and a context to act with.

use crate::effect::{Effect, Effected, Past};
use crate::ledger::Ledger;
use crate::reporter::{Happening, Progress, Reporter};
use crate::step::StepError;
use crate::stop::StopSignal;
use ferry_journal::{EffectId, EffectState, Event, FactKey, FactScope, StepName};
use ferry_model::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// What a step may look at: facts, its own past, and whether a stop was asked for. Nothing that is
/// reached through it changes the world.
#[derive(Clone)]
pub struct View {
    pub(crate) step: StepName,
    pub(crate) ledger: Ledger,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) stop: StopSignal,
}

impl View {
    /// The step's name.
    #[must_use]
    pub fn step(&self) -> &StepName {
        &self.step
    }

    /// Tells whether a stop was asked for, and wakes who waits for it.
    #[must_use]
    pub fn stop(&self) -> &StopSignal {
        &self.stop
    }

    /// A safe point: does nothing, or ends the step where a stop was asked for.
    ///
    /// # Errors
    /// [`StepError::Stopped`] where a stop was asked for.
    pub fn safe_point(&self) -> Result<(), StepError> {
        if self.stop.is_requested() {
            return Err(StepError::Stopped);
        }
        Ok(())
    }

    /// Tells people how far the step is.
    pub fn progress(&self, progress: &Progress) {
        self.reporter.report(&Happening::Progressed {
            step: &self.step,
            progress,
        });
    }

    /// Tells people something that is worth a line of its own.
    pub fn note(&self, text: &str) {
        self.reporter.report(&Happening::Noted {
            step: &self.step,
            text,
        });
    }

    /// The last value of a fact, of this step or any other; none where there is none that holds.
    ///
    /// # Errors
    /// A [`Problem`] where the value is not a `T`.
    pub fn fact<T: DeserializeOwned>(&self, key: &FactKey) -> Result<Option<T>, Problem> {
        let value = self.ledger.look(|status| status.fact(key).cloned());
        value
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| {
                Problem::new(
                    432,
                    format!("fact {key} of the journal can't be understood: {error}"),
                )
                .at(format!("step {}", self.step))
                .cause("was it recorded by another version of ferry?")
                .next("go on with the version that recorded it; ferry report shows which it was")
            })
    }

    /// What the journal knows of one write of this step.
    #[must_use]
    pub fn past(&self, effect: &EffectId) -> Past {
        self.ledger
            .look(|status| Past::of(status.effect(&self.step, effect)))
    }

    /// Every write of this step that was made or may have been made, by id.
    #[must_use]
    pub fn pasts(&self) -> Vec<(EffectId, Past)> {
        self.ledger.look(|status| {
            let effects = status.steps().get(&self.step).map(|step| &step.effects);
            effects
                .into_iter()
                .flatten()
                .map(|(effect, record)| (effect.clone(), Past::of(Some(record))))
                .filter(|(_, past)| *past != Past::Never)
                .collect()
        })
    }
}

/// What a running step acts with. It may look, too: it is a [`View`] as well.
#[derive(Clone)]
pub struct Context {
    view: View,
    in_flight: InFlight,
}

impl Deref for Context {
    type Target = View;
    fn deref(&self) -> &View {
        &self.view
    }
}

impl Context {
    pub(crate) fn new(view: View, in_flight: InFlight) -> Self {
        Self { view, in_flight }
    }

    /// Makes one write to the world. See [`Context::effects`].
    ///
    /// # Errors
    /// As [`Context::effects`], and the problem of `act`.
    pub async fn effect<Act, Acting>(&self, effect: Effect, act: Act) -> Result<Effected, StepError>
    where
        Act: FnOnce(Past) -> Acting + Send + 'static,
        Acting: Future<Output = Result<Effected, Problem>> + Send,
    {
        let id = effect.id.clone();
        let outcomes = self
            .effects(vec![effect], |mut pasts| async move {
                let past = pasts.pop().unwrap_or(Past::Never);
                Ok(vec![act(past).await])
            })
            .await?;
        match outcomes.into_iter().next() {
            Some(outcome) => Ok(outcome?),
            None => Err(self.misreport(&id, "its outcome is missing").into()),
        }
    }

    /// Makes several writes to the world in one go, such as many topics by one request.
    ///
    /// 1. The intentions, with their inverses, are journaled; those that an earlier attempt has
    ///    journaled stay as they are.
    /// 2. `act` is called with what is known of each from before, in the order of `effects`, makes
    ///    the writes and answers with their outcomes in the same order. For a past of
    ///    [`Past::Intended`] it looks first; for [`Past::Done`] it may answer
    ///    [`Effected::MadeBefore`] at once.
    /// 3. The outcomes are journaled. A write whose outcome is a problem stays *intended*: whether
    ///    it was made is not known, and the next attempt, or a rollback, has to find out.
    ///
    /// All this runs in a task of its own: it comes to its end even if the caller is dropped, and
    /// the step is not closed before it has. `act` sets its own time limits.
    ///
    /// # Errors
    /// [`StepError::Stopped`] before anything is done, where a stop was asked for. A problem where
    /// `act` has one for all writes, the journal can't be written, or the outcomes contradict the
    /// journal.
    pub async fn effects<Act, Acting>(
        &self,
        effects: Vec<Effect>,
        act: Act,
    ) -> Result<Vec<Result<Effected, Problem>>, StepError>
    where
        Act: FnOnce(Vec<Past>) -> Acting + Send + 'static,
        Acting: Future<Output = Result<Vec<Result<Effected, Problem>>, Problem>> + Send,
    {
        self.safe_point()?;
        self.refuse_doubles(&effects)?;
        let guard = self.in_flight.enter().await;
        let context = self.clone();
        let task = tokio::spawn(async move {
            let _guard = guard;
            context.make(effects, act).await
        });
        match task.await {
            Ok(outcomes) => Ok(outcomes?),
            Err(error) => Err(panicked(&self.view.step, error).into()),
        }
    }

    /// Notes that something is there which this migration did not make and will never undo. To be
    /// called before it is intended, by a step that looked.
    ///
    /// # Errors
    /// A [`Problem`] where the journal can't be written, or says that this migration made it.
    pub async fn found(
        &self,
        effect: EffectId,
        description: impl Into<String>,
    ) -> Result<(), Problem> {
        let description = description.into();
        let known = self.view.ledger.look(|status| {
            let record = status.effect(&self.view.step, &effect);
            record.is_some_and(|record| {
                record.state == EffectState::Foreign && record.description == description
            })
        });
        if known {
            return Ok(());
        }
        if let Past::Done { .. } = self.past(&effect) {
            return Err(
                self.misreport(&effect, "found as a stranger's, but made by this migration")
            );
        }
        let event = Event::EffectFound {
            step: self.view.step.clone(),
            effect,
            description,
            by_us: false,
            result: Value::Null,
        };
        self.view.ledger.append(vec![event]).await
    }

    /// Records a fact. The last value of a key counts. Never a secret.
    ///
    /// # Errors
    /// A [`Problem`] where the value has no JSON form or the journal can't be written.
    pub async fn record(
        &self,
        scope: FactScope,
        key: FactKey,
        value: &(impl Serialize + Sync),
    ) -> Result<(), Problem> {
        let value = serde_json::to_value(value).map_err(|error| {
            Problem::new(406, format!("fact {key} can't be written as JSON: {error}"))
                .at(format!("step {}", self.view.step))
                .cause("a fault of the step")
        })?;
        let event = Event::FactRecorded {
            step: Some(self.view.step.clone()),
            scope,
            key,
            value,
        };
        self.view.ledger.append(vec![event]).await
    }

    fn refuse_doubles(&self, effects: &[Effect]) -> Result<(), Problem> {
        let mut ids = BTreeSet::new();
        match effects.iter().find(|effect| !ids.insert(&effect.id)) {
            Some(double) => Err(self.misreport(&double.id, "intended twice at once")),
            None => Ok(()),
        }
    }

    async fn make<Act, Acting>(
        &self,
        effects: Vec<Effect>,
        act: Act,
    ) -> Result<Vec<Result<Effected, Problem>>, Problem>
    where
        Act: FnOnce(Vec<Past>) -> Acting,
        Acting: Future<Output = Result<Vec<Result<Effected, Problem>>, Problem>>,
    {
        let pasts: Vec<_> = effects.iter().map(|effect| self.past(&effect.id)).collect();
        let intentions = effects
            .iter()
            .zip(&pasts)
            .filter(|(_, past)| **past == Past::Never)
            .map(|(effect, _)| self.intention(effect))
            .collect();
        self.view.ledger.append(intentions).await?;

        let faults = self.view.ledger.faults();
        if let Some(problem) = faults.and_then(|faults| faults.fail_write()) {
            return Err(problem);
        }
        let outcomes = act(pasts.clone()).await?;
        if let Some(problem) = faults.and_then(|faults| faults.lose_reply()) {
            return Err(problem);
        }

        if outcomes.len() != effects.len() {
            let what = format!("{} outcomes for {} writes", outcomes.len(), effects.len());
            return Err(match effects.first() {
                Some(effect) => self.misreport(&effect.id, &what),
                None => Problem::new(431, what),
            });
        }
        let mut events = Vec::new();
        let mut checked = Vec::with_capacity(outcomes.len());
        for ((effect, past), outcome) in effects.iter().zip(&pasts).zip(outcomes) {
            checked.push(match outcome {
                Ok(effected) => self.outcome(effect, past, &effected).map(|event| {
                    events.extend(event);
                    effected
                }),
                Err(problem) => Err(problem),
            });
        }
        self.view.ledger.append(events).await?;
        for (effect, outcome) in effects.iter().zip(&checked) {
            if let Ok(Effected::Made(_) | Effected::MadeBefore(_)) = outcome {
                self.view.reporter.report(&Happening::EffectDone {
                    step: &self.view.step,
                    effect: &effect.id,
                    description: &effect.description,
                });
            }
        }
        Ok(checked)
    }

    fn intention(&self, effect: &Effect) -> Event {
        Event::EffectIntended {
            step: self.view.step.clone(),
            effect: effect.id.clone(),
            description: effect.description.clone(),
            inverse: effect.inverse.clone(),
        }
    }

    /// The event of an outcome; none where the journal says the same already.
    fn outcome(
        &self,
        effect: &Effect,
        past: &Past,
        effected: &Effected,
    ) -> Result<Option<Event>, Problem> {
        let (step, id) = (self.view.step.clone(), effect.id.clone());
        let made = |result: &Value| Event::EffectDone {
            step: step.clone(),
            effect: id.clone(),
            result: result.clone(),
        };
        match (effected, past) {
            (Effected::MadeBefore(result), Past::Done { result: known, .. })
                if result == known || result.is_null() =>
            {
                Ok(None)
            }
            (Effected::Made(result), _) | (Effected::MadeBefore(result), Past::Done { .. }) => {
                Ok(Some(made(result)))
            }
            (Effected::MadeBefore(_), Past::Never) => {
                Err(self.misreport(&id, "made before, but never intended before"))
            }
            (Effected::MadeBefore(result), Past::Intended { .. }) => Ok(Some(Event::EffectFound {
                step,
                effect: id,
                description: effect.description.clone(),
                by_us: true,
                result: result.clone(),
            })),
            (Effected::Foreign(_), Past::Done { .. }) => {
                Err(self.misreport(&id, "found as a stranger's, but made by this migration"))
            }
            (Effected::Foreign(description), _) => Ok(Some(Event::EffectFound {
                step,
                effect: id,
                description: description.clone(),
                by_us: false,
                result: Value::Null,
            })),
            (Effected::NotDone(reason), _) => Ok(Some(Event::EffectNotDone {
                step,
                effect: id,
                reason: reason.clone(),
            })),
        }
    }

    fn misreport(&self, effect: &EffectId, how: &str) -> Problem {
        Problem::new(
            431,
            format!("step {} contradicts its journal", self.view.step),
        )
        .at(format!("effect {effect}"))
        .detail(how)
        .cause("a fault of the step, not of the clusters")
        .next("report it with the output of ferry report")
    }
}

/// The problem of a task that did not come to its end.
pub(crate) fn panicked(step: &StepName, error: tokio::task::JoinError) -> Problem {
    let text = match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a text".to_owned()),
        Err(_) => "the runtime was shut down".to_owned(),
    };
    Problem::new(430, format!("step {step} broke down: {text}"))
        .cause("a fault of the step, not of the clusters")
        .next("start the command again: it resumes; report it if it happens again")
}

/// Counts the writes that are under way, so that a step is not closed before they have come to
/// their end.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<RwLock<()>>);

impl InFlight {
    async fn enter(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.0).read_owned().await
    }

    /// Waits until no write is under way. Each has its own time limit.
    pub(crate) async fn settle(&self) {
        drop(self.0.write().await);
    }
}
