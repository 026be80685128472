//! Transactions as their coordinator keeps them (KIP-98; KIP-890 for what is checked later).

use crate::cluster::{Cluster, PerRelease};
use crate::records::Producer;
use crate::wire::{Answer, Appended, ErrorCode, Log, TransactionalId};

/// How often something is tried that happens in a part of the cases.
const ROUNDS: usize = 300;

/// Appends records within the transaction of `id`.
async fn append(
    cluster: &Cluster,
    id: &TransactionalId<'_>,
    log: &Log<'_>,
    producer: Producer,
    sequence: i32,
    count: usize,
) -> Appended {
    let batch = cluster
        .records(count)
        .by(producer, sequence)
        .in_transaction();
    log.producing().within(&id.id).send(batch.batch()).await
}

/// Ends a transaction, also where the coordinator is still busy with the same.
async fn end(cluster: &Cluster, id: &TransactionalId<'_>, producer: Producer, commit: bool) {
    let ended = async || match id.end_once(producer, commit).await {
        Ok(()) => Some(()),
        Err(ErrorCode::CONCURRENT_TRANSACTIONS) => None,
        Err(code) => panic!("EndTxn of {}: {code}", id.id),
    };
    cluster.eventually("the transaction ends", ended).await;
}

pub(crate) async fn every_transaction_ends_with_one_marker(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    assert_eq!(producer.epoch, 0);
    let (mut sequence, mut offset) = (0, 0);
    for commit in [true, false, true] {
        id.add(producer, &[&log]).await;
        for count in [3, 2] {
            let appended = append(cluster, &id, &log, producer, sequence, count).await;
            assert_eq!(appended.place(), Ok(offset));
            // Sequences go on over the ends of transactions.
            sequence += count as i32;
            offset += count as i64;
        }
        assert_eq!(id.end_once(producer, commit).await, Ok(()));
        offset += 1;
        cluster.ends_at(&log, offset).await;
    }
}

pub(crate) async fn an_empty_transaction_takes_one_offset_of_every_partition(cluster: &Cluster) {
    let logs = cluster.logs(3, &[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    for (round, commit) in (1..).zip([true, false, true]) {
        id.add(producer, &[&logs[0], &logs[1]]).await;
        assert_eq!(id.end_once(producer, commit).await, Ok(()));
        for log in &logs[..2] {
            cluster.ends_at(log, round).await;
            cluster.stable_at(log, round).await;
        }
    }
    assert_eq!(logs[2].end().await, 0, "one that was not added");
}

pub(crate) async fn behind_a_marker_alone_sequences_begin_at_zero(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 1).await;
    id.add(producer, &[&log]).await;
    let refused = append(cluster, &id, &log, producer, 5, 2).await;
    assert_eq!(
        refused.place(),
        Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
    );
    assert_eq!(
        append(cluster, &id, &log, producer, 0, 2).await.place(),
        Ok(1)
    );
}

pub(crate) async fn without_a_marker_a_transaction_begins_with_any_sequence(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    assert_eq!(
        append(cluster, &id, &log, producer, 5, 2).await.place(),
        Ok(0)
    );
    let same = append(cluster, &id, &log, producer, 5, 2).await;
    assert_eq!(same.place(), Ok(0));
    let other = append(cluster, &id, &log, producer, 6, 2).await;
    assert_eq!(other.place(), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
}

pub(crate) async fn the_next_transaction_waits_for_the_last_one(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    for round in 1..=5 {
        id.add(producer, &[&log]).await;
        assert_eq!(id.end_once(producer, true).await, Ok(()));
        // While markers are written nothing else is: then it goes on.
        let next = id.add_once(producer, &[&log]).await;
        assert!(
            matches!(next, Ok(()) | Err(ErrorCode::CONCURRENT_TRANSACTIONS)),
            "{next:?}"
        );
        id.add(producer, &[&log]).await;
        end(cluster, &id, producer, true).await;
        cluster.ends_at(&log, 2 * round).await;
    }
}

pub(crate) async fn a_transaction_is_ended_twice_but_not_in_two_ways(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    for commit in [true, false] {
        id.add(producer, &[&log]).await;
        let before = log.end().await;
        assert_eq!(id.end_once(producer, commit).await, Ok(()));
        end(cluster, &id, producer, commit).await;
        let other = id.end_once(producer, !commit).await;
        assert_eq!(other, Err(ErrorCode::INVALID_TXN_STATE));
        cluster.ends_at(&log, before + 1).await;
    }
}

pub(crate) async fn where_nothing_is_open_nothing_ends(cluster: &Cluster) {
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    for commit in [true, false] {
        let ended = id.end_once(producer, commit).await;
        assert_eq!(ended, Err(ErrorCode::INVALID_TXN_STATE));
    }
}

pub(crate) async fn another_id_or_epoch_is_no_part_of_it(cluster: &Cluster) {
    const INVALID_PRODUCER_ID_MAPPING: ErrorCode = ErrorCode(49);
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let _fenced = id.init().await;
    let producer = id.init().await;
    assert_eq!(producer.epoch, 1, "the next epoch of the same id");
    let other_id = Producer {
        id: producer.id + 1_000_000,
        ..producer
    };
    let old = Producer {
        epoch: 0,
        ..producer
    };
    let new = producer.bumped();
    let stranger = cluster.transactional_id().await;
    id.add(producer, &[&log]).await;
    let ask: [(&str, &TransactionalId<'_>, Producer, ErrorCode); 4] = [
        (
            "another producer",
            &id,
            other_id,
            INVALID_PRODUCER_ID_MAPPING,
        ),
        ("an old epoch", &id, old, ErrorCode::PRODUCER_FENCED),
        (
            "an epoch of the future",
            &id,
            new,
            ErrorCode::PRODUCER_FENCED,
        ),
        (
            "an unknown id",
            &stranger,
            producer,
            INVALID_PRODUCER_ID_MAPPING,
        ),
    ];
    for (what, id, producer, code) in ask {
        assert_eq!(id.add_once(producer, &[&log]).await, Err(code), "{what}");
        assert_eq!(id.end_once(producer, true).await, Err(code), "{what}");
    }
    end(cluster, &id, producer, true).await;
    cluster.ends_at(&log, 1).await;
}

pub(crate) async fn unknown_partitions_are_not_added(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let missing = log.sibling(1);
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    let added = id.add_once(producer, &[&missing]).await;
    assert_eq!(added, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    // Nor is one beside it.
    const OPERATION_NOT_ATTEMPTED: ErrorCode = ErrorCode(55);
    let added = id.add_each(producer, &[&log, &missing]).await;
    let expected = [
        OPERATION_NOT_ATTEMPTED,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ];
    assert_eq!(added, expected);
    let ended = id.end_once(producer, true).await;
    assert_eq!(ended, Err(ErrorCode::INVALID_TXN_STATE));
}

/// What a batch is answered with whose partition is not part of its transaction.
fn not_added() -> PerRelease<Answer<i64>> {
    const TRANSACTION_ABORTABLE: ErrorCode = ErrorCode(120);
    PerRelease {
        v2_8: Ok(0),
        v3_9: Err(TRANSACTION_ABORTABLE),
        v4_3: Err(TRANSACTION_ABORTABLE),
    }
}

pub(crate) async fn later_releases_want_a_partition_added_before_its_records(cluster: &Cluster) {
    let logs = cluster.logs(2, &[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    // Without any transaction.
    let appended = append(cluster, &id, &logs[0], producer, 0, 2).await;
    assert_eq!(appended.place(), cluster.expects(not_added()));
    // With one in another partition.
    let other = cluster.transactional_id().await;
    let producer = other.init().await;
    other.add(producer, &[&logs[0]]).await;
    let appended = append(cluster, &other, &logs[1], producer, 0, 2).await;
    assert_eq!(appended.place(), cluster.expects(not_added()));
}

pub(crate) async fn a_batch_of_a_transaction_needs_a_request_that_names_it(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster.records(2).by(producer, 0).in_transaction().batch();
    let refused = log.produce(batch).await.place();
    assert_eq!(
        refused,
        Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    );
    assert_eq!(log.end().await, 0);
}

pub(crate) async fn a_batch_beside_the_open_transaction_of_its_producer_is_refused(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    assert_eq!(
        append(cluster, &id, &log, producer, 0, 2).await.place(),
        Ok(0)
    );
    let beside = cluster.records(2).by(producer, 2).batch();
    let refused = log.produce(beside.clone()).await.place();
    assert_eq!(refused, Err(ErrorCode::INVALID_TXN_STATE));
    end(cluster, &id, producer, true).await;
    cluster.ends_at(&log, 3).await;
    assert_eq!(log.produce(beside).await.place(), Ok(3));
}

pub(crate) async fn the_end_of_a_transaction_is_answered_before_its_marker_is_written(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    let mut sequence = 0;
    // Sometimes the marker is faster: what comes behind the answer is then refused, or for older
    // releases the beginning of something that nobody ends.
    for _ in 0..ROUNDS {
        id.add(producer, &[&log]).await;
        let appended = append(cluster, &id, &log, producer, sequence, 1).await;
        let at = appended.place().expect("is appended");
        sequence += 1;
        assert_eq!(id.end_once(producer, true).await, Ok(()));
        let appended = append(cluster, &id, &log, producer, sequence, 1).await;
        if appended.code == ErrorCode::NONE {
            sequence += 1;
        }
        if appended.place() == Ok(at + 1) {
            cluster.ends_at(&log, at + 3).await;
            return;
        }
        let end = at + 2 + i64::from(appended.code == ErrorCode::NONE);
        cluster.ends_at(&log, end).await;
    }
    panic!("each of {ROUNDS} markers was there before what came behind the answer");
}

pub(crate) async fn behind_its_marker_a_transaction_is_over(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    assert_eq!(
        append(cluster, &id, &log, producer, 0, 2).await.place(),
        Ok(0)
    );
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&log, 3).await;
    let late = append(cluster, &id, &log, producer, 2, 2).await;
    let expected = match cluster.expects(not_added()) {
        Ok(_) => Ok(3),
        Err(code) => Err(code),
    };
    assert_eq!(late.place(), expected);
}

pub(crate) async fn the_time_limit_of_transactions_is_limited(cluster: &Cluster) {
    const INVALID_TRANSACTION_TIMEOUT: ErrorCode = ErrorCode(50);
    let id = cluster.transactional_id().await;
    for timeout_ms in [0, -1, 900_001] {
        let refused = id.init_once(timeout_ms).await;
        assert_eq!(refused, Err(INVALID_TRANSACTION_TIMEOUT), "{timeout_ms}");
    }
    assert!(id.init_once(900_000).await.is_ok());
}

pub(crate) async fn a_transactional_id_is_not_empty(cluster: &Cluster) {
    const INVALID_REQUEST: ErrorCode = ErrorCode(42);
    let id = cluster.transactional_id_called("").await;
    assert_eq!(id.init_once(60_000).await, Err(INVALID_REQUEST));
}

pub(crate) async fn the_end_of_a_transaction_of_a_deleted_topic_is_no_error(cluster: &Cluster) {
    let (gone, stays) = (cluster.log(&[]).await, cluster.log(&[]).await);
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&gone, &stays]).await;
    assert_eq!(
        append(cluster, &id, &gone, producer, 0, 2).await.place(),
        Ok(0)
    );
    cluster.delete_topic(&gone).await;
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.ends_at(&stays, 1).await;
    id.add(producer, &[&stays]).await;
    end(cluster, &id, producer, true).await;
    cluster.ends_at(&stays, 2).await;
}
