//! A migration in events, as every test of the journal tells it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use ferry_journal::{
    AttemptOutcome, EffectId, Event, FactScope, Goal, Inverse, Journal, Leftover,
    MigrationIdentity, StepName, UndoOutcome,
};
use ferry_model::digest::Digest;
use ferry_model::identity::ClusterId;
use ferry_model::problem::Problem;
use serde_json::json;
use std::path::Path;

pub(crate) fn step(name: &str) -> StepName {
    name.parse().expect("legal")
}

pub(crate) fn effect(name: &str) -> EffectId {
    name.parse().expect("legal")
}

pub(crate) fn identity() -> MigrationIdentity {
    MigrationIdentity {
        migration: "retail".into(),
        plan: Digest::of(b"plan"),
        source: ClusterId("source-cluster".into()),
        target: ClusterId("target-cluster".into()),
    }
}

pub(crate) fn migration_started() -> Event {
    Event::MigrationStarted {
        identity: identity(),
        ferry_version: "0.1.0".into(),
    }
}

pub(crate) fn attempt(number: u32, goal: Goal) -> Event {
    Event::AttemptStarted {
        number,
        goal,
        process_id: 4711,
        host: "host-1".into(),
        ferry_version: "0.1.0".into(),
        resumed: number > 1,
    }
}

pub(crate) fn ended(outcome: AttemptOutcome) -> Event {
    Event::AttemptEnded { outcome }
}

pub(crate) fn started(name: &str) -> Event {
    Event::StepStarted {
        step: step(name),
        reversible: true,
    }
}

pub(crate) fn finished(name: &str) -> Event {
    Event::StepFinished {
        step: step(name),
        leftovers: vec![],
    }
}

pub(crate) fn intended(name: &str, id: &str) -> Event {
    Event::EffectIntended {
        step: step(name),
        effect: effect(id),
        description: format!("create {id}"),
        inverse: Some(Inverse {
            kind: "delete".into(),
            value: json!({ "name": id }),
        }),
    }
}

pub(crate) fn done(name: &str, id: &str) -> Event {
    Event::EffectDone {
        step: step(name),
        effect: effect(id),
        result: json!({ "id": id.len() }),
    }
}

pub(crate) fn found(name: &str, id: &str, by_us: bool) -> Event {
    Event::EffectFound {
        step: step(name),
        effect: effect(id),
        description: format!("{id} exists"),
        by_us,
        result: json!(null),
    }
}

pub(crate) fn not_done(name: &str, id: &str) -> Event {
    Event::EffectNotDone {
        step: step(name),
        effect: effect(id),
        reason: "the group is active".into(),
    }
}

pub(crate) fn fact(step_name: Option<&str>, scope: FactScope, key: &str) -> Event {
    Event::FactRecorded {
        step: step_name.map(step),
        scope,
        key: key.parse().expect("legal"),
        value: json!({ "producer": 6003, "rate": 0.1 }),
    }
}

pub(crate) fn failed(name: &str) -> Event {
    Event::StepFailed {
        step: step(name),
        problem: problem(),
    }
}

pub(crate) fn problem() -> Problem {
    Problem::new(107, "target refused the password")
        .at("b-1:9092")
        .detail("a line")
}

pub(crate) fn undone(name: &str, id: &str) -> Event {
    Event::EffectUndone {
        step: step(name),
        effect: effect(id),
        outcome: UndoOutcome::Undone,
    }
}

/// A whole migration: applied with a failure and a leftover, finished, rolled back with one stop
/// on the way. Every type of event occurs.
pub(crate) fn story() -> Vec<Event> {
    vec![
        migration_started(),
        attempt(1, Goal::Apply),
        started("topics"),
        intended("topics", "topic/a"),
        done("topics", "topic/a"),
        intended("topics", "topic/b"),
        // Killed here.
        attempt(2, Goal::Apply),
        started("topics"),
        found("topics", "topic/b", true),
        found("topics", "topic/c", false),
        finished("topics"),
        started("groups"),
        fact(Some("groups"), FactScope::Step, "groups/moved"),
        fact(Some("groups"), FactScope::Attempt, "groups/idle"),
        fact(None, FactScope::Migration, "producer-id"),
        intended("groups", "group/x"),
        not_done("groups", "group/x"),
        Event::StepFinished {
            step: step("groups"),
            leftovers: vec![Leftover {
                what: "group x".into(),
                why: "active".into(),
            }],
        },
        Event::StepNotReady {
            step: step("verify"),
            problem: problem(),
        },
        ended(AttemptOutcome::Failed),
        attempt(3, Goal::Apply),
        Event::PlanRevised {
            plan: Digest::of(b"another plan"),
        },
        started("verify"),
        failed("verify"),
        started("verify"),
        Event::StepStopped {
            step: step("verify"),
        },
        started("verify"),
        finished("verify"),
        started("groups"),
        finished("groups"),
        Event::MigrationFinished {
            steps: vec![step("topics"), step("groups"), step("verify")],
        },
        ended(AttemptOutcome::Completed),
        attempt(4, Goal::Rollback),
        Event::UndoStarted {
            step: step("verify"),
        },
        Event::UndoFinished {
            step: step("verify"),
        },
        Event::UndoStarted {
            step: step("groups"),
        },
        Event::UndoFinished {
            step: step("groups"),
        },
        Event::UndoStarted {
            step: step("topics"),
        },
        undone("topics", "topic/b"),
        Event::StepStuck {
            step: step("topics"),
            effect: Some(effect("topic/a")),
            problem: problem(),
        },
        ended(AttemptOutcome::Failed),
        attempt(5, Goal::Rollback),
        Event::UndoStarted {
            step: step("topics"),
        },
        Event::EffectUndone {
            step: step("topics"),
            effect: effect("topic/a"),
            outcome: UndoOutcome::AlreadyGone,
        },
        Event::UndoFinished {
            step: step("topics"),
        },
        Event::RolledBack {},
        ended(AttemptOutcome::Completed),
    ]
}

/// Writes events to a new journal and returns the bytes of the file.
pub(crate) fn write(directory: &Path, events: &[Event]) -> Vec<u8> {
    let mut journal = Journal::open(directory).expect("opened");
    for event in events {
        journal.append(event.clone()).expect("appended");
    }
    std::fs::read(journal.directory().journal()).expect("there")
}
