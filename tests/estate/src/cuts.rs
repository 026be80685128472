//! Deleting the heads of logs.

use crate::catalogue::Cut;
use crate::error::EstateError;
use crate::report::{PartitionMade, TopicMade};
use ferry_kafka::Client;
use ferry_model::name::{TopicName, TopicPartition};
use std::collections::BTreeMap;

/// Deletes what `cuts` say, and notes it in `topics`.
pub(crate) async fn make(
    client: &Client,
    cuts: &[(TopicName, Cut)],
    topics: &mut BTreeMap<TopicName, TopicMade>,
) -> Result<(), EstateError> {
    let mut before = Vec::with_capacity(cuts.len());
    for (topic, cut) in cuts {
        let made = partition(topics, topic, cut.partition);
        let Some(made) = made.filter(|made| made.high_watermark > 0) else {
            continue;
        };
        made.log_start_offset = made.high_watermark * cut.thousandths / 1_000;
        made.traits.insert(cut.which);
        let partition = TopicPartition::new(topic.clone(), cut.partition);
        before.push((partition, made.log_start_offset));
    }
    for (partition, result) in client.admin().delete_records(&before).await {
        result.map_err(EstateError::refused(format!(
            "deleting records of {partition}"
        )))?;
    }
    Ok(())
}

fn partition<'a>(
    topics: &'a mut BTreeMap<TopicName, TopicMade>,
    topic: &TopicName,
    index: i32,
) -> Option<&'a mut PartitionMade> {
    let index = usize::try_from(index).ok()?;
    topics.get_mut(topic)?.partitions.get_mut(index)
}
