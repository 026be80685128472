//! One job: a fresh instance of a plugin, configured once and asked in chunks.

use crate::configuration::Configuration;
use crate::containment::Containment;
use crate::host::{Plugin, PluginCore};
use crate::job_error::{Budget, Failure, JobError, Phase};
use crate::log::Log;
use crate::printable;
use crate::role::{Answer, DecidingRole};
use crate::ticker::TICK_MS;
use crate::v0_1_0::PluginError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::{Store, Trap};

/// The longest text of a plugin's own error, in bytes.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// The most names that a plugin's own error may be about.
const ABOUT_MAX: usize = 100;

/// What wasmtime says where a guest hands over more than it may.
const TOO_MUCH_DATA: &str = "fuel allocated for hostcalls has been exhausted";

/// A fresh instance of a plugin, configured, that answers the questions of one role.
///
/// After an error the instance is not asked again: what it would say is worth nothing.
pub struct Job<R: DecidingRole> {
    plugin: Arc<PluginCore>,
    store: Store<Containment>,
    guest: R::Guest,
    spent: Duration,
    failed: bool,
}

impl<R: DecidingRole> Job<R> {
    /// A fresh instance, configured.
    pub(crate) fn start(plugin: &Plugin, configuration: &Configuration) -> Result<Self, JobError> {
        let mut job = Self::instantiate(plugin)?;
        job.configure(configuration)?;
        Ok(job)
    }

    /// A fresh instance that is not configured yet.
    pub(crate) fn instantiate(plugin: &Plugin) -> Result<Self, JobError> {
        let plugin = Arc::clone(&plugin.core);
        let limits = plugin.host.settings.limits;
        let mut store = Store::new(&plugin.host.engine, Containment::new(limits));
        store.limiter(|containment| containment);
        store.set_hostcall_fuel(limits.answer_bytes);
        let mut spent = Duration::ZERO;
        let guest = guarded(&plugin, &mut store, &mut spent, |store| {
            let instance = plugin.component.instantiate(&mut *store)?;
            R::guest(&plugin.exports, store, &instance)
                .transpose()
                .map(Ok)
        })
        .and_then(|guest| guest.ok_or(Failure::Role { asked: R::ROLE }))
        .map_err(|failure| error(&plugin, Phase::Start, failure))?;
        Ok(Self {
            plugin,
            store,
            guest,
            spent,
            failed: false,
        })
    }

    /// Configures the instance, once.
    pub(crate) fn configure(&mut self, configuration: &Configuration) -> Result<(), JobError> {
        self.call(Phase::Configure, |guest, store| {
            R::configure(guest, store, configuration.as_str())
        })
    }

    /// Asks the plugin: one decision per question, in the same order.
    ///
    /// Questions go over in chunks. Give all questions of a job at once: attributes that say what
    /// belongs together are found among them.
    ///
    /// # Errors
    /// [`JobError`] where the plugin traps, runs out of a limit, or gives nonsense.
    pub fn decide(&mut self, questions: &[R::Question]) -> Result<Vec<R::Decision>, JobError> {
        let context = R::context(questions);
        let (later, first): (Vec<usize>, Vec<usize>) =
            (0..questions.len()).partition(|index| R::later(&questions[*index]));
        let order = [first, later].concat();
        let asked: Vec<&R::Question> = order.iter().map(|index| &questions[*index]).collect();
        let mut decisions = Vec::with_capacity(questions.len());
        while decisions.len() < asked.len() {
            let rest = &asked[decisions.len()..];
            let phase = |length: usize| Phase::Decide {
                first: decisions.len() + 1,
                last: decisions.len() + length,
                of: asked.len(),
            };
            let length = self
                .chunk_length(rest)
                .map_err(|failure| error(&self.plugin, phase(1), failure))?;
            let (chunk, phase) = (&rest[..length], phase(length));
            let raw = self.call(phase, |guest, store| {
                R::decide(guest, store, chunk, &context)
            })?;
            if let Err(failure) = accept::<R>(chunk, raw, &mut decisions) {
                self.failed = true;
                return Err(error(&self.plugin, phase, failure));
            }
        }
        Ok(restore(&order, decisions))
    }

    /// What the plugin wrote so far.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.store.data().log
    }

    /// Bytes of linear memory that the instance has taken so far.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory_bytes()
    }

    /// How many of the next questions go over together.
    fn chunk_length(&self, questions: &[&R::Question]) -> Result<usize, Failure> {
        let limits = &self.plugin.host.settings.limits;
        let mut bytes = 0;
        for (index, question) in questions.iter().enumerate() {
            let weight = R::weight_bytes(question);
            if weight > limits.chunk_bytes {
                return Err(Failure::QuestionTooLarge {
                    subject: printable::line(&R::subject(question), 255),
                    bytes: weight,
                    limit: limits.chunk_bytes,
                });
            }
            bytes += weight;
            if index > 0 && (index == limits.chunk_questions || bytes > limits.chunk_bytes) {
                return Ok(index);
            }
        }
        Ok(questions.len())
    }

    /// Calls the guest within its limits. A failed job stays failed.
    fn call<T>(
        &mut self,
        phase: Phase,
        call: impl FnOnce(&R::Guest, &mut Store<Containment>) -> Answer<T>,
    ) -> Result<T, JobError> {
        let answer = if self.failed {
            Err(Failure::Over)
        } else {
            let guest = &self.guest;
            guarded(&self.plugin, &mut self.store, &mut self.spent, |store| {
                call(guest, store)
            })
        };
        answer.map_err(|failure| {
            self.failed = true;
            error(&self.plugin, phase, failure)
        })
    }
}

impl<R: DecidingRole> std::fmt::Debug for Job<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("plugin", &self.plugin.label)
            .field("role", &R::ROLE)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

fn error(plugin: &PluginCore, phase: Phase, failure: Failure) -> JobError {
    JobError {
        plugin: Arc::clone(&plugin.label),
        phase,
        failure,
    }
}

/// Runs a call with the epoch armed, and says why it failed.
///
/// The only host call of a role writes a line into memory, so that no host call needs a limit of its
/// own and the epoch is not armed anew after one.
fn guarded<T>(
    plugin: &PluginCore,
    store: &mut Store<Containment>,
    spent: &mut Duration,
    call: impl FnOnce(&mut Store<Containment>) -> Answer<T>,
) -> Result<T, Failure> {
    let limits = &plugin.host.settings.limits;
    let job = Duration::from_millis(limits.job_ms);
    let left = job.saturating_sub(*spent);
    let one = Duration::from_millis(limits.call_ms);
    let budget = if one <= left {
        Budget::Call {
            limit_ms: limits.call_ms,
        }
    } else {
        Budget::Job {
            limit_ms: limits.job_ms,
        }
    };
    let ticks = one.min(left).as_millis() as u64 / TICK_MS;
    // One tick more: the first may come at once.
    store.set_epoch_deadline(ticks + 1);
    let running = plugin.host.ticker.run();
    let started = Instant::now();
    let answer = call(store);
    *spent += started.elapsed();
    drop(running);
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(refused)) => Err(refusal(&refused)),
        Err(trap) => Err(explain(&trap, budget, store.data())),
    }
}

/// A plugin's own error, fit for people.
fn refusal(refused: &PluginError) -> Failure {
    let about = refused.about.iter().take(ABOUT_MAX);
    Failure::Refused {
        message: printable::line(&refused.message, MESSAGE_BYTES_MAX),
        about: about.map(|name| printable::line(name, 255)).collect(),
    }
}

/// Why a call ended without an answer.
fn explain(error: &wasmtime::Error, budget: Budget, containment: &Containment) -> Failure {
    let trap = error.downcast_ref::<Trap>();
    let said = containment.log.last_error().map(str::to_owned);
    match (trap, containment.denied()) {
        (Some(Trap::Interrupt), _) => Failure::OutOfTime { budget },
        (_, Some(denied)) => Failure::OutOfMemory {
            what: denied.what,
            asked: denied.asked,
            limit: denied.limit,
        },
        (Some(trap), None) => Failure::Trapped {
            trap: trap.to_string(),
            said,
        },
        (None, None) => {
            let message = format!("{error:#}");
            if message.contains(TOO_MUCH_DATA) {
                let limit = containment.limits.answer_bytes;
                return Failure::TooMuchData { limit };
            }
            Failure::Malformed {
                message: printable::line(&message, MESSAGE_BYTES_MAX),
            }
        }
    }
}

/// Takes the decisions of a chunk out of the sandbox.
fn accept<R: DecidingRole>(
    chunk: &[&R::Question],
    raw: Vec<R::Raw>,
    decisions: &mut Vec<R::Decision>,
) -> Result<(), Failure> {
    if raw.len() != chunk.len() {
        return Err(Failure::WrongCount {
            asked: chunk.len(),
            answered: raw.len(),
        });
    }
    for (question, raw) in chunk.iter().zip(raw) {
        decisions.push(R::accept(question, raw).map_err(|why| Failure::Illegal {
            subject: printable::line(&R::subject(question), 255),
            why,
        })?);
    }
    Ok(())
}

/// Puts decisions into the order of the questions: the one at `index` belongs to `order[index]`.
fn restore<D>(order: &[usize], decisions: Vec<D>) -> Vec<D> {
    let mut numbered: Vec<(usize, D)> = order.iter().copied().zip(decisions).collect();
    // In order already, unless some were asked later: then the sort costs one look at each.
    numbered.sort_by_key(|(index, _)| *index);
    numbered.into_iter().map(|(_, decision)| decision).collect()
}
