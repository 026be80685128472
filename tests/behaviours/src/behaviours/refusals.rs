//! What is not appended, and with which words.

use crate::cluster::{Cluster, PerRelease};
use crate::records::{Records, field, message_of_format_1, put};
use crate::wire::{Answer, ErrorCode, Log};
use bytes::{Bytes, BytesMut};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::header::{CONTROL, DELETE_HORIZON, HEADER_BYTES};

/// Produces `batch`, and makes sure that a refused one has left nothing.
async fn produce(log: &Log<'_>, batch: Bytes) -> Answer<i64> {
    let before = log.end().await;
    let answer = log.produce(batch).await.place();
    if answer.is_err() {
        assert_eq!(log.end().await, before, "a refused batch left something");
    }
    answer
}

fn last_offset_delta(records: &Records, delta: i32) -> Bytes {
    records.changed(|bytes| put(bytes, field::LAST_OFFSET_DELTA, &delta.to_be_bytes()))
}

fn count(records: &Records, count: i32) -> Bytes {
    records.changed(|bytes| put(bytes, field::RECORDS, &count.to_be_bytes()))
}

pub(crate) async fn a_count_that_does_not_fit_the_offsets_is_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let records = cluster.records(3);
    let wrong = [
        ("one record too many", count(&records, 4)),
        ("one record too few", count(&records, 2)),
        ("no record", count(&records, 0)),
        ("less than none", count(&records, -1)),
        ("a gap at the end", last_offset_delta(&records, 3)),
        ("offsets that are missing", last_offset_delta(&records, 1)),
        ("offsets that go back", last_offset_delta(&records, -3)),
    ];
    for (what, batch) in wrong {
        let refused = produce(&log, batch).await;
        assert_eq!(refused, Err(ErrorCode::INVALID_RECORD), "{what}");
    }
}

pub(crate) async fn records_that_are_not_there_are_missed(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let both = |records: i32| {
        cluster.records(3).changed(|bytes| {
            put(bytes, field::RECORDS, &records.to_be_bytes());
            put(
                bytes,
                field::LAST_OFFSET_DELTA,
                &(records - 1).to_be_bytes(),
            );
        })
    };
    for records in [2, 4] {
        let refused = produce(&log, both(records)).await;
        assert_eq!(
            refused,
            Err(ErrorCode::INVALID_RECORD),
            "{records} instead of 3"
        );
    }
}

pub(crate) async fn a_gap_between_records_that_are_not_compressed_is_not_seen(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    // Length, attributes, time, then the offset of the second record: 2 instead of 1.
    let gap = cluster.records(2).changed(|bytes| {
        let record = (bytes.len() - HEADER_BYTES) / 2;
        let delta = HEADER_BYTES + record + 3;
        assert_eq!(bytes[delta], 2, "1 as a zigzag number");
        bytes[delta] = 4;
    });
    assert_eq!(produce(&log, gap).await, Ok(0));
    assert_eq!(log.end().await, 2);
}

pub(crate) async fn markers_are_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let refused = produce(&log, cluster.records(1).with_attributes(CONTROL)).await;
    assert_eq!(refused, Err(ErrorCode::INVALID_RECORD));
}

pub(crate) async fn a_checksum_that_does_not_fit_is_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    for at in [field::CHECKSUM, field::ATTRIBUTES + 20, HEADER_BYTES + 5] {
        let mut batch = BytesMut::from(&cluster.records(3).batch()[..]);
        batch[at] ^= 0x40;
        let refused = produce(&log, batch.freeze()).await;
        assert_eq!(refused, Err(ErrorCode::CORRUPT_MESSAGE), "byte {at}");
    }
}

pub(crate) async fn a_batch_that_is_too_large_is_refused(cluster: &Cluster) {
    let records = cluster.records(3);
    let bytes = records.batch().len();
    let (fits, less) = (bytes.to_string(), (bytes - 1).to_string());
    let log = cluster.log(&[("max.message.bytes", &fits)]).await;
    assert_eq!(produce(&log, records.batch()).await, Ok(0));
    let log = cluster.log(&[("max.message.bytes", &less)]).await;
    let refused = produce(&log, records.batch()).await;
    assert_eq!(refused, Err(ErrorCode::MESSAGE_TOO_LARGE));
    // Its size is looked at before anything in it.
    let mut corrupt = BytesMut::from(&records.batch()[..]);
    corrupt[field::CHECKSUM] ^= 0x40;
    let refused = produce(&log, corrupt.freeze()).await;
    assert_eq!(refused, Err(ErrorCode::MESSAGE_TOO_LARGE));
}

pub(crate) async fn a_request_has_one_batch_for_a_partition(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let one = cluster.records(3).batch();
    let two = Bytes::from([&one[..], &one[..]].concat());
    let cut_off = one.slice(..one.len() - 1);
    let head = one.slice(..HEADER_BYTES - 1);
    let wrong = [
        ("two", two),
        ("none", Bytes::new()),
        ("one that is cut off", cut_off),
        ("a part of a header", head),
    ];
    for (what, batch) in wrong {
        let refused = produce(&log, batch).await;
        assert_eq!(refused, Err(ErrorCode::INVALID_RECORD), "{what}");
    }
    // What is behind the one batch and is none is not looked at.
    let more = Bytes::from([&one[..], &one[..20]].concat());
    assert_eq!(produce(&log, more).await, Ok(0));
}

pub(crate) async fn messages_of_old_formats_are_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let old = message_of_format_1(cluster.now_ms());
    assert_eq!(produce(&log, old).await, Err(ErrorCode::INVALID_RECORD));
}

pub(crate) async fn a_batch_begins_at_offset_zero(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let mut batch = BytesMut::from(&cluster.records(3).batch()[..]);
    put(&mut batch, field::BASE_OFFSET, &7_i64.to_be_bytes());
    let refused = produce(&log, batch.freeze()).await;
    assert_eq!(refused, Err(ErrorCode::INVALID_RECORD));
}

pub(crate) async fn the_bit_of_the_delete_horizon_is_taken_as_it_comes(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let batch = cluster.records(3).with_attributes(DELETE_HORIZON);
    assert_eq!(produce(&log, batch).await, Ok(0));
    let header = log.fetch(0).await.batches[0].header;
    assert!(header.has(DELETE_HORIZON));
}

pub(crate) async fn compressed_batches_pass_untouched(cluster: &Cluster) {
    let log = cluster.log(&[("compression.type", "producer")]).await;
    let mut offset = 0;
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = cluster.records(3).compressed(codec).batch();
        assert_eq!(produce(&log, batch.clone()).await, Ok(offset), "{codec:?}");
        let stored = &log.fetch(offset).await.batches[0];
        assert_eq!(stored.bytes[field::CHECKSUM..], batch[field::CHECKSUM..]);
        offset += 3;
    }
}

pub(crate) async fn offset_and_leader_epoch_are_the_brokers(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let batch = cluster.records(3).batch();
    assert_eq!(produce(&log, batch.clone()).await, Ok(0));
    assert_eq!(produce(&log, batch.clone()).await, Ok(3));
    let epoch = log.leader().await.epoch;
    let fetched = log.fetch(0).await;
    let headers = fetched.headers().expect("records");
    let placed = headers
        .iter()
        .map(|header| (header.base_offset, header.partition_leader_epoch));
    assert_eq!(placed.collect::<Vec<_>>(), [(0, epoch), (3, epoch)]);
    // The rest is what was sent.
    for stored in &fetched.batches {
        assert_eq!(stored.bytes[field::MAGIC..], batch[field::MAGIC..]);
    }
}

pub(crate) async fn what_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let batch = cluster.records(3).batch();
    let leader = log.leader().await.broker.0;
    let missing = log.sibling(1);
    let refused = missing.producing().to_broker(leader).send(batch).await;
    assert_eq!(refused.place(), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    // Also where what is sent is not sound.
    let refused = missing
        .producing()
        .to_broker(leader)
        .send(Bytes::new())
        .await;
    assert_eq!(refused.place(), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

pub(crate) async fn a_refused_batch_changes_nothing_for_its_producer(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let first = cluster.records(3).by(producer, 0);
    assert_eq!(produce(&log, first.batch()).await, Ok(0));
    let next = cluster.records(3).by(producer, 3);
    let broken = count(&next, 2);
    assert_eq!(produce(&log, broken).await, Err(ErrorCode::INVALID_RECORD));
    assert_eq!(produce(&log, next.batch()).await, Ok(3));
}

pub(crate) async fn compacted_topics_want_keys(cluster: &Cluster) {
    let log = cluster.log(&[("cleanup.policy", "compact")]).await;
    let refused = produce(&log, cluster.records(3).without_keys().batch()).await;
    assert_eq!(refused, Err(ErrorCode::INVALID_RECORD));
    assert_eq!(produce(&log, cluster.records(3).batch()).await, Ok(0));
    let both = cluster.log(&[("cleanup.policy", "compact,delete")]).await;
    let refused = produce(&both, cluster.records(3).without_keys().batch()).await;
    assert_eq!(refused, Err(ErrorCode::INVALID_RECORD));
}

pub(crate) async fn fewer_replicas_than_a_topic_demands(cluster: &Cluster) {
    let log = cluster.log(&[("min.insync.replicas", "2")]).await;
    let batch = cluster.records(3).batch();
    let expected = cluster.expects(PerRelease {
        v2_8: Err(ErrorCode::NOT_ENOUGH_REPLICAS),
        v3_9: Ok(0),
        v4_3: Ok(0),
    });
    assert_eq!(log.produce(batch).await.place(), expected);
}
