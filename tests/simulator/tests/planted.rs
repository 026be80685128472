//! Mistakes that were planted on purpose are found.
#![cfg(feature = "planted-bugs")]

use ferry_simulator::{Bug, plant, run};

/// Schedules within which each has to be found.
const SCHEDULES_MAX: u64 = 10_000;

fn found_after(bug: Bug) -> Option<(u64, String)> {
    plant(Some(bug));
    let found = (1..=SCHEDULES_MAX).find_map(|seed| Some((seed, run(seed).violation?)));
    plant(None);
    found
}

#[test]
fn every_planted_mistake_is_found_within_10_000_schedules() {
    let found: Vec<_> = std::thread::scope(|scope| {
        let searches = Bug::ALL
            .iter()
            .map(|bug| (bug, scope.spawn(|| found_after(*bug))));
        let searches: Vec<_> = searches.collect();
        let joined = searches
            .into_iter()
            .map(|(bug, search)| (bug, search.join()));
        joined.collect()
    });
    let mut missed = Vec::new();
    for (bug, found) in found {
        match found {
            Ok(Some((schedules, violation))) => {
                println!("{bug:?}: found after {schedules} schedules: {violation}");
            }
            _ => missed.push(*bug),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
