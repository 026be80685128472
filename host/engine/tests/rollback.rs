//! Goal: a rollback undoes what the migration made, the last first, and nothing else; where it
//! can't, it says what is left. Method: the world in memory, and steps made of closures.

mod plain;
mod shelf;

use ferry_engine::testing::World;
use ferry_engine::{
    Graph, InverseHandler, Inverses, Outcome, RollbackEnd, RollbackError, RollbackPlan, RunEnd,
    RunError, RunOptions, StopSource, Undo, UndoOutcome, async_trait,
};
use ferry_journal::{Phase, Recorded, StateDirectory};
use ferry_model::problem::{Explain, Problem, ProblemCode};
use plain::*;
use shelf::Shelf;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A handler that notes what it undoes.
#[derive(Default)]
struct Note {
    undone: Mutex<Vec<String>>,
    after: Option<ferry_engine::StopSource>,
}

#[async_trait]
impl InverseHandler for Note {
    fn kind(&self) -> &'static str {
        "note"
    }
    fn by_hand(&self, undo: &Undo) -> String {
        format!("forget {}", undo.effect)
    }
    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        self.undone
            .lock()
            .expect("no panic")
            .push(undo.effect.to_string());
        if let Some(stop) = &self.after {
            stop.request();
        }
        Ok(UndoOutcome::Undone)
    }
}

/// Two steps that make their effects in turns: a1, b1, a2.
fn interleaved() -> Graph {
    graph(&[
        Plain::new("a").run(|context| async move {
            made(&context, "a1").await?;
            let known = context.pasts().len();
            if known == 1
                && context
                    .fact::<bool>(&"again".parse().expect("legal"))?
                    .is_some()
            {
                made(&context, "a2").await?;
            }
            Ok(Outcome::Finished)
        }),
        Plain::new("b").needs("a").run(|context| async move {
            made(&context, "b1").await?;
            let key = "again".parse().expect("legal");
            let migration = ferry_engine::FactScope::Migration;
            context.record(migration, key, &true).await?;
            Ok(Outcome::FinishedWithLeftovers(vec![]))
        }),
        Plain::new("idle").needs("b"),
    ])
}

async fn applied(directory: &Path, graph: &Graph) {
    // The second plan makes every step run again.
    for plan in ["plan", "revised"] {
        let engine = engine_of(directory, identity(plan));
        let report = engine
            .run(graph, &RunOptions::default())
            .await
            .expect("finished");
        assert_eq!(report.end, RunEnd::Finished);
    }
}

#[tokio::test]
async fn effects_are_undone_in_the_reverse_order_of_intentions_across_steps() {
    let directory = TempDir::new().expect("directory");
    let graph = interleaved();
    applied(directory.path(), &graph).await;
    let note = Arc::new(Note::default());
    let inverses = Inverses::new().with(note.clone());
    let engine = engine(directory.path());

    let plan = RollbackPlan::of(&engine.status(), &inverses).expect("possible");
    let planned: Vec<_> = plan.undo.iter().map(|undo| undo.by_hand.as_str()).collect();
    assert_eq!(planned, ["forget a2", "forget b1", "forget a1"]);
    assert!(
        note.undone.lock().expect("no panic").is_empty(),
        "a plan undoes nothing"
    );

    let end = engine.rollback(&graph, &inverses).await.expect("possible");
    assert_eq!(
        end,
        RollbackEnd::Finished {
            undone: 3,
            already_gone: 0
        }
    );
    assert_eq!(*note.undone.lock().expect("no panic"), ["a2", "b1", "a1"]);
    assert_eq!(engine.status().phase(), Phase::RolledBack);
}

#[tokio::test]
async fn a_rollback_needs_no_step_of_the_graph_but_every_handler() {
    let directory = TempDir::new().expect("directory");
    applied(directory.path(), &interleaved()).await;
    let before = kinds(directory.path());
    let engine = engine(directory.path());
    let none = graph(&[]);
    let error = engine
        .rollback(&none, &Inverses::new())
        .await
        .expect_err("no handler");
    assert_eq!(
        error,
        RollbackError::NoHandler {
            kinds: vec!["note".into()]
        }
    );
    assert_eq!(error.problem().code, ProblemCode(441));
    assert_eq!(kinds(directory.path()), before, "nothing was begun");
    let inverses = Inverses::new().with(Arc::new(Note::default()));
    engine.rollback(&none, &inverses).await.expect("possible");
    assert_eq!(engine.status().phase(), Phase::RolledBack);
}

#[tokio::test]
async fn past_the_point_of_no_return_nothing_is_undone() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[
        Plain::new("a").run(|context| async move {
            made(&context, "a1").await?;
            Ok(Outcome::Finished)
        }),
        Plain::new("start-applications")
            .needs("a")
            .irreversible()
            .run(|_| async { Err(Problem::new(199, "failed halfway").into()) }),
    ]);
    let engine = engine(directory.path());
    engine
        .run(&graph, &RunOptions::default())
        .await
        .expect_err("fails");
    let note = Arc::new(Note::default());
    let inverses = Inverses::new().with(note.clone());
    let error = engine
        .rollback(&graph, &inverses)
        .await
        .expect_err("too late");
    assert_eq!(error.problem().code, ProblemCode(440));
    assert!(RollbackPlan::of(&engine.status(), &inverses).is_err());
    assert!(note.undone.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn strangers_things_stay_also_those_made_under_our_names_later() {
    let directory = TempDir::new().expect("directory");
    let shelf = Shelf::new();
    let graph = Graph::new(shelf.steps()).expect("a graph");
    let engine = engine(directory.path());
    engine
        .run(&graph, &RunOptions::default())
        .await
        .expect("finished");
    let plan = RollbackPlan::of(&engine.status(), &shelf.inverses()).expect("possible");
    assert_eq!(plan.kept[0].description, "strangers exists");
    assert!(plan.undo.iter().all(|undo| undo.certain));

    // Someone deletes `x` and makes another.
    shelf.with(|inside| {
        inside.things.remove("x");
        inside.create("x");
    });
    let error = engine
        .rollback(&graph, &shelf.inverses())
        .await
        .expect_err("not ours");
    let RollbackError::Stuck { step: at, left, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*at, step("batch"));
    let left: Vec<_> = left.iter().map(|undo| undo.effect.as_str()).collect();
    assert_eq!(left, ["thing/x", "thing/b", "thing/a"]);
    shelf.with(|inside| assert!(inside.things.contains_key("x")));
    let problem = error.problem();
    assert_eq!(problem.code, ProblemCode(442));
    assert!(
        problem
            .details
            .iter()
            .any(|line| line == "create x   shelf delete x"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_stuck_rollback_goes_on_after_a_person_mended_it_and_is_not_applied_before() {
    let directory = TempDir::new().expect("directory");
    let shelf = Shelf::new();
    let before = shelf.state().await;
    let graph = Graph::new(shelf.steps()).expect("a graph");
    let engine = engine(directory.path());
    engine
        .run(&graph, &RunOptions::default())
        .await
        .expect("finished");
    shelf.with(|inside| inside.undeletable.insert("y".into()));
    for _ in 0..2 {
        let error = engine
            .rollback(&graph, &shelf.inverses())
            .await
            .expect_err("stuck");
        assert!(matches!(error, RollbackError::Stuck { .. }), "{error}");
        assert_eq!(engine.status().phase(), Phase::Stuck);
        let error = engine
            .run(&graph, &RunOptions::default())
            .await
            .expect_err("stuck");
        assert_eq!(
            error,
            RunError::RollbackBegun {
                phase: Phase::Stuck
            }
        );
        assert_eq!(error.problem().code, ProblemCode(426));
    }
    // By hand.
    shelf.with(|inside| inside.things.remove("y"));
    let end = engine
        .rollback(&graph, &shelf.inverses())
        .await
        .expect("possible");
    assert_eq!(
        end,
        RollbackEnd::Finished {
            undone: 3,
            already_gone: 1
        }
    );
    assert_eq!(shelf.state().await, before);
}

#[tokio::test]
async fn a_rollback_stops_between_two_effects_and_goes_on_later() {
    let directory = TempDir::new().expect("directory");
    let graph = interleaved();
    applied(directory.path(), &graph).await;
    let (source, signal) = StopSource::new();
    let note = Arc::new(Note {
        after: Some(source),
        ..Note::default()
    });
    let end = engine(directory.path())
        .stop(signal)
        .rollback(&graph, &Inverses::new().with(note.clone()))
        .await
        .expect("stopped in order");
    assert_eq!(end, RollbackEnd::Stopped);
    assert_eq!(*note.undone.lock().expect("no panic"), ["a2"]);

    let note = Arc::new(Note::default());
    let engine = engine(directory.path());
    let end = engine
        .rollback(&graph, &Inverses::new().with(note.clone()))
        .await;
    assert_eq!(
        end,
        Ok(RollbackEnd::Finished {
            undone: 2,
            already_gone: 0
        })
    );
    assert_eq!(*note.undone.lock().expect("no panic"), ["b1", "a1"]);
}

#[tokio::test]
async fn a_migration_that_never_started_has_nothing_to_undo_and_no_journal_entry() {
    let directory = TempDir::new().expect("directory");
    let engine = engine(directory.path());
    let end = engine.rollback(&graph(&[]), &Inverses::new()).await;
    assert_eq!(end, Ok(RollbackEnd::NothingToUndo));
    let recorded = Recorded::read(&StateDirectory::at(directory.path())).expect("whole");
    assert!(recorded.entries.is_empty());
}
