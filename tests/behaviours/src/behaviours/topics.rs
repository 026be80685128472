//! Metadata, CreateTopics, DeleteTopics.

use crate::cluster::{Cluster, PerRelease};
use crate::wire::ErrorCode;
use crate::wire::metadata::Described;
use ferry_model::name::TopicName;

pub(crate) async fn a_topic_that_is_not_there_is_unknown(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let mut missing = log.clone();
    missing.place.topic = TopicName::parse(cluster.fresh_name("nothing")).expect("legal");
    let told = missing.metadata().await;
    assert_eq!(told, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

pub(crate) async fn a_new_topic_is_led_in_epoch_zero(cluster: &Cluster) {
    let logs = cluster.logs(2, &[]).await;
    for log in &logs {
        let expected = Described {
            code: ErrorCode::NONE,
            leader: 1,
            leader_epoch: 0,
            replicas: vec![1],
            in_sync: vec![1],
        };
        assert_eq!(log.metadata().await, Ok(expected));
    }
}

pub(crate) async fn a_topic_is_made_once(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let made = cluster.create_topic(log.place.topic.as_str(), 1, &[]).await;
    assert_eq!(made, Err(ErrorCode::TOPIC_ALREADY_EXISTS));
}

pub(crate) async fn topics_that_can_not_be_are_not_made(cluster: &Cluster) {
    let name = cluster.fresh_name("topic");
    let long = "x".repeat(250);
    let illegal = ErrorCode::INVALID_TOPIC_EXCEPTION;
    let wrong = [
        (name.as_str(), 0, 1, ErrorCode::INVALID_PARTITIONS),
        (name.as_str(), -2, 1, ErrorCode::INVALID_PARTITIONS),
        (name.as_str(), 1, 0, ErrorCode::INVALID_REPLICATION_FACTOR),
        (name.as_str(), 1, 2, ErrorCode::INVALID_REPLICATION_FACTOR),
        ("a/b", 1, 1, illegal),
        ("", 1, 1, illegal),
        ("..", 1, 1, illegal),
        (long.as_str(), 1, 1, illegal),
    ];
    for (name, partitions, replicas, code) in wrong {
        let refused = cluster
            .create_topic_anywhere(name, partitions, replicas)
            .await;
        assert_eq!(refused, Err(code), "{name:?}, {partitions}, {replicas}");
    }
    for (key, value) in [
        ("max.message.bytes", "many"),
        ("cleanup.policy", "burn"),
        ("message.timestamp.type", "Sundial"),
        ("no.such.setting", "1"),
    ] {
        let refused = cluster.create_topic(&name, 1, &[(key, value)]).await;
        assert_eq!(refused, Err(ErrorCode::INVALID_CONFIG), "{key}");
    }
}

pub(crate) async fn a_deleted_topic_is_unknown_and_its_next_one_another(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let name = log.place.topic.as_str().to_owned();
    assert_eq!(log.produce(cluster.records(3).batch()).await.place(), Ok(0));
    cluster.delete_topic(&log).await;
    assert_eq!(
        cluster.delete_once(&name).await,
        Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    );
    let made = async || cluster.create_topic(&name, 1, &[]).await.ok();
    cluster.eventually("the name is free", made).await;
    cluster.renew_client().await;
    cluster.led(&log).await;
    let fetched = log.fetch(0).await;
    // 2.8 is asked by name.
    let expected = cluster.expects(PerRelease {
        v2_8: ErrorCode::NONE,
        v3_9: ErrorCode::UNKNOWN_TOPIC_ID,
        v4_3: ErrorCode::UNKNOWN_TOPIC_ID,
    });
    assert_eq!(fetched.code, expected);
    assert_eq!(log.end().await, 0);
    let id = cluster.client().topic_id(&log.place.topic);
    assert_ne!(id.map(|id| id.0), Some(log.topic_id));
}

pub(crate) async fn places_may_be_left_to_the_brokers(cluster: &Cluster) {
    let (two, usual) = (cluster.fresh_name("topic"), cluster.fresh_name("topic"));
    assert_eq!(cluster.create_topic_anywhere(&two, 2, 1).await, Ok(()));
    assert_eq!(cluster.create_topic_anywhere(&usual, -1, -1).await, Ok(()));
    let names = [two.as_str(), usual.as_str()];
    let expected = [(two.clone(), 2), (usual.clone(), 1)];
    let known = async || (cluster.topics(Some(&names)).await == expected).then_some(());
    cluster.eventually("both topics", known).await;
}

pub(crate) async fn who_names_no_topics_hears_of_all_or_none(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let name = log.place.topic.as_str().to_owned();
    let all = cluster.topics(None).await;
    assert!(all.contains(&(name.clone(), 1)), "{all:?}");
    assert_eq!(cluster.topics(Some(&[])).await, []);
    assert_eq!(cluster.topics(Some(&[&name])).await, [(name, 1)]);
}

pub(crate) async fn the_only_broker_loses_its_offices_by_a_restart_but_with_zookeeper(
    cluster: &Cluster,
) {
    let log = cluster.log(&[]).await;
    let before = log.leader().await.epoch;
    cluster.restart(&log).await;
    let after = log.leader().await.epoch;
    // It loses them and is given them again.
    let epochs = cluster.expects(PerRelease {
        v2_8: 0,
        v3_9: 2,
        v4_3: 2,
    });
    assert_eq!(after, before + epochs);
}
