//! Keeping offsets free: one transaction takes the next offsets of many partitions, and is aborted.

use super::{Touched, TransactionalProducer};
use crate::halt::Halt;
use crate::partition::voids::VoidWrite;
use crate::planted::{Bug, made};
use crate::worker::CopyError;
use crate::worker::cluster;
use crate::worker::event::Index;
use crate::worker::sending::{Failure, Outgoing, produce_all};
use crate::worker::voids::VoidEnd;
use ferry_kafka::task;
use ferry_model::name::TopicPartition;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long the markers of a transaction that has ended are awaited.
const MARKER_LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked for them at first, and later.
const MARKER_AGAIN: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

/// Offsets of one partition that a transaction keeps free.
#[derive(Debug)]
pub(crate) struct VoidPortion {
    pub(crate) index: Index,
    pub(crate) partition: TopicPartition,
    pub(crate) write: VoidWrite,
}

impl TransactionalProducer {
    /// Takes the offsets of `portions` in one transaction that is aborted, and waits until they are
    /// taken: the coordinator answers before its markers are written.
    ///
    /// # Errors
    /// [`CopyError`] where the worker can't go on. Whatever else goes wrong, the transaction is
    /// ended, and the outcome is unknown.
    pub(crate) async fn keep_free(
        &mut self,
        portions: &[VoidPortion],
    ) -> Result<Vec<(Index, VoidEnd)>, CopyError> {
        let began_ms = task::since_boot_ms();
        let failure = match self.try_keep_free(portions).await {
            Ok(ends) => {
                self.renew(began_ms);
                self.fenced = 0;
                return Ok(ends);
            }
            Err(failure) => failure,
        };
        self.note_failure(&failure)?;
        let since = Instant::now();
        while let Err(failure) = self.initialise_again().await {
            self.not_ended(&failure, since)?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let ends = portions.iter().map(|portion| {
            let end = match &failure {
                Failure::Refused(index, halt) if *index == portion.index => {
                    VoidEnd::Refused(halt.clone())
                }
                failure => VoidEnd::Unknown(failure.to_string()),
            };
            (portion.index, end)
        });
        Ok(ends.collect())
    }

    async fn try_keep_free(
        &mut self,
        portions: &[VoidPortion],
    ) -> Result<Vec<(Index, VoidEnd)>, Failure> {
        let touched: Vec<Touched> = portions
            .iter()
            .map(|portion| Touched {
                partition: portion.partition.clone(),
                copied: Some((portion.index, portion.write.first)),
            })
            .collect();
        let producer = self.open(&touched).await?;
        let outgoing = portions
            .iter()
            .map(|portion| Outgoing {
                index: portion.index,
                partition: portion.partition.clone(),
                appends: &portion.write.aborted,
            })
            .collect();
        let bases = produce_all(
            &self.target,
            &self.id,
            producer,
            &mut self.sequences,
            outgoing,
        )
        .await?;
        self.end(producer, false).await?;
        let mut ends = BTreeMap::new();
        for portion in portions {
            if let Some(halt) = misplaced(&portion.write, bases.get(&portion.index)) {
                ends.insert(portion.index, VoidEnd::Refused(halt));
            }
        }
        self.await_markers(portions, &mut ends).await;
        match ends.len() == portions.len() {
            true => Ok(ends.into_iter().collect()),
            // They may still come, and must not be taken for those of the next transaction.
            false => Err(Failure::Unknown("markers do not come".to_owned())),
        }
    }

    /// Looks where the logs of `portions` end until each ends where it should, or beyond it.
    async fn await_markers(&self, portions: &[VoidPortion], ends: &mut BTreeMap<Index, VoidEnd>) {
        let since = Instant::now();
        let mut again = MARKER_AGAIN[0];
        loop {
            let open: Vec<_> = portions
                .iter()
                .filter(|portion| !ends.contains_key(&portion.index))
                .collect();
            if open.is_empty() || since.elapsed() > MARKER_LIMIT {
                return;
            }
            let names: Vec<_> = open.iter().map(|p| p.partition.clone()).collect();
            let found = cluster::log_ends_only(&self.target, &names).await;
            for portion in open {
                let Some(log_end) = found.get(&portion.partition).copied() else {
                    continue;
                };
                let write = &portion.write;
                if log_end == write.until || made(Bug::TrustsTheCoordinator) {
                    ends.insert(portion.index, VoidEnd::Written);
                } else if log_end > write.until {
                    let halt = Halt::TargetEndUnexpected {
                        log_end,
                        acknowledged: write.first,
                        sent: write.until,
                    };
                    ends.insert(portion.index, VoidEnd::Refused(halt));
                }
            }
            if ends.len() < portions.len() {
                tokio::time::sleep(again).await;
                again = (again * 2).min(MARKER_AGAIN[1]);
            }
        }
    }
}

/// Why the records of `write`, appended at `bases`, do not stand where they should.
fn misplaced(write: &VoidWrite, bases: Option<&Vec<i64>>) -> Option<Halt> {
    let bases = bases.map_or(&[][..], Vec::as_slice);
    let mut expected = write.first;
    for (append, base) in write.aborted.iter().zip(bases) {
        if *base != expected {
            let got = *base;
            return Some(Halt::Diverged { expected, got });
        }
        expected += append.records();
    }
    None
}
