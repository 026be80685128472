//! The clock that ends guests which run too long.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::Engine;

/// Time between two ticks, in milliseconds.
pub(crate) const TICK_MS: u64 = 10;

/// A thread that moves the engine's epoch on while guests run, and sleeps otherwise. It ends when
/// the ticker is dropped.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Default)]
struct Wanted {
    running: usize,
    stop: bool,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        // Nobody panics while holding it; and a counter can't be half written.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this lives, the epoch moves.
pub(crate) struct Running(Arc<State>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let (engine, shared) = (engine.weak(), Arc::clone(&state));
        let thread = std::thread::Builder::new()
            .name("ferry-plugin-ticker".to_owned())
            .spawn(move || {
                let mut wanted = shared.lock();
                while !wanted.stop {
                    wanted = if wanted.running == 0 {
                        shared.changed.wait(wanted)
                    } else {
                        let tick = Duration::from_millis(TICK_MS);
                        let waited = shared.changed.wait_timeout(wanted, tick);
                        if let Some(engine) = engine.upgrade() {
                            engine.increment_epoch();
                        }
                        waited
                            .map(|(wanted, _)| wanted)
                            .map_err(|e| PoisonError::new(e.into_inner().0))
                    }
                    .unwrap_or_else(PoisonError::into_inner);
                }
            })?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Keeps the epoch moving until the guard is dropped.
    pub(crate) fn run(&self) -> Running {
        self.state.lock().running += 1;
        self.state.changed.notify_one();
        Running(Arc::clone(&self.state))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.lock().stop = true;
        self.state.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread can't panic; and nobody is left who could be told.
            let _ = thread.join();
        }
    }
}
