//! When a leader forgets a producer, and what it takes from one that it does not know.

use crate::cluster::{Cluster, PerRelease};
use crate::records::Producer;
use crate::wire::{ErrorCode, Log};
use std::time::Duration;

/// As long as several looks at the age of producers.
const SEVERAL_LOOKS: Duration = Duration::from_secs(4);

/// A sequence number that follows on nothing.
const FAR: i32 = 1_000_000;

/// Whether the leader remembers a producer whose next batch does not begin at [`FAR`]: tried by a
/// batch that does.
async fn remembers(cluster: &Cluster, log: &Log<'_>, producer: Producer) -> bool {
    let far = cluster.records(1).by(producer, FAR).batch();
    match log.produce(far).await.place() {
        Ok(_) => false,
        Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) => true,
        Err(code) => panic!("a batch that follows on nothing: {code}"),
    }
}

pub(crate) async fn a_producer_that_is_not_known_begins_with_any_sequence(cluster: &Cluster) {
    let producer = cluster.producer().await;
    for sequence in [0, 1, FAR, i32::MAX] {
        let log = cluster.log(&[]).await;
        let batch = cluster.records(3).by(producer, sequence).batch();
        assert_eq!(log.produce(batch).await.place(), Ok(0), "{sequence}");
    }
    // Nor need the id be one that a broker has given.
    let log = cluster.log(&[]).await;
    let stranger = Producer {
        id: producer.id + 500_000_000,
        epoch: 7,
    };
    let batch = cluster.records(3).by(stranger, FAR).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(0));
}

pub(crate) async fn old_records_let_a_producer_be_forgotten_while_brokers_run(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.old_records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    // 2.8 looks every ten minutes and can't be told otherwise.
    let looks = cluster.expects(PerRelease {
        v2_8: false,
        v3_9: true,
        v4_3: true,
    });
    if looks {
        let forgotten = async || {
            let known = log.producers().await.expect("producers");
            known.is_empty().then_some(())
        };
        cluster
            .eventually("the producer is forgotten", forgotten)
            .await;
        let again = log.produce(batch).await.place();
        assert_eq!(again, Ok(3), "the same batch is appended again");
    } else {
        tokio::time::sleep(SEVERAL_LOOKS).await;
        assert_eq!(log.produce(batch).await.place(), Ok(0));
        assert!(remembers(cluster, &log, producer).await);
    }
}

pub(crate) async fn fresh_records_let_no_producer_be_forgotten(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    tokio::time::sleep(SEVERAL_LOOKS).await;
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    assert!(remembers(cluster, &log, producer).await);
}

pub(crate) async fn the_last_batch_decides_by_its_largest_timestamp(cluster: &Cluster) {
    let producer = cluster.producer().await;
    // 40 days old to 40 days in the future would be refused: the last record is of now.
    let (old_to_new, fresh_then_old) = (cluster.log(&[]).await, cluster.log(&[]).await);
    let forty_days_ms = 40 * 86_400_000;
    let spread = cluster
        .old_records(2)
        .apart_ms(forty_days_ms)
        .by(producer, 0);
    assert_eq!(old_to_new.produce(spread.batch()).await.place(), Ok(0));
    let fresh = cluster.records(2).by(producer, 0).batch();
    assert_eq!(fresh_then_old.produce(fresh).await.place(), Ok(0));
    let old = cluster.old_records(2).by(producer, 2).batch();
    assert_eq!(fresh_then_old.produce(old).await.place(), Ok(2));

    cluster.restart(&old_to_new).await;
    cluster.led(&fresh_then_old).await;
    assert!(remembers(cluster, &old_to_new, producer).await);
    assert!(!remembers(cluster, &fresh_then_old, producer).await);
}

pub(crate) async fn a_restart_lets_producers_of_old_records_be_forgotten(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.old_records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    cluster.restart(&log).await;
    assert!(!remembers(cluster, &log, producer).await);
}

pub(crate) async fn producers_of_fresh_records_outlive_a_restart(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = |sequence| cluster.records(3).by(producer, sequence).batch();
    for sequence in [0, 3, 6, 9, 12, 15] {
        let appended = log.produce(batch(sequence)).await;
        assert_eq!(appended.place(), Ok(sequence.into()));
    }
    cluster.restart(&log).await;
    assert!(remembers(cluster, &log, producer).await);
    // Of the batches before only the last is.
    for sequence in [3, 12] {
        let before = log.produce(batch(sequence)).await.place();
        let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        assert_eq!(before, Err(code), "{sequence}");
    }
    assert_eq!(log.produce(batch(15)).await.place(), Ok(15));
    assert_eq!(log.produce(batch(18)).await.place(), Ok(18));
}

pub(crate) async fn deleting_records_lets_nobody_be_forgotten_at_once(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    assert_eq!(log.delete_before(-1).await, Ok(3));
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    assert!(remembers(cluster, &log, producer).await);
}

pub(crate) async fn deleting_all_records_and_a_restart_let_producers_be_forgotten(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    assert_eq!(log.delete_before(-1).await, Ok(3));
    cluster.restart(&log).await;
    assert_eq!(log.earliest().await, 3);
    assert!(!remembers(cluster, &log, producer).await);
}

pub(crate) async fn one_record_that_is_left_lets_its_producer_be_remembered(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    assert_eq!(log.delete_before(2).await, Ok(2));
    cluster.restart(&log).await;
    assert_eq!(log.earliest().await, 2);
    assert!(remembers(cluster, &log, producer).await);
}

pub(crate) async fn a_producer_whose_records_are_deleted_is_remembered_beside_others(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let (gone, left) = (cluster.producer().await, cluster.producer().await);
    let batch = |producer| cluster.records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch(gone)).await.place(), Ok(0));
    assert_eq!(log.produce(batch(left)).await.place(), Ok(3));
    assert_eq!(log.delete_before(3).await, Ok(3));
    cluster.restart(&log).await;
    assert!(remembers(cluster, &log, left).await);
    assert!(remembers(cluster, &log, gone).await);
}

pub(crate) async fn an_open_transaction_lets_its_producer_be_remembered(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster
        .old_records(3)
        .by(producer, 0)
        .in_transaction()
        .batch();
    let within = log.producing().within(&id.id);
    assert_eq!(within.send(batch.clone()).await.place(), Ok(0));
    tokio::time::sleep(SEVERAL_LOOKS).await;
    assert_eq!(within.send(batch).await.place(), Ok(0));
    assert_eq!(log.last_stable().await, 0);
}

pub(crate) async fn a_marker_is_as_old_as_it_is_whatever_the_age_of_the_records(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster
        .old_records(3)
        .by(producer, 0)
        .in_transaction()
        .batch();
    let within = log.producing().within(&id.id);
    assert_eq!(within.send(batch).await.place(), Ok(0));
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 4).await;
    cluster.restart(&log).await;
    tokio::time::sleep(SEVERAL_LOOKS).await;
    assert!(remembers(cluster, &log, producer).await);
}
