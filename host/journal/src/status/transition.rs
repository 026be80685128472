//! Which event may follow, and what it changes.
//!
//! [`Status::check`] holds every rule and changes nothing; `change` follows only after it.

use super::{Attempt, EffectRecord, EffectState, Fact, Phase, Status, StepRecord, StepState};
use crate::event::{Event, FactScope, Goal, Inverse};
use crate::name::{EffectId, FactKey, StepName};

/// An event that can't happen where the migration stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The migration stands elsewhere.
    #[error("`{event}` can't happen while the migration is {phase}")]
    Phase {
        /// The type of the event.
        event: &'static str,
        /// Where the migration stands.
        phase: Phase,
    },
    /// It belongs to an attempt with another goal, or no attempt is open.
    #[error("`{event}` can't happen outside of an attempt to {}", goal_verb(*.goal))]
    Attempt {
        /// The type of the event.
        event: &'static str,
        /// The goal that the attempt must have.
        goal: Option<Goal>,
    },
    /// The attempt's number does not follow the one before, or it says wrongly whether it resumes.
    #[error("attempt {found} can't begin after attempt {last}")]
    AttemptNumber {
        /// The number of the last attempt, 0 for none.
        last: u32,
        /// The number in the event.
        found: u32,
    },
    /// The step is in another state.
    #[error("`{event}` can't happen to step {step}, which is {state}")]
    Step {
        /// The type of the event.
        event: &'static str,
        /// The step.
        step: StepName,
        /// Its state in words.
        state: &'static str,
    },
    /// The effect is in another state.
    #[error("`{event}` can't happen to effect {effect} of step {step}, which is {state}")]
    Effect {
        /// The type of the event.
        event: &'static str,
        /// The step.
        step: StepName,
        /// The effect.
        effect: EffectId,
        /// Its state in words.
        state: &'static str,
    },
    /// A step can't be closed while it is not known what became of one of its effects.
    #[error("`{event}` can't happen to step {step} while effect {effect} is {state}")]
    Unresolved {
        /// The type of the event.
        event: &'static str,
        /// The step.
        step: StepName,
        /// One effect that stands in the way.
        effect: EffectId,
        /// Its state in words.
        state: &'static str,
    },
    /// Something that can't be taken back has begun.
    #[error("a rollback can't begin: step {step} has begun and can't be taken back")]
    PointOfNoReturn {
        /// The step.
        step: StepName,
    },
    /// A fact of a step needs a step that runs.
    #[error("fact {key} belongs to a step, but names none that is running")]
    FactWithoutStep {
        /// The fact.
        key: FactKey,
    },
}

fn goal_verb(goal: Option<Goal>) -> &'static str {
    match goal {
        Some(Goal::Apply) => "apply",
        Some(Goal::Rollback) => "roll back",
        None => "do anything",
    }
}

impl Status {
    /// The status after `event`.
    ///
    /// # Errors
    /// [`TransitionError`] where the event can't happen in this status.
    pub fn next(&self, event: &Event) -> Result<Self, TransitionError> {
        let mut next = self.clone();
        next.apply(event)?;
        Ok(next)
    }

    /// Takes `event` in. Like [`Status::next`], but in place: its cost does not grow with the
    /// history. After an error the status is as before.
    ///
    /// # Errors
    /// [`TransitionError`] where the event can't happen in this status.
    pub fn apply(&mut self, event: &Event) -> Result<(), TransitionError> {
        self.check(event)?;
        self.change(event);
        Ok(())
    }

    /// Whether `event` can happen in this status.
    ///
    /// # Errors
    /// [`TransitionError`] where it can't.
    pub fn check(&self, event: &Event) -> Result<(), TransitionError> {
        let kind = event.kind();
        match event {
            Event::MigrationStarted { .. } => self.in_phase(kind, &[Phase::NotStarted]),
            Event::PlanRevised { .. } => self.in_attempt(kind, Some(Goal::Apply)),
            Event::AttemptStarted {
                number,
                goal,
                resumed,
                ..
            } => self.check_attempt(kind, *number, *goal, *resumed),
            Event::AttemptEnded { .. } => {
                self.in_attempt(kind, None)?;
                self.none_running(kind)
            }
            Event::StepStarted { step, .. } | Event::StepNotReady { step, .. } => {
                self.in_attempt(kind, Some(Goal::Apply))?;
                self.step_where(kind, step, |state| *state != StepState::Running)
            }
            Event::StepFinished { step, .. } => {
                self.running(kind, step)?;
                self.none_left(kind, step, |effect| effect.state == EffectState::Intended)
            }
            Event::StepFailed { step, .. } | Event::StepStopped { step } => {
                self.running(kind, step)
            }
            Event::EffectIntended { step, effect, .. }
            | Event::EffectDone { step, effect, .. }
            | Event::EffectFound { step, effect, .. }
            | Event::EffectNotDone { step, effect, .. } => {
                self.running(kind, step)?;
                self.check_effect(event, step, effect)
            }
            Event::FactRecorded {
                step, scope, key, ..
            } => {
                self.in_attempt(kind, None)?;
                let running = step
                    .as_ref()
                    .is_some_and(|step| *self.step_state(step) == StepState::Running);
                if *scope == FactScope::Step && !running {
                    return Err(TransitionError::FactWithoutStep { key: key.clone() });
                }
                Ok(())
            }
            Event::UndoStarted { step } => {
                self.in_attempt(kind, Some(Goal::Rollback))?;
                self.step_where(kind, step, |state| {
                    !matches!(state, StepState::Running | StepState::Undoing)
                })
            }
            Event::EffectUndone { step, effect, .. } => {
                self.undoing(kind, step)?;
                self.check_effect(event, step, effect)
            }
            Event::UndoFinished { step } => {
                self.undoing(kind, step)?;
                self.none_left(kind, step, |effect| {
                    effect.inverse.is_some() && effect.state.may_be_ours()
                })
            }
            Event::StepStuck { step, .. } => self.undoing(kind, step),
            Event::MigrationFinished { steps } => {
                self.in_attempt(kind, Some(Goal::Apply))?;
                self.none_running(kind)?;
                steps
                    .iter()
                    .try_for_each(|step| self.step_where(kind, step, StepState::is_complete))
            }
            Event::RolledBack {} => {
                self.in_attempt(kind, Some(Goal::Rollback))?;
                self.steps.keys().try_for_each(|step| {
                    self.step_where(kind, step, |state| *state == StepState::Undone)
                })
            }
        }
    }

    fn check_attempt(
        &self,
        event: &'static str,
        number: u32,
        goal: Goal,
        resumed: bool,
    ) -> Result<(), TransitionError> {
        let last = self.attempt.as_ref().map_or(0, |attempt| attempt.number);
        if last.checked_add(1) != Some(number) || resumed != (last > 0) {
            return Err(TransitionError::AttemptNumber {
                last,
                found: number,
            });
        }
        match goal {
            Goal::Apply => self.in_phase(
                event,
                &[Phase::Applying, Phase::Finished, Phase::RolledBack],
            ),
            Goal::Rollback => {
                self.in_phase(
                    event,
                    &[
                        Phase::Applying,
                        Phase::Finished,
                        Phase::RollingBack,
                        Phase::Stuck,
                    ],
                )?;
                match &self.irreversible {
                    Some(step) => Err(TransitionError::PointOfNoReturn { step: step.clone() }),
                    None => Ok(()),
                }
            }
        }
    }

    fn check_effect(
        &self,
        event: &Event,
        step: &StepName,
        effect: &EffectId,
    ) -> Result<(), TransitionError> {
        let state = self.effect(step, effect).map(|record| &record.state);
        let allowed = match event {
            Event::EffectIntended { .. } | Event::EffectFound { by_us: false, .. } => {
                matches!(
                    state,
                    None | Some(EffectState::Foreign | EffectState::NotDone | EffectState::Undone)
                ) || matches!(
                    (event, state),
                    (Event::EffectFound { .. }, Some(EffectState::Intended))
                )
            }
            Event::EffectDone { .. } | Event::EffectNotDone { .. } | Event::EffectUndone { .. } => {
                state.is_some_and(EffectState::may_be_ours)
            }
            // Nobody but an intention in the journal proves that a thing of the world is ours.
            Event::EffectFound { by_us: true, .. } => state == Some(&EffectState::Intended),
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        Err(TransitionError::Effect {
            event: event.kind(),
            step: step.clone(),
            effect: effect.clone(),
            state: state.map_or("not intended", EffectState::as_str),
        })
    }

    fn in_phase(&self, event: &'static str, phases: &[Phase]) -> Result<(), TransitionError> {
        if phases.contains(&self.phase) {
            return Ok(());
        }
        Err(TransitionError::Phase {
            event,
            phase: self.phase,
        })
    }

    /// An attempt is open, with this goal where one is asked for, and the migration is where such
    /// an attempt works.
    fn in_attempt(&self, event: &'static str, goal: Option<Goal>) -> Result<(), TransitionError> {
        let open = self.attempt.as_ref().filter(|attempt| attempt.open);
        match (open, goal) {
            (None, _) => Err(TransitionError::Attempt { event, goal }),
            (Some(attempt), Some(goal)) if attempt.goal != goal => Err(TransitionError::Attempt {
                event,
                goal: Some(goal),
            }),
            (Some(_), Some(Goal::Apply)) => self.in_phase(event, &[Phase::Applying]),
            (Some(_), Some(Goal::Rollback)) => self.in_phase(event, &[Phase::RollingBack]),
            (Some(_), None) => Ok(()),
        }
    }

    fn step_where(
        &self,
        event: &'static str,
        step: &StepName,
        allowed: impl Fn(&StepState) -> bool,
    ) -> Result<(), TransitionError> {
        let state = self.step_state(step);
        if allowed(state) {
            return Ok(());
        }
        Err(TransitionError::Step {
            event,
            step: step.clone(),
            state: state.as_str(),
        })
    }

    fn running(&self, event: &'static str, step: &StepName) -> Result<(), TransitionError> {
        self.in_attempt(event, Some(Goal::Apply))?;
        self.step_where(event, step, |state| *state == StepState::Running)
    }

    fn undoing(&self, event: &'static str, step: &StepName) -> Result<(), TransitionError> {
        self.in_attempt(event, Some(Goal::Rollback))?;
        self.step_where(event, step, |state| *state == StepState::Undoing)
    }

    fn none_running(&self, event: &'static str) -> Result<(), TransitionError> {
        self.steps
            .keys()
            .try_for_each(|step| self.step_where(event, step, |state| *state != StepState::Running))
    }

    fn none_left(
        &self,
        event: &'static str,
        step: &StepName,
        left: impl Fn(&EffectRecord) -> bool,
    ) -> Result<(), TransitionError> {
        let effects = self.steps.get(step).into_iter().flat_map(|s| &s.effects);
        for (effect, record) in effects {
            if left(record) {
                return Err(TransitionError::Unresolved {
                    event,
                    step: step.clone(),
                    effect: effect.clone(),
                    state: record.state.as_str(),
                });
            }
        }
        Ok(())
    }

    /// Takes in an event that [`Status::check`] let through.
    fn change(&mut self, event: &Event) {
        match event {
            Event::MigrationStarted { identity, .. } => {
                self.identity = Some(identity.clone());
                self.phase = Phase::Applying;
            }
            Event::PlanRevised { plan } => {
                if let Some(identity) = &mut self.identity {
                    identity.plan = *plan;
                }
            }
            Event::AttemptStarted { number, goal, .. } => self.begin_attempt(*number, *goal),
            Event::AttemptEnded { .. } => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.open = false;
                }
                self.forget(|fact| fact.scope == FactScope::Attempt);
            }
            Event::StepStarted { step, reversible } => {
                let record = self.step_mut(step);
                record.state = StepState::Running;
                record.starts = record.starts.saturating_add(1);
                if !reversible && self.irreversible.is_none() {
                    self.irreversible = Some(step.clone());
                }
            }
            Event::StepNotReady { step, problem } => {
                self.step_mut(step).state = StepState::NotReady {
                    problem: problem.clone(),
                };
            }
            Event::StepFinished { step, leftovers } => {
                self.step_mut(step).state = StepState::Finished {
                    leftovers: leftovers.clone(),
                };
            }
            Event::StepFailed { step, problem } => {
                self.step_mut(step).state = StepState::Failed {
                    problem: problem.clone(),
                };
            }
            Event::StepStopped { step } => self.step_mut(step).state = StepState::Interrupted,
            Event::EffectIntended {
                step,
                effect,
                description,
                inverse,
            } => self.intend(step, effect, description, inverse.as_ref()),
            Event::EffectDone {
                step,
                effect,
                result,
            }
            | Event::EffectFound {
                step,
                effect,
                by_us: true,
                result,
                ..
            } => self.set_effect(
                step,
                effect,
                EffectState::Done {
                    result: result.clone(),
                },
            ),
            Event::EffectFound {
                step,
                effect,
                description,
                by_us: false,
                ..
            } => {
                self.intend(step, effect, description, None);
                self.set_effect(step, effect, EffectState::Foreign);
            }
            Event::EffectNotDone { step, effect, .. } => {
                self.set_effect(step, effect, EffectState::NotDone);
            }
            Event::FactRecorded {
                step,
                scope,
                key,
                value,
            } => {
                let fact = Fact {
                    scope: *scope,
                    step: step.clone(),
                    value: value.clone(),
                };
                self.facts.insert(key.clone(), fact);
            }
            Event::UndoStarted { step } => self.step_mut(step).state = StepState::Undoing,
            Event::EffectUndone { step, effect, .. } => {
                self.set_effect(step, effect, EffectState::Undone);
            }
            Event::UndoFinished { step } => self.finish_undo(step),
            Event::StepStuck { step, problem, .. } => {
                self.step_mut(step).state = StepState::Stuck {
                    problem: problem.clone(),
                };
                self.phase = Phase::Stuck;
            }
            Event::MigrationFinished { .. } => self.phase = Phase::Finished,
            Event::RolledBack {} => self.phase = Phase::RolledBack,
        }
    }

    /// What an earlier attempt left running was cut short, and what it knew of the live world has
    /// expired. A step that was being undone goes on being undone.
    fn begin_attempt(&mut self, number: u32, goal: Goal) {
        for record in self.steps.values_mut() {
            if record.state == StepState::Running {
                record.state = StepState::Interrupted;
            }
        }
        self.forget(|fact| fact.scope == FactScope::Attempt);
        self.phase = match goal {
            Goal::Apply => Phase::Applying,
            Goal::Rollback => Phase::RollingBack,
        };
        self.attempt = Some(Attempt {
            number,
            goal,
            open: true,
        });
    }

    fn intend(
        &mut self,
        step: &StepName,
        effect: &EffectId,
        description: &str,
        inverse: Option<&Inverse>,
    ) {
        let order = self.effects_intended;
        self.effects_intended += 1;
        let record = EffectRecord {
            order,
            description: description.to_owned(),
            inverse: inverse.cloned(),
            state: EffectState::Intended,
        };
        self.step_mut(step).effects.insert(effect.clone(), record);
    }

    fn set_effect(&mut self, step: &StepName, effect: &EffectId, state: EffectState) {
        if let Some(record) = self.step_mut(step).effects.get_mut(effect) {
            record.state = state;
        }
    }

    /// Nothing of the step is left: what needed no undoing counts as gone with the rest, and what
    /// the step knew of its own doing is forgotten.
    fn finish_undo(&mut self, step: &StepName) {
        let record = self.step_mut(step);
        record.state = StepState::Undone;
        for effect in record.effects.values_mut() {
            if effect.state.may_be_ours() {
                effect.state = EffectState::Undone;
            }
        }
        self.forget(|fact| fact.scope == FactScope::Step && fact.step.as_ref() == Some(step));
    }

    fn forget(&mut self, which: impl Fn(&Fact) -> bool) {
        self.facts.retain(|_, fact| !which(fact));
    }

    fn step_mut(&mut self, step: &StepName) -> &mut StepRecord {
        self.steps.entry(step.clone()).or_default()
    }
}
