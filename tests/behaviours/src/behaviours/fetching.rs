//! Fetch.

use crate::cluster::{Cluster, PerRelease};
use crate::wire::{ErrorCode, Log};
use std::time::Duration;
use uuid::Uuid;

/// How long a fetch may wait that something comes for, in milliseconds.
const LONG_MS: i32 = 50_000;

/// How long an answer is waited for that must not come.
const A_WHILE: Duration = Duration::from_millis(300);

/// Three batches of three records, each `bytes` long.
async fn three_batches(cluster: &Cluster, log: &Log<'_>) -> usize {
    let batch = cluster.records(3).batch();
    for number in 0..3 {
        assert_eq!(log.produce(batch.clone()).await.place(), Ok(number * 3));
    }
    batch.len()
}

pub(crate) async fn a_fetch_brings_the_whole_batches_from_the_one_that_holds_its_offset(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.fetch(0).await.spans(), [(0, 2), (3, 5), (6, 8)]);
    assert_eq!(log.fetch(3).await.spans(), [(3, 5), (6, 8)]);
    for inside in [4, 5] {
        assert_eq!(
            log.fetch(inside).await.spans(),
            [(3, 5), (6, 8)],
            "{inside}"
        );
    }
}

pub(crate) async fn an_answer_tells_where_the_log_begins_and_ends(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(4).await, Ok(4));
    for offset in [4, 9] {
        let fetched = log.fetch(offset).await;
        assert_eq!(fetched.code, ErrorCode::NONE);
        let told = (
            fetched.log_start,
            fetched.high_watermark,
            fetched.last_stable,
        );
        assert_eq!(told, (4, 9, 9), "{offset}");
        assert_eq!(fetched.aborted, None);
    }
}

pub(crate) async fn outside_of_the_log_there_is_nothing(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    assert_eq!(log.delete_before(4).await, Ok(4));
    for offset in [-1, 0, 3, 10] {
        let fetched = log.fetch(offset).await;
        assert_eq!(fetched.code, ErrorCode::OFFSET_OUT_OF_RANGE, "{offset}");
        let told = (
            fetched.log_start,
            fetched.high_watermark,
            fetched.last_stable,
        );
        assert_eq!(told, (-1, -1, -1), "{offset}");
    }
}

pub(crate) async fn at_the_end_a_fetch_waits_until_something_comes(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    let fetch = log.fetching(9).wait(LONG_MS, 1);
    let pending = fetch.queue(1).await.expect("is sent");
    tokio::pin!(pending);
    let early = tokio::time::timeout(A_WHILE, &mut pending).await;
    assert!(early.is_err(), "answered with nothing");
    let batch = cluster.records(2).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(9));
    let fetched = fetch.read(&pending.await.expect("is answered"));
    assert_eq!(fetched[0].spans(), [(9, 10)]);
    assert_eq!(fetched[0].high_watermark, 11);
}

pub(crate) async fn a_fetch_that_nothing_comes_for_is_answered_empty(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    three_batches(cluster, &log).await;
    let fetched = log.fetching(9).wait(200, 1).send().await;
    assert_eq!((fetched.code, fetched.bytes), (ErrorCode::NONE, 0));
}

pub(crate) async fn a_fetch_waits_until_there_is_as_much_as_it_wants(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let bytes = three_batches(cluster, &log).await as i32;
    let fetch = log.fetching(6).wait(LONG_MS, 2 * bytes);
    let pending = fetch.queue(1).await.expect("is sent");
    tokio::pin!(pending);
    let early = tokio::time::timeout(A_WHILE, &mut pending).await;
    assert!(early.is_err(), "answered with less");
    let batch = cluster.records(3).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(9));
    let fetched = fetch.read(&pending.await.expect("is answered"));
    assert_eq!(fetched[0].spans(), [(6, 8), (9, 11)]);
    // Less than wanted comes when the time is over.
    let fetched = log.fetching(9).wait(200, 2 * bytes).send().await;
    assert_eq!(fetched.spans(), [(9, 11)]);
}

pub(crate) async fn who_wants_nothing_does_not_wait(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let fetched = log
        .fetching(0)
        .wait(LONG_MS, 0)
        .queue(1)
        .await
        .expect("is sent");
    let answered = tokio::time::timeout(Duration::from_secs(20), fetched).await;
    assert!(answered.is_ok_and(|answer| answer.is_ok()));
}

pub(crate) async fn an_error_is_not_waited_with(cluster: &Cluster) {
    let logs = cluster.logs(2, &[]).await;
    three_batches(cluster, &logs[0]).await;
    // The one has less than is wanted, the other is out of range.
    let fetch = logs[0].fetching(6).and(&logs[1], 7).wait(LONG_MS, 1 << 20);
    let pending = fetch.queue(1).await.expect("is sent");
    let answered = tokio::time::timeout(Duration::from_secs(20), pending).await;
    let response = answered
        .expect("before the time is over")
        .expect("is answered");
    let fetched = fetch.read(&response);
    assert_eq!(fetched[0].spans(), [(6, 8)]);
    assert_eq!(fetched[1].code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

pub(crate) async fn the_first_batch_comes_whole_however_little_is_wanted(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let bytes = three_batches(cluster, &log).await;
    let little = log.fetching(0).partition_bytes(1).send().await;
    assert_eq!((little.spans(), little.bytes), (vec![(0, 2)], bytes));
    let little = log.fetching(0).max_bytes(1).send().await;
    assert_eq!((little.spans(), little.bytes), (vec![(0, 2)], bytes));
}

pub(crate) async fn an_answer_ends_where_its_bytes_do_in_the_middle_of_a_batch(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let bytes = three_batches(cluster, &log).await;
    let limit = 2 * bytes + 10;
    for fetch in [
        log.fetching(0).partition_bytes(limit as i32),
        log.fetching(0).max_bytes(limit as i32),
    ] {
        let fetched = fetch.send().await;
        assert_eq!(fetched.spans(), [(0, 2), (3, 5)]);
        assert_eq!(fetched.bytes, limit);
    }
}

pub(crate) async fn what_one_partition_takes_the_next_lacks(cluster: &Cluster) {
    let logs = cluster.logs(3, &[]).await;
    let mut bytes = 0;
    for log in &logs {
        bytes = three_batches(cluster, log).await;
    }
    let fetch = logs[0].fetching(0).and(&logs[1], 0).and(&logs[2], 0);
    // Only the first that has anything is given a batch that is too large.
    let fetched = fetch.clone().max_bytes(1).send_all().await;
    let found: Vec<usize> = fetched.iter().map(|one| one.bytes).collect();
    assert_eq!(found, [bytes, 0, 0]);
    let fetched = fetch.clone().max_bytes(4 * bytes as i32).send_all().await;
    let found: Vec<usize> = fetched.iter().map(|one| one.bytes).collect();
    assert_eq!(found, [3 * bytes, bytes, 0]);
    let fetched = fetch.partition_bytes(bytes as i32 - 1).send_all().await;
    let found: Vec<usize> = fetched.iter().map(|one| one.bytes).collect();
    assert_eq!(found, [bytes, 0, 0]);
}

pub(crate) async fn what_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let leader = log.leader().await.broker.0;
    let missing = log.sibling(1);
    let fetched = missing.fetching(0).from_broker(leader).send().await;
    assert_eq!(fetched.code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let stranger = log
        .fetching(0)
        .topic_id(Uuid::from_u128(0xABCDEF))
        .send()
        .await;
    // 2.8 is asked by name.
    let expected = cluster.expects(PerRelease {
        v2_8: ErrorCode::NONE,
        v3_9: ErrorCode::UNKNOWN_TOPIC_ID,
        v4_3: ErrorCode::UNKNOWN_TOPIC_ID,
    });
    assert_eq!(stranger.code, expected);
}

pub(crate) async fn a_session_that_nobody_has_begun_is_not_found(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let fetched = log.fetching(0).session(4_711, 3).send().await;
    assert_eq!(fetched.session_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}
