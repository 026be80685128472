//! Producers that are taken over from, and transactions that are ended from outside.

use crate::cluster::{Cluster, PerRelease};
use crate::records::Producer;
use crate::wire::{ErrorCode, Log, TransactionalId};

async fn append(
    cluster: &Cluster,
    id: &TransactionalId<'_>,
    log: &Log<'_>,
    producer: Producer,
    sequence: i32,
) -> Result<i64, ErrorCode> {
    let batch = cluster.records(2).by(producer, sequence).in_transaction();
    let within = log.producing().within(&id.id);
    within.send(batch.batch()).await.place()
}

pub(crate) async fn a_new_worker_has_the_next_epoch_of_the_same_id(cluster: &Cluster) {
    let id = cluster.transactional_id().await;
    let first = id.init().await;
    for bumps in 1..4 {
        let next = id.init().await;
        assert_eq!((next.id, next.epoch), (first.id, first.epoch + bumps));
    }
}

pub(crate) async fn a_take_over_aborts_what_is_open_with_one_marker_of_the_next_epoch(
    cluster: &Cluster,
) {
    let logs = cluster.logs(3, &[]).await;
    let id = cluster.transactional_id().await;
    let old = id.init().await;
    // One partition with records, one without, one not added.
    id.add(old, &[&logs[0], &logs[1]]).await;
    assert_eq!(append(cluster, &id, &logs[0], old, 0).await, Ok(0));

    let first = id.init_once(60_000).await;
    assert_eq!(first, Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    let new = id.init().await;
    assert_eq!(new.id, old.id);
    assert_eq!(new.epoch, old.epoch + 2, "the markers have the one between");
    cluster.ends_at(&logs[0], 3).await;
    cluster.ends_at(&logs[1], 1).await;
    assert_eq!(logs[2].end().await, 0);
    for (log, at) in [(&logs[0], 2), (&logs[1], 0)] {
        let marker = log.fetch(at).await.batches[0].header;
        assert_eq!(marker.producer_epoch, old.epoch + 1);
    }
    cluster.stable_at(&logs[0], 3).await;
    let committed = logs[0].fetching(0).committed().send().await;
    assert_eq!(committed.aborted, Some(vec![(old.id, 0)]));

    // The old one is out at the coordinator and where its markers are.
    for log in &logs[..2] {
        let refused = append(cluster, &id, log, old, 2).await;
        assert_eq!(refused, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    }
    let refused = id.add_once(old, &[&logs[0]]).await;
    assert_eq!(refused, Err(ErrorCode::PRODUCER_FENCED));
    let refused = id.end_once(old, true).await;
    assert_eq!(refused, Err(ErrorCode::PRODUCER_FENCED));

    // The new one begins at sequence zero.
    id.add(new, &[&logs[0]]).await;
    let goes_on = append(cluster, &id, &logs[0], new, 2).await;
    assert_eq!(goes_on, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(append(cluster, &id, &logs[0], new, 0).await, Ok(3));
}

pub(crate) async fn a_take_over_without_markers_is_noticed_by_later_releases(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let old = id.init().await;
    let _new = id.init().await;
    // The leader has not heard of the new epoch; only the coordinator has.
    let expected = cluster.expects(PerRelease {
        v2_8: Ok(0),
        v3_9: Err(ErrorCode::INVALID_PRODUCER_EPOCH),
        v4_3: Err(ErrorCode::INVALID_PRODUCER_EPOCH),
    });
    assert_eq!(append(cluster, &id, &log, old, 0).await, expected);
}

pub(crate) async fn a_take_over_behind_a_commit_keeps_what_is_committed(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let old = id.init().await;
    id.add(old, &[&log]).await;
    assert_eq!(append(cluster, &id, &log, old, 0).await, Ok(0));
    assert_eq!(id.end_once(old, true).await, Ok(()));
    let new = id.init().await;
    assert_eq!(new, old.bumped());
    cluster.ends_at(&log, 3).await;
    cluster.stable_at(&log, 3).await;
    let committed = log.fetching(0).committed().send().await;
    assert_eq!(committed.aborted, Some(Vec::new()));
    assert_eq!(committed.last_stable, 3);
}

pub(crate) async fn a_transaction_that_is_open_for_too_long_is_aborted(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init_with(1_500).await;
    id.add(producer, &[&log]).await;
    assert_eq!(append(cluster, &id, &log, producer, 0).await, Ok(0));
    cluster.ends_at(&log, 3).await;
    let marker = log.fetch(2).await.batches[0].header;
    assert_eq!(marker.producer_epoch, producer.epoch + 1);
    cluster.stable_at(&log, 3).await;
    let committed = log.fetching(0).committed().send().await;
    assert_eq!(committed.aborted, Some(vec![(producer.id, 0)]));
    let refused = append(cluster, &id, &log, producer, 2).await;
    assert_eq!(refused, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    let refused = id.end_once(producer, true).await;
    assert_eq!(refused, Err(ErrorCode::PRODUCER_FENCED));
    let refused = id.add_once(producer, &[&log]).await;
    assert_eq!(refused, Err(ErrorCode::PRODUCER_FENCED));
}

pub(crate) async fn a_transaction_is_as_old_as_its_first_partition(cluster: &Cluster) {
    let logs = cluster.logs(2, &[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init_with(4_000).await;
    // Between transactions nothing is too old.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    id.add(producer, &[&logs[0]]).await;
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&logs[0], 1).await;
}
