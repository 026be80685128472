//! Finding out where target partitions end, when something may still be on its way there.

use super::cluster::{self, LogEnds};
use super::event::{Event, Index, Settled, SourceEnds};
use crate::partition::exact::TargetEnd;
use crate::planted::{Bug, made};
use ferry_kafka::client::Client;
use ferry_model::identity::BrokerId;
use ferry_model::name::TopicPartition;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

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
/// `still`, then reads what the leader knows of `producer`, and the source's ends. Each partition is
/// told of as soon as its end stands still: one that somebody else writes to holds up no other.
pub(crate) async fn settle(
    source: &Client,
    target: &Client,
    producer: i64,
    unsettled: Vec<Unsettled>,
    still: Duration,
    events: &mpsc::UnboundedSender<Event>,
) {
    let topics = unsettled.iter().map(|u| u.target.topic.clone()).collect();
    cluster::refresh(target, topics).await;
    let began = Instant::now();
    let mut watch = Watch::default();
    let mut open = unsettled;
    loop {
        let partitions: Vec<_> = open.iter().map(|u| u.target.clone()).collect();
        let now = Instant::now();
        let ends = cluster::log_ends(target, &partitions).await;
        for partition in &partitions {
            let leader = target.leader(partition).map(|leader| leader.broker);
            watch.look(partition, leader, ends.get(partition), now);
        }
        let (settled, moving): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|u| watch.stands_still(&u.target, ends.get(&u.target), now, still));
        if !settled.is_empty() {
            let results = look_closer(source, target, producer, settled, &ends).await;
            // Nobody listens any more once the worker has ended.
            let _ = events.send(Event::Settled { results });
        }
        if moving.is_empty() {
            return;
        }
        open = moving;
        if began.elapsed() > SETTLE_LIMIT {
            break;
        }
        tokio::time::sleep(READ_EVERY).await;
    }
    let again = |u: Unsettled| {
        let reason = "the target's end does not stand still".to_owned();
        (u.index, Settled::Again { reason })
    };
    let results = open.into_iter().map(again).collect();
    let _ = events.send(Event::Settled { results });
}

/// Since when ends have stood where they stand.
#[derive(Debug, Default)]
struct Watch {
    seen: HashMap<TopicPartition, Seen>,
    /// When a broker was last seen to wait for its followers.
    waited: HashMap<Option<BrokerId>, Instant>,
}

#[derive(Debug)]
struct Seen {
    log_end: i64,
    high_watermark: i64,
    leader: Option<BrokerId>,
    /// Since when the log has ended at `log_end`, replicated.
    still_since: Instant,
}

impl Watch {
    /// Takes in what was read of one partition at `now`.
    ///
    /// A broker works on one request of a connection after the other. One that waits for followers
    /// holds up those behind it, which may be for partitions whose ends stand still meanwhile: they
    /// are not settled before the broker waits no more.
    fn look(
        &mut self,
        partition: &TopicPartition,
        leader: Option<BrokerId>,
        ends: Option<&LogEnds>,
        now: Instant,
    ) {
        let Some(ends) = ends else {
            self.seen.remove(partition);
            return;
        };
        let before = self.seen.get(partition);
        let replicated = ends.log_end == ends.high_watermark;
        let stuck = before.is_none_or(|seen| seen.high_watermark == ends.high_watermark);
        if !replicated && stuck {
            self.waited.insert(leader, now);
        }
        let still_since = before
            .filter(|seen| replicated && seen.log_end == ends.log_end)
            .map_or(now, |seen| seen.still_since);
        let seen = Seen {
            log_end: ends.log_end,
            high_watermark: ends.high_watermark,
            leader,
            still_since,
        };
        self.seen.insert(partition.clone(), seen);
    }

    fn stands_still(
        &self,
        partition: &TopicPartition,
        ends: Option<&LogEnds>,
        now: Instant,
        still: Duration,
    ) -> bool {
        if made(Bug::NeverSettles) && ends.is_some() {
            return true;
        }
        let Some(seen) = self.seen.get(partition) else {
            return false;
        };
        let for_long = |since: Instant| now.duration_since(since) >= still;
        seen.log_end == seen.high_watermark
            && for_long(seen.still_since)
            && self
                .waited
                .get(&seen.leader)
                .is_none_or(|waited| for_long(*waited))
    }
}

/// Reads what else has to be known of partitions whose ends stand still.
async fn look_closer(
    source: &Client,
    target: &Client,
    producer: i64,
    settled: Vec<Unsettled>,
    ends: &HashMap<TopicPartition, LogEnds>,
) -> Vec<(Index, Settled)> {
    let known: Vec<_> = settled
        .iter()
        .filter(|u| ends.get(&u.target).is_some_and(|ends| ends.log_end > 0))
        .map(|u| u.target.clone())
        .collect();
    let sequences = cluster::last_sequences(target, &known, producer).await;
    let sources = settled
        .iter()
        .map(|u| (u.index, u.source.clone()))
        .collect();
    let source_ends: HashMap<Index, SourceEnds> =
        cluster::ends(source, sources).await.into_iter().collect();
    settled
        .into_iter()
        .map(|u| {
            let settled = match (ends.get(&u.target), source_ends.get(&u.index)) {
                (Some(ends), Some(source)) => {
                    match sequences.get(&u.target).cloned().unwrap_or(Ok(None)) {
                        Ok(last_sequence) => Settled::End {
                            target: TargetEnd {
                                log_start: ends.log_start,
                                log_end: ends.log_end,
                                last_sequence,
                            },
                            source: *source,
                        },
                        Err(reason) => Settled::Again { reason },
                    }
                }
                (None, _) => Settled::Again {
                    reason: "the target's end is not known".into(),
                },
                (_, None) => Settled::Again {
                    reason: "the source's ends are not known".into(),
                },
            };
            (u.index, settled)
        })
        .collect()
}
