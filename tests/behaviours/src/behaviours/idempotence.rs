//! Idempotent producers without transactions (KIP-98).

use crate::cluster::Cluster;
use crate::records::Producer;
use crate::wire::ErrorCode;

pub(crate) async fn the_next_sequence_is_appended_at_the_next_offset(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let first = log
        .produce(cluster.records(3).by(producer, 0).batch())
        .await;
    assert_eq!(first.place(), Ok(0));
    let second = log
        .produce(cluster.records(2).by(producer, 3).batch())
        .await;
    assert_eq!(second.place(), Ok(3));
    assert_eq!(log.latest().await, 5);
}

pub(crate) async fn the_same_batch_again_is_answered_with_its_first_place(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let first = cluster.records(3).by(producer, 0).batch();
    let second = cluster.records(2).by(producer, 3).batch();
    assert_eq!(log.produce(first.clone()).await.place(), Ok(0));
    assert_eq!(log.produce(second.clone()).await.place(), Ok(3));
    assert_eq!(log.produce(first).await.place(), Ok(0));
    assert_eq!(log.produce(second).await.place(), Ok(3));
    assert_eq!(log.end().await, 5, "nothing was appended again");
}

pub(crate) async fn what_is_in_a_batch_does_not_make_it_another_one(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, 0);
    assert_eq!(log.produce(batch.batch()).await.place(), Ok(0));
    let other = batch.value_bytes(100).batch();
    assert_eq!(log.produce(other).await.place(), Ok(0));
    assert_eq!(log.end().await, 3);
}

pub(crate) async fn five_batches_are_remembered_and_an_older_one_is_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = |number: i32| cluster.records(10).by(producer, number * 10).batch();
    for number in 0..6 {
        let appended = log.produce(batch(number)).await;
        assert_eq!(appended.place(), Ok(i64::from(number) * 10));
    }
    for number in 1..6 {
        let appended = log.produce(batch(number)).await;
        assert_eq!(appended.place(), Ok(i64::from(number) * 10), "{number}");
    }
    let oldest = log.produce(batch(0)).await;
    assert_eq!(oldest.place(), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(log.end().await, 60);
}

pub(crate) async fn other_boundaries_gaps_and_overlaps_are_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = |sequence, count| cluster.records(count).by(producer, sequence).batch();
    assert_eq!(log.produce(batch(0, 10)).await.place(), Ok(0));
    let wrong = [
        ("the beginning of it", 0, 5),
        ("the end of it", 5, 5),
        ("a part of it and more", 5, 10),
        ("all of it and more", 0, 20),
        ("one too far", 11, 1),
        ("far too far", 1_000_000, 1),
    ];
    for (what, sequence, count) in wrong {
        let refused = log.produce(batch(sequence, count)).await;
        let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        assert_eq!(refused.place(), Err(code), "{what}");
    }
    assert_eq!(log.produce(batch(10, 3)).await.place(), Ok(10));
}

pub(crate) async fn sequences_go_on_at_zero_behind_the_largest(cluster: &Cluster) {
    let producer = cluster.producer().await;
    let batch = |sequence, count| cluster.records(count).by(producer, sequence).batch();

    let between = cluster.log(&[]).await;
    assert_eq!(between.produce(batch(i32::MAX - 1, 2)).await.place(), Ok(0));
    assert_eq!(between.produce(batch(0, 3)).await.place(), Ok(2));

    let inside = cluster.log(&[]).await;
    let over = batch(i32::MAX - 1, 4);
    assert_eq!(inside.produce(over.clone()).await.place(), Ok(0));
    let refused = inside.produce(batch(1, 1)).await.place();
    assert_eq!(refused, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(inside.produce(batch(2, 3)).await.place(), Ok(4));
    assert_eq!(inside.produce(over).await.place(), Ok(0));
}

pub(crate) async fn a_producer_goes_on_on_another_connection(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let first = cluster.records(3).by(producer, 0).batch();
    let one = log.producing().on_connection(1);
    let other = log.producing().on_connection(2);
    assert_eq!(one.send(first.clone()).await.place(), Ok(0));
    let next = cluster.records(2).by(producer, 3).batch();
    assert_eq!(other.send(next).await.place(), Ok(3));
    assert_eq!(other.send(first).await.place(), Ok(0));
}

pub(crate) async fn every_partition_has_sequences_of_its_own(cluster: &Cluster) {
    let logs = cluster.logs(2, &[]).await;
    let producer = cluster.producer().await;
    for log in &logs {
        let first = cluster.records(3).by(producer, 0).batch();
        assert_eq!(log.produce(first).await.place(), Ok(0));
    }
    let next = cluster.records(3).by(producer, 3).batch();
    assert_eq!(logs[0].produce(next).await.place(), Ok(3));
    assert_eq!(logs[1].end().await, 3);
}

pub(crate) async fn a_new_epoch_begins_at_sequence_zero_and_ends_the_old_one(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let old = cluster.producer().await;
    let new = old.bumped();
    let batch = |producer, sequence| cluster.records(2).by(producer, sequence).batch();
    assert_eq!(log.produce(batch(old, 0)).await.place(), Ok(0));

    let goes_on = log.produce(batch(new, 2)).await.place();
    assert_eq!(goes_on, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(log.produce(batch(new, 0)).await.place(), Ok(2));
    assert_eq!(log.produce(batch(new, 2)).await.place(), Ok(4));

    for (what, sequence) in [("the next", 2), ("the same again", 0)] {
        let refused = log.produce(batch(old, sequence)).await.place();
        assert_eq!(refused, Err(ErrorCode::INVALID_PRODUCER_EPOCH), "{what}");
    }
    assert_eq!(log.end().await, 6);
}

pub(crate) async fn ids_of_producers_differ(cluster: &Cluster) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        let Producer { id, epoch } = cluster.producer().await;
        assert_eq!(epoch, 0);
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

pub(crate) async fn without_a_producer_everything_is_appended(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let batch = cluster.records(3).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    assert_eq!(log.produce(batch).await.place(), Ok(3));
}

pub(crate) async fn a_producer_without_a_sequence_is_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, -1).batch();
    let refused = log.produce(batch).await.place();
    assert_eq!(refused, Err(ErrorCode::INVALID_RECORD));
}

pub(crate) async fn an_epoch_is_not_asked_of_a_producer_that_is_not_known(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let Producer { id, .. } = cluster.producer().await;
    let without = Producer { id, epoch: -1 };
    let batch = cluster.records(3).by(without, 0).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(0));
}
