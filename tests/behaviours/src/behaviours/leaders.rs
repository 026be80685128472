//! Three brokers: who leads, who follows, and what is acknowledged.

use crate::cluster::{Cluster, PerRelease};
use crate::wire::offsets::at;
use crate::wire::{ErrorCode, Log};

/// Some broker that does not lead `log`: the one with the greatest number.
async fn follower(log: &Log<'_>) -> i32 {
    let leader = log.leader().await.broker.0;
    if leader == 3 { 2 } else { 3 }
}

/// Waits until `log` has so many replicas in sync.
async fn in_sync(cluster: &Cluster, log: &Log<'_>, count: usize) {
    let enough = async || {
        let described = log.metadata().await.ok()?;
        (described.in_sync.len() == count).then_some(())
    };
    let what = format!("{count} replicas in sync");
    cluster.eventually(&what, enough).await;
}

/// Waits until `log` is led by another broker than `old`; returns the new leader and its epoch.
async fn led_by_another(cluster: &Cluster, log: &Log<'_>, old: i32) -> (i32, i32) {
    let other = async || {
        let described = log.metadata().await.ok()?;
        let led = described.leader > 0 && described.leader != old;
        led.then_some((described.leader, described.leader_epoch))
    };
    let found = cluster.eventually("another leader", other).await;
    cluster.led(log).await;
    found
}

pub(crate) async fn who_does_not_lead_says_so(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(0));
    let follower = follower(&log).await;
    let other = Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let batch = cluster.records(3).batch();
    let produced = log.producing().to_broker(follower).send(batch).await;
    assert_eq!(produced.place(), other);
    for timestamp in [at::EARLIEST, at::LATEST, 0] {
        let listed = log.list(timestamp).at_broker(follower).send().await;
        assert_eq!(listed, Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    }
    let ended = log.epoch_end_of_leader(0, -1, Some(follower)).await;
    assert_eq!(ended, Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(log.delete_before_at(1, Some(follower)).await, other);
    assert_eq!(log.end().await, 3);
    // Whether it knows the epoch is looked at first.
    let epoch = log.leader().await.epoch + 1;
    let ahead = log.list(at::LATEST).leader_epoch(epoch).at_broker(follower);
    assert_eq!(ahead.send().await, Err(ErrorCode::UNKNOWN_LEADER_EPOCH));
}

pub(crate) async fn followers_tell_the_producers_that_they_know(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = cluster.records(3).by(producer, 0).batch();
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    let follower = follower(&log).await;
    let known = log.producers_at(Some(follower)).await;
    assert_eq!(known, log.producers().await);
    assert_eq!(known.map(|known| known.len()), Ok(1));
}

pub(crate) async fn followers_serve_what_is_replicated(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(0));
    let follower = follower(&log).await;
    let epoch = log.leader().await.epoch;
    // It hears of the high watermark with its next fetch.
    let served = async || {
        let fetched = log.fetching(0).from_broker(follower).send().await;
        assert_eq!(fetched.code, ErrorCode::NONE);
        (fetched.bytes > 0).then_some(fetched)
    };
    let fetched = cluster
        .eventually("the follower has the record", served)
        .await;
    assert_eq!(fetched.spans(), [(0, 2)]);
    let known = log.fetching(0).from_broker(follower).leader_epoch(epoch);
    assert_eq!(known.send().await.code, ErrorCode::NONE);
    let unknown = log
        .fetching(0)
        .from_broker(follower)
        .leader_epoch(epoch + 1);
    assert_eq!(unknown.send().await.code, ErrorCode::UNKNOWN_LEADER_EPOCH);
}

pub(crate) async fn a_leader_that_stops_is_followed_by_one_that_is_in_sync(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let batch = |sequence| cluster.records(3).by(producer, sequence).batch();
    for sequence in [0, 3, 6] {
        let appended = log.produce(batch(sequence)).await;
        assert_eq!(appended.place(), Ok(sequence.into()));
    }
    let before = log.metadata().await.expect("is led");
    assert_eq!(before.in_sync, [1, 2, 3]);
    cluster.stop(before.leader).await;
    let (leader, epoch) = led_by_another(cluster, &log, before.leader).await;
    assert!(before.in_sync.contains(&leader));
    assert!(epoch > before.leader_epoch);
    assert_eq!(log.end().await, 9, "nothing is lost");
    // The new leader remembers the producer, and all of its last batches.
    for sequence in [0, 3, 6] {
        let again = log.produce(batch(sequence)).await;
        assert_eq!(again.place(), Ok(sequence.into()));
    }
    let far = log.produce(batch(100)).await;
    assert_eq!(far.place(), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(log.produce(batch(9)).await.place(), Ok(9));
    assert_eq!(
        log.epoch_end(before.leader_epoch).await,
        Ok((before.leader_epoch, 9))
    );

    cluster.start(before.leader).await;
    in_sync(cluster, &log, 3).await;
    let after = log.metadata().await.expect("is led");
    assert_eq!((after.leader, after.replicas), (leader, before.replicas));
}

pub(crate) async fn what_a_follower_lacks_is_not_seen(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(0));
    let follower = follower(&log).await;
    cluster.brokers().pause(follower);

    let batch = cluster.records(2).batch();
    let alone = log.producing().for_the_leader_alone();
    assert_eq!(alone.send(batch).await.place(), Ok(3), "the leader has it");
    assert_eq!(log.end().await, 5);
    assert_eq!((log.latest().await, log.last_stable().await), (3, 3));
    let fetched = log.fetch(0).await;
    assert_eq!((fetched.spans(), fetched.high_watermark), (vec![(0, 2)], 3));
    for unseen in [3, 5] {
        let fetched = log.fetch(unseen).await;
        assert_eq!(
            (fetched.code, fetched.bytes),
            (ErrorCode::NONE, 0),
            "{unseen}"
        );
    }
    assert_eq!(log.fetch(6).await.code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(
        log.delete_before(4).await,
        Err(ErrorCode::OFFSET_OUT_OF_RANGE)
    );

    // One that waits for all is told that it waited for too long, and yet it is in the log.
    let batch = cluster.records(2).batch();
    let late = log.producing().timeout_ms(300).send(batch).await;
    assert_eq!(late.place(), Err(ErrorCode::REQUEST_TIMED_OUT));
    assert_eq!((log.end().await, log.latest().await), (7, 3));

    cluster.brokers().resume(follower);
    let seen = async || (log.latest().await == 7).then_some(());
    cluster.eventually("the follower has caught up", seen).await;
    assert_eq!(log.fetch(3).await.spans(), [(3, 4), (5, 6)]);
    in_sync(cluster, &log, 3).await;
}

pub(crate) async fn a_batch_again_is_as_little_acknowledged_as_it_was_replicated(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let producer = cluster.producer().await;
    let follower = follower(&log).await;
    cluster.brokers().pause(follower);
    let batch = cluster.records(3).by(producer, 0).batch();
    let waiting = log.producing().timeout_ms(300);
    let late = waiting.send(batch.clone()).await.place();
    assert_eq!(late, Err(ErrorCode::REQUEST_TIMED_OUT));
    let again = waiting.send(batch.clone()).await.place();
    assert_eq!(again, Err(ErrorCode::REQUEST_TIMED_OUT));
    cluster.brokers().resume(follower);
    assert_eq!(log.produce(batch).await.place(), Ok(0));
    assert_eq!(log.end().await, 3);
    in_sync(cluster, &log, 3).await;
}

pub(crate) async fn a_transaction_is_over_when_all_replicas_have_its_marker(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster.records(3).by(producer, 0).in_transaction().batch();
    assert_eq!(
        log.producing().within(&id.id).send(batch).await.place(),
        Ok(0)
    );
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    cluster.stable_at(&log, 4).await;
    id.add(producer, &[&log]).await;
    assert_eq!(id.end_once(producer, false).await, Ok(()));
    cluster.ends_at(&log, 5).await;
}

pub(crate) async fn fewer_in_sync_than_a_topic_demands_are_too_few(cluster: &Cluster) {
    let log = cluster.log(&[("min.insync.replicas", "3")]).await;
    let two = cluster.log(&[("min.insync.replicas", "2")]).await;
    let follower = follower(&log).await;
    cluster.stop(follower).await;
    in_sync(cluster, &log, 2).await;
    in_sync(cluster, &two, 2).await;
    let refused = async || {
        let batch = cluster.records(3).batch();
        match log.produce(batch).await.place() {
            Err(ErrorCode::NOT_ENOUGH_REPLICAS) => Some(()),
            _ => None,
        }
    };
    cluster
        .eventually("the leader knows that they are too few", refused)
        .await;
    let end = log.end().await;
    let batch = cluster.records(3).batch();
    let again = log.produce(batch.clone()).await.place();
    assert_eq!(again, Err(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert_eq!(log.end().await, end, "nothing was appended");
    let alone = log
        .producing()
        .for_the_leader_alone()
        .send(batch.clone())
        .await;
    assert_eq!(
        alone.place(),
        Ok(end),
        "one that asks for the leader alone is not refused"
    );
    assert_eq!(two.produce(batch).await.place(), Ok(0));
    cluster.start(follower).await;
    in_sync(cluster, &log, 3).await;
}

pub(crate) async fn who_is_no_coordinator_says_so(cluster: &Cluster) {
    let id = cluster.transactional_id().await;
    let expected = Err(ErrorCode::NOT_COORDINATOR);
    assert_eq!(id.init_at_others().await, [expected, expected]);
    assert_eq!(id.init().await.epoch, 0);
}

pub(crate) async fn without_its_only_replica_a_partition_has_no_leader(cluster: &Cluster) {
    let log = cluster.log_at(&[3]).await;
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(0));
    let before = log.metadata().await.expect("the topic is known");
    assert_eq!((before.leader, before.replicas), (3, vec![3]));
    let elsewhere = log.list(at::LATEST).at_broker(1).send().await;
    assert_eq!(elsewhere, Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    let elsewhere = log.fetching(0).from_broker(1).send().await;
    assert_eq!(elsewhere.code, ErrorCode::NOT_LEADER_OR_FOLLOWER);

    cluster.stop(3).await;
    let leaderless = async || {
        let described = log.metadata().await.expect("the topic is known");
        (described.code == ErrorCode::LEADER_NOT_AVAILABLE).then_some(described)
    };
    let without = cluster.eventually("no leader", leaderless).await;
    assert_eq!((without.leader, without.replicas), (-1, vec![3]));
    assert!(without.leader_epoch > before.leader_epoch);
    // 4.x keeps in mind elsewhere who may lead again (KIP-966).
    let in_sync = cluster.expects(PerRelease {
        v2_8: vec![3],
        v3_9: vec![3],
        v4_3: vec![],
    });
    assert_eq!(without.in_sync, in_sync);

    cluster.start(3).await;
    cluster.led(&log).await;
    let after = log.metadata().await.expect("the topic is known");
    assert_eq!((after.leader, after.in_sync), (3, vec![3]));
    assert!(after.leader_epoch > without.leader_epoch);
    assert_eq!(log.end().await, 3);
}

pub(crate) async fn a_transaction_goes_on_at_the_next_coordinator(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = |sequence| {
        cluster
            .records(3)
            .by(producer, sequence)
            .in_transaction()
            .batch()
    };
    let appended = log.producing().within(&id.id).send(batch(0)).await;
    assert_eq!(appended.place(), Ok(0));

    let gone = id.coordinator();
    cluster.stop(gone).await;
    cluster.led(&log).await;
    let id = cluster.transactional_id_called(&id.id).await;
    assert_ne!(id.coordinator(), gone);
    let appended = log.producing().within(&id.id).send(batch(3)).await;
    assert_eq!(appended.place(), Ok(3));
    let ended = async || match id.end_once(producer, true).await {
        Ok(()) => Some(()),
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::NOT_COORDINATOR) => None,
        Err(code) => panic!("EndTxn: {code}"),
    };
    cluster.eventually("the transaction ends", ended).await;
    cluster.ends_at(&log, 7).await;
    cluster.start(gone).await;
    in_sync(cluster, &log, 3).await;
}
