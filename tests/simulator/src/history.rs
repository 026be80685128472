//! What was ever readable in a partition of the source.

use crate::contents::Seen;
use std::collections::BTreeMap;

/// The committed records of one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// Numbers by offset.
    records: BTreeMap<i64, u64>,
    /// Where the log started last.
    pub(crate) start: i64,
}

impl History {
    pub(crate) fn add(&mut self, offset: i64, id: u64) {
        self.records.insert(offset, id);
    }

    /// Takes over what the log holds now; what was deleted at its head before stays in memory.
    pub(crate) fn read_again(&mut self, log: &[Seen]) {
        self.records.split_off(&self.start);
        let held = log
            .iter()
            .filter_map(|record| Some((record.offset, record.id?)));
        self.records.extend(held);
    }

    /// Every record, those that are deleted since included.
    pub(crate) fn all(&self) -> &BTreeMap<i64, u64> {
        &self.records
    }

    /// Records that must be at the target.
    pub(crate) fn required(&self) -> impl Iterator<Item = (i64, u64)> {
        self.records
            .range(self.start..)
            .map(|(offset, id)| (*offset, *id))
    }
}
