//! ListOffsets.

use crate::cluster::{Cluster, PerRelease};
use crate::records::Records;
use crate::wire::offsets::at;
use crate::wire::{ErrorCode, Log};

/// Three batches of three records, a second apart, each batch an hour behind the one before. Returns
/// the time of the first record.
async fn three_batches(cluster: &Cluster, log: &Log<'_>) -> i64 {
    let began_ms = cluster.now_ms() - 10 * 3_600_000;
    for number in 0..3 {
        let records = Records::new(3, began_ms + number * 3_600_000).apart_ms(1_000);
        assert_eq!(log.produce(records.batch()).await.place(), Ok(number * 3));
    }
    began_ms
}

pub(crate) async fn an_empty_log_begins_and_ends_at_zero(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.earliest().await, 0);
    assert_eq!(log.latest().await, 0);
    assert_eq!(log.end().await, 0);
    assert_eq!(log.last_stable().await, 0);
}

pub(crate) async fn the_ends_move_with_the_log(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.latest().await, 9);
    assert_eq!(log.end().await, 9);
    assert_eq!(log.delete_before(4).await, Ok(4));
    assert_eq!(log.earliest().await, 4);
    assert_eq!(log.latest().await, 9);
}

pub(crate) async fn ends_come_without_a_time_and_with_their_epoch(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    let epoch = log.leader().await.epoch;
    for timestamp in [at::EARLIEST, at::LATEST] {
        let listed = log.list(timestamp).send().await.expect("an offset");
        assert_eq!((listed.timestamp_ms, listed.leader_epoch), (-1, epoch));
    }
}

pub(crate) async fn a_time_finds_the_first_record_that_is_not_older(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let began_ms = three_batches(cluster, &log).await;
    let hour_ms = 3_600_000;
    let found = [
        (0, 0, 0),
        (began_ms, 0, began_ms),
        (began_ms + 1_000, 1, began_ms + 1_000),
        (began_ms + 1_001, 2, began_ms + 2_000),
        (began_ms + 2_001, 3, began_ms + hour_ms),
        (
            began_ms + 2 * hour_ms + 2_000,
            8,
            began_ms + 2 * hour_ms + 2_000,
        ),
    ];
    for (time_ms, offset, timestamp_ms) in found {
        let listed = log.list(time_ms).send().await.expect("an offset");
        let expected = if time_ms == 0 { began_ms } else { timestamp_ms };
        assert_eq!((listed.offset, listed.timestamp_ms), (offset, expected));
    }
    let late = log
        .list(began_ms + 3 * hour_ms)
        .send()
        .await
        .expect("no offset");
    assert_eq!((late.offset, late.timestamp_ms), (-1, -1));
}

pub(crate) async fn a_time_finds_nothing_that_is_deleted(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let began_ms = three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(5).await, Ok(5));
    let listed = log.list(began_ms).send().await.expect("an offset");
    assert_eq!(listed.offset, 5);
}

pub(crate) async fn the_largest_time_is_found_where_brokers_can(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let began_ms = three_batches(cluster, &log).await;
    let earlier = Records::new(1, began_ms).batch();
    assert_eq!(log.produce(earlier).await.place(), Ok(9));
    let largest_ms = began_ms + 2 * 3_600_000 + 2_000;
    let as_late = Records::new(2, largest_ms).batch();
    assert_eq!(log.produce(as_late).await.place(), Ok(10));
    let listed = log.list(at::LARGEST_TIMESTAMP).send().await;
    // 2.8 takes it for a time before 1970 (KIP-734 came later).
    let (offset, timestamp_ms) = cluster.expects(PerRelease {
        v2_8: (0, began_ms),
        v3_9: (8, largest_ms),
        v4_3: (8, largest_ms),
    });
    let listed = listed.expect("an offset");
    assert_eq!((listed.offset, listed.timestamp_ms), (offset, timestamp_ms));
}

pub(crate) async fn an_open_transaction_is_the_end_of_what_is_committed(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(0));
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster.records(3).by(producer, 0).in_transaction().batch();
    let appended = log.producing().within(&id.id).send(batch).await;
    assert_eq!(appended.place(), Ok(2));
    assert_eq!(log.produce(cluster.records(1).batch()).await.place(), Ok(5));
    assert_eq!(log.last_stable().await, 2);
    assert_eq!(log.latest().await, 6);
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 7).await;
    cluster.stable_at(&log, 7).await;
}

pub(crate) async fn what_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let leader = log.leader().await.broker.0;
    let missing = log.sibling(1);
    let listed = missing.list(at::LATEST).at_broker(leader).send().await;
    assert_eq!(listed, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}
