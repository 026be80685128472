//! What people are told of how the source's brokers are protected: each change of pace at once, and in
//! a small file beside the journal what holds now, for `ferry status`.

use crate::holder::{is_gone, this_process};
use ferry_copy::guard::{Cause, Pace};
use ferry_copy::job::{GuardProgress, GuardTurn};
use ferry_copy::lease::Holder;
use ferry_kafka::task::now_ms;
use ferry_plan::render::amount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the names of the files begin and end; between them stands the number of the worker.
const FILE_NAME: (&str, &str) = ("copy.guard-", ".json");

/// A broker of the source that is read more slowly than it could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// How, and why.
    pub what: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What a worker's file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Standing {
    holder: Holder,
    /// By the number of the broker.
    brokers: BTreeMap<i32, HeldBack>,
}

/// Tells each change of the pace that brokers of the source are read at once, and keeps what holds now
/// in a file. The file goes with the value.
#[derive(Debug)]
pub struct GuardTelling {
    path: PathBuf,
    /// Changes that were told.
    told: u64,
    held: BTreeMap<i32, HeldBack>,
}

impl GuardTelling {
    /// Tells of one worker, and keeps what holds now in a migration's `directory`.
    #[must_use]
    pub fn new(directory: &Path, worker: u32) -> Self {
        let (begin, end) = FILE_NAME;
        Self {
            path: directory.join(format!("{begin}{worker}{end}")),
            told: 0,
            held: BTreeMap::new(),
        }
    }

    /// A line for each change that was not told yet.
    pub fn lines(&mut self, guard: &GuardProgress) -> Vec<String> {
        let told = self.told.saturating_sub(guard.turns_before);
        let told = usize::try_from(told).unwrap_or(usize::MAX);
        self.told = guard.turns_before + guard.turns.len() as u64;
        let fresh = guard.turns.get(told..).unwrap_or_default();
        if fresh.is_empty() {
            return Vec::new();
        }
        for turn in fresh {
            let broker = turn.broker.0;
            if turn.turn.to == Pace::Free {
                self.held.remove(&broker);
            } else {
                let held = HeldBack {
                    what: guarded(turn),
                    since_ms: now_ms(),
                };
                self.held.insert(broker, held);
            }
        }
        if let Err(error) = self.keep() {
            tracing::warn!(path = %self.path.display(), %error, "what protects the source can't be kept for ferry status");
        }
        fresh.iter().map(guarded).collect()
    }

    fn keep(&self) -> io::Result<()> {
        if self.held.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let standing = Standing {
            holder: this_process(),
            brokers: self.held.clone(),
        };
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, serde_json::to_vec_pretty(&standing)?)?;
        std::fs::rename(fresh, &self.path)
    }
}

impl Drop for GuardTelling {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            // What stays behind is of a process that is gone, and counts no more.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The brokers of the source that are held back now by workers whose files are in `directory`. A file
/// that can't be read, or whose worker is gone, says nothing.
#[must_use]
pub fn held_back(directory: &Path) -> Vec<HeldBack> {
    let (begin, end) = FILE_NAME;
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = files
        .filter(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with(begin) && name.ends_with(end)
        })
        .map(|file| file.path())
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| serde_json::from_slice::<Standing>(&std::fs::read(path).ok()?).ok())
        .filter(|standing| !is_gone(&standing.holder))
        .flat_map(|standing| standing.brokers.into_values())
        .collect()
}

/// What is told of a change of pace.
fn guarded(turn: &GuardTurn) -> String {
    let pace = |bytes: u64| format!("{}/s", amount::bytes(bytes));
    let ms = |time: Duration| format!("{} ms", time.as_millis());
    let now = match (turn.turn.from, turn.turn.to) {
        (_, Pace::Free) => "as fast as it goes again".to_owned(),
        (_, Pace::Stopped) => "not at all for now".to_owned(),
        (Pace::Held(before), Pace::Held(now)) => {
            format!("at {} instead of {}", pace(now), pace(before))
        }
        (_, Pace::Held(now)) => format!("at {} at most", pace(now)),
    };
    let because = match turn.turn.cause {
        Cause::Slow { latency, ceiling } => {
            let (latency, ceiling) = (ms(latency), ms(ceiling));
            format!("small requests take it {latency}, at most {ceiling} is borne")
        }
        Cause::Throttled { percent, most } => {
            format!("it throttles {percent} % of the time, at most {most} % is borne")
        }
        Cause::FollowersBehind { partitions } => {
            let partitions = amount::counted(partitions, "partition");
            format!("followers of {partitions} have fallen behind")
        }
        Cause::AtEase => "it is at ease".to_owned(),
        Cause::Off => "the guard is off".to_owned(),
    };
    format!("source broker {} is read {now}: {because}", turn.broker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_copy::guard::Turn;
    use ferry_model::identity::BrokerId;

    #[test]
    fn a_change_of_pace_is_told_with_its_reason_and_figures() {
        const MIB: u64 = 1 << 20;
        let told = |from, to, cause| {
            guarded(&GuardTurn {
                broker: BrokerId(3),
                turn: Turn { from, to, cause },
            })
        };
        let slow = Cause::Slow {
            latency: Duration::from_millis(180),
            ceiling: Duration::from_millis(100),
        };
        assert_eq!(
            told(Pace::Free, Pace::Held(12 * MIB), slow),
            "source broker 3 is read at 12 MiB/s at most: small requests take it 180 ms, at most \
             100 ms is borne"
        );
        assert_eq!(
            told(Pace::Held(12 * MIB), Pace::Held(24 * MIB), Cause::AtEase),
            "source broker 3 is read at 24 MiB/s instead of 12 MiB/s: it is at ease"
        );
        assert_eq!(
            told(
                Pace::Held(MIB),
                Pace::Stopped,
                Cause::FollowersBehind { partitions: 1 }
            ),
            "source broker 3 is read not at all for now: followers of 1 partition have fallen behind"
        );
    }

    #[test]
    fn each_change_of_pace_is_told_once() {
        let turn = |mib: u64| GuardTurn {
            broker: BrokerId(1),
            turn: Turn {
                from: Pace::Free,
                to: Pace::Held(mib << 20),
                cause: Cause::AtEase,
            },
        };
        let guard = |turns: &[u64], turns_before| GuardProgress {
            turns: turns.iter().map(|mib| turn(*mib)).collect(),
            turns_before,
            ..GuardProgress::default()
        };
        let directory = tempfile::tempdir().expect("a directory");
        let mut telling = GuardTelling::new(directory.path(), 1);
        let mut told = |turns: &[u64], before| telling.lines(&guard(turns, before)).len();
        assert_eq!(told(&[1, 2], 0), 2);
        assert_eq!(told(&[1, 2], 0), 0);
        assert_eq!(told(&[2, 3, 4], 1), 2);
        assert_eq!(told(&[9, 10], 8), 2, "those between are gone");
    }

    #[test]
    fn what_holds_now_can_be_read_until_it_is_over_or_its_worker_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let turn = |broker, to| GuardTurn {
            broker: BrokerId(broker),
            turn: Turn {
                from: Pace::Free,
                to,
                cause: Cause::FollowersBehind { partitions: 2 },
            },
        };
        let read = || -> Vec<String> {
            let held = held_back(directory.path());
            held.into_iter().map(|held| held.what).collect()
        };
        let mut guard = GuardProgress::default();
        let mut telling = GuardTelling::new(directory.path(), 1);
        telling.lines(&guard);
        assert_eq!(read(), [""; 0]);
        guard.turns = vec![turn(1, Pace::Stopped), turn(2, Pace::Held(1 << 20))];
        let told = telling.lines(&guard);
        assert_eq!(read(), told);
        guard.turns.push(turn(1, Pace::Free));
        telling.lines(&guard);
        assert_eq!(read(), told[1..]);
        let kept = directory.path().join("copy.guard-1.json");
        let as_left = std::fs::read(&kept).expect("is there");
        drop(telling);
        assert_eq!(read(), [""; 0]);

        // A worker that was killed leaves its file.
        let mut left: Standing = serde_json::from_slice(&as_left).expect("is ours");
        left.holder.started_ticks += 1;
        std::fs::write(&kept, serde_json::to_vec(&left).expect("is JSON")).expect("writes");
        assert_eq!(read(), [""; 0]);
    }
}
