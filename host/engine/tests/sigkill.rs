//! Goal: real processes killed with SIGKILL at many moments leave a journal and a world from which
//! the next goes on; in the end everything was made once, and a rollback takes back all of it and
//! nothing else. Method: this test binary starts itself as a process that runs steps on files, tells
//! each thing that it is about to do, and is killed after a number of lines that a seed chooses.

mod plain;

use ferry_engine::{
    Effected, InverseHandler, Inverses, Outcome, Past, Readiness, RollbackEnd, RunEnd, RunOptions,
    Undo, UndoOutcome, async_trait,
};
use ferry_journal::{EffectState, Recorded, StateDirectory};
use ferry_model::problem::Problem;
use plain::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const DIRECTORY: &str = "FERRY_TEST_ENGINE";
const GOAL: &str = "FERRY_TEST_GOAL";
const FILES: [&str; 12] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "strangers",
];

fn tell(what: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe means that the test is over.
    let _ = writeln!(stdout, "now {what}");
}

fn broken(error: &std::io::Error) -> Problem {
    Problem::new(199, format!("the world is broken: {error}"))
}

/// Makes a file with an id of its own, in one step: it is there with its content or not at all.
fn create(world: &Path, name: &str) -> Result<Option<String>, std::io::Error> {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let id = format!("{name}-{}-{nanos}", std::process::id());
    let hidden = world.join(format!(".{id}"));
    fs::write(&hidden, &id)?;
    tell("link");
    let linked = fs::hard_link(&hidden, world.join(name));
    tell("linked");
    fs::remove_file(&hidden)?;
    match linked {
        Ok(()) => Ok(Some(id)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

fn files(world: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(world).expect("there");
    let named = entries.map(|entry| {
        entry
            .expect("there")
            .file_name()
            .into_string()
            .expect("UTF-8")
    });
    named
        .filter(|name| !name.starts_with('.'))
        .map(|name| {
            (
                name.clone(),
                fs::read_to_string(world.join(name)).expect("there"),
            )
        })
        .collect()
}

/// Steps that make four files each.
fn steps(world: &Path) -> ferry_engine::Graph {
    let steps: Vec<_> = FILES
        .chunks(4)
        .enumerate()
        .map(|(number, names)| {
            let world = world.to_owned();
            let there = {
                let world = world.clone();
                move |name: &&str| world.join(name).exists()
            };
            let check = move |_: &ferry_engine::View| match names.iter().all(&there) {
                true => Readiness::AlreadyDone,
                false => Readiness::Ready,
            };
            let step = Plain::new(&format!("files-{number}"))
                .check(check)
                .run(move |context| {
                    let world = world.clone();
                    async move {
                        for name in names {
                            let effect_id = id(&format!("file/{name}"));
                            let there = world.join(name).exists();
                            if there && context.past(&effect_id) == Past::Never {
                                context.found(effect_id, format!("{name} exists")).await?;
                                continue;
                            }
                            let effect =
                                ferry_engine::Effect::new(effect_id, format!("create {name}"))
                                    .undone_by("delete", json!({ "name": name }));
                            let world = world.clone();
                            context
                                .effect(
                                    effect,
                                    move |past| async move { make(&world, name, &past) },
                                )
                                .await?;
                        }
                        Ok(Outcome::Finished)
                    }
                });
            match number {
                0 => step,
                _ => step.needs(&format!("files-{}", number - 1)),
            }
        })
        .collect();
    graph(&steps)
}

#[allow(clippy::result_large_err, reason = "a problem ends a test")]
fn make(world: &Path, name: &str, past: &Past) -> Result<Effected, Problem> {
    if *past != Past::Never {
        match fs::read_to_string(world.join(name)) {
            Ok(id) => return Ok(Effected::MadeBefore(json!(id))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    match create(world, name).map_err(|error| broken(&error))? {
        Some(id) => Ok(Effected::Made(json!(id))),
        None => Ok(Effected::Foreign(format!("{name} exists"))),
    }
}

struct Delete(PathBuf);

#[async_trait]
impl InverseHandler for Delete {
    fn kind(&self) -> &'static str {
        "delete"
    }
    fn by_hand(&self, undo: &Undo) -> String {
        format!("rm {}", undo.value["name"])
    }
    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let path = self.0.join(undo.value["name"].as_str().expect("a name"));
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(UndoOutcome::AlreadyGone);
            }
            Err(error) => return Err(broken(&error)),
            Ok(id) if undo.result.as_ref().is_some_and(|made| *made != json!(id)) => {
                return Err(Problem::new(198, "not ours"));
            }
            Ok(_) => {}
        }
        tell("remove");
        fs::remove_file(&path).map_err(|error| broken(&error))?;
        tell("removed");
        Ok(UndoOutcome::Undone)
    }
}

struct Teller;

impl ferry_engine::Reporter for Teller {
    fn report(&self, _: &ferry_engine::Happening<'_>) {
        tell("happening");
    }
}

/// The process that the test below starts and kills.
#[tokio::test]
#[ignore = "started by the other test"]
async fn engine_process() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let world = directory.join("world");
    let engine = engine(&directory.join("state")).reporter(std::sync::Arc::new(Teller));
    tell("opened");
    let graph = steps(&world);
    if std::env::var_os(GOAL).is_some_and(|goal| goal == "rollback") {
        let inverses = Inverses::new().with(std::sync::Arc::new(Delete(world)));
        let end = engine
            .rollback(&graph, &inverses)
            .await
            .expect("rolled back");
        assert!(matches!(
            end,
            RollbackEnd::Finished { .. } | RollbackEnd::NothingToUndo
        ));
    } else {
        let report = engine
            .run(&graph, &RunOptions::default())
            .await
            .expect("finished");
        assert!(matches!(
            report.end,
            RunEnd::Finished | RunEnd::AlreadyFinished
        ));
    }
    tell("the end");
}

/// Starts the process and kills it after `lines` lines. Whether it came to its end before.
fn process(directory: &Path, goal: &str, lines: u64) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("known"))
        .args(["--ignored", "--exact", "engine_process", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(GOAL, goal)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let told = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut count = 0;
    let mut ended = false;
    for line in told.map_while(Result::ok) {
        ended |= line.contains("now the end");
        count += u64::from(line.contains("now "));
        if count == lines {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("gone");
    ended
}

/// Processes one after the other, killed at moments chosen by a seed, until one comes to its end.
/// Returns how many were killed.
fn until_the_end(directory: &Path, goal: &str, seed: &mut u64) -> u32 {
    for killed in 0..200 {
        // A small generator of pseudo-random numbers (xorshift64).
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        if process(directory, goal, 1 + *seed % 14) {
            return killed;
        }
    }
    panic!("no end after 200 processes");
}

#[test]
fn steps_and_rollbacks_survive_sigkill_at_any_moment() {
    let mut killed = 0;
    let mut seed = 0x5eed;
    for round in 0..4 {
        let directory = TempDir::new().expect("directory");
        let world = directory.path().join("world");
        fs::create_dir(&world).expect("made");
        fs::write(world.join("strangers"), "not ours").expect("written");

        killed += until_the_end(directory.path(), "apply", &mut seed);
        let made = files(&world);
        assert_eq!(made.len(), FILES.len(), "round {round}");
        let recorded = Recorded::read(&StateDirectory::at(directory.path().join("state")));
        for step in recorded.expect("whole").status.steps().values() {
            for (effect, record) in &step.effects {
                let name = effect.as_str().trim_start_matches("file/");
                match &record.state {
                    EffectState::Done { result } => assert_eq!(*result, json!(made[name])),
                    EffectState::Foreign => assert_eq!(name, "strangers"),
                    other => panic!("{effect} is {other}"),
                }
            }
        }

        killed += until_the_end(directory.path(), "rollback", &mut seed);
        let left: Vec<_> = files(&world).into_keys().collect();
        assert_eq!(left, ["strangers"], "round {round}");
    }
    assert!(killed > 20, "only {killed} processes were killed");
}
