//! Goal: one writer at a time, and whatever was acknowledged survives SIGKILL at any moment.
//! Method: this test binary starts itself as a writer that tells each acknowledged event, and is
//! killed without warning.

mod story;

use ferry_journal::{
    FactScope, Goal, Journal, LockError, OpenError, Recorded, StateDirectory, Tail,
};
use ferry_model::problem::{Explain, ProblemCode};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use story::*;
use tempfile::TempDir;

const DIRECTORY: &str = "FERRY_TEST_JOURNAL";

/// The process that the tests below start and kill.
#[test]
#[ignore = "started by the other tests"]
fn writer_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let mut journal = Journal::open(PathBuf::from(directory)).expect("opened");
    if journal.status().identity().is_none() {
        journal.append(migration_started()).expect("appended");
    }
    let number = journal.status().attempt().map_or(0, |last| last.number) + 1;
    let mut acknowledged = journal
        .append(attempt(number, Goal::Apply))
        .expect("appended");
    let mut stdout = std::io::stdout().lock();
    for _ in 0..1_000_000 {
        writeln!(stdout, "acknowledged {acknowledged}").expect("told");
        let event = fact(None, FactScope::Migration, "producer-id");
        acknowledged = journal.append(event).expect("appended");
    }
}

struct Writer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("known"))
            .args(["--ignored", "--exact", "writer_process", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// The next number that the writer tells; none once it is dead.
    fn acknowledged(&mut self) -> Option<u64> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("acknowledged ")?.1.parse().ok())
    }

    /// Kills it with SIGKILL and returns the last number that it told.
    fn kill(mut self, mut last: u64) -> u64 {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        while let Some(told) = self.acknowledged() {
            last = told;
        }
        last
    }
}

#[test]
fn everything_acknowledged_survives_sigkill_again_and_again() {
    let above = TempDir::new().expect("directory");
    let directory = above.path().join("state");
    let mut acknowledged = 0;
    for round in 0..20_u64 {
        let mut writer = Writer::start(&directory);
        for _ in 0..=round * 7 % 13 {
            acknowledged = writer.acknowledged().expect("the writer lives");
        }
        acknowledged = writer.kill(acknowledged);
        let recorded = Recorded::read(&StateDirectory::at(&directory)).expect("whole");
        let kept = recorded.entries.len() as u64;
        assert!(kept >= acknowledged, "told {acknowledged}, kept {kept}");
        assert!(kept <= acknowledged + 1, "told {acknowledged}, kept {kept}");
    }
    let journal = Journal::open(&directory).expect("opened");
    assert_eq!(journal.status().attempt().expect("some").number, 20);
    assert_eq!(journal.verify().expect("whole").tail, Tail::Clean);
}

#[test]
fn a_second_process_is_refused_and_told_which_process_writes() {
    let above = TempDir::new().expect("directory");
    let directory = above.path().join("state");
    let mut writer = Writer::start(&directory);
    let told = writer.acknowledged().expect("the writer lives");
    let error = Journal::open(&directory).expect_err("held");
    let OpenError::Lock(LockError::Held {
        holder: Some(holder),
        ..
    }) = &error
    else {
        panic!("{error}");
    };
    assert_eq!(holder.process_id, writer.child.id());
    let problem = error.problem();
    assert_eq!(problem.code, ProblemCode(401));
    assert!(
        problem
            .what
            .contains(&format!("process {} on ", writer.child.id())),
        "{problem}"
    );
    // A reader needs no lock.
    let recorded = Recorded::read(&StateDirectory::at(&directory)).expect("readable");
    assert!(recorded.entries.len() as u64 >= told);
    writer.kill(told);
    Journal::open(&directory).expect("a killed writer leaves nothing in the way");
}
