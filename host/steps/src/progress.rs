//! What people are told of a running copy: one part for each topic group.

use crate::guarded::GuardTelling;
use crate::job::duration;
use ferry_copy::job::{CopyProgress, GroupProgress};
use ferry_engine::{Progress, View};
use ferry_plan::render::amount;
use std::time::Duration;

/// Topic groups that are told one by one; the rest are told together.
const GROUPS_TOLD_MAX: usize = 12;
/// A lag that is no more than what producers write while it is read.
const CAUGHT_UP_LAG: i64 = 1_000;
/// How long a copy runs before it is said how long it will take.
const FORECAST_AFTER: Duration = Duration::from_secs(3);

/// Tells how far a copy is.
#[derive(Debug)]
pub(crate) struct Telling {
    guard: GuardTelling,
    /// The groups that were told to be what everything waits for.
    waited_for: Vec<String>,
}

impl Telling {
    /// Has told nothing yet.
    pub(crate) fn new(guard: GuardTelling) -> Self {
        Self {
            guard,
            waited_for: Vec::new(),
        }
    }

    /// Tells `progress`, group by group.
    pub(crate) fn tell(&mut self, view: &View, progress: &CopyProgress) {
        for part in parts(progress) {
            view.progress(&part);
        }
        for line in self.guard.lines(&progress.guard) {
            view.note(&line);
        }
        let waits = waited_for(progress);
        if waits != self.waited_for {
            if !waits.is_empty() {
                let groups = waits.join(", ");
                view.note(&format!(
                    "everything else is copied; paused: {groups}  (ferry copy resume)"
                ));
            }
            self.waited_for = waits;
        }
    }
}

/// The paused groups, once there is nothing else left to copy.
fn waited_for(progress: &CopyProgress) -> Vec<String> {
    let (open, others): (Vec<_>, Vec<_>) = progress
        .groups
        .iter()
        .filter(|group| group.partitions_done + group.partitions_halted < group.partitions)
        .partition(|group| group.paused);
    if others.is_empty() {
        open.into_iter().map(|group| group.name.clone()).collect()
    } else {
        Vec::new()
    }
}

/// What is told of each group, or of the copy as a whole where there are no groups.
fn parts(progress: &CopyProgress) -> Vec<Progress> {
    if let [only] = progress.groups.as_slice() {
        return vec![part(String::new(), only, progress.elapsed)];
    }
    let (told, rest) = match progress.groups.len() {
        0..=GROUPS_TOLD_MAX => (progress.groups.as_slice(), &[][..]),
        _ => progress.groups.split_at(GROUPS_TOLD_MAX - 1),
    };
    let mut parts: Vec<_> = told
        .iter()
        .map(|group| part(group.name.clone(), group, progress.elapsed))
        .collect();
    if !rest.is_empty() {
        let name = format!("{} more", rest.len());
        parts.push(part(name, &together(rest), progress.elapsed));
    }
    parts
}

/// Several groups as one.
fn together(groups: &[GroupProgress]) -> GroupProgress {
    let mut sum = GroupProgress {
        paused: groups.iter().all(|group| group.paused),
        ..GroupProgress::default()
    };
    for group in groups {
        sum.partitions += group.partitions;
        sum.partitions_done += group.partitions_done;
        sum.partitions_halted += group.partitions_halted;
        sum.records += group.records;
        sum.bytes += group.bytes;
        sum.records_per_s += group.records_per_s;
        sum.bytes_per_s += group.bytes_per_s;
        sum.lag += group.lag;
        sum.lag_at_start += group.lag_at_start;
    }
    sum
}

fn part(name: String, group: &GroupProgress, elapsed: Duration) -> Progress {
    let copied = (group.lag_at_start - group.lag).max(0);
    Progress {
        part: name,
        done: u64::try_from(copied).unwrap_or(0),
        total: u64::try_from(group.lag_at_start).ok(),
        unit: "records",
        note: Some(note(group, elapsed)),
    }
}

/// `198 MiB/s  lag 260 M  1 h 04 min left`.
fn note(group: &GroupProgress, elapsed: Duration) -> String {
    let mut words = Vec::new();
    let lag = amount::count(group.lag);
    if group.partitions_done == group.partitions && group.lag <= CAUGHT_UP_LAG {
        words.push(match group.lag {
            0 => "caught up".to_owned(),
            _ => format!("caught up (lag {lag})"),
        });
    } else {
        words.push(match group.paused {
            true => "paused".to_owned(),
            false => format!("{}/s", amount::bytes(whole_mib(group.bytes_per_s))),
        });
        words.push(format!("lag {lag}"));
        if let Some(left) = left(group).filter(|_| !group.paused && elapsed > FORECAST_AFTER) {
            words.push(format!("{} left", duration(left)));
        }
    }
    if group.partitions_halted > 0 {
        let halted = amount::counted(group.partitions_halted, "partition");
        words.push(format!("{halted} halted"));
    }
    words.join("  ")
}

/// Without a fraction that changes with every look.
fn whole_mib(bytes: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    if bytes < 10 * MIB {
        bytes
    } else {
        bytes / MIB * MIB
    }
}

/// How long it takes at the pace of the last seconds; none at a standstill.
fn left(group: &GroupProgress) -> Option<Duration> {
    let pace = group.records_per_s;
    let lag = u64::try_from(group.lag).ok()?;
    (pace > 0).then(|| Duration::from_secs(lag / pace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> GroupProgress {
        GroupProgress {
            name: name.to_owned(),
            partitions: 3,
            partitions_done: 1,
            records_per_s: 67_000,
            bytes_per_s: 208_000_000,
            lag: 260_000_000,
            lag_at_start: 700_000_000,
            ..GroupProgress::default()
        }
    }

    fn told(groups: Vec<GroupProgress>) -> Vec<(String, String)> {
        let progress = CopyProgress {
            groups,
            elapsed: Duration::from_secs(60),
            ..CopyProgress::default()
        };
        let parts = parts(&progress).into_iter();
        parts
            .map(|part| (part.part, part.note.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn each_group_is_told_with_its_pace_lag_and_what_is_left() {
        let paused = GroupProgress {
            paused: true,
            ..group("billing")
        };
        let done = GroupProgress {
            partitions_done: 3,
            lag: 12,
            ..group("other")
        };
        let halted = GroupProgress {
            partitions_halted: 1,
            bytes_per_s: 1_600_000,
            records_per_s: 0,
            ..group("prices")
        };
        let told = told(vec![paused, group("orders"), done, halted]);
        let expected = [
            ("billing", "paused  lag 260 M"),
            ("orders", "198 MiB/s  lag 260 M  1 h 04 min left"),
            ("other", "caught up (lag 12)"),
            ("prices", "1.5 MiB/s  lag 260 M  1 partition halted"),
        ];
        let expected = expected.map(|(name, note)| (name.to_owned(), note.to_owned()));
        assert_eq!(told, expected);
    }

    #[test]
    fn one_group_needs_no_name_and_too_many_are_told_together() {
        assert_eq!(told(vec![group("other")])[0].0, "");
        let many: Vec<_> = (0..40).map(|n| group(&format!("g{n:02}"))).collect();
        let told = told(many);
        assert_eq!(told.len(), GROUPS_TOLD_MAX);
        assert_eq!(told[11].0, "29 more");
        assert!(told[11].1.contains("lag 7,540 M"), "{}", told[11].1);
    }

    #[test]
    fn what_is_paused_is_waited_for_once_nothing_else_is_left() {
        let progress = |paused: bool, open: bool| CopyProgress {
            groups: vec![
                GroupProgress {
                    paused,
                    ..group("billing")
                },
                GroupProgress {
                    partitions_done: if open { 1 } else { 3 },
                    ..group("orders")
                },
            ],
            ..CopyProgress::default()
        };
        assert!(waited_for(&progress(true, true)).is_empty());
        assert!(waited_for(&progress(false, false)).is_empty());
        assert_eq!(waited_for(&progress(true, false)), ["billing"]);
    }
}
