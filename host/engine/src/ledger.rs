//! The journal as async code uses it: shared, and written outside of the async threads.

use ferry_journal::{AppendError, Event, Journal, Status};
use ferry_model::problem::{Explain, Problem};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The journal, shared by the engine and the contexts of its steps.
#[derive(Clone)]
pub(crate) struct Ledger {
    journal: Arc<Mutex<Journal>>,
    faults: Option<Arc<dyn Faults>>,
}

/// Where tests make a run go wrong. In production there are none.
pub(crate) trait Faults: Send + Sync {
    /// How many of this many events are still written before the process "dies".
    fn admit(&self, events: usize) -> usize;
    /// Asked before each write to the world: whether it fails without being made.
    fn fail_write(&self) -> Option<Problem>;
    /// Asked after each write to the world: whether its reply is lost.
    fn lose_reply(&self) -> Option<Problem>;
    /// How often each step and each undo is run in a row.
    fn repeats(&self) -> u32;
}

impl Ledger {
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            journal: Arc::new(Mutex::new(journal)),
            faults: None,
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = Some(faults);
        self
    }

    pub(crate) fn faults(&self) -> Option<&dyn Faults> {
        self.faults.as_deref()
    }

    pub(crate) fn repeats(&self) -> u32 {
        self.faults().map_or(1, Faults::repeats)
    }

    /// Looks at the status. The journal is locked meanwhile.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Status) -> R) -> R {
        look(self.lock().status())
    }

    /// Writes events and waits until they are on the disk. Once begun, the writing is finished even
    /// if the caller is dropped.
    pub(crate) async fn append(&self, mut events: Vec<Event>) -> Result<(), Problem> {
        if events.is_empty() {
            return Ok(());
        }
        let admitted = self
            .faults()
            .map_or(events.len(), |faults| faults.admit(events.len()));
        let dies = admitted < events.len();
        events.truncate(admitted);
        let ledger = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            if events.is_empty() {
                return Ok(());
            }
            ledger.lock().append_all(&events).map(|_| ())
        })
        .await;
        match written {
            Ok(Ok(())) if dies => Err(Problem::new(400, "the process was killed by a test")),
            Ok(written) => written.map_err(|error: AppendError| error.problem()),
            Err(_) => Err(AppendError::Broken.problem()),
        }
    }

    /// Nothing panics while it holds the lock, and the journal guards itself where a write fails:
    /// a poisoned lock tells nothing more.
    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
