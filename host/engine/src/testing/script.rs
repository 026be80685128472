//! What goes wrong in a run, and where.

use crate::ledger::Faults;
use ferry_model::problem::Problem;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// What goes wrong in a run, and where. Counts events and writes as they happen.
pub(super) struct Script {
    /// The process dies when it is about to write this event, counted from 0.
    dies_at_event: Option<usize>,
    fails_at_write: Option<usize>,
    loses_reply_of_write: Option<usize>,
    repeats: AtomicU32,
    events: AtomicUsize,
    writes: AtomicUsize,
    replies: AtomicUsize,
}

impl Script {
    /// Nothing goes wrong.
    pub(super) fn calm() -> Self {
        Self {
            dies_at_event: None,
            fails_at_write: None,
            loses_reply_of_write: None,
            repeats: AtomicU32::new(1),
            events: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            replies: AtomicUsize::new(0),
        }
    }

    /// The process dies once it has written this many events.
    pub(super) fn dies_after_events(events: usize) -> Self {
        Self {
            dies_at_event: Some(events),
            ..Self::calm()
        }
    }

    /// This write, counted from 0, fails without having been made.
    pub(super) fn fails_at_write(write: usize) -> Self {
        Self {
            fails_at_write: Some(write),
            ..Self::calm()
        }
    }

    /// This write, counted from 0, is made, but its reply is lost.
    pub(super) fn loses_reply_of_write(write: usize) -> Self {
        Self {
            loses_reply_of_write: Some(write),
            ..Self::calm()
        }
    }

    /// Every step and every undo runs twice in a row.
    pub(super) fn twice() -> Self {
        let script = Self::calm();
        script.repeats.store(2, Ordering::SeqCst);
        script
    }

    /// How many events were written.
    pub(super) fn events(&self) -> usize {
        self.events.load(Ordering::SeqCst)
    }

    /// How many times the world was written to.
    pub(super) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }
}

impl Faults for Script {
    fn admit(&self, events: usize) -> usize {
        let before = self.events.load(Ordering::SeqCst);
        let admitted = match self.dies_at_event {
            Some(last) => events.min(last.saturating_sub(before)),
            None => events,
        };
        self.events.fetch_add(admitted, Ordering::SeqCst);
        admitted
    }

    fn fail_write(&self) -> Option<Problem> {
        let write = self.writes.fetch_add(1, Ordering::SeqCst);
        (self.fails_at_write == Some(write))
            .then(|| Problem::new(199, "a test made this write fail"))
    }

    fn lose_reply(&self) -> Option<Problem> {
        let reply = self.replies.fetch_add(1, Ordering::SeqCst);
        (self.loses_reply_of_write == Some(reply))
            .then(|| Problem::new(199, "a test lost the reply of this write"))
    }

    fn repeats(&self) -> u32 {
        self.repeats.load(Ordering::SeqCst)
    }
}
