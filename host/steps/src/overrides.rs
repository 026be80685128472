//! What was changed by hand: limits, pauses and the guard, in place of what the configuration says.
//!
//! They are kept in a small file beside the journal, which a running copy looks at again and again.
//! Whoever changes it holds a lock of its own, not the journal's: changes are meant for a migration
//! that somebody works on.

use crate::codes;
use ferry_copy::controls::{Change, Controls, LimitChange};
use ferry_model::identity::BrokerId;
use ferry_model::problem::Problem;
use ferry_plan::render::amount;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The form of the file that this version writes and reads.
const FORMAT: u32 = 1;
/// A file of this kind is never larger, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was changed by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Overrides {
    /// The form of the file.
    format: u32,
    /// The limit for all.
    #[serde(default, skip_serializing_if = "LimitChange::is_kept")]
    pub all: LimitChange,
    /// Limits of topic groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, LimitChange>,
    /// Limits of brokers of the source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub brokers: BTreeMap<BrokerId, LimitChange>,
    /// Whether all topic groups rest.
    #[serde(default)]
    pub paused: bool,
    /// Topic groups that rest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub paused_groups: BTreeSet<String>,
    /// Whether the source's brokers are not protected.
    #[serde(default)]
    pub guard_off: bool,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            format: FORMAT,
            all: LimitChange::default(),
            groups: BTreeMap::new(),
            brokers: BTreeMap::new(),
            paused: false,
            paused_groups: BTreeSet::new(),
            guard_off: false,
        }
    }
}

impl Overrides {
    /// What is kept in `path`; nothing is changed where there is no file.
    ///
    /// # Errors
    /// A [`Problem`] where the file can't be read or understood.
    pub fn load(path: &Path) -> Result<Self, Problem> {
        let unusable = |why: String| {
            let what = format!(
                "limits and pauses can't be read from {}: {why}",
                path.display()
            );
            Problem::new(codes::CONTROLS_UNUSABLE, what)
        };
        let bytes = match read_limited(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| {
            unusable(error.to_string())
                .cause("it was changed by hand, or by another version of ferry?")
                .next("delete the file; then everything is as the configuration says")
        })?;
        if read.format != FORMAT {
            let why = format!("it has format {}, this ferry knows {FORMAT}", read.format);
            return Err(unusable(why).next("use the version of ferry that runs the copy"));
        }
        Ok(read)
    }

    /// Changes what is kept in `path`, and returns it. Those who change it do so one after the other,
    /// and a running copy reads the file as it was before or as it is afterwards.
    ///
    /// # Errors
    /// A [`Problem`] where the file can't be read or written.
    pub fn change(path: &Path, change: impl FnOnce(&mut Self)) -> Result<Self, Problem> {
        let unusable = |error: io::Error| {
            let what = format!(
                "limits and pauses can't be kept in {}: {error}",
                path.display()
            );
            Problem::new(codes::CONTROLS_UNUSABLE, what)
                .cause("the disk is full, or the directory belongs to another user?")
        };
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(unusable)?;
        }
        let lock = File::create(path.with_extension("lock")).map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let mut overrides = Self::load(path)?;
        change(&mut overrides);
        overrides.tidy();
        overrides.save(path).map_err(unusable)?;
        Ok(overrides)
    }

    /// Leaves out what changes nothing.
    fn tidy(&mut self) {
        self.groups.retain(|_, change| !change.is_kept());
        self.brokers.retain(|_, change| !change.is_kept());
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        std::fs::rename(fresh, path)
    }

    /// The controls that hold where the configuration says `configured`.
    #[must_use]
    pub fn over(&self, configured: &Controls) -> Controls {
        let mut controls = configured.clone();
        controls.all.change(self.all);
        for (group, change) in &self.groups {
            let limit = controls.groups.entry(group.clone()).or_default();
            limit.change(*change);
        }
        for (broker, change) in &self.brokers {
            let configured = controls.brokers.get(broker).copied().unwrap_or_default();
            let change = LimitChange {
                bytes_per_s: change.bytes_per_s.or(configured.bytes_per_s),
                records_per_s: change.records_per_s.or(configured.records_per_s),
            };
            controls.brokers.insert(*broker, change);
        }
        controls.pauses.all |= self.paused;
        controls.pauses.groups.extend(self.paused_groups.clone());
        controls.guard.on &= !self.guard_off;
        controls
    }

    /// What is changed, a line each: `group orders: 50 MiB/s`. None where nothing is.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut limit = |of: String, change: &LimitChange| {
            if !change.is_kept() {
                lines.push(format!("{of}: {}", in_words(change)));
            }
        };
        limit("all".to_owned(), &self.all);
        for (group, change) in &self.groups {
            limit(format!("group {group}"), change);
        }
        for (broker, change) in &self.brokers {
            limit(format!("broker {broker} of the source"), change);
        }
        if self.guard_off {
            lines.push("guard of the source: off".to_owned());
        }
        if self.paused {
            lines.push("paused: everything".to_owned());
        } else {
            let groups = self.paused_groups.iter();
            lines.extend(groups.map(|group| format!("paused: group {group}")));
        }
        lines
    }
}

/// `50 MiB/s, no limit on records`.
fn in_words(change: &LimitChange) -> String {
    let bytes = match change.bytes_per_s {
        Change::Kept => None,
        Change::Lifted => Some("no limit on bytes".to_owned()),
        Change::To(bytes) => Some(format!("{}/s", amount::bytes(bytes))),
    };
    let records = match change.records_per_s {
        Change::Kept => None,
        Change::Lifted => Some("no limit on records".to_owned()),
        Change::To(records) => {
            let records = amount::count(i64::try_from(records).unwrap_or(i64::MAX));
            Some(format!("{records} records/s"))
        }
    };
    let parts: Vec<String> = bytes.into_iter().chain(records).collect();
    parts.join(", ")
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where a migration's directory keeps what was changed by hand.
#[must_use]
pub fn overrides_in(directory: &Path) -> PathBuf {
    directory.join("copy.controls.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_copy::controls::{DailyLimit, DayPart, Limit};
    use ferry_copy::guard::GuardSettings;

    fn to(bytes: u64) -> LimitChange {
        LimitChange {
            bytes_per_s: Change::To(bytes),
            ..LimitChange::default()
        }
    }

    #[test]
    fn what_is_changed_by_hand_wins_over_the_configuration_and_its_hours() {
        let work = DayPart {
            from_min: 480,
            to_min: 1080,
        };
        let configured = Controls {
            all: DailyLimit {
                usual: Limit {
                    bytes_per_s: Some(100),
                    records_per_s: Some(7),
                },
                hours: vec![(work, to(10))],
            },
            brokers: BTreeMap::from([(BrokerId(1), to(5))]),
            guard: GuardSettings::USUAL,
            ..Controls::default()
        };
        let overrides = Overrides {
            all: to(50),
            groups: BTreeMap::from([("orders".to_owned(), to(20))]),
            brokers: BTreeMap::from([(
                BrokerId(1),
                LimitChange {
                    records_per_s: Change::To(3),
                    ..LimitChange::default()
                },
            )]),
            paused_groups: BTreeSet::from(["prices".to_owned()]),
            guard_off: true,
            ..Overrides::default()
        };
        let controls = overrides.over(&configured);
        assert_eq!(controls.all.at(500).bytes_per_s, Some(50));
        assert_eq!(controls.all.at(500).records_per_s, Some(7));
        assert_eq!(controls.group("orders", 0).bytes_per_s, Some(20));
        let broker = controls.broker(BrokerId(1));
        assert_eq!(
            (broker.bytes_per_s, broker.records_per_s),
            (Some(5), Some(3))
        );
        assert!(controls.pauses.hold("prices") && !controls.pauses.hold("orders"));
        assert_eq!(controls.guard, GuardSettings::OFF);
        assert_eq!(Overrides::default().over(&configured), configured);
    }

    #[test]
    fn changes_by_several_at_once_are_all_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = overrides_in(&folder.path().join("retail"));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    Overrides::change(path, |overrides| {
                        overrides
                            .groups
                            .insert(format!("g{number}"), to(number + 1));
                    })
                    .expect("kept");
                });
            }
        });
        let overrides = Overrides::load(&path).expect("readable");
        assert_eq!(overrides.groups.len(), 8);
        assert_eq!(overrides.lines()[0], "group g0: 1 B/s");
    }

    #[test]
    fn a_file_of_another_version_or_none_at_all_is_told_from_a_broken_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = overrides_in(folder.path());
        assert_eq!(Overrides::load(&path).expect("none"), Overrides::default());
        for (text, what) in [
            (r#"{"format":2}"#, "it has format 2, this ferry knows 1"),
            (r#"{"format":1,"speed":3}"#, "unknown field `speed`"),
            ("{", "EOF"),
        ] {
            std::fs::write(&path, text).expect("written");
            let problem = Overrides::load(&path).expect_err("unusable").to_string();
            assert!(problem.contains("FERRY-E234"), "{problem}");
            assert!(problem.contains(what), "{problem}");
        }
    }

    #[test]
    fn lines_say_what_holds_in_words() {
        let overrides = Overrides {
            all: LimitChange {
                bytes_per_s: Change::To(50 << 20),
                records_per_s: Change::Lifted,
            },
            brokers: BTreeMap::from([(BrokerId(3), to(1 << 20))]),
            paused_groups: BTreeSet::from(["orders".to_owned()]),
            guard_off: true,
            ..Overrides::default()
        };
        assert_eq!(
            overrides.lines(),
            [
                "all: 50 MiB/s, no limit on records",
                "broker 3 of the source: 1 MiB/s",
                "guard of the source: off",
                "paused: group orders",
            ]
        );
        assert!(Overrides::default().lines().is_empty());
    }
}
