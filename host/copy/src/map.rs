//! The exact map from source offsets to target offsets, as runs.

use ferry_model::offset::{SourceOffset, TargetOffset};
use serde::{Deserialize, Serialize};

/// A run of records that lie side by side at the source and side by side at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, i64)", into = "(i64, i64, i64)")]
pub struct Run {
    /// Offset of its first record at the source.
    pub source: SourceOffset,
    /// Offset of its first record at the target.
    pub target: TargetOffset,
    /// How many records it has, at least one.
    pub records: i64,
}

impl From<(i64, i64, i64)> for Run {
    fn from((source, target, records): (i64, i64, i64)) -> Self {
        Self {
            source: SourceOffset(source),
            target: TargetOffset(target),
            records,
        }
    }
}

impl From<Run> for (i64, i64, i64) {
    fn from(run: Run) -> Self {
        (run.source.0, run.target.0, run.records)
    }
}

impl Run {
    /// Whether `next` continues this run on both sides.
    #[must_use]
    pub fn continues_with(&self, next: &Self) -> bool {
        self.source.plus(self.records) == next.source
            && self.target.plus(self.records) == next.target
    }
}

/// Runs that were given out of order, or that overlap: no copy makes such.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the run from source offset {} to target offset {} does not lie behind the one before it",
    .0.source, .0.target
)]
pub struct DisorderedRun(pub Run);

/// Where every record of a partition went. Records that were never at the source, or were taken by
/// its cleaner, or belonged to aborted transactions, are in no run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetMap {
    runs: Vec<Run>,
}

impl OffsetMap {
    /// The map made of `runs`, which must ascend on both sides.
    ///
    /// # Errors
    /// [`DisorderedRun`] names the first that does not.
    pub fn from_runs(runs: impl IntoIterator<Item = Run>) -> Result<Self, DisorderedRun> {
        let mut map = Self::default();
        for run in runs {
            map.push(run)?;
        }
        Ok(map)
    }

    /// Adds a run behind those that are there, joined with the last where it continues it.
    ///
    /// # Errors
    /// [`DisorderedRun`] when it does not lie behind the last on both sides.
    pub fn push(&mut self, run: Run) -> Result<(), DisorderedRun> {
        if run.records < 1 {
            return Err(DisorderedRun(run));
        }
        match self.runs.last_mut() {
            Some(last) if last.continues_with(&run) => last.records += run.records,
            Some(last)
                if run.source < last.source.plus(last.records)
                    || run.target < last.target.plus(last.records) =>
            {
                return Err(DisorderedRun(run));
            }
            _ => self.runs.push(run),
        }
        Ok(())
    }

    /// The runs, in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Where a reader goes on at the target that would read `committed` next at the source: at the
    /// first record that was copied from `committed` or behind it. None when there is no such
    /// record yet: then the end of the copy is the answer.
    #[must_use]
    pub fn translate(&self, committed: SourceOffset) -> Option<TargetOffset> {
        let behind = self
            .runs
            .partition_point(|run| run.source.plus(run.records) <= committed);
        let run = self.runs.get(behind)?;
        Some(run.target.plus(committed.since(run.source).max(0)))
    }

    /// Where a record of the target came from; none for offsets that hold no copied record.
    #[must_use]
    pub fn origin(&self, target: TargetOffset) -> Option<SourceOffset> {
        let behind = self
            .runs
            .partition_point(|run| run.target.plus(run.records) <= target);
        let run = self.runs.get(behind)?;
        let into = target.since(run.target);
        (into >= 0).then(|| run.source.plus(into))
    }

    /// Records that were copied.
    #[must_use]
    pub fn records(&self) -> i64 {
        self.runs.iter().map(|run| run.records).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> OffsetMap {
        OffsetMap::from_runs([(10, 0, 5), (15, 5, 5), (30, 10, 2), (40, 14, 1)].map(Run::from))
            .expect("in order")
    }

    #[test]
    fn runs_that_continue_on_both_sides_are_one() {
        assert_eq!(map().runs().len(), 3);
        assert_eq!(map().runs()[0], Run::from((10, 0, 10)));
    }

    #[test]
    fn a_committed_offset_goes_to_the_first_record_at_or_behind_it() {
        let at = |offset| map().translate(SourceOffset(offset)).map(|target| target.0);
        assert_eq!(at(0), Some(0), "before the log start: the first record");
        assert_eq!(at(10), Some(0));
        assert_eq!(at(17), Some(7));
        assert_eq!(at(20), Some(10), "in a gap: the record behind it");
        assert_eq!(at(31), Some(11));
        assert_eq!(
            at(32),
            Some(14),
            "a stretch at the target that is not from the source"
        );
        assert_eq!(at(41), None, "behind everything that was copied");
    }

    #[test]
    fn every_copied_record_leads_back_to_where_it_came_from() {
        let map = map();
        for run in map.runs() {
            for into in 0..run.records {
                let target = run.target.plus(into);
                assert_eq!(map.origin(target), Some(run.source.plus(into)));
                assert_eq!(map.translate(run.source.plus(into)), Some(target));
            }
        }
        assert_eq!(map.origin(TargetOffset(12)), None);
        assert_eq!(map.origin(TargetOffset(99)), None);
    }

    #[test]
    fn refuses_runs_that_overlap_or_go_back() {
        for (source, target, records) in [(35, 14, 1), (41, 14, 1), (50, 50, 0)] {
            let mut map = map();
            assert!(map.push(Run::from((source, target, records))).is_err());
        }
    }
}
