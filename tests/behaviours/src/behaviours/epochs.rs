//! Leader epochs (KIP-101, KIP-320, KIP-595).

use crate::cluster::Cluster;
use crate::wire::offsets::at;
use crate::wire::{ErrorCode, Log};

/// Three records before a restart and two behind it; returns both epochs.
async fn two_epochs(cluster: &Cluster, log: &Log<'_>) -> (i32, i32) {
    let old = log.leader().await.epoch;
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(0));
    cluster.restart(log).await;
    let new = log.leader().await.epoch;
    assert!(new > old, "{new} behind {old}");
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(3));
    (old, new)
}

pub(crate) async fn an_epoch_ends_where_the_next_one_begins(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (old, new) = two_epochs(cluster, &log).await;
    assert_eq!(log.epoch_end(old).await, Ok((old, 3)));
    assert_eq!(log.epoch_end(new).await, Ok((new, 5)));
    // One in between that never had a record is answered with the one before.
    for between in old..new {
        assert_eq!(log.epoch_end(between).await, Ok((old, 3)), "{between}");
    }
    let epochs: Vec<i32> = log
        .fetch(0)
        .await
        .batches
        .iter()
        .map(|batch| batch.header.partition_leader_epoch)
        .collect();
    assert_eq!(epochs, [old, new]);
}

pub(crate) async fn an_epoch_of_the_future_has_no_end(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (_, new) = two_epochs(cluster, &log).await;
    assert_eq!(log.epoch_end(new + 1).await, Ok((-1, -1)));
    assert_eq!(log.epoch_end(-1).await, Ok((-1, -1)));
}

pub(crate) async fn an_epoch_without_records_is_forgotten_when_the_next_begins(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let old = log.leader().await.epoch;
    assert_eq!(log.epoch_end(old).await, Ok((old, 0)), "it begins at once");
    cluster.restart(&log).await;
    let new = log.leader().await.epoch;
    for forgotten in old..new {
        let ends = log.epoch_end(forgotten).await;
        assert_eq!(ends, Ok((forgotten, 0)), "one below all that are known");
    }
    assert_eq!(log.epoch_end(new).await, Ok((new, 0)));
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(0));
    assert_eq!(log.epoch_end(old).await, Ok((old, 0)));
    assert_eq!(log.epoch_end(new).await, Ok((new, 2)));
}

pub(crate) async fn epochs_go_with_the_records_that_are_deleted(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (old, new) = two_epochs(cluster, &log).await;
    assert_eq!(log.delete_before(2).await, Ok(2));
    assert_eq!(log.epoch_end(old).await, Ok((old, 3)));
    assert_eq!(log.delete_before(4).await, Ok(4));
    assert_eq!(log.epoch_end(old).await, Ok((old, 4)));
    assert_eq!(log.epoch_end(new).await, Ok((new, 5)));
}

pub(crate) async fn who_knows_another_epoch_is_told_so(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (old, new) = two_epochs(cluster, &log).await;
    let ask = async |known| log.epoch_end_of_leader(old, known, None).await;
    assert_eq!(ask(new).await, Ok((old, 3)));
    assert_eq!(ask(old).await, Err(ErrorCode::FENCED_LEADER_EPOCH));
    assert_eq!(ask(new + 1).await, Err(ErrorCode::UNKNOWN_LEADER_EPOCH));

    let list = async |known| log.list(at::LATEST).leader_epoch(known).send().await;
    assert!(list(new).await.is_ok());
    assert_eq!(list(old).await, Err(ErrorCode::FENCED_LEADER_EPOCH));
    assert_eq!(list(new + 1).await, Err(ErrorCode::UNKNOWN_LEADER_EPOCH));

    let fetch = async |known| log.fetching(0).leader_epoch(known).send().await.code;
    assert_eq!(fetch(new).await, ErrorCode::NONE);
    assert_eq!(fetch(old).await, ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(fetch(new + 1).await, ErrorCode::UNKNOWN_LEADER_EPOCH);
}

pub(crate) async fn a_log_that_went_another_way_is_told_where(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (old, new) = two_epochs(cluster, &log).await;
    let fetch = async |offset, last| log.fetching(offset).last_epoch(last).send().await;

    // The asker has what the broker has.
    for (offset, last) in [(0, old), (3, old), (4, new), (5, new)] {
        let same = fetch(offset, last).await;
        assert_eq!(
            (same.code, same.diverging),
            (ErrorCode::NONE, None),
            "{offset}"
        );
    }
    // It has more of the old epoch than the broker.
    let more = fetch(4, old).await;
    assert_eq!(more.code, ErrorCode::NONE);
    assert_eq!(more.diverging, Some((old, 3)));
    assert_eq!(more.bytes, 0);
    assert_eq!(more.high_watermark, 5);
    // It has records of an epoch that the broker never had.
    for never in old + 1..new {
        let other = fetch(3, never).await;
        assert_eq!(other.diverging, Some((old, 3)), "{never}");
    }
}

pub(crate) async fn an_asker_from_the_future_is_out_of_range(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (_, new) = two_epochs(cluster, &log).await;
    let future = log.fetching(3).last_epoch(new + 1).send().await;
    assert_eq!(future.code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(future.diverging, None);
}

pub(crate) async fn an_asker_from_before_the_start_is_out_of_range(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (old, _) = two_epochs(cluster, &log).await;
    assert_eq!(log.delete_before(4).await, Ok(4));
    let before = log.fetching(2).last_epoch(old).send().await;
    assert_eq!(before.code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(before.diverging, None);
}

pub(crate) async fn that_it_is_before_the_start_is_said_before_that_it_went_another_way(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let (old, new) = two_epochs(cluster, &log).await;
    assert_eq!(log.delete_before(2).await, Ok(2));
    for never in old + 1..new {
        let inside = log.fetching(2).last_epoch(never).send().await;
        assert_eq!(inside.diverging, Some((old, 3)));
        let before = log.fetching(1).last_epoch(never).send().await;
        assert_eq!(before.code, ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(before.diverging, None);
    }
}

pub(crate) async fn ends_of_a_log_have_the_epochs_of_their_records(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (old, new) = two_epochs(cluster, &log).await;
    let earliest = log.list(at::EARLIEST).send().await.expect("an offset");
    assert_eq!(earliest.leader_epoch, old);
    let latest = log.list(at::LATEST).send().await.expect("an offset");
    assert_eq!(latest.leader_epoch, new);
    let by_time = log.list(0).send().await.expect("an offset");
    assert_eq!(by_time.leader_epoch, old);
}

pub(crate) async fn what_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let leader = log.leader().await.broker.0;
    let missing = log.sibling(1);
    let asked = missing.epoch_end_of_leader(0, -1, Some(leader)).await;
    assert_eq!(asked, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}
