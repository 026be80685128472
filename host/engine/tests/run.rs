//! Goal: a run does what it says, step by step, and a step can't lead it astray. Method: steps made
//! of closures, one rule a test.

mod plain;
mod shelf;

use ferry_engine::testing::World;
use ferry_engine::{
    Effected, FactKey, FactScope, Graph, Leftover, Outcome, Past, Progress, Readiness, RunEnd,
    RunError, RunOptions, StepError, StopSource,
};
use ferry_journal::{Phase, Recorded, StateDirectory, StepState};
use ferry_model::problem::{Explain, Problem, ProblemCode};
use plain::*;
use serde_json::{Value, json};
use shelf::Shelf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;

fn all() -> RunOptions {
    RunOptions::default()
}

fn code(error: &RunError) -> ProblemCode {
    error.problem().code
}

#[tokio::test]
async fn a_run_tells_what_happens_in_order() {
    let directory = TempDir::new().expect("directory");
    let lines = Arc::new(Lines::default());
    let graph = graph(&[
        Plain::new("second")
            .needs("first")
            .check(|_| Readiness::AlreadyDone),
        Plain::new("first").run(|context| async move {
            context.progress(&Progress {
                part: String::new(),
                done: 1,
                total: Some(2),
                unit: "topics",
                note: None,
            });
            made(&context, "a").await?;
            Ok(Outcome::Finished)
        }),
    ]);
    let engine = engine(directory.path()).reporter(lines.clone());
    let report = engine.run(&graph, &all()).await.expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
    assert_eq!(report.ran, [step("first"), step("second")]);
    assert_eq!(
        *lines.0.lock().expect("no panic"),
        [
            "attempt 1: 2",
            "1/2 first",
            "first: 1 of Some(2) topics",
            "first: a",
            "first finished, 0 left",
            "2/2 second",
            "second finished, 0 left",
        ]
    );
}

#[tokio::test]
async fn a_stop_before_an_effect_stops_the_step_and_the_next_run_goes_on() {
    let directory = TempDir::new().expect("directory");
    let (source, signal) = StopSource::new();
    let graph = graph(&[
        Plain::new("copy").run(move |context| {
            let source = source.clone();
            async move {
                made(&context, "a").await?;
                source.request();
                made(&context, "b").await?;
                Ok(Outcome::Finished)
            }
        }),
        Plain::new("verify").needs("copy"),
    ]);
    let report = engine(directory.path())
        .stop(signal)
        .run(&graph, &all())
        .await
        .expect("stopped in order");
    assert_eq!(report.end, RunEnd::Stopped);
    assert_eq!(state(directory.path(), "copy"), StepState::Interrupted);
    assert_eq!(state(directory.path(), "verify"), StepState::Pending);
    assert_eq!(
        kinds(directory.path())[5..],
        ["step-stopped", "attempt-ended"]
    );

    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
}

#[tokio::test]
async fn a_write_under_way_comes_to_its_end_even_if_its_step_walks_away() {
    let directory = TempDir::new().expect("directory");
    let (written, hold) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let graph = graph(&[Plain::new("impatient").run({
        let (written, hold) = (written.clone(), hold.clone());
        move |context| {
            let (written, hold) = (written.clone(), hold.clone());
            async move {
                let begun = Arc::new(Notify::new());
                let write = {
                    let (begun, hold) = (begun.clone(), hold.clone());
                    context.effect(effect("a"), move |_| async move {
                        begun.notify_one();
                        hold.notified().await;
                        written.store(true, Ordering::SeqCst);
                        Ok(Effected::Made(json!(7)))
                    })
                };
                tokio::select! {
                    outcome = write => panic!("too early: {outcome:?}"),
                    () = begun.notified() => {}
                }
                // The future of the write is dropped now, the write itself is not. It goes on long
                // after this step has returned and the engine has had its turn.
                tokio::spawn(async move {
                    for _ in 0..100 {
                        tokio::task::yield_now().await;
                    }
                    hold.notify_one();
                });
                Ok(Outcome::Finished)
            }
        }
    })]);
    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
    assert!(written.load(Ordering::SeqCst));
    assert_eq!(
        kinds(directory.path())[3..6],
        ["effect-intended", "effect-done", "step-finished"]
    );
}

#[tokio::test]
async fn a_step_that_panics_fails_alone_and_the_run_resumes() {
    let directory = TempDir::new().expect("directory");
    let runs = Arc::new(AtomicUsize::new(0));
    let graph = graph(&[Plain::new("fragile").run({
        let runs = runs.clone();
        move |context| {
            let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                let act = move |past| async move {
                    assert!(!first, "no such partition");
                    assert!(matches!(past, Past::Intended { .. }));
                    Ok(Effected::Made(Value::Null))
                };
                context.effect(effect("a"), act).await?;
                Ok(Outcome::Finished)
            }
        }
    })]);
    let error = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect_err("panicked");
    assert_eq!(code(&error), ProblemCode(430));
    assert!(error.to_string().contains("no such partition"), "{error}");
    assert!(matches!(
        state(directory.path(), "fragile"),
        StepState::Failed { .. }
    ));
    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
}

#[tokio::test]
async fn a_step_that_is_not_ready_changes_nothing_and_says_why() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("offsets")
        .check(|_| Readiness::NotReady(Problem::new(299, "lag is 12")))
        .run(|_| async { panic!("must not run") })]);
    let error = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect_err("not ready");
    assert!(matches!(
        &error,
        RunError::Step {
            not_ready: true,
            ..
        }
    ));
    let problem = error.problem();
    assert_eq!(problem.code, ProblemCode(299));
    assert_eq!(
        problem.details,
        ["step offsets is not ready; it changed nothing"]
    );
    assert!(matches!(
        state(directory.path(), "offsets"),
        StepState::NotReady { .. }
    ));
}

#[tokio::test]
async fn what_is_left_over_is_tried_again_and_what_is_finished_is_only_looked_at() {
    let directory = TempDir::new().expect("directory");
    let shelf = Shelf::new();
    shelf.with(|inside| inside.active.insert("orders".into()));
    let graph = Graph::new(shelf.steps()).expect("a graph");

    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::Leftovers);
    let leftover = Leftover {
        what: "group orders".into(),
        why: "the group is active".into(),
    };
    assert_eq!(report.leftovers, [(step("groups"), leftover)]);

    // Still active: nothing but the look at it.
    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::Leftovers);
    assert_eq!(
        report.skipped,
        [step("things"), step("batch"), step("setting")]
    );
    assert_eq!(report.ran, [step("groups")]);

    shelf.with(|inside| inside.active.clear());
    let creations = shelf.with(|inside| inside.creations);
    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
    assert_eq!(shelf.with(|inside| inside.creations), creations + 1);

    let looks = shelf.with(|inside| inside.looks);
    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    assert_eq!(report.end, RunEnd::AlreadyFinished);
    assert_eq!(
        shelf.with(|inside| inside.looks),
        looks,
        "not even looked at"
    );
}

#[tokio::test]
async fn a_finished_step_whose_work_was_undone_by_others_runs_again() {
    let directory = TempDir::new().expect("directory");
    let shelf = Shelf::new();
    shelf.with(|inside| inside.active.insert("orders".into()));
    let graph = Graph::new(shelf.steps()).expect("a graph");
    engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("leftovers");
    shelf.with(|inside| inside.things.remove("a"));

    // The first run finds that it is gone and says so in the journal; so the next creates it anew,
    // as ours.
    let error = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect_err("gone");
    assert!(matches!(error, RunError::Step { .. }));
    let report = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("made again");
    assert_eq!(report.ran[0], step("things"));
    let id = shelf.with(|inside| inside.things["a"]);
    let recorded = Recorded::read(&StateDirectory::at(directory.path())).expect("whole");
    let effect = recorded
        .status
        .effect(&step("things"), &plain::id("thing/a"));
    assert_eq!(
        effect.expect("known").state,
        ferry_journal::EffectState::Done { result: json!(id) }
    );
}

#[tokio::test]
async fn only_and_until_choose_steps_and_refuse_what_cannot_be() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[
        Plain::new("a"),
        Plain::new("b").needs("a"),
        Plain::new("c").needs("b"),
    ]);
    let engine = engine(directory.path());
    let only = |name: &str| RunOptions {
        only: vec![step(name)],
        ..all()
    };
    let error = engine.run(&graph, &only("d")).await.expect_err("unknown");
    assert_eq!(code(&error), ProblemCode(423));
    let error = engine
        .run(&graph, &only("c"))
        .await
        .expect_err("b is not finished");
    assert_eq!(
        error,
        RunError::NeedsUnfinished {
            step: step("c"),
            needs: vec![step("b")]
        }
    );
    assert!(kinds(directory.path()).is_empty(), "nothing was begun");

    let until = RunOptions {
        until: Some(step("b")),
        ..all()
    };
    let report = engine.run(&graph, &until).await.expect("finished");
    assert_eq!((report.end, report.ran.len()), (RunEnd::Partial, 2));
    let report = engine.run(&graph, &only("c")).await.expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
}

#[tokio::test]
async fn a_graph_apart_never_finishes_the_migration_and_reopens_a_finished_one() {
    let directory = TempDir::new().expect("directory");
    let own = graph(&[Plain::new("a")]);
    let engine = engine(directory.path());
    let apart = RunOptions {
        apart: true,
        ..all()
    };
    let other = graph(&[Plain::new("again-1")]);
    let report = engine.run(&other, &apart).await.expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
    assert_eq!(engine.status().phase(), Phase::Applying);

    engine.run(&own, &all()).await.expect("finished");
    assert_eq!(engine.status().phase(), Phase::Finished);
    let other = graph(&[Plain::new("again-2")]);
    engine.run(&other, &apart).await.expect("finished");
    assert_eq!(engine.status().phase(), Phase::Applying);
    let report = engine.run(&own, &all()).await.expect("finished");
    assert_ne!(report.end, RunEnd::AlreadyFinished, "it is looked at again");
}

#[tokio::test]
async fn a_journal_of_another_migration_is_refused() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("a")]);
    engine(directory.path())
        .run(&graph, &all())
        .await
        .expect("finished");
    let before = kinds(directory.path());
    let mut other = identity("plan");
    other.target.0 = "another".into();
    let engine = engine_of(directory.path(), other);
    let error = engine
        .run(&graph, &all())
        .await
        .expect_err("another target");
    assert_eq!(code(&error), ProblemCode(425));
    assert_eq!(
        error.to_string(),
        "the journal is of target cluster target, not another"
    );
    assert_eq!(kinds(directory.path()), before);
}

#[tokio::test]
async fn another_plan_takes_a_finished_migration_up_again() {
    let directory = TempDir::new().expect("directory");
    let first = graph(&[Plain::new("a")]);
    engine(directory.path())
        .run(&first, &all())
        .await
        .expect("finished");
    let second = graph(&[Plain::new("a"), Plain::new("b")]);
    let engine = engine_of(directory.path(), identity("revised"));
    let report = engine.run(&second, &all()).await.expect("finished");
    assert_eq!(report.end, RunEnd::Finished);
    assert_eq!(
        engine.status().identity().expect("started").plan,
        identity("revised").plan
    );
    assert!(kinds(directory.path()).contains(&"plan-revised"));
}

#[tokio::test]
async fn facts_of_the_live_world_are_gone_in_the_next_attempt_and_others_are_not() {
    let directory = TempDir::new().expect("directory");
    let lag: FactKey = "lag-is-zero".parse().expect("legal");
    let producer: FactKey = "producer-id".parse().expect("legal");
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let graph = graph(&[Plain::new("drain").run({
        let seen = seen.clone();
        move |context| {
            let (seen, lag, producer) = (seen.clone(), lag.clone(), producer.clone());
            async move {
                let facts = (context.fact::<bool>(&lag)?, context.fact::<u64>(&producer)?);
                seen.lock().expect("no panic").push(facts);
                context
                    .record(FactScope::Attempt, lag.clone(), &true)
                    .await?;
                context
                    .record(FactScope::Migration, producer, &6003)
                    .await?;
                assert_eq!(context.fact::<bool>(&lag)?, Some(true));
                Err(Problem::new(199, "not this time").into())
            }
        }
    })]);
    for _ in 0..2 {
        let error = engine(directory.path()).run(&graph, &all()).await;
        assert_eq!(code(&error.expect_err("fails")), ProblemCode(199));
    }
    assert_eq!(
        *seen.lock().expect("no panic"),
        [(None, None), (None, Some(6003))]
    );
}

#[tokio::test]
async fn nothing_is_made_before_without_an_intention_in_the_journal() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("liar").run(|context| async move {
        context
            .effect(effect("a"), |_| async {
                Ok(Effected::MadeBefore(Value::Null))
            })
            .await?;
        Ok(Outcome::Finished)
    })]);
    let error = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect_err("a lie");
    assert_eq!(code(&error), ProblemCode(431));
    assert_eq!(
        error.problem().details[0],
        "made before, but never intended before"
    );
}

#[tokio::test]
async fn what_was_made_is_never_given_away_as_a_strangers() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("liar").run(|context| async move {
        made(&context, "a").await?;
        let by_look = context.found(id("a"), "a exists").await;
        assert_eq!(by_look.expect_err("a lie").code, ProblemCode(431));
        context
            .effect(effect("a"), |_| async {
                Ok(Effected::Foreign("a exists".into()))
            })
            .await?;
        Ok(Outcome::Finished)
    })]);
    let error = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect_err("a lie");
    assert_eq!(code(&error), ProblemCode(431));
}

#[tokio::test]
async fn a_strangers_thing_is_noted_once_and_again_only_where_it_changed() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("look").run(|context| async move {
        for what in ["a exists", "a exists", "a exists with 3 partitions"] {
            context.found(id("a"), what).await?;
        }
        Ok(Outcome::Finished)
    })]);
    let engine = engine(directory.path());
    engine.run(&graph, &all()).await.expect("finished");
    let found = kinds(directory.path());
    let found = found.iter().filter(|kind| **kind == "effect-found");
    assert_eq!(found.count(), 2);
}

#[tokio::test]
async fn a_step_that_shrugs_off_a_failed_write_is_not_taken_for_finished() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("careless").run(|context| async move {
        let act = |_| async { Err(Problem::new(199, "timed out")) };
        let _ = context.effect(effect("a"), act).await;
        Ok(Outcome::Finished)
    })]);
    let error = engine(directory.path())
        .run(&graph, &all())
        .await
        .expect_err("unknown");
    assert_eq!(code(&error), ProblemCode(433));
}

#[tokio::test]
async fn of_many_writes_at_once_each_has_its_own_outcome() {
    let directory = TempDir::new().expect("directory");
    let graph = graph(&[Plain::new("batch").run(|context| async move {
        let outcomes = context
            .effects(vec![effect("a"), effect("b"), effect("c")], |_| async {
                Ok(vec![
                    Ok(Effected::Made(json!(1))),
                    Err(Problem::new(199, "timed out")),
                    Ok(Effected::NotDone("refused".into())),
                ])
            })
            .await?;
        assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok());
        let doubled = context
            .effects(vec![effect("d"), effect("d")], |_| async { Ok(vec![]) })
            .await;
        assert!(matches!(doubled, Err(StepError::Failed(p)) if p.code == ProblemCode(431)));
        let short = context
            .effects(vec![effect("e")], |_| async { Ok(vec![]) })
            .await;
        assert!(matches!(short, Err(StepError::Failed(p)) if p.code == ProblemCode(431)));
        let pasts: Vec<_> = context
            .pasts()
            .into_iter()
            .map(|(id, _)| id.to_string())
            .collect();
        assert_eq!(
            pasts,
            ["a", "b", "e"],
            "c is known not to be made, d never began"
        );
        Err(Problem::new(199, "enough").into())
    })]);
    let error = engine(directory.path()).run(&graph, &all()).await;
    assert_eq!(code(&error.expect_err("fails")), ProblemCode(199));
}

#[tokio::test]
async fn a_write_waits_for_nobody_once_a_stop_was_asked_for() {
    let directory = TempDir::new().expect("directory");
    let (source, signal) = StopSource::new();
    let graph = graph(&[Plain::new("copy").run(move |context| {
        let source = source.clone();
        async move {
            source.request();
            tokio::time::timeout(Duration::from_secs(10), context.stop().requested())
                .await
                .expect("told at once");
            context.safe_point()?;
            panic!("went on after the stop");
        }
    })]);
    let engine = engine(directory.path()).stop(signal);
    let report = engine.run(&graph, &all()).await.expect("stopped in order");
    assert_eq!(report.end, RunEnd::Stopped);
}
