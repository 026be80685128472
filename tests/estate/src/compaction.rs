//! Waiting until compaction has left holes.

use crate::error::EstateError;
use crate::report::{EstateReport, Trait};
use ferry_kafka::Client;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_model::name::TopicPartition;
use std::time::{Duration, Instant};

/// How long the cleaner may take. With the brokers' default it looks for work every 15 s.
const LIMIT: Duration = Duration::from_secs(90);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until the first record of every partition that shall have holes is gone: its key came
/// again later. The first offset with any timestamp tells, and nothing has to be read for it.
pub(crate) async fn wait(client: &Client, report: &EstateReport) -> Result<(), EstateError> {
    let mut open: Vec<TopicPartition> = report
        .with(Trait::Compacted)
        .map(|(partition, _)| partition)
        .collect();
    let started = Instant::now();
    while !open.is_empty() {
        let firsts = client
            .admin()
            .list_offsets(&open, OffsetSpec::Timestamp(0))
            .await;
        for (partition, first) in firsts {
            let first = first.map_err(EstateError::refused(format!("the start of {partition}")))?;
            if first.offset.is_some_and(|offset| offset > 0) {
                open.retain(|waiting| *waiting != partition);
            }
        }
        let Some(waiting) = open.first() else {
            return Ok(());
        };
        if started.elapsed() > LIMIT {
            return Err(EstateError::TooSlow {
                what: format!("the compaction of {waiting}"),
                limit_ms: LIMIT.as_millis() as u64,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
