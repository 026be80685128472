//! What a series of looks at a running copy amounts to.

use std::ops::RangeInclusive;
use std::time::Instant;

use crate::measure::Measured;
use crate::peer::Task;
use crate::usage::Usage;

/// The part of a run in which nothing begins or ends any more.
const STEADY: RangeInclusive<f64> = 0.25..=0.75;
/// The least part of a run that tells something about it.
const TELLING: f64 = 0.1;

/// One look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) at: Instant,
    /// The ends of all partitions of the copy, summed up.
    pub(crate) ends: i64,
    pub(crate) usage: Usage,
}

/// Time and processor time of a run that began at `began`; none without a look.
pub(crate) fn figures(looks: &[Look], began: Instant, task: &Task) -> Option<Measured> {
    let last = looks.last()?;
    let done = looks.iter().find(|look| look.ends == last.ends)?;
    let before = looks.iter().rev().find(|look| look.ends == 0);
    let (from, cpu_before_seconds) =
        before.map_or((began, 0.0), |look| (look.at, look.usage.cpu_seconds));
    let whole = if task.peer.never_ends() { done } else { last };
    Some(Measured {
        seconds: (done.at - from).as_secs_f64(),
        seconds_in_all: (done.at - began).as_secs_f64(),
        cpu_seconds: whole.usage.cpu_seconds,
        cpu_before_seconds,
        steady_faults_per_gb: steady_faults_per_gb(looks, task),
        ..Measured::default()
    })
}

fn steady_faults_per_gb(looks: &[Look], task: &Task) -> Option<f64> {
    let all = task.workload.records() as f64;
    let steady = |look: &&Look| STEADY.contains(&(look.ends as f64 / all));
    let first = looks.iter().find(steady)?;
    let last = looks.iter().rev().find(steady)?;
    let copied = (last.ends - first.ends) as f64 / all;
    let faults = last
        .usage
        .minor_faults
        .saturating_sub(first.usage.minor_faults);
    (copied > TELLING).then(|| faults as f64 / (copied * task.workload.payload_gb()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::workload::Workload;
    use std::time::Duration;

    fn task(peer: Peer) -> Task {
        Task {
            peer,
            source: String::new(),
            target: String::new(),
            // 100 MB: 500,000 records of 200 bytes.
            workload: Workload::tiny(1, 100),
            copy: "run1.tiny-1".into(),
            drains: false,
        }
    }

    /// One look every 100 ms: the ends in percent, the processor time, the page faults.
    fn looks(began: Instant, told: &[(i64, f64, u64)]) -> Vec<Look> {
        let look = |(place, (percent, cpu_seconds, minor_faults)): (u32, &(i64, f64, u64))| Look {
            at: began + Duration::from_millis(100) * place,
            ends: percent * 5_000,
            usage: Usage {
                cpu_seconds: *cpu_seconds,
                minor_faults: *minor_faults,
                ended: false,
            },
        };
        (1..).zip(told).map(look).collect()
    }

    #[test]
    fn a_copy_lasts_from_the_last_look_at_nothing_to_the_first_at_everything() {
        let began = Instant::now();
        let told = [
            (0, 0.1, 1_000),
            (0, 0.2, 2_000),
            (30, 0.3, 2_500),
            (70, 0.4, 2_600),
            (100, 0.5, 2_700),
            (100, 0.6, 9_000),
        ];
        let figures = figures(&looks(began, &told), began, &task(Peer::Ferry)).unwrap();
        assert!((figures.seconds - 0.3).abs() < 1e-9);
        assert!((figures.seconds_in_all - 0.5).abs() < 1e-9);
        assert!((figures.cpu_before_seconds - 0.2).abs() < 1e-9);
        assert!((figures.cpu_seconds - 0.6).abs() < 1e-9, "to its end");
        // 100 faults while 40 percent of 0.1 GB were copied.
        assert!((figures.steady_faults_per_gb.unwrap() - 2_500.0).abs() < 1e-6);
    }

    #[test]
    fn what_a_peer_does_after_its_last_record_is_not_counted_when_it_never_ends() {
        let began = Instant::now();
        let told = [(0, 9.0, 0), (100, 12.0, 0), (100, 15.0, 0)];
        let figures = figures(&looks(began, &told), began, &task(Peer::MirrorMaker)).unwrap();
        assert!((figures.cpu_seconds - 12.0).abs() < 1e-9);
        assert_eq!(figures.steady_faults_per_gb, None, "too short to tell");
    }

    #[test]
    fn nothing_is_made_of_no_look() {
        assert!(figures(&[], Instant::now(), &task(Peer::Ferry)).is_none());
    }
}
