//! A company at work: writes to the source at an even rate, then falls quiet.

use anyhow::Result;
use ferry_kafka::Lane;
use ferry_model::identity::Side;
use ferry_model::name::TopicName;
use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Said, Task};
use crate::wire;

/// How long it writes.
const WRITES_FOR: Duration = Duration::from_secs(10);
/// How often a request is sent.
const EVERY: Duration = Duration::from_millis(50);
/// Partitions that get a batch by each request.
const PARTITIONS_AT_ONCE: i32 = 50;
/// Requests under way.
const DEPTH: usize = 8;

/// Writes to one partition after the other, 1,000 batches a second.
pub(super) async fn run(task: &Task) -> Result<Said> {
    let source = wire::connect(&task.source, Side::Source).await?;
    let topic = TopicName::parse(task.workload.topic.as_str())?;
    source.refresh(std::slice::from_ref(&topic)).await?;
    let connection = wire::connection(&source, &topic, Lane::Produce(0)).await?;
    let batches = task.workload.batches()?;
    let partitions = task.workload.partitions;
    let at_once = PARTITIONS_AT_ONCE.min(partitions);
    let mut tick = tokio::time::interval(EVERY);
    let mut under_way = VecDeque::new();
    let mut records = 0;
    let mut next = 0;
    let began = Instant::now();
    while began.elapsed() < WRITES_FOR {
        tick.tick().await;
        if under_way.len() >= DEPTH {
            wire::acknowledged(under_way.pop_front(), &topic).await?;
        }
        let data = (0..at_once).map(|step| {
            let partition = (next + step) % partitions;
            (
                partition,
                batches[partition as usize % batches.len()].clone(),
            )
        });
        under_way.push_back(connection.send(&wire::produce_request(&topic, data))?);
        records += i64::from(at_once) * task.workload.records_per_batch as i64;
        next = (next + at_once) % partitions;
    }
    while !under_way.is_empty() {
        wire::acknowledged(under_way.pop_front(), &topic).await?;
    }
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Said {
        seconds: began.elapsed().as_secs_f64(),
        records,
        last_at: since_1970.as_secs_f64(),
        ..Said::default()
    })
}
