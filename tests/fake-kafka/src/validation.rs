//! What a leader checks of a batch that a client produced, and what it changes in it (Apache Kafka,
//! `UnifiedLog.analyzeAndValidateRecords` and `LogValidator`), in their order.

use crate::batch::Batch;
use crate::records;
use crate::versions::Release;

/// Why a produced batch is refused: Kafka's error codes.
pub(crate) mod refusal {
    pub(crate) const CORRUPT_MESSAGE: i16 = 2;
    pub(crate) const MESSAGE_TOO_LARGE: i16 = 10;
    pub(crate) const INVALID_TIMESTAMP: i16 = 32;
    pub(crate) const INVALID_RECORD: i16 = 87;
}

/// What a topic asks of batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) release: Release,
    pub(crate) batch_bytes_max: usize,
    /// Records need keys: they are compacted by them.
    pub(crate) keyed: bool,
    /// Records get the leader's time.
    pub(crate) log_append_time: bool,
    /// How far in the future records may lie, in milliseconds.
    pub(crate) after_max_ms: Option<i64>,
    pub(crate) now_ms: i64,
}

impl Rules {
    /// The batch as it goes into the log, or why it does not.
    pub(crate) fn check(&self, batch: Batch) -> Result<Batch, i16> {
        if batch.base_offset != 0 {
            return Err(refusal::INVALID_RECORD);
        }
        if batch.bytes.len() > self.batch_bytes_max {
            return Err(refusal::MESSAGE_TOO_LARGE);
        }
        if !batch.has_right_checksum() {
            return Err(refusal::CORRUPT_MESSAGE);
        }
        let counted =
            batch.records > 0 && i64::from(batch.records) == i64::from(batch.last_offset_delta) + 1;
        let numbered = batch.producer_id < 0 || batch.base_sequence >= 0;
        if !counted || batch.control() || !numbered {
            return Err(refusal::INVALID_RECORD);
        }
        let records = records::read(&batch).map_err(|_| refusal::INVALID_RECORD)?;
        let mut known = records.iter().flatten();
        if self.keyed && known.any(|record| !record.has_key) {
            return Err(refusal::INVALID_RECORD);
        }
        self.stamped(batch, records.as_deref())
    }

    fn stamped(&self, batch: Batch, records: Option<&[records::Record]>) -> Result<Batch, i16> {
        // Later releases take the claim away.
        if batch.has_broker_time() && self.release == Release::V2_8 {
            return Err(refusal::INVALID_TIMESTAMP);
        }
        if self.log_append_time {
            return Ok(batch.stamped(true, self.now_ms));
        }
        let own = records
            .into_iter()
            .flatten()
            .map(|record| record.timestamp_ms);
        let largest_ms = own.max().unwrap_or(batch.max_timestamp_ms);
        if let Some(after_ms) = self.after_max_ms
            && largest_ms.saturating_sub(self.now_ms) > after_ms
        {
            return Err(refusal::INVALID_TIMESTAMP);
        }
        Ok(batch.stamped(false, largest_ms))
    }
}
