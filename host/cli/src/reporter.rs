//! Shows a run: bars on a terminal, plain lines elsewhere.

use crate::output;
use ferry_engine::{Happening, Progress, Reporter, StepName};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a plain line tells of progress where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Shows a run on stderr.
pub(crate) struct Narrator {
    terminal: bool,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    place: (usize, usize),
    told: Instant,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let state = State {
            bar: None,
            place: (0, 0),
            told: Instant::now(),
        };
        Self {
            terminal,
            state: Mutex::new(state),
        }
    }

    fn line(&self, text: &str) {
        let state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &state.bar {
            Some(bar) => bar.println(text),
            None => output::narrate(text),
        }
    }

    fn started(&self, step: &StepName, place: (usize, usize), again: bool) {
        let text = format!("[{}/{}] {step}", place.0, place.1);
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.place = place;
        state.told = Instant::now();
        if self.terminal {
            let target = ProgressDrawTarget::stderr_with_hz(5);
            let bar = ProgressBar::with_draw_target(None, target).with_message("");
            bar.set_prefix(text);
            if let Ok(style) = ProgressStyle::with_template("{prefix:<16} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            state.bar = Some(bar);
        } else {
            let again = if again { "  (again)" } else { "" };
            output::narrate(&format!("{text}{again}"));
        }
    }

    fn progressed(&self, step: &StepName, progress: &Progress) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let note = progress.note.as_deref().unwrap_or("");
        let count = progress.done.min(progress.total.unwrap_or(progress.done));
        let count = ferry_model::offset::grouped(i64::try_from(count).unwrap_or(i64::MAX));
        match &state.bar {
            Some(bar) => {
                if let Some(total) = progress.total {
                    bar.set_length(total.max(1));
                    bar.set_position(progress.done.min(total.max(1)));
                    let template = "{prefix:<16} {bar:20} {percent:>3} %  {msg}";
                    if let Ok(style) = ProgressStyle::with_template(template) {
                        bar.set_style(style.progress_chars("━╸─"));
                    }
                }
                bar.set_message(format!("{count} {}  {note}", progress.unit));
            }
            None if state.told.elapsed() >= PLAIN_EVERY => {
                state.told = Instant::now();
                let percent = progress
                    .total
                    .filter(|total| *total > 0)
                    .map_or(String::new(), |total| {
                        format!("{} %  ", (progress.done.min(total) * 100) / total)
                    });
                let (number, total) = state.place;
                output::narrate(&format!(
                    "[{number}/{total}] {step}  {percent}{count} {}  {note}",
                    progress.unit
                ));
            }
            None => {}
        }
    }

    fn ended(&self, text: &str) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (number, total) = state.place;
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        output::narrate(&format!("[{number}/{total}] {text}"));
    }
}

impl Reporter for Narrator {
    fn report(&self, happening: &Happening<'_>) {
        match happening {
            Happening::RunStarted { attempt, .. } if *attempt > 1 => {
                output::narrate(&format!("going on: attempt {attempt}"));
            }
            Happening::StepStarted {
                step,
                number,
                total,
                again,
            } => {
                self.started(step, (*number, *total), *again);
            }
            Happening::StepSkipped {
                step,
                number,
                total,
            } => {
                output::narrate(&format!("[{number}/{total}] {step}  nothing to do"));
            }
            Happening::Progressed { step, progress } => self.progressed(step, progress),
            Happening::StepFinished { step, leftovers } => {
                let left = match leftovers.len() {
                    0 => String::new(),
                    left => format!(", {left} left for later"),
                };
                self.ended(&format!("{step}  done{left}"));
            }
            Happening::StepFailed { step, .. } => self.ended(&format!("{step}  failed")),
            Happening::StepStopped { step } => self.ended(&format!("{step}  stopped")),
            Happening::UndoStarted { step } => output::narrate(&format!("undoing {step}")),
            Happening::EffectUndone {
                description,
                outcome,
                ..
            } => {
                let how = match outcome {
                    ferry_engine::UndoOutcome::Undone => "undone",
                    ferry_engine::UndoOutcome::AlreadyGone => "gone already",
                };
                self.line(&format!("  {how}: {description}"));
            }
            _ => {}
        }
    }
}
