//! Goal: what was acknowledged is in the file and reads back; whatever else happened to the file is
//! found. Method: the story of a migration, its bytes cut and flipped at every place.

mod story;

use ferry_journal::{Journal, OpenError, ReadError, Recorded, StateDirectory, Tail};
use ferry_model::problem::{Explain, ProblemCode};
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use story::*;
use tempfile::TempDir;

fn state(above: &TempDir) -> PathBuf {
    above.path().join(".ferry/retail")
}

fn place(directory: &Path, bytes: &[u8]) {
    let state = StateDirectory::create(directory).expect("created");
    fs::write(state.journal(), bytes).expect("written");
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    let above = TempDir::new().expect("directory");
    write(&state(&above), &story());
    let recorded = Recorded::read(&StateDirectory::at(state(&above))).expect("whole");
    let events: Vec<_> = recorded
        .entries
        .iter()
        .map(|entry| entry.event.clone())
        .collect();
    assert_eq!(events, story());
    assert_eq!(recorded.tail, Tail::Clean);
    let journal = Journal::open(state(&above)).expect("opened");
    assert_eq!(journal.status(), &recorded.status);
    assert_eq!(journal.head(), &recorded.head);
    assert_eq!(journal.torn_line(), None);
    assert_eq!(
        journal.verify().expect("whole").entries,
        story().len() as u64
    );
}

#[test]
fn files_of_the_state_are_closed_to_others() {
    let above = TempDir::new().expect("directory");
    write(&state(&above), &story()[..1]);
    for entry in fs::read_dir(state(&above)).expect("there") {
        let entry = entry.expect("there");
        let mode = entry.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn events_of_one_batch_stand_in_order_and_one_that_is_refused_keeps_all_out() {
    let above = TempDir::new().expect("directory");
    let mut journal = Journal::open(state(&above)).expect("opened");
    assert_eq!(journal.append_all(&story()[..4]).expect("possible"), 4);
    let before = fs::read(journal.directory().journal()).expect("there");
    journal
        .append_all(&[done("topics", "topic/a"), done("topics", "topic/b")])
        .expect_err("topic/b was never intended");
    assert_eq!(
        fs::read(journal.directory().journal()).expect("there"),
        before
    );
    assert_eq!(
        journal.append(done("topics", "topic/a")).expect("possible"),
        5
    );
    assert_eq!(journal.entries().expect("whole").len(), 5);
}

#[test]
fn an_event_too_long_for_a_line_is_refused_and_the_journal_goes_on() {
    let above = TempDir::new().expect("directory");
    let mut journal = Journal::open(state(&above)).expect("opened");
    journal.append_all(&story()[..3]).expect("possible");
    let ferry_journal::Event::EffectIntended {
        step,
        effect,
        description,
        ..
    } = &story()[3]
    else {
        unreachable!()
    };
    let long = ferry_journal::Event::EffectIntended {
        step: step.clone(),
        effect: effect.clone(),
        description: description.repeat(ferry_journal::LINE_BYTES_MAX / description.len() + 1),
        inverse: None,
    };
    let error = journal.append(long).expect_err("too long");
    assert_eq!(error.problem().code, ProblemCode(406));
    journal.append(story()[3].clone()).expect("possible");
    journal.verify().expect("whole");
}

#[test]
fn a_line_torn_at_any_byte_is_cut_off_kept_beside_and_written_over() {
    let whole_story = story();
    let above = TempDir::new().expect("directory");
    let whole = write(&state(&above), &whole_story[..6]);
    let last_line = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("several lines")
        + 1;
    for end in last_line..whole.len() {
        fs::remove_dir_all(state(&above)).expect("removed");
        place(&state(&above), &whole[..end]);
        let line_is_whole = end == whole.len() - 1;
        let expected = if line_is_whole { 6 } else { 5 };

        let read = Recorded::read(&StateDirectory::at(state(&above))).expect("readable");
        assert_eq!(read.entries.len(), expected, "cut at byte {end}");

        let mut journal = Journal::open(state(&above)).expect("mended");
        assert_eq!(journal.entries().expect("whole").len(), expected);
        match journal.torn_line() {
            Some(kept) => assert_eq!(fs::read(kept).expect("kept"), &whole[last_line..end]),
            None => assert!(end == last_line || line_is_whole, "cut at byte {end}"),
        }
        journal
            .append(whole_story[expected].clone())
            .expect("goes on");
        let verification = journal.verify().expect("whole");
        assert_eq!(verification.entries, expected as u64 + 1);
        assert_eq!(verification.tail, Tail::Clean);
    }
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is_and_its_line_is_named() {
    let above = TempDir::new().expect("directory");
    let whole = write(&state(&above), &story());
    let journal = StateDirectory::at(state(&above)).journal();
    // One byte is written in place: a file that is cut and written anew is flushed by some file
    // systems, 12,000 times.
    let file = fs::File::options()
        .write(true)
        .open(&journal)
        .expect("there");
    let set = |position: usize, byte: u8| {
        file.write_all_at(&[byte], position as u64)
            .expect("written");
    };
    let mut line = 1;
    for (position, byte) in whole.iter().copied().enumerate() {
        set(position, byte ^ 0x04);
        let error = Recorded::verify(&StateDirectory::at(state(&above))).expect_err("flipped");
        let ReadError::Damaged { line: named, .. } = &error else {
            panic!("byte {position}: {error}");
        };
        assert_eq!(*named, line, "byte {position}");
        set(position, byte);
        if byte == b'\n' {
            line += 1;
        }
    }
    // The writer refuses it for the same reason, and leaves the file alone.
    set(whole.len() / 2, b'\0');
    let damaged = fs::read(&journal).expect("there");
    let error = Journal::open(state(&above)).expect_err("damaged");
    assert_eq!(error.problem().code, ProblemCode(402));
    assert_eq!(fs::read(&journal).expect("there"), damaged);
}

#[test]
fn lines_taken_out_swapped_or_doubled_are_found() {
    let above = TempDir::new().expect("directory");
    let whole = write(&state(&above), &story());
    let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let without = [&lines[..3], &lines[4..]].concat().concat();
    let swapped = [&lines[..3], &[lines[4], lines[3]], &lines[5..]]
        .concat()
        .concat();
    let doubled = [&lines[..4], &lines[3..]].concat().concat();
    for (bytes, line) in [(without, 4), (swapped, 4), (doubled, 5)] {
        place(&state(&above), &bytes);
        let error = Recorded::verify(&StateDirectory::at(state(&above))).expect_err("changed");
        assert!(
            matches!(error, ReadError::Damaged { line: named, .. } if named == line),
            "{error}"
        );
    }
}

#[test]
fn a_journal_whose_hashes_are_right_but_whose_events_are_impossible_is_refused() {
    let above = TempDir::new().expect("directory");
    let other = TempDir::new().expect("directory");
    // Made by appending each event as the second of its own journal, where the hash of the first
    // line is the same: the chain is whole, the story is not.
    let first = write(&state(&above), &story()[..1]);
    let mut journal = Journal::open(state(&above)).expect("opened");
    journal
        .append(attempt(1, ferry_journal::Goal::Apply))
        .expect("possible");
    let second = fs::read(journal.directory().journal()).expect("there")[first.len()..].to_vec();
    let text = String::from_utf8(second).expect("UTF-8");
    let entry = text
        .trim_end()
        .strip_prefix("{\"entry\":")
        .and_then(|rest| rest.split_once(",\"hash\""))
        .expect("framed")
        .0
        .replace("\"number\":1", "\"number\":7");
    let hash = ferry_model::digest::Digest::of(entry.as_bytes());
    let forged = format!("{{\"entry\":{entry},\"hash\":\"{hash}\"}}\n");
    place(&state(&other), &[first, forged.into_bytes()].concat());
    let error = Journal::open(state(&other)).expect_err("impossible");
    assert!(
        matches!(
            &error,
            OpenError::Read(ReadError::Impossible { line: 2, .. })
        ),
        "{error}"
    );
    assert_eq!(error.problem().code, ProblemCode(404));
}

#[test]
fn where_nothing_was_started_the_reader_says_so_and_creates_nothing() {
    let above = TempDir::new().expect("directory");
    let error = Recorded::read(&StateDirectory::at(state(&above))).expect_err("missing");
    assert_eq!(error.problem().code, ProblemCode(408));
    assert!(!state(&above).exists());
}

#[test]
fn facts_read_back_as_the_type_they_were_written_from() {
    let above = TempDir::new().expect("directory");
    write(&state(&above), &story());
    let journal = Journal::open(state(&above)).expect("opened");
    let key = "producer-id".parse().expect("legal");
    let value: Option<serde_json::Value> = journal.fact(&key).expect("JSON");
    assert_eq!(
        value,
        Some(serde_json::json!({ "producer": 6003, "rate": 0.1 }))
    );
    assert!(journal.fact::<u64>(&key).is_err(), "an object is no number");
    assert_eq!(
        journal
            .fact::<u64>(&"none".parse().expect("legal"))
            .expect("none"),
        None
    );
}
