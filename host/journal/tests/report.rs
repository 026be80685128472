//! Goal: the summary and the report say what the journal holds. Method: the story of a migration
//! with chosen times.

mod story;

use ferry_journal::{
    AttemptOutcome, EffectCounts, Journal, Phase, Recorded, Report, StateDirectory, StepState,
    Summary,
};
use story::*;
use tempfile::TempDir;

/// The story with one second between any two events.
fn recorded(events: usize) -> Recorded {
    let above = TempDir::new().expect("directory");
    write(above.path(), &story()[..events]);
    let mut recorded = Recorded::read(&StateDirectory::at(above.path())).expect("whole");
    for (index, entry) in recorded.entries.iter_mut().enumerate() {
        entry.time_ms = 1_000_000 + index as i64 * 1_000;
    }
    recorded
}

#[test]
fn a_killed_run_counts_up_to_the_last_event_of_its_attempt() {
    // Attempt 1: started at second 2, last event at second 5. Attempt 2: seconds 7 to 10.
    let summary = Summary::of(&recorded(11));
    let topics = &summary.steps[0];
    assert_eq!(topics.step, step("topics"));
    assert_eq!(topics.starts, 2);
    assert_eq!(topics.worked_ms, 3_000 + 3_000);
    assert_eq!(topics.started_ms, Some(1_002_000));
    assert_eq!(topics.finished_ms, Some(1_010_000));
    assert!(topics.state.is_complete());
    assert_eq!(
        topics.effects,
        EffectCounts {
            done: 2,
            foreign: 1,
            ..EffectCounts::default()
        }
    );
    assert_eq!(summary.attempts.len(), 2);
    assert_eq!(summary.attempts[0].outcome, None, "it was killed");
    assert_eq!(summary.attempts[0].last_event_ms, 1_005_000);
}

#[test]
fn failures_and_leftovers_are_kept_with_their_attempt() {
    let summary = Summary::of(&recorded(24));
    assert_eq!(summary.phase, Phase::Applying);
    let names: Vec<_> = summary.steps.iter().map(|s| s.step.as_str()).collect();
    assert_eq!(names, ["topics", "groups", "verify"]);
    assert!(matches!(
        &summary.steps[1].state,
        StepState::Finished { leftovers } if leftovers[0].what == "group x"
    ));
    let failures: Vec<_> = summary.steps[2]
        .failures
        .iter()
        .map(|f| f.attempt)
        .collect();
    assert_eq!(failures, [2, 3]);
    assert_eq!(summary.steps[2].failures[1].problem, problem());
    assert_eq!(summary.attempts[1].outcome, Some(AttemptOutcome::Failed));
}

#[test]
fn the_report_names_the_journal_it_was_made_from() {
    let above = TempDir::new().expect("directory");
    write(above.path(), &story());
    let directory = StateDirectory::at(above.path());
    let report = Report::of(&Recorded::read(&directory).expect("whole"));
    let journal = Journal::open(above.path()).expect("opened");
    assert_eq!(&report.head, journal.head());
    assert_eq!(report.entries, story().len() as u64);
    assert_eq!(report.timeline.len(), story().len());
    assert_eq!(report.timeline[3].text, "about to create topic/a");
    assert_eq!(report.timeline[3].attempt, 1);
    assert!(report.timeline.iter().all(|entry| !entry.text.is_empty()));
    let effects: Vec<_> = report
        .effects
        .iter()
        .map(|effect| format!("{} {}", effect.effect, effect.state))
        .collect();
    assert_eq!(
        effects,
        [
            "topic/a undone",
            "topic/b undone",
            "topic/c found, not ours",
            "group/x not done"
        ]
    );
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["effects"][0]["state"], "undone");
}
