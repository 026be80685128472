//! A fixed set of schedules, small enough for every run of the tests. `cargo xtask simulate` runs as
//! many others as are wanted.

use ferry_simulator::{Fault, Outcome, run};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The seeds of the fixed set.
const SEEDS: std::ops::Range<u64> = 1..2_001;
/// Seeds that had a violation once, one a line, with what it was.
const REGRESSIONS: &str = include_str!("regressions.txt");

fn run_all(seeds: impl Iterator<Item = u64>) -> Vec<(u64, Outcome)> {
    let seeds: Vec<u64> = seeds.collect();
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let outcome = run(*seed);
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes.push((*seed, outcome));
                }
            });
        }
    });
    outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

fn violations(outcomes: &[(u64, Outcome)]) -> Vec<String> {
    let violated = |(seed, outcome): &(u64, Outcome)| {
        let violation = outcome.violation.as_ref()?;
        Some(format!("seed {seed}: {violation}"))
    };
    outcomes.iter().filter_map(violated).collect()
}

#[test]
fn a_fixed_set_of_schedules_ends_equal_or_with_a_true_cause() {
    let outcomes = run_all(SEEDS);
    let violations = violations(&outcomes);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    for fault in Fault::ALL {
        let reached: u64 = outcomes.iter().map(|(_, o)| o.counts.of(*fault)).sum();
        assert!(reached > 0, "never reached: {fault}");
    }
    let sum = |pick: fn(&Outcome) -> u64| outcomes.iter().map(|(_, o)| pick(o)).sum::<u64>();
    assert!(sum(|outcome| outcome.equal) > 4_000);
    assert!(sum(|outcome| outcome.halted) > 50);
    assert!(sum(|outcome| outcome.recopied) > 50);
}

#[test]
fn seeds_that_had_a_violation_once_have_none_now() {
    let seeds = REGRESSIONS
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok());
    let violations = violations(&run_all(seeds));
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn a_seed_has_the_same_schedule_every_time() {
    for seed in 1..200 {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
    }
}
