//! Shows a run: bars on a terminal, plain lines elsewhere. A step has one bar for each of its parts.

use crate::output;
use ferry_engine::{Happening, Progress, Reporter, StepName};
use ferry_plan::render::amount;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a plain line tells of progress where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// Bars at once: parts beyond are not shown.
const BARS_MAX: usize = 16;
/// Before anything is known of how far a step is.
const WAITING: &str = "{prefix} {msg}";
/// How far a part is, where it is known how much there is.
const GOING: &str = "{prefix} {bar:20} {percent:>3} %  {msg}";

/// Shows a run on stderr.
pub(crate) struct Narrator {
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The bars of the step that runs, on a terminal.
    bars: Option<Bars>,
    /// The number of the step, and how many there are.
    place: (usize, usize),
    /// What was told last of each part, and when.
    told: BTreeMap<String, (Instant, String)>,
}

struct Bars {
    all: MultiProgress,
    /// `[3/9] copy`.
    heading: String,
    parts: Vec<(String, ProgressBar)>,
}

impl Bars {
    fn new(heading: String) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        let first = all.add(ProgressBar::no_length());
        first.set_prefix(format!("{heading:<16}"));
        style(&first, WAITING);
        first.enable_steady_tick(Duration::from_millis(200));
        Self {
            all,
            heading,
            parts: vec![(String::new(), first)],
        }
    }

    /// The bar of a part: the first one takes the step's own.
    fn of(&mut self, part: &str) -> Option<&ProgressBar> {
        if let Some(place) = self.parts.iter().position(|(known, _)| known == part) {
            return Some(&self.parts[place].1);
        }
        let heading = if self.parts[0].0.is_empty() {
            self.parts[0].0 = part.to_owned();
            self.heading.as_str()
        } else if self.parts.len() < BARS_MAX {
            let bar = self.all.add(ProgressBar::no_length());
            self.parts.push((part.to_owned(), bar));
            ""
        } else {
            return None;
        };
        let place = self.parts.iter().position(|(known, _)| known == part)?;
        let bar = &self.parts[place].1;
        bar.set_prefix(format!("{heading:<12} {part:<10}"));
        style(bar, WAITING);
        Some(bar)
    }

    fn show(&mut self, progress: &Progress, text: String) {
        let Some(bar) = self.of(&progress.part) else {
            return;
        };
        if let Some(total) = progress.total {
            bar.set_length(total.max(1));
            // Nothing to do is all done.
            let done = if total == 0 { 1 } else { progress.done };
            bar.set_position(done.min(total.max(1)));
            style(bar, GOING);
        }
        bar.set_message(text);
    }
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
}

impl Narrator {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        let shown = match &self.state().bars {
            Some(bars) => bars.all.println(text).is_ok(),
            None => false,
        };
        if !shown {
            output::narrate(text);
        }
    }

    fn started(&self, step: &StepName, place: (usize, usize), again: bool) {
        let text = format!("[{}/{}] {step}", place.0, place.1);
        let mut state = self.state();
        state.place = place;
        state.told.clear();
        if self.terminal {
            state.bars = Some(Bars::new(text));
        } else {
            let again = if again { "  (again)" } else { "" };
            output::narrate(&format!("{text}{again}"));
        }
    }

    fn progressed(&self, step: &StepName, progress: &Progress) {
        let mut state = self.state();
        let note = progress.note.as_deref().unwrap_or("");
        let count = progress.done.min(progress.total.unwrap_or(progress.done));
        let count = amount::count(i64::try_from(count).unwrap_or(i64::MAX));
        let text = format!("{count} {}  {note}", progress.unit);
        if let Some(bars) = &mut state.bars {
            bars.show(progress, text);
            return;
        }
        let now = Instant::now();
        let (told_at, told) = state
            .told
            .entry(progress.part.clone())
            .or_insert_with(|| (now, String::new()));
        if now.duration_since(*told_at) < PLAIN_EVERY || *told == text {
            return;
        }
        *told_at = now;
        told.clone_from(&text);
        let part = match progress.part.as_str() {
            "" => String::new(),
            part => format!("{part}  "),
        };
        let percent = progress.total.filter(|total| *total > 0);
        let percent = percent.map_or(String::new(), |total| {
            format!("{} %  ", (progress.done.min(total) * 100) / total)
        });
        let (number, total) = state.place;
        output::narrate(&format!("[{number}/{total}] {step}  {part}{percent}{text}"));
    }

    fn ended(&self, text: &str) {
        let mut state = self.state();
        let (number, total) = state.place;
        if let Some(bars) = state.bars.take() {
            for (_, bar) in &bars.parts {
                bar.finish_and_clear();
            }
            // What can't be cleared stays on the screen, and nothing worse.
            let _ = bars.all.clear();
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
            Happening::Noted { step, text } => {
                let (number, total) = self.state().place;
                self.line(&format!("[{number}/{total}] {step}  {text}"));
            }
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
