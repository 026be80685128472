//! DescribeProducers (KIP-664).

use crate::cluster::Cluster;
use crate::wire::ErrorCode;
use crate::wire::producers::Known;

pub(crate) async fn a_leader_tells_the_last_sequence_and_time_of_each_producer(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.producers().await, Ok(Vec::new()));
    let (first, second) = (cluster.producer().await, cluster.producer().await);
    let records = cluster.records(3).apart_ms(-1_000);
    let time_ms = cluster.now_ms();
    let batch = records.by(first, 0).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    let batch = records.by(second, 40).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(3));
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(6));
    let largest = log.fetch(0).await.batches[0].header.max_timestamp;
    assert!(largest <= time_ms);
    let known = |producer, last_sequence| Known {
        producer,
        last_sequence,
        last_timestamp_ms: largest,
        marked: false,
        open_since: -1,
    };
    assert_eq!(
        log.producers().await,
        Ok(vec![known(first, 2), known(second, 42)])
    );
}

pub(crate) async fn a_leader_tells_where_an_open_transaction_began(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(0));
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let mut last_ms = 0;
    for sequence in [0, 3] {
        let batch = cluster.records(3).by(producer, sequence).in_transaction();
        let appended = log.producing().within(&id.id).send(batch.batch()).await;
        assert_eq!(appended.place(), Ok(2 + i64::from(sequence)));
        last_ms = log.fetch(appended.base_offset).await.batches[0]
            .header
            .max_timestamp;
    }
    let known = Known {
        producer,
        last_sequence: 5,
        last_timestamp_ms: last_ms,
        marked: false,
        open_since: 2,
    };
    assert_eq!(log.producers().await, Ok(vec![known]));
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 9).await;
    let marker = log.fetch(8).await.batches[0].clone();
    let known = Known {
        producer,
        last_sequence: 5,
        last_timestamp_ms: marker.header.max_timestamp,
        marked: true,
        open_since: -1,
    };
    assert_eq!(log.producers().await, Ok(vec![known]));
}

pub(crate) async fn behind_a_marker_of_a_new_epoch_no_sequence_is_told(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster.records(3).by(producer, 0).in_transaction();
    let appended = log.producing().within(&id.id).send(batch.batch()).await;
    assert_eq!(appended.place(), Ok(0));
    id.init().await;
    cluster.ends_at(&log, 4).await;
    let marker = log.fetch(3).await.batches[0].clone();
    let known = Known {
        producer: producer.bumped(),
        last_sequence: -1,
        last_timestamp_ms: marker.header.max_timestamp,
        marked: true,
        open_since: -1,
    };
    assert_eq!(log.producers().await, Ok(vec![known]));
}

pub(crate) async fn what_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let leader = log.leader().await.broker.0;
    let asked = log.sibling(1).producers_at(Some(leader)).await;
    assert_eq!(asked, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}
