//! Every operation of the admin client, there and back, on the newest release and on an older one.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]

mod support;

use ferry_kafka::admin::configs::{ConfigChange, ConfigResource, ConfigSource};
use ferry_kafka::admin::groups::Stability;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::Mode;
use ferry_kafka::admin::transactions::Outcome;
use ferry_kafka::{Client, ErrorCode, problem_codes as codes};
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::group::{CommittedOffset, GroupState};
use ferry_model::identity::Side;
use ferry_model::name::GroupId;
use ferry_model::problem::Explain;
use ferry_model::snapshot::AclFacts;
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeMap;
use support::*;

async fn every_operation(version: KafkaVersion) {
    let (_cluster, client) = plain(version).await;
    cluster_is_described(&client, version).await;
    topics_come_and_go(&client).await;
    configs_are_told_and_changed(&client).await;
    offsets_are_listed(&client).await;
    groups_commit_and_go(&client).await;
    transactions_run(&client).await;
    sizes_are_told(&client).await;
    no_authorizer_is_told(&client).await;
}

#[tokio::test]
async fn every_operation_works_on_the_newest_release() {
    every_operation(KafkaVersion::V4_3).await;
}

#[tokio::test]
async fn every_operation_works_on_an_older_release() {
    every_operation(KafkaVersion::V3_9).await;
}

async fn cluster_is_described(client: &Client, version: KafkaVersion) {
    let admin = client.admin();
    let cluster = admin.describe_cluster().await.unwrap();
    assert_eq!(cluster.brokers.len(), 1);
    assert!(cluster.id.is_some() && cluster.controller.is_some());
    let release = admin.kafka_version().await.unwrap();
    assert!(
        version.release().starts_with(&release),
        "{release} of {}",
        version.release()
    );
}

async fn topics_come_and_go(client: &Client) {
    let admin = client.admin();
    let orders = new_topic("orders", 3, &[("retention.ms", "-1")]);
    let checked = admin
        .create_topics(std::slice::from_ref(&orders), Mode::ValidateOnly)
        .await
        .unwrap();
    assert!(checked[&topic("orders")].is_ok());
    let nothing = admin.describe_topics(&[topic("orders")]).await.unwrap();
    let error = nothing[&topic("orders")]
        .as_ref()
        .expect_err("only checked");
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));

    let mut illegal = new_topic("illegal", 1, &[("retention.ms", "soon")]);
    illegal.replication_factor = 1;
    let results = admin
        .create_topics(&[orders.clone(), illegal], Mode::Apply)
        .await
        .unwrap();
    let id = results[&topic("orders")]
        .as_ref()
        .expect("one bad topic does not fail the rest");
    let error = results[&topic("illegal")].as_ref().expect_err("no number");
    assert_eq!(error.code(), Some(ErrorCode::INVALID_CONFIG));
    assert!(
        error.to_string().contains("retention.ms"),
        "the broker's words: {error}"
    );
    let again = admin.create_topics(&[orders], Mode::Apply).await.unwrap();
    let error = again[&topic("orders")].as_ref().expect_err("exists");
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));

    let more = [(topic("orders"), 5)];
    admin.create_partitions(&more, Mode::Apply).await.unwrap()[&topic("orders")]
        .as_ref()
        .unwrap();
    let described = eventually("five partitions", async || {
        let mut described = admin.describe_topics(&[topic("orders")]).await.unwrap();
        let orders = described.remove(&topic("orders"))?.ok()?;
        let led = orders.partitions.iter().all(|p| p.leader.is_some());
        (orders.partitions.len() == 5 && led).then_some(orders)
    })
    .await;
    assert_eq!(described.id, *id);
    assert!(!described.internal);
    for (index, partition) in described.partitions.iter().enumerate() {
        assert_eq!(partition.partition, index as i32);
        assert!(partition.leader_epoch >= 0);
        assert_eq!(partition.replicas, partition.in_sync_replicas);
        assert!(partition.offline_replicas.is_empty());
    }
    client.refresh(&[topic("orders")]).await.unwrap();
    assert_eq!(client.topic_id(&topic("orders")), *id);
    assert!(client.leader(&partition("orders", 4)).is_some());
    let listed = admin.list_topics().await.unwrap();
    assert_eq!(
        listed.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["orders"]
    );

    let gone = admin
        .delete_topics(&[topic("orders"), topic("never")])
        .await
        .unwrap();
    gone[&topic("orders")].as_ref().unwrap();
    let error = gone[&topic("never")].as_ref().expect_err("was not there");
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

async fn configs_are_told_and_changed(client: &Client) {
    let admin = client.admin();
    create(
        client,
        &[new_topic("configured", 1, &[("cleanup.policy", "compact")])],
    )
    .await;
    let resource = ConfigResource::Topic(topic("configured"));
    let set = |name: &str, value: &str| ConfigChange::Set {
        name: name.into(),
        value: value.into(),
    };
    let changes = BTreeMap::from([(
        resource.clone(),
        vec![
            set("retention.ms", "1234567"),
            ConfigChange::Delete {
                name: "cleanup.policy".into(),
            },
        ],
    )]);
    let told = |name: &'static str| {
        let (admin, resource) = (admin.clone(), resource.clone());
        async move {
            let mut told = admin.describe_configs(&[resource.clone()]).await;
            let entries = told.remove(&resource)?.ok()?;
            entries.into_iter().find(|entry| entry.name == name)
        }
    };
    let before = eventually("the topic", || told("cleanup.policy")).await;
    assert_eq!(
        (before.value.as_deref(), before.source),
        (Some("compact"), ConfigSource::Topic)
    );
    admin.alter_configs(&changes, Mode::ValidateOnly).await[&resource]
        .as_ref()
        .unwrap();
    let checked = told("cleanup.policy").await.expect("told");
    assert_eq!(checked, before, "only checked");
    admin.alter_configs(&changes, Mode::Apply).await[&resource]
        .as_ref()
        .unwrap();
    eventually("the new value", async || {
        let retention = told("retention.ms").await?;
        (retention.value.as_deref() == Some("1234567") && retention.source == ConfigSource::Topic)
            .then_some(())
    })
    .await;
    let after = told("cleanup.policy").await.expect("told");
    assert_eq!(
        (after.value.as_deref(), after.source),
        (Some("delete"), ConfigSource::Default)
    );

    let broker = ConfigResource::Broker(client.brokers()[0].id);
    let missing = ConfigResource::Topic(topic("missing"));
    let told = admin
        .describe_configs(&[broker.clone(), missing.clone()])
        .await;
    let entries = told[&broker]
        .as_ref()
        .expect("one bad resource does not fail the rest");
    let own = entries
        .iter()
        .find(|entry| entry.name == "log.dirs")
        .expect("told");
    assert_eq!(own.source, ConfigSource::StaticBroker);
    assert!(own.read_only && !own.sensitive);
    assert_eq!(
        told[&missing].as_ref().expect_err("missing").code(),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    );
}

async fn offsets_are_listed(client: &Client) {
    let admin = client.admin();
    create(client, &[new_topic("positions", 2, &[])]).await;
    let (first, second) = (partition("positions", 0), partition("positions", 1));
    let week = 7 * 24 * 3_600_000_i64;
    let start = 1_700_000_000_000_i64;
    for day in 0..3 {
        let records = batch(10, start + day * week, b"value", None);
        assert_eq!(produce(client, &first, records, None).await, (0, day * 10));
    }
    let both = [first.clone(), second.clone()];
    let one = async |spec| {
        let listed = admin.list_offsets(&both, spec).await;
        let offset = |p| listed[p].as_ref().expect("listed").offset;
        (offset(&first), offset(&second))
    };
    assert_eq!(one(OffsetSpec::Earliest).await, (Some(0), Some(0)));
    assert_eq!(one(OffsetSpec::Latest).await, (Some(30), Some(0)));
    assert_eq!(one(OffsetSpec::LastStable).await, (Some(30), Some(0)));
    assert_eq!(one(OffsetSpec::LogEnd).await, (Some(30), Some(0)));
    assert_eq!(
        one(OffsetSpec::Timestamp(start + 1)).await,
        (Some(10), None)
    );
    let newest = one(OffsetSpec::MaxTimestamp).await;
    assert!(
        (20..30).contains(&newest.0.expect("a record")) && newest.1.is_none(),
        "{newest:?}"
    );

    let epochs = admin.offsets_for_leader_epochs(&[(first.clone(), 0)]).await;
    let end = epochs[&first].as_ref().unwrap();
    assert_eq!((end.leader_epoch, end.end_offset), (0, 30));

    let deleted = admin
        .delete_records(&[(first.clone(), 12), (second.clone(), 5)])
        .await;
    assert_eq!(*deleted[&first].as_ref().unwrap(), 12);
    let error = deleted[&second].as_ref().expect_err("beyond the end");
    assert_eq!(error.code(), Some(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(one(OffsetSpec::Earliest).await, (Some(12), Some(0)));

    let unknown = partition("positions", 9);
    let missing = partition("no-such-topic", 0);
    let listed = admin
        .list_offsets(
            &[unknown.clone(), missing.clone(), first.clone()],
            OffsetSpec::Latest,
        )
        .await;
    assert!(listed[&first].is_ok());
    for partition in [unknown, missing] {
        let problem = listed[&partition]
            .as_ref()
            .expect_err("is not there")
            .problem();
        assert!(
            [codes::NO_PARTITION, codes::NO_LEADER, codes::ANSWERED].contains(&problem.code.0),
            "{problem}"
        );
    }
}

async fn groups_commit_and_go(client: &Client) {
    let admin = client.admin();
    create(client, &[new_topic("read", 3, &[])]).await;
    let group = GroupId::from("billing");
    let committed = |index, offset, metadata: &str| CommittedOffset {
        partition: partition("read", index),
        offset,
        metadata: metadata.to_owned(),
    };
    let offsets = [
        committed(0, 17, "by hand"),
        committed(1, 0, ""),
        committed(2, 1_000_000, "ü"),
    ];
    for (partition, result) in admin.commit_offsets(&group, &offsets).await.unwrap() {
        result.unwrap_or_else(|error| panic!("{partition}: {error}"));
    }
    for stability in [Stability::Latest, Stability::Stable] {
        assert_eq!(
            admin.committed_offsets(&group, stability).await.unwrap(),
            offsets
        );
    }
    let listed = admin.list_groups().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].id, listed[0].state.as_deref()),
        (&group, Some("Empty"))
    );

    let never = GroupId::from("never");
    let described = admin.describe_groups(&[group.clone(), never.clone()]).await;
    assert_eq!(described[&group].as_ref().unwrap().state, GroupState::Empty);
    assert_eq!(described[&never].as_ref().unwrap().state, GroupState::Dead);
    assert_eq!(
        admin
            .committed_offsets(&never, Stability::Stable)
            .await
            .unwrap(),
        []
    );

    let gone = admin
        .delete_offsets(&group, &[partition("read", 1)])
        .await
        .unwrap();
    gone[&partition("read", 1)].as_ref().unwrap();
    let left = admin
        .committed_offsets(&group, Stability::Latest)
        .await
        .unwrap();
    assert_eq!(
        left.iter()
            .map(|o| o.partition.partition)
            .collect::<Vec<_>>(),
        [0, 2]
    );

    let wrong = [CommittedOffset {
        partition: partition("missing", 0),
        ..committed(0, 1, "")
    }];
    let results = admin.commit_offsets(&group, &wrong).await.unwrap();
    let error = results[&partition("missing", 0)]
        .as_ref()
        .expect_err("no such topic");
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));

    let deleted = admin.delete_groups(&[group.clone(), never.clone()]).await;
    deleted[&group].as_ref().unwrap();
    let error = deleted[&never].as_ref().expect_err("is not there");
    assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    assert_eq!(admin.list_groups().await.unwrap(), []);
}

async fn transactions_run(client: &Client) {
    let admin = client.admin();
    create(client, &[new_topic("paid", 1, &[])]).await;
    let paid = partition("paid", 0);
    let plain = admin.init_producer_id().await.unwrap();
    assert_eq!(plain.epoch, 0);
    let sequence = Sequence {
        id: plain.id,
        epoch: plain.epoch,
        first: 0,
        transactional: false,
    };
    let records = batch(3, 1_700_000_000_000, b"plain", Some(sequence));
    assert_eq!(produce(client, &paid, records.clone(), None).await, (0, 0));
    assert_eq!(
        produce(client, &paid, records, None).await,
        (0, 0),
        "the same batch, the same offset"
    );

    let id = "ferry-test-0";
    let producer = admin.init_transactional_id(id, 60_000).await.unwrap();
    let mut first = 0;
    for outcome in [Outcome::Commit, Outcome::Abort] {
        admin
            .add_partitions_to_transaction(id, producer, &[paid.clone()])
            .await
            .unwrap();
        let sequence = Sequence {
            id: producer.id,
            epoch: producer.epoch,
            first,
            transactional: true,
        };
        let records = batch(2, 1_700_000_000_000, b"paid", Some(sequence));
        assert_eq!(produce(client, &paid, records, Some(id)).await.0, 0);
        first += 2;
        let states = admin.describe_producers(&[paid.clone()]).await;
        let states = states[&paid].as_ref().unwrap();
        let open = states
            .iter()
            .find(|state| state.producer_id == producer.id)
            .expect("open");
        assert!(open.transaction_start_offset.is_some());
        assert_eq!(open.last_sequence, first - 1);
        let old = states
            .iter()
            .find(|state| state.producer_id == plain.id)
            .expect("remembered");
        assert_eq!((old.last_sequence, old.transaction_start_offset), (2, None));

        let described = admin.describe_transactions(&[id.to_owned()]).await;
        let open = described[id].as_ref().unwrap();
        assert_eq!((open.state.as_str(), open.producer), ("Ongoing", producer));
        assert_eq!(open.partitions, [paid.clone()]);
        assert!(open.started_ms.is_some());
        let listed = admin.list_transactions(&["Ongoing"]).await.unwrap();
        assert_eq!(listed.len(), 1);

        let end = async |spec| {
            let listed = admin.list_offsets(&[paid.clone()], spec).await;
            listed[&paid].as_ref().unwrap().offset.unwrap()
        };
        assert!(end(OffsetSpec::LastStable).await < end(OffsetSpec::Latest).await);
        admin.end_transaction(id, producer, outcome).await.unwrap();
        eventually("the marker", async || {
            (end(OffsetSpec::LastStable).await == end(OffsetSpec::LogEnd).await).then_some(())
        })
        .await;
    }
    let next = admin.init_transactional_id(id, 60_000).await.unwrap();
    assert_eq!(
        (next.id, next.epoch),
        (producer.id, producer.epoch + 1),
        "no other epoch between"
    );
    let fenced = admin
        .end_transaction(id, producer, Outcome::Commit)
        .await
        .expect_err("fenced");
    assert!(
        matches!(
            fenced.code(),
            Some(ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH)
        ),
        "{fenced}"
    );
}

async fn sizes_are_told(client: &Client) {
    let admin = client.admin();
    let paid = partition("paid", 0);
    let sizes = admin.partition_sizes().await.unwrap();
    assert!(sizes[&paid] > 100, "{sizes:?}");
    let dirs = admin.log_dirs().await;
    let dirs = dirs.values().next().unwrap().as_ref().unwrap();
    assert!(!dirs[0].path.is_empty());
}

fn binding(principal: &str, operation: AclOperation) -> AclBinding {
    AclBinding {
        resource_type: ResourceType::Topic,
        resource_name: "orders.".to_owned(),
        pattern_type: PatternType::Prefixed,
        principal: principal.to_owned(),
        host: "*".to_owned(),
        operation,
        permission: PermissionType::Allow,
    }
}

async fn no_authorizer_is_told(client: &Client) {
    let admin = client.admin();
    assert_eq!(admin.describe_acls().await.unwrap(), AclFacts::NoAuthorizer);
    let created = admin
        .create_acls(&[binding("User:a", AclOperation::Read)])
        .await
        .unwrap();
    let error = created
        .into_values()
        .next()
        .unwrap()
        .expect_err("no authorizer");
    assert_eq!(error.problem().code.0, codes::NO_AUTHORIZER, "{error}");
}

async fn acls_and_rights(version: KafkaVersion) {
    let cluster = Cluster::builder(version)
        .name("kafka-acls")
        .listener(Listener::SaslPlaintext)
        .authorizer(true)
        .super_user("admin", "admin-secret")
        .user("orders", "orders-secret")
        .start()
        .await
        .unwrap();
    let client = connect(&cluster.client_properties(Listener::SaslPlaintext, "admin"))
        .await
        .unwrap();
    let admin = client.admin();
    assert_eq!(
        admin.describe_acls().await.unwrap(),
        AclFacts::Bindings(vec![])
    );
    let deny = AclBinding {
        host: "10.0.0.7".to_owned(),
        permission: PermissionType::Deny,
        ..binding("User:*", AclOperation::All)
    };
    let transactional = AclBinding {
        resource_type: ResourceType::TransactionalId,
        pattern_type: PatternType::Literal,
        resource_name: "*".to_owned(),
        ..binding("User:b", AclOperation::Write)
    };
    let cluster_wide = AclBinding {
        resource_type: ResourceType::Cluster,
        pattern_type: PatternType::Literal,
        resource_name: "kafka-cluster".to_owned(),
        ..binding("User:b", AclOperation::IdempotentWrite)
    };
    let mut all = vec![
        binding("User:a", AclOperation::Read),
        deny,
        transactional,
        cluster_wide,
    ];
    all.sort();
    for _ in 0..2 {
        for (acl, result) in admin.create_acls(&all).await.unwrap() {
            result.unwrap_or_else(|error| panic!("{acl}: {error}"));
        }
        let told = eventually("all bindings", async || {
            match admin.describe_acls().await.unwrap() {
                AclFacts::Bindings(told) if told.len() == all.len() => Some(told),
                _ => None,
            }
        })
        .await;
        assert_eq!(told, all, "creating twice changes nothing");
    }
    let gone = binding("User:a", AclOperation::Read);
    let never = binding("User:never", AclOperation::Read);
    let deleted = admin
        .delete_acls(&[gone.clone(), never.clone()])
        .await
        .unwrap();
    assert!(*deleted[&gone].as_ref().unwrap());
    assert!(!*deleted[&never].as_ref().unwrap());

    // What a principal without rights is told.
    create(&client, &[new_topic("orders.eu", 1, &[])]).await;
    let properties = cluster.client_properties(Listener::SaslPlaintext, "orders");
    let poor = ferry_kafka::Client::connect(settings(&properties), Side::Target)
        .await
        .unwrap();
    let poor_admin = poor.admin();
    assert_eq!(
        poor_admin.describe_acls().await.unwrap(),
        AclFacts::NotAllowed
    );
    rights_are_told(&client, &poor).await;
    let created = poor_admin
        .create_topics(&[new_topic("new", 1, &[])], Mode::Apply)
        .await
        .unwrap();
    let problem = created[&topic("new")]
        .as_ref()
        .expect_err("no right")
        .problem();
    assert_eq!(problem.code.0, codes::NOT_AUTHORIZED, "{problem}");
    assert_eq!(
        problem.what,
        "target: the principal lacks CREATE on TOPIC new"
    );
    let offsets = poor_admin
        .committed_offsets(&GroupId::from("billing"), Stability::Latest)
        .await;
    let problem = offsets.expect_err("no right").problem();
    assert_eq!(
        problem.what,
        "target: the principal lacks DESCRIBE on GROUP billing"
    );
    let transactional = poor_admin.init_transactional_id("pay", 1_000).await;
    let problem = transactional.expect_err("no right").problem();
    assert!(
        problem.what.ends_with("on TRANSACTIONAL_ID pay"),
        "{problem}"
    );
    let sizes = poor_admin
        .partition_sizes()
        .await
        .expect_err("no right")
        .problem();
    assert_eq!(
        sizes.what,
        "target: the principal lacks DESCRIBE on CLUSTER kafka-cluster"
    );
    let described = poor_admin
        .describe_topics(&[topic("orders.eu")])
        .await
        .unwrap();
    let problem = described[&topic("orders.eu")]
        .as_ref()
        .expect_err("no right")
        .problem();
    assert_eq!(
        problem.what,
        "target: the principal lacks DESCRIBE on TOPIC orders.eu"
    );
}

/// One principal may do everything, and the other nothing until it is granted something.
async fn rights_are_told(rich: &Client, poor: &Client) {
    let orders = topic("orders.eu");
    let everything = rich.admin().topic_rights().await.unwrap()[&orders].expect("told");
    assert!(everything.allow(AclOperation::Read) && everything.allow(AclOperation::Alter));
    let cluster = rich.admin().cluster_rights().await.unwrap().expect("told");
    assert!(cluster.allow(AclOperation::Alter));
    let cluster = poor.admin().cluster_rights().await.unwrap().expect("told");
    assert!(!cluster.allow(AclOperation::Alter));
    assert!(
        poor.admin().topic_rights().await.unwrap().is_empty(),
        "hidden"
    );

    let grant = AclBinding {
        pattern_type: PatternType::Literal,
        resource_name: "orders.eu".to_owned(),
        ..binding("User:orders", AclOperation::Describe)
    };
    rich.admin()
        .create_acls(std::slice::from_ref(&grant))
        .await
        .unwrap();
    let granted = eventually("a right", async || {
        let rights = poor.admin().topic_rights().await.unwrap();
        rights.get(&orders).copied().flatten()
    })
    .await;
    assert_eq!(
        granted.missing(&[AclOperation::Describe, AclOperation::Read]),
        [AclOperation::Read]
    );
    rich.admin().delete_acls(&[grant]).await.unwrap();
    eventually("the right to be gone", async || {
        let rights = poor.admin().topic_rights().await.unwrap();
        rights.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn acls_and_missing_rights_on_the_newest_release() {
    acls_and_rights(KafkaVersion::V4_3).await;
}

#[tokio::test]
async fn acls_and_missing_rights_on_an_older_release() {
    acls_and_rights(KafkaVersion::V3_9).await;
}
