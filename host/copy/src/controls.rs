//! What may be changed while a copy runs: how fast it reads, and which topic groups rest.
//!
//! [`Controls`] is a plain value. A running copy follows a channel of them, and looks at the time of
//! day again and again for limits that hold for a part of it only.

use crate::guard::GuardSettings;
use ferry_model::identity::BrokerId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;

/// How fast the source may be read; none for as fast as it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Bytes of batches a second, as they are fetched.
    pub bytes_per_s: Option<u64>,
    /// Records a second.
    pub records_per_s: Option<u64>,
}

impl Limit {
    /// One of `parts` equal parts.
    fn divided(self, parts: u32) -> Self {
        Self {
            bytes_per_s: self.bytes_per_s.map(|bytes| divided(bytes, parts)),
            records_per_s: self.records_per_s.map(|records| divided(records, parts)),
        }
    }
}

/// One of `parts` equal parts of a rate; no part is nothing.
fn divided(per_s: u64, parts: u32) -> u64 {
    (per_s / u64::from(parts.max(1))).max(1)
}

/// What becomes of one number of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It stays as it is.
    #[default]
    Kept,
    /// There is no limit any more.
    Lifted,
    /// It becomes this.
    To(u64),
}

impl Change {
    /// What is left of `number`.
    #[must_use]
    pub fn over(self, number: Option<u64>) -> Option<u64> {
        match self {
            Self::Kept => number,
            Self::Lifted => None,
            Self::To(other) => Some(other),
        }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        *self == Self::Kept
    }

    fn divided(self, parts: u32) -> Self {
        match self {
            Self::To(per_s) => Self::To(divided(per_s, parts)),
            other => other,
        }
    }

    /// This change, or `other` where this is none.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_kept() { other } else { self }
    }
}

/// What becomes of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LimitChange {
    /// Bytes a second.
    #[serde(skip_serializing_if = "Change::is_kept")]
    pub bytes_per_s: Change,
    /// Records a second.
    #[serde(skip_serializing_if = "Change::is_kept")]
    pub records_per_s: Change,
}

impl LimitChange {
    /// What is left of `limit`.
    #[must_use]
    pub fn over(self, limit: Limit) -> Limit {
        Limit {
            bytes_per_s: self.bytes_per_s.over(limit.bytes_per_s),
            records_per_s: self.records_per_s.over(limit.records_per_s),
        }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        *self == Self::default()
    }

    fn divided(self, parts: u32) -> Self {
        Self {
            bytes_per_s: self.bytes_per_s.divided(parts),
            records_per_s: self.records_per_s.divided(parts),
        }
    }
}

/// A part of every day, in minutes since midnight. It may reach over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPart {
    /// Its first minute, below 1,440.
    pub from_min: u16,
    /// The minute behind its last one.
    pub to_min: u16,
}

impl DayPart {
    /// Whether `minute` of the day lies in it.
    #[must_use]
    pub fn holds(self, minute: u16) -> bool {
        if self.from_min < self.to_min {
            (self.from_min..self.to_min).contains(&minute)
        } else {
            minute >= self.from_min || minute < self.to_min
        }
    }
}

/// A limit that may be another one in parts of the day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DailyLimit {
    /// The limit where no part of the day says otherwise.
    pub usual: Limit,
    /// What is different when. Where parts overlap the first one holds.
    pub hours: Vec<(DayPart, LimitChange)>,
}

impl DailyLimit {
    /// The limit in one minute of the day.
    #[must_use]
    pub fn at(&self, minute: u16) -> Limit {
        let mut parts = self.hours.iter();
        match parts.find(|(part, _)| part.holds(minute)) {
            Some((_, change)) => change.over(self.usual),
            None => self.usual,
        }
    }

    fn divide(&mut self, parts: u32) {
        self.usual = self.usual.divided(parts);
        for (_, change) in &mut self.hours {
            *change = change.divided(parts);
        }
    }

    /// Changes the limit for the whole day: what is changed no longer depends on the hour.
    pub fn change(&mut self, change: LimitChange) {
        self.usual = change.over(self.usual);
        for (_, part) in &mut self.hours {
            if !change.bytes_per_s.is_kept() {
                part.bytes_per_s = Change::Kept;
            }
            if !change.records_per_s.is_kept() {
                part.records_per_s = Change::Kept;
            }
        }
    }
}

/// Which topic groups rest: nothing new of them is fetched. What was fetched is still sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pauses {
    /// All of them.
    pub all: bool,
    /// These.
    pub groups: BTreeSet<String>,
}

impl Pauses {
    /// Whether `group` rests.
    #[must_use]
    pub fn hold(&self, group: &str) -> bool {
        self.all || self.groups.contains(group)
    }
}

/// How fast a copy reads the source, and which topic groups rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controls {
    /// How far the clock that `hours` go by is ahead of UTC, in minutes.
    pub utc_offset_min: i32,
    /// The limit for all together.
    pub all: DailyLimit,
    /// Limits of topic groups, within the one for all.
    pub groups: BTreeMap<String, DailyLimit>,
    /// The limit of each broker of the source.
    pub each_broker: Limit,
    /// What is different for some brokers of the source.
    pub brokers: BTreeMap<BrokerId, LimitChange>,
    /// Which topic groups rest.
    pub pauses: Pauses,
    /// How the source's brokers are protected.
    pub guard: GuardSettings,
}

impl Default for Controls {
    /// No limit, no pause, no protection.
    fn default() -> Self {
        Self {
            utc_offset_min: 0,
            all: DailyLimit::default(),
            groups: BTreeMap::new(),
            each_broker: Limit::default(),
            brokers: BTreeMap::new(),
            pauses: Pauses::default(),
            guard: GuardSettings::OFF,
        }
    }
}

impl Controls {
    /// The minute of the day at `now_ms`, milliseconds since 1970, by the clock of `hours`.
    #[must_use]
    pub fn minute_of_day(&self, now_ms: i64) -> u16 {
        let minutes = now_ms.div_euclid(60_000) + i64::from(self.utc_offset_min);
        // A remainder of 1,440 fits.
        u16::try_from(minutes.rem_euclid(i64::from(DAY_MIN))).unwrap_or(0)
    }

    /// The limit of a topic group in one minute of the day.
    #[must_use]
    pub fn group(&self, group: &str, minute: u16) -> Limit {
        let limit = self.groups.get(group);
        limit.map(|limit| limit.at(minute)).unwrap_or_default()
    }

    /// The limit of one broker of the source.
    #[must_use]
    pub fn broker(&self, broker: BrokerId) -> Limit {
        let change = self.brokers.get(&broker).copied().unwrap_or_default();
        change.over(self.each_broker)
    }

    /// What one of several workers keeps to, so that together they keep to these controls: one of
    /// `workers`, and of as many as `of_group` says that share a topic group.
    #[must_use]
    pub fn part_of(&self, workers: u32, of_group: impl Fn(&str) -> u32) -> Self {
        let mut part = self.clone();
        part.all.divide(workers);
        for (group, limit) in &mut part.groups {
            limit.divide(of_group(group));
        }
        part.each_broker = part.each_broker.divided(workers);
        for change in part.brokers.values_mut() {
            *change = change.divided(workers);
        }
        part
    }

    /// A channel of these controls that nobody changes.
    #[must_use]
    pub fn unchanging(self) -> watch::Receiver<Self> {
        watch::channel(self).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn part(from_h: u16, to_h: u16) -> DayPart {
        DayPart {
            from_min: from_h * 60,
            to_min: to_h * 60,
        }
    }

    fn bytes(change: Change) -> LimitChange {
        LimitChange {
            bytes_per_s: change,
            ..LimitChange::default()
        }
    }

    fn bytes_to(per_s: u64) -> LimitChange {
        bytes(Change::To(per_s))
    }

    #[test]
    fn a_part_of_the_day_has_its_first_minute_and_not_its_last_and_may_reach_over_midnight() {
        let day = part(8, 18);
        let held = |part: DayPart, minutes: [u16; 4]| minutes.map(|minute| part.holds(minute));
        assert_eq!(
            held(day, [479, 480, 1079, 1080]),
            [false, true, true, false]
        );
        let night = part(22, 6);
        assert_eq!(held(night, [0, 359, 360, 1320]), [true, true, false, true]);
        assert!(!night.holds(1319));
    }

    #[test]
    fn the_clock_of_the_hours_may_be_ahead_of_utc_or_behind() {
        let at = |utc_offset_min| {
            let controls = Controls {
                utc_offset_min,
                ..Controls::default()
            };
            // 2026-09-01, 00:30:59 UTC.
            controls.minute_of_day(1_788_220_800_000 + 30 * 60_000 + 59_999)
        };
        assert_eq!([at(0), at(120), at(-60)], [30, 150, 23 * 60 + 30]);
    }

    #[test]
    fn an_hour_changes_what_it_names_and_keeps_the_rest() {
        let limit = DailyLimit {
            usual: Limit {
                bytes_per_s: Some(100),
                records_per_s: Some(7),
            },
            hours: vec![
                (part(8, 18), bytes(Change::To(10))),
                (part(22, 6), bytes(Change::Lifted)),
            ],
        };
        let at = |hour: u16| {
            let limit = limit.at(hour * 60);
            (limit.bytes_per_s, limit.records_per_s)
        };
        assert_eq!(at(7), (Some(100), Some(7)));
        assert_eq!(at(8), (Some(10), Some(7)));
        assert_eq!(at(23), (None, Some(7)));
    }

    #[test]
    fn a_limit_that_is_set_by_hand_holds_at_every_hour() {
        let mut limit = DailyLimit {
            usual: Limit::default(),
            hours: vec![(
                part(8, 18),
                LimitChange {
                    bytes_per_s: Change::To(10),
                    records_per_s: Change::To(3),
                },
            )],
        };
        limit.change(bytes(Change::To(50)));
        assert_eq!(limit.at(9 * 60).bytes_per_s, Some(50));
        assert_eq!(limit.at(9 * 60).records_per_s, Some(3));
        assert_eq!(limit.at(20 * 60).bytes_per_s, Some(50));
    }

    #[test]
    fn workers_keep_to_their_part_so_that_together_they_keep_to_the_whole() {
        let limit = |bytes| DailyLimit {
            usual: Limit {
                bytes_per_s: Some(bytes),
                records_per_s: None,
            },
            hours: vec![(part(8, 18), bytes_to(40))],
        };
        let whole = Controls {
            all: limit(90),
            groups: BTreeMap::from([("orders".to_owned(), limit(90))]),
            brokers: BTreeMap::from([(BrokerId(1), bytes_to(2))]),
            ..Controls::default()
        };
        let part = whole.part_of(3, |group| if group == "orders" { 2 } else { 1 });
        let bytes = |limit: Limit| limit.bytes_per_s;
        assert_eq!(bytes(part.all.at(0)), Some(30));
        assert_eq!(bytes(part.all.at(9 * 60)), Some(13));
        assert_eq!(bytes(part.group("orders", 0)), Some(45));
        assert_eq!(bytes(part.broker(BrokerId(1))), Some(1), "never nothing");
        assert_eq!(bytes(part.broker(BrokerId(2))), None);
        assert_eq!(whole.part_of(1, |_| 1), whole);
    }

    #[test]
    fn a_broker_has_its_own_limit_where_one_is_named() {
        let controls = Controls {
            each_broker: Limit {
                bytes_per_s: Some(100),
                records_per_s: None,
            },
            brokers: BTreeMap::from([(BrokerId(2), bytes(Change::Lifted))]),
            ..Controls::default()
        };
        assert_eq!(controls.broker(BrokerId(1)).bytes_per_s, Some(100));
        assert_eq!(controls.broker(BrokerId(2)).bytes_per_s, None);
    }
}
