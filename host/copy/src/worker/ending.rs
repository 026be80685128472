//! When a copy is done, and what is in the way.

use super::tracked::Tracked;
use super::{CopyError, Worker};
use crate::job::Until;
use ferry_model::offset::grouped;
use std::collections::BTreeMap;

impl Worker {
    /// Whether the copy is done.
    ///
    /// # Errors
    /// [`CopyError::NotDrained`] and [`CopyError::Paused`] where it can't be.
    pub(super) fn done(&self) -> Result<bool, CopyError> {
        match self.job.until {
            Until::Stopped => Ok(false),
            Until::CaughtUp => Ok(self
                .partitions
                .iter()
                .all(|tracked| tracked.finished(tracked.end))),
            Until::Drained { quiet, limit } => {
                let quiet_since = self.drain.quiet_since;
                if quiet_since.is_some_and(|since| since.elapsed() >= quiet) {
                    return Ok(true);
                }
                let groups = self.held_back();
                if !groups.is_empty() {
                    return Err(CopyError::Paused { groups });
                }
                if self.began.elapsed() > limit {
                    let partitions = self.not_drained();
                    return Err(CopyError::NotDrained { limit, partitions });
                }
                Ok(false)
            }
        }
    }

    /// The groups that rest although something of them is left to copy, and how many offsets that is.
    fn held_back(&self) -> Vec<(String, i64)> {
        let mut groups: BTreeMap<usize, i64> = BTreeMap::new();
        let waiting = |tracked: &&Tracked| {
            self.limits.paused(tracked.group)
                && tracked.halted().is_none()
                && tracked.began_at >= 0
                // What was fetched is still sent.
                && !tracked.fetching
                && tracked.held_bytes() == 0
        };
        for tracked in self.partitions.iter().filter(waiting) {
            let left = tracked.ends.high_watermark - tracked.copied_to();
            if left > 0 {
                *groups.entry(tracked.group).or_default() += left;
            }
        }
        let named = |(group, left): (usize, i64)| (self.groups.names()[group].clone(), left);
        groups.into_iter().map(named).collect()
    }

    /// The partitions that are in the way of a drained source, with why.
    fn not_drained(&self) -> Vec<String> {
        let partitions = self.partitions.iter();
        partitions
            .filter(|tracked| tracked.halted().is_none())
            .filter_map(|tracked| {
                let ends = tracked.ends;
                let name = &tracked.job.source;
                if ends.last_stable < ends.high_watermark {
                    let since = grouped(ends.last_stable);
                    Some(format!(
                        "{name}: a transaction is open since offset {since}"
                    ))
                } else if tracked.copied_to() < ends.high_watermark {
                    let lag = grouped(ends.high_watermark - tracked.copied_to());
                    Some(format!("{name}: lag {lag}"))
                } else {
                    None
                }
            })
            .collect()
    }
}
