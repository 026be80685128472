//! The time of records: their own, or the broker's.

use crate::cluster::{Cluster, PerRelease};
use crate::records::{Records, field, put};
use crate::wire::ErrorCode;
use ferry_copy::batch::header::LOG_APPEND_TIME;

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

pub(crate) async fn records_keep_their_own_time(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let began_ms = cluster.now_ms() - 5 * HOUR_MS;
    let batch = Records::new(3, began_ms).apart_ms(1_000).batch();
    let appended = log.produce(batch.clone()).await;
    assert_eq!(appended.place(), Ok(0));
    assert_eq!(appended.log_append_time_ms, -1);
    let fetched = log.fetch(0).await;
    let header = fetched.batches[0].header;
    assert!(!header.has(LOG_APPEND_TIME));
    assert_eq!(header.base_timestamp, began_ms);
    assert_eq!(header.max_timestamp, began_ms + 2_000);
    assert_eq!(
        fetched.batches[0].bytes[field::CHECKSUM..],
        batch[field::CHECKSUM..]
    );
}

pub(crate) async fn with_log_append_time_brokers_give_their_own(cluster: &Cluster) {
    let log = cluster
        .log(&[("message.timestamp.type", "LogAppendTime")])
        .await;
    let before_ms = cluster.now_ms();
    let began_ms = cluster.now_ms() - 5 * HOUR_MS;
    let batch = Records::new(3, began_ms).apart_ms(1_000).batch();
    let appended = log.produce(batch).await;
    assert_eq!(appended.place(), Ok(0));
    let given_ms = appended.log_append_time_ms;
    assert!(
        (before_ms..=cluster.now_ms()).contains(&given_ms),
        "{given_ms}"
    );
    let header = log.fetch(0).await.batches[0].header;
    assert!(header.has(LOG_APPEND_TIME));
    assert_eq!(header.max_timestamp, given_ms);
    assert_eq!(header.base_timestamp, began_ms, "left as it was");
}

pub(crate) async fn the_brokers_time_lets_a_producer_of_old_records_be_remembered(
    cluster: &Cluster,
) {
    let log = cluster
        .log(&[("message.timestamp.type", "LogAppendTime")])
        .await;
    let producer = cluster.producer().await;
    let batch = cluster.old_records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    cluster.restart(&log).await;
    assert_eq!(log.produce(batch).await.place(), Ok(0));
}

pub(crate) async fn a_batch_that_claims_the_brokers_time_loses_the_claim_or_is_refused(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let began_ms = cluster.now_ms() - 5 * HOUR_MS;
    let records = Records::new(3, began_ms).apart_ms(1_000);
    let appended = log.produce(records.with_attributes(LOG_APPEND_TIME)).await;
    let expected = cluster.expects(PerRelease {
        v2_8: Err(ErrorCode::INVALID_TIMESTAMP),
        v3_9: Ok(0),
        v4_3: Ok(0),
    });
    assert_eq!(appended.place(), expected);
    if expected.is_ok() {
        let header = log.fetch(0).await.batches[0].header;
        assert!(!header.has(LOG_APPEND_TIME));
        assert_eq!(header.base_timestamp, began_ms);
        assert_eq!(header.max_timestamp, began_ms + 2_000);
    }
}

pub(crate) async fn the_largest_timestamp_is_counted_anew(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let began_ms = cluster.now_ms() - 5 * HOUR_MS;
    let records = Records::new(3, began_ms).apart_ms(1_000);
    let wrong = records.changed(|bytes| put(bytes, 35, &(began_ms + 77_000).to_be_bytes()));
    assert_eq!(log.produce(wrong).await.place(), Ok(0));
    let header = log.fetch(0).await.batches[0].header;
    assert_eq!(header.max_timestamp, began_ms + 2_000);
}

pub(crate) async fn records_of_the_future_are_refused_where_a_limit_is_set(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let soon = Records::new(3, cluster.now_ms() + HOUR_MS / 2).batch();
    assert_eq!(log.produce(soon).await.place(), Ok(0));
    let late = Records::new(3, cluster.now_ms() + 2 * HOUR_MS).batch();
    // 4.x has a limit of one hour unless told otherwise (KIP-1030).
    let expected = cluster.expects(PerRelease {
        v2_8: Ok(3),
        v3_9: Ok(3),
        v4_3: Err(ErrorCode::INVALID_TIMESTAMP),
    });
    assert_eq!(log.produce(late).await.place(), expected);
}

pub(crate) async fn a_batch_that_was_there_before_tells_its_timestamp(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let records = cluster.records(3).apart_ms(-1_000).by(producer, 0);
    let first = log.produce(records.batch()).await;
    assert_eq!((first.place(), first.log_append_time_ms), (Ok(0), -1));
    let largest_ms = log.fetch(0).await.batches[0].header.max_timestamp;
    let again = log.produce(records.batch()).await;
    assert_eq!(
        (again.place(), again.log_append_time_ms),
        (Ok(0), largest_ms)
    );
}
