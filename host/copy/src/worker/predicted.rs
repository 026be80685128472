//! Where the batches of a transaction have to be appended, and whether they were.
//!
//! Behind a committed transaction stands one marker (KIP-98), and the next one begins behind it. A
//! batch that is appended further on has somebody else's records before it; one that is appended
//! before what was copied already shows that the target has lost records.

use super::cluster;
use super::event::Index;
use super::sending::Failure;
use super::transaction::Portion;
use crate::halt::Halt;
use ferry_kafka::client::Client;
use ferry_model::name::TopicPartition;
use std::collections::HashMap;

/// Offsets that the marker of a transaction takes.
const MARKER_OFFSETS: i64 = 1;

/// The ends of the logs that transactions are written to.
#[derive(Debug, Default)]
pub(crate) struct PredictedEnds {
    ends: HashMap<TopicPartition, i64>,
}

impl PredictedEnds {
    /// Forgets every end: something was written whose outcome is not known.
    pub(crate) fn forget(&mut self) {
        self.ends.clear();
    }

    /// Reads the ends that are not known. No transaction of ours may be on its way.
    pub(crate) async fn read(
        &mut self,
        target: &Client,
        portions: &[Portion],
    ) -> Result<(), Failure> {
        let unknown: Vec<TopicPartition> = portions
            .iter()
            .filter(|portion| !portion.taken.appends.is_empty())
            .map(|portion| portion.partition.clone())
            .filter(|partition| !self.ends.contains_key(partition))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let found = cluster::log_ends(target, &unknown).await;
        for partition in unknown {
            let ends = found
                .get(&partition)
                .ok_or_else(|| Failure::Unknown(format!("the end of {partition} can't be told")))?;
            self.ends.insert(partition, ends.log_end);
        }
        for portion in portions {
            let copied_end = portion.progress.target_end();
            if let Some(log_end) = self.ends.get(&portion.partition)
                && *log_end < copied_end
            {
                let halt = Halt::TargetEndUnexpected {
                    log_end: *log_end,
                    acknowledged: copied_end,
                    sent: copied_end,
                };
                return Err(Failure::Refused(portion.index, halt));
            }
        }
        Ok(())
    }

    /// Compares with where the batches of each portion were appended.
    pub(crate) fn check(
        &self,
        portions: &[Portion],
        bases: &HashMap<Index, Vec<i64>>,
    ) -> Result<(), Failure> {
        for portion in portions {
            let mut least = portion.progress.target_end();
            let mut expected = self.ends.get(&portion.partition).copied();
            let bases = bases.get(&portion.index).map_or(&[][..], Vec::as_slice);
            for (append, base) in portion.taken.appends.iter().zip(bases) {
                // Less than expected is right where a leader took unreplicated records of an
                // aborted transaction with it.
                let further = expected.is_some_and(|expected| *base > expected);
                if *base < least || further {
                    let halt = Halt::Diverged {
                        expected: expected.unwrap_or(least),
                        got: *base,
                    };
                    return Err(Failure::Refused(portion.index, halt));
                }
                least = base + append.records();
                expected = Some(least);
            }
        }
        Ok(())
    }

    /// The transaction of `portions` is committed.
    pub(crate) fn committed(&mut self, portions: &[Portion], bases: &HashMap<Index, Vec<i64>>) {
        for portion in portions {
            let last = portion.taken.appends.last();
            let base = bases.get(&portion.index).and_then(|bases| bases.last());
            if let (Some(last), Some(base)) = (last, base) {
                let end = base + last.records() + MARKER_OFFSETS;
                self.ends.insert(portion.partition.clone(), end);
            }
        }
    }
}
