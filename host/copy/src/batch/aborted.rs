//! Which fetched batches belong to aborted transactions.
//!
//! A fetch with isolation level READ_COMMITTED returns aborted data too, with a list of the aborted
//! transactions (producer id, first offset) that touch the fetched range. A producer's batches from
//! that offset on are aborted until its ABORT marker is met (KIP-98).

use super::error::BatchError;
use super::header::{Batch, CONTROL, TRANSACTIONAL};
use super::records::Records;
use crate::planted::{Bug, made};
use std::collections::{BTreeMap, HashSet};

/// What a batch means for a reader of committed data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Records that count.
    Data,
    /// Records of an aborted transaction.
    Aborted,
    /// A marker of Kafka's own: COMMIT, ABORT, or one for the cluster itself.
    Marker,
}

/// Follows the aborted transactions of one fetched partition.
#[derive(Debug, Default)]
pub struct AbortedFilter {
    /// Aborted transactions that have not begun yet: first offset and producer id.
    upcoming: BTreeMap<(i64, i64), ()>,
    /// Producers inside an aborted transaction.
    open: HashSet<i64>,
}

/// The type of a control record that ends an aborted transaction
/// (Apache Kafka, `ControlRecordType.ABORT`).
const ABORT: i16 = 0;

impl AbortedFilter {
    /// A filter for one answer of one partition, from its list of aborted transactions as
    /// (producer id, first offset).
    #[must_use]
    pub fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self {
            upcoming: aborted
                .into_iter()
                .map(|(producer, first)| ((first, producer), ()))
                .collect(),
            open: HashSet::new(),
        }
    }

    /// What `batch` means. Batches must be given in order.
    ///
    /// # Errors
    /// [`BatchError`] when a control batch is malformed.
    pub fn meaning(&mut self, batch: &Batch) -> Result<Meaning, BatchError> {
        let header = &batch.header;
        while let Some(entry) = self.upcoming.first_entry() {
            let (first, producer) = *entry.key();
            if first > header.last_offset() {
                break;
            }
            self.open.insert(producer);
            entry.remove();
        }
        if header.has(CONTROL) {
            if control_type(batch)? == Some(ABORT) {
                self.open.remove(&header.producer_id);
            }
            return Ok(Meaning::Marker);
        }
        let aborted = header.has(TRANSACTIONAL) && self.open.contains(&header.producer_id);
        if aborted && !made(Bug::CopiesAborted) {
            return Ok(Meaning::Aborted);
        }
        Ok(Meaning::Data)
    }
}

/// The type in the key of a control record: version and type, two bytes each. None in a batch whose
/// marker the cleaner has taken.
fn control_type(batch: &Batch) -> Result<Option<i16>, BatchError> {
    let malformed = |reason| BatchError::Record {
        offset: batch.header.base_offset,
        index: 0,
        reason,
    };
    let records = Records::of(batch)?;
    let Some(record) = records.iter().next() else {
        return Ok(None);
    };
    let contents = record?.contents().map_err(malformed)?;
    match contents.key {
        Some([_, _, high, low, ..]) => Ok(Some(i16::from_be_bytes([*high, *low]))),
        _ => Err(malformed("a control record without a type")),
    }
}
