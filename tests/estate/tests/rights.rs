//! What the rights of Ferry's target principal allow on a real target, and what they do not.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod support;

use ferry_estate::{accounts, rights};
use ferry_kafka::admin::configs::{ConfigChange, ConfigResource};
use ferry_kafka::admin::groups::Stability;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::admin::transactions::Outcome;
use ferry_kafka::{Client, ErrorCode};
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::group::CommittedOffset;
use ferry_model::identity::Side;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::snapshot::AclFacts;
use ferry_testbed::KafkaVersion;
use std::collections::BTreeMap;
use support::{cluster, connect};

/// Goal: the target's rights are enough for every kind of request that a migration makes, and for
/// no other that could do harm. Method: each request once, as that principal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_at_the_target_are_enough_and_no_more() {
    let cluster = cluster("rights", KafkaVersion::V4_3).await;
    let admin = connect(&cluster, Side::Target, accounts::ADMIN).await;
    let ferry = accounts::FERRY_TARGET;
    let granted = rights::target(&ferry.principal());
    rights::grant(&admin, &granted).await.unwrap();
    let client = connect(&cluster, Side::Target, ferry).await;
    let topic = TopicName::parse("retail.orders").unwrap();
    create_and_change(&client, &topic).await;
    write_and_read(&client, &topic).await;
    commit_and_take_back(&client, &topic).await;
    let acls = client.admin().describe_acls().await.unwrap();
    let AclFacts::Bindings(mut bindings) = acls else {
        panic!("{acls:?}");
    };
    let mut expected = granted;
    bindings.sort();
    expected.sort();
    assert_eq!(bindings, expected);
    grant_others(&client).await;
    client.admin().partition_sizes().await.unwrap();
    let deleted = client
        .admin()
        .delete_topics(std::slice::from_ref(&topic))
        .await
        .unwrap();
    deleted[&topic].as_ref().unwrap();
    refused(&client).await;
}

async fn create_and_change(client: &Client, topic: &TopicName) {
    let admin = client.admin();
    let new = NewTopic {
        name: topic.clone(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
    };
    let created = admin
        .create_topics(std::slice::from_ref(&new), Mode::Apply)
        .await
        .unwrap();
    created[topic].as_ref().unwrap();
    let raised = admin
        .create_partitions(&[(topic.clone(), 2)], Mode::Apply)
        .await
        .unwrap();
    raised[topic].as_ref().unwrap();
    let resource = ConfigResource::Topic(topic.clone());
    let change = ConfigChange::Set {
        name: "compression.type".to_owned(),
        value: "producer".to_owned(),
    };
    let changes = BTreeMap::from([(resource.clone(), vec![change])]);
    let changed = admin.alter_configs(&changes, Mode::Apply).await;
    changed[&resource].as_ref().unwrap();
    let brokers = client
        .brokers()
        .into_iter()
        .map(|broker| ConfigResource::Broker(broker.id));
    let asked: Vec<_> = brokers.chain([resource]).collect();
    for (resource, configs) in admin.describe_configs(&asked).await {
        assert!(!configs.unwrap().is_empty(), "{resource:?}");
    }
}

/// An empty transaction asks for the same rights as one with records.
async fn write_and_read(client: &Client, topic: &TopicName) {
    let admin = client.admin();
    admin.init_producer_id().await.unwrap();
    let id = format!("{}retail-0", rights::TRANSACTIONAL_ID_PREFIX);
    let producer = admin.init_transactional_id(&id, 60_000).await.unwrap();
    let partition = TopicPartition::new(topic.clone(), 0);
    let partitions = std::slice::from_ref(&partition);
    admin
        .add_partitions_to_transaction(&id, producer, partitions)
        .await
        .unwrap();
    admin
        .end_transaction(&id, producer, Outcome::Commit)
        .await
        .unwrap();
    let described = admin.describe_transactions(std::slice::from_ref(&id)).await;
    described[&id].as_ref().unwrap();
    let producers = admin.describe_producers(partitions).await;
    producers[&partition].as_ref().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let ends = admin.list_offsets(partitions, OffsetSpec::LogEnd).await;
        if ends[&partition].as_ref().unwrap().offset == Some(1) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no marker: {ends:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let deleted = admin.delete_records(&[(partition.clone(), 1)]).await;
    assert_eq!(*deleted[&partition].as_ref().unwrap(), 1);
}

async fn commit_and_take_back(client: &Client, topic: &TopicName) {
    let admin = client.admin();
    let group = GroupId::from("billing");
    let partition = TopicPartition::new(topic.clone(), 0);
    let offset = CommittedOffset {
        partition: partition.clone(),
        offset: 1,
        metadata: "moved".to_owned(),
    };
    let committed = admin
        .commit_offsets(&group, std::slice::from_ref(&offset))
        .await
        .unwrap();
    committed[&partition].as_ref().unwrap();
    let read = admin
        .committed_offsets(&group, Stability::Stable)
        .await
        .unwrap();
    assert_eq!(read, [offset]);
    assert!(
        admin
            .list_groups()
            .await
            .unwrap()
            .iter()
            .any(|listed| listed.id == group)
    );
    let deleted = admin
        .delete_offsets(&group, std::slice::from_ref(&partition))
        .await
        .unwrap();
    deleted[&partition].as_ref().unwrap();
    let deleted = admin.delete_groups(std::slice::from_ref(&group)).await;
    // A group whose last offset is gone may be gone itself.
    match &deleted[&group] {
        Ok(()) => {}
        Err(error) => assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND)),
    }
}

async fn grant_others(client: &Client) {
    let binding = AclBinding {
        resource_type: ResourceType::Topic,
        resource_name: "retail.orders".to_owned(),
        pattern_type: PatternType::Literal,
        principal: "User:orders-service".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::Read,
        permission: PermissionType::Allow,
    };
    let bindings = std::slice::from_ref(&binding);
    client.admin().create_acls(bindings).await.unwrap()[&binding]
        .as_ref()
        .unwrap();
    assert!(
        client.admin().delete_acls(bindings).await.unwrap()[&binding]
            .as_ref()
            .unwrap()
    );
}

/// Neither the brokers' settings nor other applications' transactions.
async fn refused(client: &Client) {
    let admin = client.admin();
    let broker = ConfigResource::Broker(client.brokers()[0].id);
    let change = ConfigChange::Set {
        name: "log.cleaner.backoff.ms".to_owned(),
        value: "1000".to_owned(),
    };
    let changes = BTreeMap::from([(broker.clone(), vec![change])]);
    let changed = admin.alter_configs(&changes, Mode::Apply).await;
    let code = changed[&broker].as_ref().unwrap_err().code();
    assert_eq!(code, Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    let fenced = admin
        .init_transactional_id("orders-tx", 60_000)
        .await
        .unwrap_err();
    assert_eq!(
        fenced.code(),
        Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    );
}
