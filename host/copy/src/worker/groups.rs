//! Topic groups as the worker counts them.

use crate::job::{CopyJob, GroupProgress};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// How long it takes until a change of pace shows in the pace that is told, about.
const PACE_S: f64 = 5.0;

/// The topic groups of a job.
#[derive(Debug)]
pub(super) struct Groups {
    names: Vec<String>,
    tallies: Vec<Tally>,
    paced: Instant,
}

/// What was appended of one group.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    records: i64,
    bytes: u64,
    /// What was counted when the pace was taken last.
    paced_records: i64,
    paced_bytes: u64,
    records_per_s: f64,
    bytes_per_s: f64,
}

impl Groups {
    /// The groups of `job`, and the number of each partition's.
    pub(super) fn of(job: &CopyJob, now: Instant) -> (Self, Vec<usize>) {
        let numbers: BTreeMap<&str, usize> = job
            .partitions
            .iter()
            .map(|partition| (partition.group.as_str(), 0))
            .collect();
        let names: Vec<String> = numbers.keys().map(|name| (*name).to_owned()).collect();
        let number = |name: &str| names.binary_search_by(|other| other.as_str().cmp(name));
        let partitions = job.partitions.iter();
        // Every name is there: it was taken from these partitions.
        let numbered = partitions.map(|p| number(&p.group).unwrap_or(0)).collect();
        let groups = Self {
            tallies: vec![Tally::default(); names.len()],
            names,
            paced: now,
        };
        (groups, numbered)
    }

    /// Their names, in order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Counts what was appended at the target.
    pub(super) fn add(&mut self, group: usize, records: i64, bytes: u64) {
        let tally = &mut self.tallies[group];
        tally.records += records;
        tally.bytes += bytes;
    }

    /// Takes the pace since the last time.
    pub(super) fn take_pace(&mut self, now: Instant) {
        let seconds = now.duration_since(self.paced).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        self.paced = now;
        // A mean in which what is older counts less and less.
        let weight = 1.0 - (-seconds / PACE_S).exp();
        for tally in &mut self.tallies {
            let records = (tally.records - tally.paced_records) as f64 / seconds;
            let bytes = (tally.bytes - tally.paced_bytes) as f64 / seconds;
            tally.records_per_s += (records - tally.records_per_s) * weight;
            tally.bytes_per_s += (bytes - tally.bytes_per_s) * weight;
            tally.paced_records = tally.records;
            tally.paced_bytes = tally.bytes;
        }
    }

    /// What is told of each group so far.
    pub(super) fn progress(&self) -> Vec<GroupProgress> {
        let groups = self.names.iter().zip(&self.tallies);
        let progress = groups.map(|(name, tally)| GroupProgress {
            name: name.clone(),
            records: tally.records,
            bytes: tally.bytes,
            records_per_s: tally.records_per_s as u64,
            bytes_per_s: tally.bytes_per_s as u64,
            ..GroupProgress::default()
        });
        progress.collect()
    }
}
