//! DeleteRecords.

use crate::cluster::{Cluster, PerRelease};
use crate::wire::{ErrorCode, Log};

async fn three_batches(cluster: &Cluster, log: &Log<'_>) {
    for number in 0..3 {
        let batch = cluster.records(3).batch();
        assert_eq!(log.produce(batch).await.place(), Ok(number * 3));
    }
}

pub(crate) async fn deleting_moves_the_start_and_nothing_else(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(3).await, Ok(3));
    assert_eq!((log.earliest().await, log.latest().await), (3, 9));
    assert_eq!(log.fetch(3).await.spans(), [(3, 5), (6, 8)]);
    // It never goes back.
    for before in [0, 2, 3] {
        assert_eq!(log.delete_before(before).await, Ok(3), "{before}");
    }
    let next = log.produce(cluster.records(1).batch()).await;
    assert_eq!((next.place(), next.log_start), (Ok(9), 3));
}

pub(crate) async fn a_start_inside_of_a_batch_leaves_the_batch_whole(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(4).await, Ok(4));
    assert_eq!(log.fetch(4).await.spans(), [(3, 5), (6, 8)]);
    assert_eq!(log.fetch(3).await.code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

pub(crate) async fn minus_one_deletes_everything(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(-1).await, Ok(9));
    assert_eq!((log.earliest().await, log.latest().await), (9, 9));
    let fetched = log.fetch(9).await;
    assert_eq!((fetched.code, fetched.bytes), (ErrorCode::NONE, 0));
    assert_eq!(log.produce(cluster.records(1).batch()).await.place(), Ok(9));
}

pub(crate) async fn nothing_is_deleted_beyond_the_end(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    for outside in [10, -2] {
        let refused = log.delete_before(outside).await;
        assert_eq!(refused, Err(ErrorCode::OFFSET_OUT_OF_RANGE), "{outside}");
    }
    assert_eq!(log.earliest().await, 0);
    assert_eq!(log.delete_before(9).await, Ok(9));
}

pub(crate) async fn compacted_topics_have_no_records_deleted(cluster: &Cluster) {
    let compacted = cluster.log(&[("cleanup.policy", "compact")]).await;
    three_batches(cluster, &compacted).await;
    let refused = compacted.delete_before(3).await;
    assert_eq!(refused, Err(ErrorCode::POLICY_VIOLATION));
    assert_eq!(compacted.earliest().await, 0);
    let both = cluster.log(&[("cleanup.policy", "compact,delete")]).await;
    three_batches(cluster, &both).await;
    assert_eq!(both.delete_before(3).await, Ok(3));
}

pub(crate) async fn open_transactions_do_not_stand_in_the_way(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster.records(3).by(producer, 0).in_transaction().batch();
    assert_eq!(
        log.producing().within(&id.id).send(batch).await.place(),
        Ok(0)
    );
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(3));
    assert_eq!(log.delete_before(5).await, Ok(5));
    assert_eq!(log.earliest().await, 5);
    // 4.3 takes the beginning of the batch that holds the start.
    let last_stable = cluster.expects(PerRelease {
        v2_8: 5,
        v3_9: 5,
        v4_3: 3,
    });
    assert_eq!(log.last_stable().await, last_stable);
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 7).await;
    cluster.stable_at(&log, 7).await;
}

pub(crate) async fn what_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let leader = log.leader().await.broker.0;
    let refused = log.sibling(1).delete_before_at(0, Some(leader)).await;
    assert_eq!(refused, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

pub(crate) async fn the_start_outlives_a_restart(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(4).await, Ok(4));
    cluster.restart(&log).await;
    assert_eq!((log.earliest().await, log.latest().await), (4, 9));
    assert_eq!(log.fetch(4).await.spans(), [(3, 5), (6, 8)]);
}
