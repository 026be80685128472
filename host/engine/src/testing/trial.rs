//! The tests themselves.

use super::World;
use super::script::Script;
use super::session::Session;
use crate::rollback::{RollbackEnd, RollbackError};
use crate::run::{RunEnd, RunError};
use serde_json::Value;

/// Tests that every step must pass, run against worlds that `make` makes.
pub struct Trial<Make> {
    make: Make,
    points_max: usize,
}

/// How much an undisturbed run does: so many points there are at which it can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Events of the run.
    pub run_events: usize,
    /// Writes to the world in the run; many effects made in one go count once.
    pub run_writes: usize,
    /// Effects that the run made.
    pub effects: usize,
    /// Events of the rollback.
    pub rollback_events: usize,
    /// Writes to the world in the rollback.
    pub rollback_writes: usize,
}

/// What an undisturbed run and its rollback look like.
struct Calm {
    before: Value,
    after: Value,
    counts: Counts,
}

impl<Make, Making, W> Trial<Make>
where
    Make: Fn() -> Making,
    Making: Future<Output = W>,
    W: World,
{
    /// A trial. `make` makes a new world in its first state, equal at every call.
    pub fn new(make: Make) -> Self {
        Self {
            make,
            points_max: usize::MAX,
        }
    }

    /// Tries at most this many points of each kind, evenly spread: for worlds that are expensive.
    #[must_use]
    pub fn points_max(mut self, points_max: usize) -> Self {
        self.points_max = points_max.max(1);
        self
    }

    /// Every test.
    pub async fn all(&self) -> Counts {
        let counts = self.finishes_twice_and_rolls_back_twice().await;
        self.survives_a_failure_at_every_write().await;
        self.survives_the_loss_of_every_reply().await;
        self.survives_a_crash_between_any_two_events().await;
        self.survives_crash_after_crash().await;
        self.does_the_same_when_everything_runs_twice().await;
        self.survives_a_journal_cut_after_every_event().await;
        counts
    }

    /// It finishes; a second run changes nothing, in the journal neither; a rollback restores the
    /// first state; a second one has nothing to do; after it the migration can be applied again.
    pub async fn finishes_twice_and_rolls_back_twice(&self) -> Counts {
        let calm = self.calm().await;
        let session = self.finished(&calm, "second run").await;
        let journal = session.journal();
        let (end, _) = session.run(Script::calm()).await;
        assert_eq!(end, Ok(RunEnd::AlreadyFinished), "second run");
        assert_eq!(session.journal(), journal, "second run: journal");
        assert_eq!(session.state().await, calm.after, "second run: world");
        self.rolls_back(&session, &calm, "rollback").await;
        let (end, _) = session.rollback(Script::calm()).await;
        assert_eq!(end, Ok(RollbackEnd::NothingToUndo), "second rollback");
        self.resumes(&session, &calm, "run after rollback").await;
        calm.counts
    }

    /// A write that fails fails its step; the next run goes on, and a rollback in its place
    /// restores the first state. So for every write of the run and of the rollback.
    pub async fn survives_a_failure_at_every_write(&self) {
        let calm = self.calm().await;
        for write in self.points(calm.counts.run_writes) {
            let at = format!("write {write} fails");
            let session = self.failed(Script::fails_at_write(write), &at).await;
            self.resumes(&session, &calm, &at).await;
            self.rolls_back(&session, &calm, &at).await;
            let session = self.failed(Script::fails_at_write(write), &at).await;
            self.rolls_back(&session, &calm, &at).await;
        }
        for write in self.points(calm.counts.rollback_writes) {
            let at = format!("undo {write} fails");
            let session = self.finished(&calm, &at).await;
            let (end, _) = session.rollback(Script::fails_at_write(write)).await;
            assert!(
                matches!(end, Err(RollbackError::Stuck { .. })),
                "{at}: {end:?}"
            );
            self.rolls_back(&session, &calm, &at).await;
        }
    }

    /// A write is made, but nobody hears of it: the next run finds out and goes on. A rollback in
    /// its place restores the first state, or is stuck where nobody can tell whose doing it is.
    pub async fn survives_the_loss_of_every_reply(&self) {
        let calm = self.calm().await;
        for write in self.points(calm.counts.run_writes) {
            let at = format!("the reply of write {write} is lost");
            let session = self.failed(Script::loses_reply_of_write(write), &at).await;
            self.resumes(&session, &calm, &at).await;
            self.rolls_back(&session, &calm, &at).await;
            let session = self.failed(Script::loses_reply_of_write(write), &at).await;
            self.rolls_back_or_sticks(&session, &calm, &at).await;
        }
        for write in self.points(calm.counts.rollback_writes) {
            let at = format!("the reply of undo {write} is lost");
            let session = self.finished(&calm, &at).await;
            let (end, _) = session.rollback(Script::loses_reply_of_write(write)).await;
            assert!(
                matches!(end, Err(RollbackError::Stuck { .. })),
                "{at}: {end:?}"
            );
            self.rolls_back(&session, &calm, &at).await;
        }
    }

    /// The process dies between two events: the next goes on. So for any two events of the run and
    /// of the rollback.
    pub async fn survives_a_crash_between_any_two_events(&self) {
        let calm = self.calm().await;
        for events in self.points(calm.counts.run_events) {
            let at = format!("crash after {events} events");
            let session = self.crashed(events, &at).await;
            self.resumes(&session, &calm, &at).await;
            self.rolls_back(&session, &calm, &at).await;
            let session = self.crashed(events, &at).await;
            self.rolls_back_or_sticks(&session, &calm, &at).await;
        }
        for events in self.points(calm.counts.rollback_events) {
            let at = format!("crash after {events} events of the rollback");
            let session = self.finished(&calm, &at).await;
            let (end, _) = session.rollback(Script::dies_after_events(events)).await;
            assert!(
                matches!(end, Err(RollbackError::Journal(_))),
                "{at}: {end:?}"
            );
            self.rolls_back(&session, &calm, &at).await;
        }
    }

    /// Every process dies after five events, in the run and in the rollback: it comes to its end
    /// all the same.
    pub async fn survives_crash_after_crash(&self) {
        let calm = self.calm().await;
        let session = Session::new((self.make)().await);
        let limit = 10 + 2 * calm.counts.run_events;
        let mut processes = 0;
        while let (Err(error), _) = session.run(Script::dies_after_events(5)).await {
            assert!(matches!(error, RunError::Journal(_)), "{error:?}");
            processes += 1;
            assert!(processes < limit, "no end after {processes} processes");
        }
        assert_eq!(
            session.state().await,
            calm.after,
            "after {processes} crashes"
        );
        assert_eq!(session.effects_done(), calm.counts.effects);
        processes = 0;
        let limit = 10 + 2 * calm.counts.rollback_events;
        while let (Err(error), _) = session.rollback(Script::dies_after_events(5)).await {
            assert!(matches!(error, RollbackError::Journal(_)), "{error:?}");
            processes += 1;
            assert!(processes < limit, "no end after {processes} processes");
        }
        assert_eq!(
            session.state().await,
            calm.before,
            "after {processes} crashes"
        );
    }

    /// Every step runs twice in a row, and every undo: the world is as after one.
    pub async fn does_the_same_when_everything_runs_twice(&self) {
        let calm = self.calm().await;
        let session = Session::new((self.make)().await);
        let (end, _) = session.run(Script::twice()).await;
        assert_eq!(end, Ok(RunEnd::Finished), "every step twice");
        assert_eq!(session.state().await, calm.after, "every step twice");
        assert_eq!(session.effects_done(), calm.counts.effects);
        let (end, _) = session.rollback(Script::twice()).await;
        assert!(end.is_ok(), "every undo twice: {end:?}");
        assert_eq!(session.state().await, calm.before, "every undo twice");
    }

    /// The journal is put back to what it was after any event, while the world is as after the
    /// whole run (an old copy was restored): the next run leaves the world as it is, or refuses.
    pub async fn survives_a_journal_cut_after_every_event(&self) {
        let calm = self.calm().await;
        let session = self.finished(&calm, "journal").await;
        let journal = session.journal();
        let ends: Vec<_> = journal
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(index, _)| index + 1)
            .collect();
        for lines in self.points(ends.len()) {
            let end = if lines == 0 { 0 } else { ends[lines - 1] };
            session.set_journal(&journal[..end]);
            let at = format!("the journal is cut after {lines} events");
            let (result, _) = session.run(Script::calm()).await;
            assert!(
                matches!(result, Ok(_) | Err(RunError::Step { .. })),
                "{at}: {result:?}"
            );
            assert_eq!(session.state().await, calm.after, "{at}");
        }
    }

    /// An undisturbed run and its rollback.
    async fn calm(&self) -> Calm {
        let session = Session::new((self.make)().await);
        let before = session.state().await;
        let (end, run) = session.run(Script::calm()).await;
        assert_eq!(end, Ok(RunEnd::Finished), "undisturbed run");
        let after = session.state().await;
        assert_ne!(before, after, "the steps change nothing");
        let effects = session.effects_done();
        let (end, rollback) = session.rollback(Script::calm()).await;
        assert!(matches!(end, Ok(RollbackEnd::Finished { .. })), "{end:?}");
        assert_eq!(session.state().await, before, "undisturbed rollback");
        let counts = Counts {
            run_events: run.events(),
            run_writes: run.writes(),
            effects,
            rollback_events: rollback.events(),
            rollback_writes: rollback.writes(),
        };
        Calm {
            before,
            after,
            counts,
        }
    }

    async fn finished(&self, calm: &Calm, at: &str) -> Session<W> {
        let session = Session::new((self.make)().await);
        self.resumes(&session, calm, at).await;
        session
    }

    async fn failed(&self, script: Script, at: &str) -> Session<W> {
        let session = Session::new((self.make)().await);
        let (end, _) = session.run(script).await;
        assert!(matches!(end, Err(RunError::Step { .. })), "{at}: {end:?}");
        session
    }

    async fn crashed(&self, events: usize, at: &str) -> Session<W> {
        let session = Session::new((self.make)().await);
        let (end, _) = session.run(Script::dies_after_events(events)).await;
        assert!(matches!(end, Err(RunError::Journal(_))), "{at}: {end:?}");
        session
    }

    async fn resumes(&self, session: &Session<W>, calm: &Calm, at: &str) {
        let (end, _) = session.run(Script::calm()).await;
        assert!(
            matches!(end, Ok(RunEnd::Finished | RunEnd::AlreadyFinished)),
            "{at}: resumed: {end:?}"
        );
        assert_eq!(session.state().await, calm.after, "{at}: resumed");
        assert_eq!(session.effects_done(), calm.counts.effects, "{at}: resumed");
    }

    async fn rolls_back(&self, session: &Session<W>, calm: &Calm, at: &str) {
        let (end, _) = session.rollback(Script::calm()).await;
        assert!(end.is_ok(), "{at}: rolled back: {end:?}");
        assert_eq!(session.state().await, calm.before, "{at}: rolled back");
    }

    async fn rolls_back_or_sticks(&self, session: &Session<W>, calm: &Calm, at: &str) {
        let (end, _) = session.rollback(Script::calm()).await;
        match end {
            Ok(_) => assert_eq!(session.state().await, calm.before, "{at}: rolled back"),
            Err(RollbackError::Stuck { .. }) => {}
            Err(error) => panic!("{at}: rolled back: {error:?}"),
        }
    }

    /// The points 0 to `count` - 1, or as many of them as are tried, the first and the last among
    /// them.
    fn points(&self, count: usize) -> Vec<usize> {
        if count <= self.points_max {
            return (0..count).collect();
        }
        let last = self.points_max.saturating_sub(1).max(1);
        (0..self.points_max)
            .map(|point| point * (count - 1) / last)
            .collect()
    }
}
