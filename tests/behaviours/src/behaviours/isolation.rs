//! What readers of committed records see.

use crate::cluster::Cluster;
use crate::records::Producer;
use crate::wire::{ErrorCode, Log, TransactionalId};
use ferry_copy::batch::header::{CONTROL, TRANSACTIONAL};
use std::time::Duration;

/// A transaction that is open in `log` with one batch of `count` records, of sequence 0.
async fn open<'a>(
    cluster: &'a Cluster,
    log: &Log<'_>,
    count: usize,
) -> (TransactionalId<'a>, Producer) {
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[log]).await;
    let batch = cluster.records(count).by(producer, 0).in_transaction();
    let appended = log.producing().within(&id.id).send(batch.batch()).await;
    assert_eq!(appended.code, ErrorCode::NONE);
    (id, producer)
}

pub(crate) async fn committed_readers_stop_at_the_first_open_transaction(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(0));
    let (first, first_producer) = open(cluster, &log, 3).await;
    let (second, second_producer) = open(cluster, &log, 3).await;
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(8));

    let all = log.fetch(0).await;
    assert_eq!(all.spans(), [(0, 1), (2, 4), (5, 7), (8, 9)]);
    assert_eq!((all.last_stable, all.high_watermark), (2, 10));
    let committed = log.fetching(0).committed().send().await;
    assert_eq!(committed.spans(), [(0, 1)]);
    assert_eq!((committed.last_stable, committed.high_watermark), (2, 10));
    assert_eq!(committed.aborted, Some(Vec::new()));

    // The second ends first: the first still holds readers up.
    assert_eq!(second.end_once(second_producer, true).await, Ok(()));
    cluster.ends_at(&log, 11).await;
    assert_eq!(log.last_stable().await, 2);
    assert_eq!(first.end_once(first_producer, true).await, Ok(()));
    cluster.ends_at(&log, 12).await;
    cluster.stable_at(&log, 12).await;
    let committed = log.fetching(0).committed().send().await;
    assert_eq!(
        committed.spans(),
        [(0, 1), (2, 4), (5, 7), (8, 9), (10, 10), (11, 11)]
    );
    assert_eq!(committed.aborted, Some(Vec::new()));
}

pub(crate) async fn aborted_transactions_are_named_and_their_records_delivered(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(0));
    let (id, producer) = open(cluster, &log, 3).await;
    assert_eq!(id.end_once(producer, false).await, Ok(()));
    cluster.ends_at(&log, 6).await;
    cluster.stable_at(&log, 6).await;
    let committed = log.fetching(0).committed().send().await;
    assert_eq!(committed.spans(), [(0, 1), (2, 4), (5, 5)]);
    assert_eq!(committed.aborted, Some(vec![(producer.id, 2)]));
    for inside in [3, 5] {
        let committed = log.fetching(inside).committed().send().await;
        assert_eq!(committed.aborted, Some(vec![(producer.id, 2)]), "{inside}");
    }
    let behind = log.fetching(6).committed().send().await;
    assert_eq!(behind.aborted, Some(Vec::new()));
    assert_eq!(log.fetch(0).await.aborted, None);
}

pub(crate) async fn aborted_transactions_come_in_the_order_of_their_markers(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (first, first_producer) = open(cluster, &log, 2).await;
    let (second, second_producer) = open(cluster, &log, 2).await;
    assert_eq!(second.end_once(second_producer, false).await, Ok(()));
    cluster.ends_at(&log, 5).await;
    assert_eq!(first.end_once(first_producer, false).await, Ok(()));
    cluster.ends_at(&log, 6).await;
    cluster.stable_at(&log, 6).await;
    let committed = log.fetching(0).committed().send().await;
    let expected = vec![(second_producer.id, 2), (first_producer.id, 0)];
    assert_eq!(committed.aborted, Some(expected));
}

pub(crate) async fn an_aborted_transaction_without_records_is_not_named(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    assert_eq!(id.end_once(producer, false).await, Ok(()));
    cluster.ends_at(&log, 1).await;
    cluster.stable_at(&log, 1).await;
    let committed = log.fetching(0).committed().send().await;
    assert_eq!(committed.spans(), [(0, 0)]);
    assert_eq!(committed.aborted, Some(Vec::new()));
}

pub(crate) async fn markers_are_control_batches_of_one_record(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (id, producer) = open(cluster, &log, 3).await;
    let before_ms = cluster.now_ms();
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 4).await;
    id.add(producer, &[&log]).await;
    assert_eq!(id.end_once(producer, false).await, Ok(()));
    cluster.ends_at(&log, 5).await;
    let fetched = log.fetch(3).await;
    for (marker, kind) in fetched.batches.iter().zip([1, 0]) {
        let header = marker.header;
        assert_eq!(header.attributes, TRANSACTIONAL | CONTROL);
        assert_eq!((header.records_count, header.last_offset_delta), (1, 0));
        assert_eq!(
            (header.producer_id, header.producer_epoch),
            (producer.id, producer.epoch)
        );
        assert_eq!(header.base_sequence, -1);
        assert!((before_ms..=cluster.now_ms()).contains(&header.max_timestamp));
        // Length; attributes, timestamp and offset; a key of version and kind; a value of version
        // and coordinator's epoch; no headers.
        let payload = marker.payload();
        assert_eq!(payload[..9], [32, 0, 0, 0, 8, 0, 0, 0, kind]);
        assert_eq!(payload[9..12], [12, 0, 0]);
        assert_eq!(payload.len(), 17);
        assert_eq!(payload[16], 0);
    }
    assert_eq!(fetched.batches.len(), 2);
}

pub(crate) async fn a_committed_reader_waits_for_the_end_of_a_transaction(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (id, producer) = open(cluster, &log, 3).await;
    let fetch = log.fetching(0).committed().wait(50_000, 1);
    let pending = fetch.queue(1).await.expect("is sent");
    tokio::pin!(pending);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut pending).await;
    assert!(early.is_err(), "answered before it is committed");
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    let fetched = fetch.read(&pending.await.expect("is answered"));
    assert_eq!(fetched[0].spans()[0], (0, 2));
}

pub(crate) async fn an_open_transaction_outlives_a_restart(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let (id, producer) = open(cluster, &log, 3).await;
    cluster.restart(&log).await;
    assert_eq!(log.last_stable().await, 0);
    let id = cluster.transactional_id_called(&id.id).await;
    let batch = cluster.records(2).by(producer, 3).in_transaction().batch();
    let appended = log.producing().within(&id.id).send(batch).await;
    assert_eq!(appended.place(), Ok(3));
    let ended = async || match id.end_once(producer, true).await {
        Ok(()) => Some(()),
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::NOT_COORDINATOR) => None,
        Err(code) => panic!("EndTxn: {code}"),
    };
    cluster.eventually("the transaction ends", ended).await;
    cluster.ends_at(&log, 6).await;
    cluster.stable_at(&log, 6).await;
}
