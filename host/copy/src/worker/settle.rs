//! Finding out where target partitions end, when something may still be on its way there.

use super::cluster;
use super::event::{Index, Settled, SourceEnds};
use crate::partition::exact::TargetEnd;
use ferry_kafka::client::Client;
use ferry_model::name::TopicPartition;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long ends are awaited that do not stand still.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// How often ends are read.
const READ_EVERY: Duration = Duration::from_millis(100);

/// A partition whose end is to be settled.
#[derive(Debug, Clone)]
pub(crate) struct Unsettled {
    pub(crate) index: Index,
    pub(crate) source: TopicPartition,
    pub(crate) target: TopicPartition,
}

/// Waits until the log of each target partition ends at its high watermark and has not moved for
/// `still`, then reads what the leader knows of `producer`, and the source's ends.
pub(crate) async fn settle(
    source: &Client,
    target: &Client,
    producer: i64,
    unsettled: Vec<Unsettled>,
    still: Duration,
) -> Vec<(Index, Settled)> {
    let topics = unsettled.iter().map(|u| u.target.topic.clone()).collect();
    cluster::refresh(target, topics).await;
    let partitions: Vec<_> = unsettled.iter().map(|u| u.target.clone()).collect();
    let ends = still_ends(target, &partitions, still).await;
    let known: Vec<_> = unsettled
        .iter()
        .filter(|u| ends.get(&u.target).is_some_and(|(_, end)| *end > 0))
        .map(|u| u.target.clone())
        .collect();
    let sequences = cluster::last_sequences(target, &known, producer).await;
    let sources = unsettled
        .iter()
        .map(|u| (u.index, u.source.clone()))
        .collect();
    let source_ends: HashMap<Index, SourceEnds> =
        cluster::ends(source, sources).await.into_iter().collect();
    unsettled
        .into_iter()
        .map(|u| {
            let settled = match (ends.get(&u.target), source_ends.get(&u.index)) {
                (Some((log_start, log_end)), Some(source)) => {
                    match sequences.get(&u.target).cloned().unwrap_or(Ok(None)) {
                        Ok(last_sequence) => Settled::End {
                            target: TargetEnd {
                                log_start: *log_start,
                                log_end: *log_end,
                                last_sequence,
                            },
                            source: *source,
                        },
                        Err(reason) => Settled::Again { reason },
                    }
                }
                (None, _) => Settled::Again {
                    reason: "the target's end does not stand still".into(),
                },
                (_, None) => Settled::Again {
                    reason: "the source's ends are not known".into(),
                },
            };
            (u.index, settled)
        })
        .collect()
}

/// Log start and log end of those partitions whose end stands still.
async fn still_ends(
    target: &Client,
    partitions: &[TopicPartition],
    still: Duration,
) -> HashMap<TopicPartition, (i64, i64)> {
    let began = Instant::now();
    let mut since: HashMap<TopicPartition, (i64, Instant)> = HashMap::new();
    loop {
        let now = Instant::now();
        let ends = cluster::log_ends(target, partitions).await;
        let mut settled = HashMap::new();
        for partition in partitions {
            let Some(end) = ends
                .get(partition)
                .filter(|e| e.log_end == e.high_watermark)
            else {
                since.remove(partition);
                continue;
            };
            let entry = since.entry(partition.clone()).or_insert((end.log_end, now));
            if entry.0 != end.log_end {
                *entry = (end.log_end, now);
            }
            if now.duration_since(entry.1) >= still {
                settled.insert(partition.clone(), (end.log_start, end.log_end));
            }
        }
        if settled.len() == partitions.len() || began.elapsed() > SETTLE_LIMIT {
            return settled;
        }
        tokio::time::sleep(READ_EVERY).await;
    }
}
