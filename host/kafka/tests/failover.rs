//! What the client does when brokers go away, hang, come back, or end sessions.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]

mod support;

use ferry_kafka::admin::groups::Stability;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::NewTopic;
use ferry_kafka::error::CloseReason;
use ferry_kafka::{CoordinatorKind, KafkaError, Lane};
use ferry_model::group::CommittedOffset;
use ferry_model::identity::BrokerId;
use ferry_model::name::{GroupId, TopicPartition};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use kafka_protocol::messages::{ListGroupsRequest, MetadataRequest};
use std::collections::BTreeSet;
use std::time::Duration;
use support::*;
use tokio::time::Instant;

#[tokio::test]
async fn partitions_and_groups_are_found_again_after_their_broker_was_killed() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-failover")
        .nodes(3)
        .property("broker.session.timeout.ms", "3000")
        .property("broker.heartbeat.interval.ms", "500")
        .start()
        .await
        .unwrap();
    let client = connect(&cluster.client_properties(Listener::Plaintext, ""))
        .await
        .unwrap();
    let admin = client.admin();
    let replicated = NewTopic {
        replication_factor: 3,
        ..new_topic("orders", 12, &[])
    };
    create(&client, &[replicated]).await;
    let partitions: Vec<TopicPartition> = (0..12).map(|index| partition("orders", index)).collect();
    for result in admin
        .list_offsets(&partitions, OffsetSpec::Latest)
        .await
        .into_values()
    {
        assert_eq!(result.unwrap().offset, Some(0));
    }
    let leaders: BTreeSet<BrokerId> = partitions
        .iter()
        .map(|partition| client.leader(partition).unwrap().broker)
        .collect();
    assert_eq!(leaders.len(), 3, "the question was split three ways");

    let group = GroupId::from("billing");
    let committed = [CommittedOffset {
        partition: partitions[0].clone(),
        offset: 7,
        metadata: String::new(),
    }];
    for result in admin
        .commit_offsets(&group, &committed)
        .await
        .unwrap()
        .into_values()
    {
        result.unwrap();
    }
    let victim = client
        .coordinator(&group.0, CoordinatorKind::Group)
        .await
        .unwrap();
    let connection = client.connection(victim, Lane::Admin).await.unwrap();
    cluster
        .node(u32::try_from(victim.0).unwrap())
        .kill()
        .unwrap();
    tokio::time::timeout(LIMIT, connection.closed())
        .await
        .expect("the end is noticed");
    let refused = connection
        .send(&ListGroupsRequest::default())
        .expect_err("dead");
    assert!(
        matches!(refused, KafkaError::Disconnected { sent: false, .. }),
        "{refused}"
    );

    for (partition, result) in admin.list_offsets(&partitions, OffsetSpec::Latest).await {
        assert_eq!(
            result.unwrap_or_else(|e| panic!("{partition}: {e}")).offset,
            Some(0)
        );
        assert_ne!(
            client.leader(&partition).unwrap().broker,
            victim,
            "{partition}"
        );
    }
    assert_eq!(
        admin
            .committed_offsets(&group, Stability::Stable)
            .await
            .unwrap(),
        committed
    );
    assert_ne!(
        client
            .coordinator(&group.0, CoordinatorKind::Group)
            .await
            .unwrap(),
        victim
    );

    cluster
        .node(u32::try_from(victim.0).unwrap())
        .restart()
        .await
        .unwrap();
    eventually("the broker is dialled again", async || {
        client.refresh_brokers().await.ok()?;
        client.connection(victim, Lane::Admin).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_hangs_is_given_up_at_the_time_limit() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-hang")
        .start()
        .await
        .unwrap();
    let mut properties = cluster.client_properties(Listener::Plaintext, "");
    properties.insert("request.timeout.ms".to_owned(), "1000".to_owned());
    properties.insert("default.api.timeout.ms".to_owned(), "3000".to_owned());
    properties.insert(
        "socket.connection.setup.timeout.ms".to_owned(),
        "1000".to_owned(),
    );
    let client = connect(&properties).await.unwrap();
    let broker = client.brokers()[0].id;
    let connection = client.connection(broker, Lane::Admin).await.unwrap();
    cluster.node(1).pause().unwrap();
    // The signal takes effect in its own time: the first calls may still be answered.
    let (error, waited) = eventually("the broker stops answering", async || {
        let started = Instant::now();
        let error = connection.call(&MetadataRequest::default()).await.err()?;
        Some((error, started.elapsed()))
    })
    .await;
    assert!(
        matches!(error, KafkaError::TimedOut { sent: true, .. }),
        "{error}"
    );
    assert!(
        waited >= Duration::from_secs(1) && waited < Duration::from_secs(3),
        "{waited:?}"
    );
    assert!(!connection.is_alive());
    let error = client.admin().list_topics().await.expect_err("hangs");
    assert!(
        matches!(error, KafkaError::GaveUp { attempts: 1.., .. }),
        "{error}"
    );
    cluster.node(1).resume().unwrap();
    client.admin().list_topics().await.expect("it runs again");
}

#[tokio::test]
async fn a_connection_outlives_its_sessions_by_logging_in_again() {
    let lifetime = Duration::from_secs(2);
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-sessions")
        .listener(Listener::SaslSsl)
        .user("admin", "admin-secret")
        .property(
            "connections.max.reauth.ms",
            lifetime.as_millis().to_string(),
        )
        .start()
        .await
        .unwrap();
    let properties = cluster.client_properties(Listener::SaslSsl, "admin");
    let client = connect(&properties).await.unwrap();
    let broker = client.brokers()[0].id;
    let connection = client.connection(broker, Lane::Admin).await.unwrap();
    let started = Instant::now();
    let mut answers = 0;
    // The broker kills a connection whose session is over at its next request.
    while started.elapsed() < lifetime * 4 {
        let pending: Vec<_> = (0..20)
            .map(|_| connection.send(&ListGroupsRequest::default()).unwrap())
            .collect();
        for pending in pending {
            assert_eq!(pending.await.expect("an answer").error_code, 0);
            answers += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(answers > 100 && connection.is_alive());
}

#[tokio::test]
async fn a_request_that_the_broker_finds_too_large_ends_the_connection() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-large")
        .property("socket.request.max.bytes", "100000")
        .start()
        .await
        .unwrap();
    let client = connect(&cluster.client_properties(Listener::Plaintext, ""))
        .await
        .unwrap();
    create(&client, &[new_topic("orders", 1, &[])]).await;
    let orders = partition("orders", 0);
    let small = batch(1, 1_700_000_000_000, &[7; 1_000], None);
    assert_eq!(produce(&client, &orders, small, None).await, (0, 0));
    let leader = client.leader(&orders).unwrap();
    let connection = client
        .connection(leader.broker, Lane::Produce(0))
        .await
        .unwrap();
    let large = batch(1, 1_700_000_000_000, &[7; 200_000], None);
    let error = connection
        .call(&produce_request(&orders, large, None))
        .await
        .expect_err("closed");
    match &error {
        KafkaError::Disconnected { reason, .. } => {
            assert!(
                matches!(reason, CloseReason::Ended | CloseReason::Io { .. }),
                "{reason}"
            );
        }
        other => panic!("{other}"),
    }
    assert!(
        error.outcome_unknown(),
        "the client can't know why: {error}"
    );
}

#[tokio::test]
async fn the_log_end_is_told_apart_from_the_high_watermark() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-log-end")
        .nodes(3)
        .property("replica.lag.time.max.ms", "600000")
        .property("broker.session.timeout.ms", "600000")
        .start()
        .await
        .unwrap();
    let client = connect(&cluster.client_properties(Listener::Plaintext, ""))
        .await
        .unwrap();
    let replicated = NewTopic {
        replication_factor: 3,
        ..new_topic("orders", 1, &[])
    };
    create(&client, &[replicated]).await;
    let orders = partition("orders", 0);
    let records = batch(10, 1_700_000_000_000, b"value", None);
    assert_eq!(
        produce(&client, &orders, records.clone(), None).await,
        (0, 0)
    );
    let end = async |spec| {
        let listed = client.admin().list_offsets(&[orders.clone()], spec).await;
        listed[&orders].as_ref().unwrap().offset.unwrap()
    };
    assert_eq!(
        (end(OffsetSpec::Latest).await, end(OffsetSpec::LogEnd).await),
        (10, 10)
    );

    // Followers that stand still hold back the high watermark, not the leader's own log.
    let leader = client.leader(&orders).unwrap();
    let connection = client
        .connection(leader.broker, Lane::Produce(0))
        .await
        .unwrap();
    let followers: Vec<_> = cluster
        .nodes()
        .filter(|node| node.id() != u32::try_from(leader.broker.0).unwrap())
        .collect();
    for follower in &followers {
        follower.pause().unwrap();
    }
    let unreplicated = eventually("a batch that only the leader has", async || {
        let request = produce_request(&orders, records.clone(), None).with_acks(1);
        connection.call(&request).await.unwrap();
        let (latest, log_end) = (end(OffsetSpec::Latest).await, end(OffsetSpec::LogEnd).await);
        (latest < log_end).then_some((latest, log_end))
    })
    .await;
    assert_eq!(unreplicated.1 % 10, 0);
    for follower in &followers {
        follower.resume().unwrap();
    }
    eventually("the followers catch up", async || {
        (end(OffsetSpec::Latest).await == end(OffsetSpec::LogEnd).await).then_some(())
    })
    .await;
}
