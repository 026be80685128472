//! Reading one partition of one cluster from one offset to another.

use crate::batch::aborted::{AbortedFilter, Meaning};
use crate::batch::header::Batch;
use crate::batch::slices::BatchSlices;
use crate::single_fetch::{SingleFetchError, SingleWanted, single_fetch};
use ferry_kafka::client::Client;
use ferry_model::name::TopicPartition;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of one fetch.
const FETCH_BYTES: i32 = 4 << 20;
/// How long a partition is asked for in vain before the reading fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is waited between attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Reads the data of one partition: what a READ_COMMITTED consumer would see.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    partition: TopicPartition,
    next: i64,
    end: i64,
    lane: u16,
    progressed: Instant,
}

impl Reader {
    pub(super) fn new(
        client: Client,
        partition: TopicPartition,
        next: i64,
        end: i64,
        lane: u16,
    ) -> Self {
        Self {
            client,
            partition,
            next,
            end,
            lane,
            progressed: Instant::now(),
        }
    }

    /// Whether everything was read.
    pub(super) fn ended(&self) -> bool {
        self.next >= self.end
    }

    /// The next batches of data.
    ///
    /// # Errors
    /// Why they can't be read, in words.
    pub(super) async fn read(&mut self) -> Result<Vec<Batch>, String> {
        let wanted = SingleWanted {
            from: self.next,
            bytes_max: FETCH_BYTES,
            wait_ms: 100,
            committed: true,
            lane: self.lane,
        };
        let fetched = match single_fetch(&self.client, &self.partition, wanted).await {
            Ok(fetched) => fetched,
            Err(error @ SingleFetchError::OutOfRange(_)) => return Err(error.to_string()),
            Err(error) => return self.nothing(&error.to_string()).await,
        };
        let mut filter = AbortedFilter::new(fetched.aborted);
        let mut batches = Vec::new();
        let from = self.next;
        for batch in BatchSlices::new(fetched.records) {
            let batch = batch.map_err(|error| error.to_string())?;
            if batch.header.next_offset() <= from {
                continue;
            }
            if batch.header.base_offset >= self.end {
                self.next = self.end;
                break;
            }
            self.next = batch.header.next_offset();
            let meaning = filter.meaning(&batch).map_err(|error| error.to_string())?;
            if meaning == Meaning::Data && batch.header.records_count > 0 {
                batches.push(batch);
            }
        }
        if self.next == from {
            return self
                .nothing("nothing comes, though the log has not ended")
                .await;
        }
        self.progressed = Instant::now();
        Ok(batches)
    }

    async fn nothing(&mut self, reason: &str) -> Result<Vec<Batch>, String> {
        if self.progressed.elapsed() > PATIENCE {
            return Err(format!(
                "{} at offset {}: {reason}",
                self.partition, self.next
            ));
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        Ok(Vec::new())
    }
}
