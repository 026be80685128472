//! The limits that hold now: for all, for each topic group, for each broker of the source.

use super::rate::Rate;
use crate::controls::{Controls, Limit};
use crate::guard::{GuardSettings, Pace};
use ferry_kafka::task::now_ms;
use ferry_model::identity::BrokerId;
use std::collections::BTreeMap;
use tokio::sync::watch;
use tokio::time::Instant;

/// What one fetch brought of one topic group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) records: u64,
}

/// The limits that hold now. They follow the controls and the time of day.
#[derive(Debug)]
pub(super) struct Limits {
    controls: watch::Receiver<Controls>,
    /// The minute of the day that the rates were set for.
    minute: Option<u16>,
    all: Rate,
    groups: Vec<Group>,
    brokers: BTreeMap<BrokerId, Rate>,
    /// What the guard allows, where that is not everything.
    paces: BTreeMap<BrokerId, Held>,
    guard: GuardSettings,
}

/// A broker that the guard slows.
#[derive(Debug)]
struct Held {
    stopped: bool,
    rate: Rate,
}

#[derive(Debug)]
struct Group {
    name: String,
    rate: Rate,
    paused: bool,
}

impl Limits {
    /// The limits of topic groups with these names.
    pub(super) fn new(controls: watch::Receiver<Controls>, names: &[String], now: Instant) -> Self {
        let group = |name: &String| Group {
            name: name.clone(),
            rate: Rate::new(now),
            paused: false,
        };
        let mut limits = Self {
            controls,
            minute: None,
            all: Rate::new(now),
            groups: names.iter().map(group).collect(),
            brokers: BTreeMap::new(),
            paces: BTreeMap::new(),
            guard: GuardSettings::OFF,
        };
        limits.follow(now);
        limits
    }

    /// Takes over what has changed: the controls, or what the time of day makes of them.
    pub(super) fn follow(&mut self, now: Instant) {
        // A channel that nobody holds any more keeps its last value.
        let changed = self.controls.has_changed().unwrap_or(false);
        let controls = self.controls.borrow_and_update();
        let minute = controls.minute_of_day(now_ms());
        if !changed && self.minute == Some(minute) {
            return;
        }
        self.minute = Some(minute);
        self.guard = controls.guard;
        self.all.set(controls.all.at(minute), now);
        for group in &mut self.groups {
            group.rate.set(controls.group(&group.name, minute), now);
            group.paused = controls.pauses.hold(&group.name);
        }
        for (broker, rate) in &mut self.brokers {
            rate.set(controls.broker(*broker), now);
        }
    }

    /// Whether nothing new of the group is to be fetched.
    pub(super) fn paused(&self, group: usize) -> bool {
        self.groups[group].paused
    }

    /// The limit of the group, as it holds now.
    pub(super) fn of_group(&self, group: usize) -> Limit {
        self.groups[group].rate.limit()
    }

    /// How the source is to be protected.
    pub(super) fn guard(&self) -> GuardSettings {
        self.guard
    }

    /// Keeps to what the guard says of one broker.
    pub(super) fn set_pace(&mut self, broker: BrokerId, pace: Pace, now: Instant) {
        let bytes_per_s = match pace {
            Pace::Free => {
                self.paces.remove(&broker);
                return;
            }
            Pace::Held(bytes_per_s) => Some(bytes_per_s),
            Pace::Stopped => None,
        };
        let held = self.paces.entry(broker).or_insert_with(|| Held {
            stopped: false,
            rate: Rate::new(now),
        });
        held.stopped = bytes_per_s.is_none();
        let limit = Limit {
            bytes_per_s,
            records_per_s: None,
        };
        held.rate.set(limit, now);
    }

    /// How many bytes one fetch from `broker` may bring at most, of `fetches` that may be under way
    /// to it and `fetches_in_all` to all brokers. None while nothing may be fetched from it.
    pub(super) fn of_fetch(
        &mut self,
        broker: BrokerId,
        fetches: usize,
        fetches_in_all: usize,
        now: Instant,
    ) -> Option<usize> {
        let controls = &self.controls;
        let rate = self.brokers.entry(broker).or_insert_with(|| {
            let mut rate = Rate::new(now);
            rate.set(controls.borrow().broker(broker), now);
            rate
        });
        let of_broker = rate.allowance(fetches, now)?;
        let of_all = self.all.allowance(fetches_in_all, now)?;
        let of_guard = match self.paces.get_mut(&broker) {
            None => usize::MAX,
            Some(held) if held.stopped => return None,
            Some(held) => held.rate.allowance(fetches, now)?,
        };
        Some(of_broker.min(of_all).min(of_guard))
    }

    /// What a fetch may take of one group, of `fetches` that may be under way.
    pub(super) fn share(&mut self, group: usize, fetches: usize, now: Instant) -> Share {
        let group = &mut self.groups[group];
        let allowed = group.rate.allowance(fetches, now).filter(|_| !group.paused);
        Share {
            left: allowed.unwrap_or(0),
            record_bytes: group.rate.record_bytes(),
        }
    }

    /// Takes what a fetch from `broker` brought of each group.
    pub(super) fn take(&mut self, broker: BrokerId, amounts: &BTreeMap<usize, Amount>) {
        for (group, amount) in amounts {
            let Amount { bytes, records } = *amount;
            self.groups[*group].rate.take(bytes, records);
            self.all.take(bytes, records);
            if let Some(rate) = self.brokers.get_mut(&broker) {
                rate.take(bytes, records);
            }
            if let Some(held) = self.paces.get_mut(&broker) {
                held.rate.take(bytes, records);
            }
        }
    }
}

/// What one fetch may still take of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    left: usize,
    record_bytes: f64,
}

impl Share {
    /// Takes a partition into the fetch, of which `lag` offsets are left: the most that may be asked
    /// for, at most `bytes_max`. None once the share is taken.
    pub(super) fn ask(&mut self, lag: i64, bytes_max: usize) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let asked = bytes_max.min(self.left);
        // A small partition brings less than it may: others have room beside it.
        let expected = (lag.max(0) as f64 * self.record_bytes) as usize;
        self.left -= asked.min(expected);
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::{Change, DailyLimit, LimitChange};
    use std::time::Duration;

    fn per_s(bytes: u64) -> Limit {
        Limit {
            bytes_per_s: Some(bytes),
            records_per_s: None,
        }
    }

    fn amount(group: usize, bytes: u64) -> BTreeMap<usize, Amount> {
        BTreeMap::from([(
            group,
            Amount {
                bytes,
                records: bytes / 1_024,
            },
        )])
    }

    fn limits(controls: Controls) -> (watch::Sender<Controls>, Limits, Instant) {
        let (sender, receiver) = watch::channel(controls);
        let names = ["orders".to_owned(), "other".to_owned()];
        let now = Instant::now();
        let limits = Limits::new(receiver, &names, now);
        (sender, limits, now)
    }

    #[test]
    fn a_group_that_used_up_its_limit_closes_for_itself_alone() {
        let limit = DailyLimit {
            usual: per_s(1 << 20),
            ..DailyLimit::default()
        };
        let (_sender, mut limits, now) = limits(Controls {
            groups: BTreeMap::from([("orders".to_owned(), limit)]),
            ..Controls::default()
        });
        limits.take(BrokerId(1), &amount(0, 10 << 20));
        assert_eq!(limits.share(0, 1, now).ask(100, 100), None);
        assert_eq!(limits.share(1, 1, now).ask(100, 100), Some(100));
        assert_eq!(limits.of_fetch(BrokerId(1), 1, 1, now), Some(usize::MAX));
        let later = now + Duration::from_secs(11);
        assert_eq!(limits.share(0, 1, later).ask(100, 100), Some(100));
    }

    #[test]
    fn a_broker_that_used_up_its_limit_closes_for_itself_alone() {
        let (_sender, mut limits, now) = limits(Controls {
            each_broker: per_s(1 << 20),
            brokers: BTreeMap::from([(
                BrokerId(3),
                LimitChange {
                    bytes_per_s: Change::Lifted,
                    ..LimitChange::default()
                },
            )]),
            ..Controls::default()
        });
        for broker in [1, 2, 3] {
            assert!(limits.of_fetch(BrokerId(broker), 1, 1, now).is_some());
        }
        limits.take(BrokerId(1), &amount(1, 10 << 20));
        limits.take(BrokerId(3), &amount(1, 10 << 20));
        let open = [1, 2, 3].map(|broker| limits.of_fetch(BrokerId(broker), 1, 1, now).is_some());
        assert_eq!(open, [false, true, true]);
    }

    #[test]
    fn a_paused_group_has_no_share_until_it_goes_on() {
        let (sender, mut limits, now) = limits(Controls::default());
        sender.send_modify(|controls| {
            controls.pauses.groups.insert("orders".to_owned());
        });
        limits.follow(now);
        assert!(limits.paused(0) && !limits.paused(1));
        assert_eq!(limits.share(0, 1, now).ask(1, 1), None);
        sender.send_modify(|controls| controls.pauses.groups.clear());
        limits.follow(now);
        assert_eq!(limits.share(0, 1, now).ask(1, 1), Some(1));
    }

    #[test]
    fn small_partitions_share_what_a_large_one_would_take_alone() {
        let share = Share {
            left: 1 << 20,
            record_bytes: 1_024.0,
        };
        let asked = |lag: i64| {
            let mut share = share;
            std::iter::from_fn(|| share.ask(lag, 4 << 20))
                .take(1_000)
                .count()
        };
        assert_eq!(asked(1 << 30), 1);
        assert_eq!(asked(10), 103);
        assert_eq!(asked(0), 1_000, "those that have nothing take nothing");
    }
}
