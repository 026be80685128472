//! The ceilings: a producer alone, a consumer alone, and both side by side, on Ferry's wire client.
//!
//! The producer sends batches that were made beforehand, without a producer id, so that nothing is
//! computed per batch; requests have the shape of Ferry's. The consumer reads no further than the
//! headers of batches.

use anyhow::Result;
use ferry_model::identity::Side;
use ferry_model::name::TopicName;
use std::time::Instant;

use super::{Said, Task};
use crate::wire;

/// Requests under way, as many as Ferry has.
pub(super) const DEPTH: usize = 6;

/// Appends as much as the source's topic holds.
pub(super) async fn produce(task: &Task, depth: usize) -> Result<Said> {
    let workload = &task.workload;
    let target = wire::connect(&task.target, Side::Target).await?;
    let topic = TopicName::parse(task.copy.as_str())?;
    target.refresh(std::slice::from_ref(&topic)).await?;
    let batches = workload.batches()?;
    let (partitions, each) = (workload.partitions, workload.batches_per_partition);
    let began = Instant::now();
    wire::append(&target, &topic, partitions, &batches, each, depth).await?;
    Ok(Said {
        seconds: began.elapsed().as_secs_f64(),
        records: workload.records(),
        ..Said::default()
    })
}

/// Reads the source's topic to its end.
pub(super) async fn consume(task: &Task) -> Result<Said> {
    let source = wire::connect(&task.source, Side::Source).await?;
    let topic = TopicName::parse(task.workload.topic.as_str())?;
    source.refresh(std::slice::from_ref(&topic)).await?;
    let began = Instant::now();
    let read = wire::read_all(&source, &topic, task.workload.partitions).await?;
    Ok(Said {
        seconds: began.elapsed().as_secs_f64(),
        records: read.records,
        ..Said::default()
    })
}

/// Reads the one topic while it appends to the other, without a record passing between them.
pub(super) async fn both(task: &Task) -> Result<Said> {
    let (produced, consumed) = tokio::try_join!(produce(task, DEPTH), consume(task))?;
    Ok(Said {
        seconds: produced.seconds.max(consumed.seconds),
        ..produced
    })
}
