//! A topic that its caller may do nothing with.

use crate::cluster::Cluster;
use crate::wire::offsets::at;
use crate::wire::{ErrorCode, Log};

/// The code for everything that is denied.
const DENIED: ErrorCode = ErrorCode::TOPIC_AUTHORIZATION_FAILED;

/// Takes away every right on the topic of `log`, and waits until its leader knows.
async fn deny(cluster: &Cluster, log: &Log<'_>) {
    cluster
        .brokers()
        .deny(log.place().topic.as_str(), true)
        .await;
    let known = async || (log.fetch(0).await.code == DENIED).then_some(());
    cluster
        .eventually("the leader knows what is denied", known)
        .await;
}

pub(crate) async fn every_question_about_a_denied_topic_is_refused(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let batch = cluster.records(3).batch();
    assert_eq!(log.produce(batch.clone()).await.place(), Ok(0));
    deny(cluster, &log).await;

    assert_eq!(log.produce(batch.clone()).await.place(), Err(DENIED));
    for timestamp in [at::EARLIEST, at::LATEST, 0] {
        assert_eq!(log.list(timestamp).send().await, Err(DENIED));
    }
    let refused = async || (log.epoch_end(0).await == Err(DENIED)).then_some(());
    cluster
        .eventually("nobody may act as a broker", refused)
        .await;
    assert_eq!(log.delete_before(1).await, Err(DENIED));
    assert_eq!(log.producers().await, Err(DENIED));
    assert_eq!(log.metadata().await, Err(DENIED));
    let deleted = cluster.delete_once(log.place().topic.as_str()).await;
    assert_eq!(deleted, Err(DENIED));

    let topic = log.place().topic.as_str();
    cluster.brokers().deny(topic, false).await;
    let known = async || log.list(at::LATEST).send().await.ok();
    let listed = cluster
        .eventually("the leader knows what is allowed", known)
        .await;
    assert_eq!(listed.offset, 3, "nothing was appended");
    assert_eq!(log.earliest().await, 0, "nothing was deleted");
}

pub(crate) async fn who_may_see_nothing_is_told_so_before_what_is_wrong(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let leader = log.leader().await.broker.0;
    deny(cluster, &log).await;
    let missing = log.sibling(1);
    let listed = missing.list(at::LATEST).at_broker(leader).send().await;
    assert_eq!(listed, Err(DENIED));
    let batch = cluster.records(3).batch();
    let cut_off = batch.slice(..batch.len() - 1);
    assert_eq!(log.produce(cut_off).await.place(), Err(DENIED));
}

pub(crate) async fn denied_partitions_are_part_of_no_transaction(cluster: &Cluster) {
    const OPERATION_NOT_ATTEMPTED: ErrorCode = ErrorCode(55);
    let (denied, allowed) = (cluster.log(&[]).await, cluster.log(&[]).await);
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    deny(cluster, &denied).await;
    let added = id.add_each(producer, &[&denied, &allowed]).await;
    assert_eq!(added, [DENIED, OPERATION_NOT_ATTEMPTED]);
}

pub(crate) async fn a_transaction_ends_in_partitions_that_were_denied_meanwhile(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let id = cluster.transactional_id().await;
    let producer = id.init().await;
    id.add(producer, &[&log]).await;
    let batch = cluster.records(3).by(producer, 0).in_transaction().batch();
    let within = log.producing().within(&id.id);
    assert_eq!(within.send(batch).await.place(), Ok(0));
    deny(cluster, &log).await;
    assert_eq!(id.end_once(producer, true).await, Ok(()));
    let topic = log.place().topic.as_str();
    cluster.brokers().deny(topic, false).await;
    let allowed = async || log.list(at::LATEST).send().await.ok();
    cluster
        .eventually("the leader knows what is allowed", allowed)
        .await;
    cluster.ends_at(&log, 4).await;
}
