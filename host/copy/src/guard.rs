//! Protects the brokers of the source from being read too fast: what is seen of a broker goes in,
//! how fast it may be read comes out. No clock and no socket: it is looked once a second.
//!
//! In trouble the pace is halved, but for a broker that throttles: it says itself how fast it wants to
//! be read, and is read a little more slowly than that. Once the broker is at ease again it is raised step by step, until
//! it is what it was. Between trouble and ease nothing changes, and trouble that comes back soon
//! after a raise doubles how long the next raise is waited for.

use std::time::Duration;

/// Looks between two cuts: what a cut does shows only after a while.
const LOOKS_BETWEEN_CUTS: u32 = 5;
/// Looks at ease before the pace is raised for the first time.
const PATIENCE_LEAST: u32 = 10;
/// The most looks at ease that a raise is waited for.
const PATIENCE_MOST: u32 = 320;
/// Looks at ease between two raises.
const LOOKS_BETWEEN_RAISES: u32 = 5;
/// A cut within so many looks after a raise says that the raise came too soon.
const RELAPSE_LOOKS: u32 = 30;
/// Looks without a limit after which earlier relapses are forgotten.
const FORGIVEN_LOOKS: u32 = 600;
/// Steps from nothing to the full pace.
const STEPS: u64 = 4;
/// Of a ceiling, what a broker at ease stays below, in percent.
const AT_EASE_PERCENT: u32 = 70;
/// Ceilings that are a multiple of what was measured are not below this: what is faster by far than
/// anybody can feel may become a little slower.
pub const CEILING_LEAST: Duration = Duration::from_millis(100);

/// What the median of a broker's answers to canaries may be: small requests on a connection of their
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryCeiling {
    /// So many times what it was before the copy, but not less than [`CEILING_LEAST`].
    Times(u32),
    /// This.
    Within(Duration),
    /// Anything: no canaries are sent.
    Any,
}

impl CanaryCeiling {
    /// The ceiling where the median was `baseline` before the copy; none where it is not known.
    #[must_use]
    pub fn of(self, baseline: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Times(times) => Some(baseline?.saturating_mul(times).max(CEILING_LEAST)),
            Self::Within(ceiling) => Some(ceiling),
            Self::Any => None,
        }
    }
}

/// What is done while followers of copied partitions fall behind at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowersBehind {
    /// The leader is not read at all.
    Pause,
    /// The leader is read more slowly.
    Slow,
    /// Nothing.
    Ignore,
}

/// When the source is protected, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardSettings {
    /// Whether it is protected at all.
    pub on: bool,
    /// The slowest answers that are borne.
    pub canary: CanaryCeiling,
    /// How much of the time a broker may throttle this client, in percent; none for any.
    pub throttled_percent_max: Option<u32>,
    /// What is done while followers fall behind.
    pub followers: FollowersBehind,
    /// No broker is slowed below this, in bytes a second.
    pub floor_bytes_per_s: u64,
}

impl GuardSettings {
    /// What holds where nothing else is said.
    pub const USUAL: Self = Self {
        on: true,
        canary: CanaryCeiling::Times(3),
        throttled_percent_max: Some(50),
        followers: FollowersBehind::Slow,
        floor_bytes_per_s: 1 << 20,
    };
    /// Nothing is watched.
    pub const OFF: Self = Self {
        on: false,
        ..Self::USUAL
    };
}

/// What is seen of one broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// The median of its last answers to canaries; none where too few came.
    pub latency: Option<Duration>,
    /// The same before the copy began.
    pub baseline: Option<Duration>,
    /// How much of the last time it has throttled this client, in percent.
    pub throttled_percent: u32,
    /// Copied partitions that it leads of which fewer followers are in sync than when the copy began,
    /// although their brokers are up.
    pub partitions_behind: usize,
    /// How fast it is read, in bytes a second.
    pub bytes_per_s: u64,
}

/// How fast a broker may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes.
    Free,
    /// At most so many bytes a second.
    Held(u64),
    /// Not at all.
    Stopped,
}

/// Why a pace changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Canaries took too long.
    Slow {
        /// Their median.
        latency: Duration,
        /// What was to be borne.
        ceiling: Duration,
    },
    /// The broker throttled this client too much.
    Throttled {
        /// How much of the time, in percent.
        percent: u32,
        /// What was to be borne.
        most: u32,
    },
    /// Followers have fallen behind.
    FollowersBehind {
        /// Of so many partitions.
        partitions: usize,
    },
    /// Nothing of this was so for a while.
    AtEase,
    /// The protection was switched off.
    Off,
}

/// A change of pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The pace before.
    pub from: Pace,
    /// The pace from now on.
    pub to: Pace,
    /// Why.
    pub cause: Cause,
}

/// What a look at the facts says.
enum Finding {
    Stop(Cause),
    Slow(Cause),
    /// Neither one nor the other.
    Between,
    AtEase,
}

/// Protects one broker.
#[derive(Debug, Clone)]
pub struct Guard {
    pace: Pace,
    /// How fast it was read before it was slowed.
    full_bytes_per_s: u64,
    /// Looks in a row at ease.
    at_ease: u32,
    since_cut: u32,
    since_raise: u32,
    patience: u32,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            pace: Pace::Free,
            full_bytes_per_s: 0,
            at_ease: 0,
            since_cut: u32::MAX,
            since_raise: u32::MAX,
            patience: PATIENCE_LEAST,
        }
    }
}

impl Guard {
    /// How fast the broker may be read.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Looks at the facts, once a second, and changes the pace if need be.
    pub fn look(&mut self, settings: &GuardSettings, facts: &Facts) -> Option<Turn> {
        self.since_cut = self.since_cut.saturating_add(1);
        self.since_raise = self.since_raise.saturating_add(1);
        if !settings.on {
            self.patience = PATIENCE_LEAST;
            return self.turn(Pace::Free, Cause::Off);
        }
        let finding = find(settings, facts);
        self.at_ease = match finding {
            Finding::AtEase => self.at_ease.saturating_add(1),
            _ => 0,
        };
        match finding {
            Finding::Stop(cause) => {
                self.remember_full(facts, settings);
                self.since_cut = 0;
                self.turn(Pace::Stopped, cause)
            }
            Finding::Slow(cause) => self.slow(settings, facts, cause),
            Finding::AtEase => self.raise(settings),
            Finding::Between => None,
        }
    }

    fn slow(&mut self, settings: &GuardSettings, facts: &Facts, cause: Cause) -> Option<Turn> {
        let floor = settings.floor_bytes_per_s.max(1);
        // A broker that is hardly read is in trouble for other reasons.
        let pace = match self.pace {
            Pace::Free if facts.bytes_per_s <= floor => return None,
            Pace::Free => facts.bytes_per_s,
            Pace::Held(limit) => limit.min(facts.bytes_per_s.max(floor)),
            Pace::Stopped => self.full_bytes_per_s / STEPS * 2,
        };
        if self.since_cut < LOOKS_BETWEEN_CUTS {
            return None;
        }
        self.remember_full(facts, settings);
        let less = match cause {
            Cause::Throttled { .. } => pace / 10 * 9,
            _ => pace / 2,
        };
        let next = Pace::Held(less.max(floor));
        if next == self.pace {
            return None;
        }
        if self.since_raise < RELAPSE_LOOKS {
            self.patience = (self.patience * 2).min(PATIENCE_MOST);
        }
        self.since_cut = 0;
        self.turn(next, cause)
    }

    fn raise(&mut self, settings: &GuardSettings) -> Option<Turn> {
        if self.at_ease < self.patience {
            return None;
        }
        let floor = settings.floor_bytes_per_s.max(1);
        let step = (self.full_bytes_per_s / STEPS).max(floor);
        let next = match self.pace {
            Pace::Free => {
                if self.at_ease >= FORGIVEN_LOOKS {
                    self.patience = PATIENCE_LEAST;
                }
                return None;
            }
            Pace::Stopped => Pace::Held(step),
            Pace::Held(limit) if limit + step < self.full_bytes_per_s => Pace::Held(limit + step),
            Pace::Held(_) => Pace::Free,
        };
        self.at_ease = self.patience.saturating_sub(LOOKS_BETWEEN_RAISES);
        self.since_raise = 0;
        self.turn(next, Cause::AtEase)
    }

    /// Remembers how fast the broker is read as long as nothing holds that back.
    fn remember_full(&mut self, facts: &Facts, settings: &GuardSettings) {
        if self.pace == Pace::Free {
            self.full_bytes_per_s = facts.bytes_per_s.max(settings.floor_bytes_per_s);
        }
    }

    fn turn(&mut self, to: Pace, cause: Cause) -> Option<Turn> {
        let from = std::mem::replace(&mut self.pace, to);
        (from != to).then_some(Turn { from, to, cause })
    }
}

fn find(settings: &GuardSettings, facts: &Facts) -> Finding {
    let behind = Cause::FollowersBehind {
        partitions: facts.partitions_behind,
    };
    let ceiling = settings.canary.of(facts.baseline);
    match settings.followers {
        FollowersBehind::Pause if facts.partitions_behind > 0 => return Finding::Stop(behind),
        FollowersBehind::Slow if facts.partitions_behind > 0 => return Finding::Slow(behind),
        _ => {}
    }
    if let (Some(latency), Some(ceiling)) = (facts.latency, ceiling)
        && latency > ceiling
    {
        return Finding::Slow(Cause::Slow { latency, ceiling });
    }
    if let Some(most) = settings.throttled_percent_max
        && facts.throttled_percent > most
    {
        let percent = facts.throttled_percent;
        return Finding::Slow(Cause::Throttled { percent, most });
    }
    let answers_fast = match (facts.latency, ceiling) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(latency), Some(ceiling)) => latency * 100 <= ceiling * AT_EASE_PERCENT,
    };
    let hardly_throttled = settings
        .throttled_percent_max
        .is_none_or(|most| facts.throttled_percent * 100 <= most * AT_EASE_PERCENT);
    if answers_fast && hardly_throttled {
        Finding::AtEase
    } else {
        Finding::Between
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const SETTINGS: GuardSettings = GuardSettings {
        canary: CanaryCeiling::Within(Duration::from_millis(100)),
        ..GuardSettings::USUAL
    };

    fn at_ease(bytes_per_s: u64) -> Facts {
        Facts {
            latency: Some(Duration::from_millis(5)),
            baseline: Some(Duration::from_millis(5)),
            bytes_per_s,
            ..Facts::default()
        }
    }

    fn slow(bytes_per_s: u64) -> Facts {
        Facts {
            latency: Some(Duration::from_millis(150)),
            ..at_ease(bytes_per_s)
        }
    }

    /// The changes of pace of `looks` looks at the same facts, each with the look that it came in.
    fn turns(
        guard: &mut Guard,
        settings: &GuardSettings,
        facts: &Facts,
        looks: u32,
    ) -> Vec<(u32, Pace)> {
        let look = |number| Some((number, guard.look(settings, facts)?.to));
        (1..=looks).filter_map(look).collect()
    }

    #[test]
    fn each_kind_of_trouble_has_its_own_answer() {
        let behind = Facts {
            partitions_behind: 3,
            ..at_ease(40 * MIB)
        };
        let throttled = Facts {
            throttled_percent: 60,
            ..at_ease(40 * MIB)
        };
        let unknown = Facts {
            latency: None,
            ..at_ease(40 * MIB)
        };
        let with = |change: fn(&mut GuardSettings)| {
            let mut settings = SETTINGS;
            change(&mut settings);
            settings
        };
        let held = Some(Pace::Held(20 * MIB));
        for (what, settings, facts, expected) in [
            ("at ease", SETTINGS, at_ease(40 * MIB), None),
            ("slow", SETTINGS, slow(40 * MIB), held),
            (
                "slow, and borne",
                with(|s| s.canary = CanaryCeiling::Any),
                slow(40 * MIB),
                None,
            ),
            ("slow, and off", GuardSettings::OFF, slow(40 * MIB), None),
            ("slow, but hardly read", SETTINGS, slow(MIB / 2), None),
            ("not known", SETTINGS, unknown, None),
            (
                "throttled",
                SETTINGS,
                throttled,
                Some(Pace::Held(40 * MIB / 10 * 9)),
            ),
            (
                "throttled, and borne",
                with(|s| s.throttled_percent_max = None),
                throttled,
                None,
            ),
            ("behind", SETTINGS, behind, held),
            (
                "behind, to be paused",
                with(|s| s.followers = FollowersBehind::Pause),
                behind,
                Some(Pace::Stopped),
            ),
            (
                "behind, and borne",
                with(|s| s.followers = FollowersBehind::Ignore),
                behind,
                None,
            ),
        ] {
            let turn = Guard::default().look(&settings, &facts);
            assert_eq!(turn.map(|turn| turn.to), expected, "{what}");
        }
    }

    #[test]
    fn a_multiple_of_the_baseline_is_not_below_what_nobody_feels() {
        let ms = Duration::from_millis;
        let ceiling = |times, baseline| CanaryCeiling::Times(times).of(baseline);
        assert_eq!(ceiling(3, Some(ms(2))), Some(CEILING_LEAST));
        assert_eq!(ceiling(3, Some(ms(80))), Some(ms(240)));
        assert_eq!(ceiling(3, None), None);
        assert_eq!(CanaryCeiling::Within(ms(20)).of(None), Some(ms(20)));
    }

    #[test]
    fn trouble_that_stays_halves_the_pace_again_and_again_down_to_the_floor() {
        let mut guard = Guard::default();
        let mut paces = Vec::new();
        let mut bytes_per_s = 10 * MIB;
        for look in 0..60 {
            if let Some(turn) = guard.look(&SETTINGS, &slow(bytes_per_s)) {
                let Pace::Held(limit) = turn.to else {
                    panic!("{turn:?}")
                };
                bytes_per_s = limit;
                paces.push((look, limit));
            }
        }
        let expected = [(0, 5 * MIB), (5, 5 * MIB / 2), (10, 5 * MIB / 4), (15, MIB)];
        assert_eq!(paces, expected, "told once each, and never below the floor");
    }

    #[test]
    fn at_ease_the_pace_is_raised_step_by_step_until_it_is_free() {
        let mut guard = Guard::default();
        guard.look(&SETTINGS, &slow(40 * MIB));
        let turns = turns(&mut guard, &SETTINGS, &at_ease(20 * MIB), 60);
        assert_eq!(turns, [(10, Pace::Held(30 * MIB)), (15, Pace::Free)]);
    }

    #[test]
    fn between_trouble_and_ease_nothing_changes() {
        let between = Facts {
            latency: Some(Duration::from_millis(90)),
            ..at_ease(20 * MIB)
        };
        let mut guard = Guard::default();
        guard.look(&SETTINGS, &slow(40 * MIB));
        assert_eq!(turns(&mut guard, &SETTINGS, &between, 1_000), []);
        // Ease that is interrupted begins to count anew.
        for _ in 0..20 {
            assert_eq!(turns(&mut guard, &SETTINGS, &at_ease(20 * MIB), 9), []);
            guard.look(&SETTINGS, &between);
        }
    }

    #[test]
    fn trouble_soon_after_a_raise_makes_the_next_raise_wait_longer() {
        let mut guard = Guard::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            guard.look(&SETTINGS, &slow(40 * MIB));
            let raised = turns(&mut guard, &SETTINGS, &at_ease(20 * MIB), 400);
            waits.push(raised.first().map_or(0, |(look, _)| *look));
            // Long enough for the guard to cut again, not long enough to forgive.
            guard.since_raise = 10;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 320, 320]);
        turns(&mut guard, &SETTINGS, &at_ease(40 * MIB), 2_000);
        guard.look(&SETTINGS, &slow(40 * MIB));
        let raised = turns(&mut guard, &SETTINGS, &at_ease(20 * MIB), 60);
        assert_eq!(raised[0].0, 10, "forgiven after a long time");
    }

    #[test]
    fn a_broker_that_was_not_read_at_all_begins_slowly_once_its_followers_are_back() {
        let settings = GuardSettings {
            followers: FollowersBehind::Pause,
            ..SETTINGS
        };
        let behind = Facts {
            partitions_behind: 1,
            ..at_ease(40 * MIB)
        };
        let mut guard = Guard::default();
        guard.look(&settings, &behind);
        let still = Facts {
            bytes_per_s: 0,
            ..behind
        };
        assert_eq!(turns(&mut guard, &settings, &still, 500), []);
        let raised = turns(&mut guard, &settings, &at_ease(0), 60);
        let expected = [
            (10, Pace::Held(10 * MIB)),
            (15, Pace::Held(20 * MIB)),
            (20, Pace::Held(30 * MIB)),
            (25, Pace::Free),
        ];
        assert_eq!(raised, expected);
    }

    #[test]
    fn switched_off_it_lets_go_at_once() {
        let mut guard = Guard::default();
        guard.look(&SETTINGS, &slow(40 * MIB));
        let turn = guard.look(&GuardSettings::OFF, &slow(20 * MIB));
        let expected = Turn {
            from: Pace::Held(20 * MIB),
            to: Pace::Free,
            cause: Cause::Off,
        };
        assert_eq!(turn, Some(expected));
        assert_eq!(guard.look(&GuardSettings::OFF, &slow(40 * MIB)), None);
    }
}
