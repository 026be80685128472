//! What a discovery does without rights, on a real server: it goes on where the snapshot can say
//! that something is not known, and fails with the right's name where a plan would be wrong.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use ferry_discover::{DiscoverError, DiscoverOptions, Progress, codes, discover};
use ferry_estate::rights;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::group::CommittedOffset;
use ferry_model::identity::Side;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::problem::{Explain as _, Problem};
use ferry_model::snapshot::{AclFacts, Snapshot};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeMap;
use std::sync::Mutex;

fn name(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

struct Bed {
    cluster: Cluster,
    admin: Client,
}

impl Bed {
    /// A cluster with two topics, one of them not empty, and a group.
    async fn new() -> Self {
        let cluster = Cluster::builder(KafkaVersion::V4_3)
            .name("discover-rights")
            .listener(Listener::SaslPlaintext)
            .authorizer(true)
            .super_user("admin", "of-all")
            .user("reader", "of-little")
            .start()
            .await
            .unwrap();
        let admin = Self::connect(&cluster, Side::Target, "admin").await;
        for topic in ["orders", "payments"] {
            let new = NewTopic {
                name: name(topic),
                partitions: 2,
                replication_factor: 1,
                configs: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
            };
            let created = admin
                .admin()
                .create_topics(&[new], Mode::Apply)
                .await
                .unwrap();
            created[&name(topic)].as_ref().unwrap();
        }
        // A transaction without records leaves its marker: something to sample.
        let producer = admin
            .admin()
            .init_transactional_id("once", 60_000)
            .await
            .unwrap();
        let partition = TopicPartition::new(name("orders"), 1);
        let partitions = std::slice::from_ref(&partition);
        let transaction = admin.admin();
        transaction
            .add_partitions_to_transaction("once", producer, partitions)
            .await
            .unwrap();
        let outcome = ferry_kafka::admin::transactions::Outcome::Abort;
        transaction
            .end_transaction("once", producer, outcome)
            .await
            .unwrap();
        let offset = CommittedOffset {
            partition,
            offset: 0,
            metadata: String::new(),
        };
        let group = GroupId::from("billing");
        admin
            .admin()
            .commit_offsets(&group, &[offset])
            .await
            .unwrap();
        Self { cluster, admin }
    }

    async fn connect(cluster: &Cluster, side: Side, user: &str) -> Client {
        let properties = cluster.client_properties(Listener::SaslPlaintext, user);
        Client::connect(ClientSettings::from_properties(&properties).unwrap(), side)
            .await
            .unwrap()
    }

    async fn grant(
        &self,
        resource_type: ResourceType,
        resource_name: &str,
        operations: &[AclOperation],
    ) {
        let binding = |operation: &AclOperation| AclBinding {
            resource_type,
            resource_name: resource_name.to_owned(),
            pattern_type: PatternType::Literal,
            principal: "User:reader".to_owned(),
            host: "*".to_owned(),
            operation: *operation,
            permission: PermissionType::Allow,
        };
        let bindings: Vec<_> = operations.iter().map(binding).collect();
        rights::grant(&self.admin, &bindings).await.unwrap();
    }

    /// What `reader` sees now, and what it is told.
    async fn discover(&self) -> (Result<Snapshot, DiscoverError>, Vec<Problem>) {
        let reader = Self::connect(&self.cluster, Side::Source, "reader").await;
        let notices = Mutex::new(Vec::new());
        let note = |event: Progress| {
            if let Progress::Notice(problem) = event {
                notices.lock().unwrap().push(problem);
            }
        };
        let options = DiscoverOptions::default();
        let snapshot = discover(&reader, &self.admin, &options, note).await;
        (snapshot, notices.into_inner().unwrap())
    }
}

fn codes_of(notices: &[Problem]) -> Vec<u16> {
    let mut codes: Vec<u16> = notices.iter().map(|problem| problem.code.0).collect();
    codes.sort_unstable();
    codes
}

/// Goal: each missing right shows in its own way. Method: one principal that gets one right after
/// the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_missing_right_is_told() {
    let bed = Bed::new().await;

    // Nothing at all: the cluster looks empty, and nothing can be said about that.
    let (snapshot, notices) = bed.discover().await;
    let snapshot = snapshot.unwrap();
    assert!(snapshot.source.topics.is_empty() && snapshot.source.groups.is_empty());
    assert_eq!(snapshot.source.acls, AclFacts::NotAllowed);
    assert_eq!(
        codes_of(&notices),
        [codes::SIZES_UNKNOWN, codes::ACLS_UNKNOWN]
    );
    assert_eq!(
        snapshot.target.topics.len(),
        4,
        "the admin sees everything on the other side"
    );

    bed.grant(ResourceType::Topic, "orders", &[AclOperation::Describe])
        .await;
    let (snapshot, _) = bed.discover().await;
    let error = snapshot.unwrap_err();
    let DiscoverError::Configs { topics, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*topics, [name("orders")]);
    let problem = error.problem();
    assert_eq!(problem.code.0, codes::CONFIGS_UNREADABLE);
    let cause = problem.cause.unwrap();
    assert!(
        cause.contains("lacks DESCRIBE_CONFIGS on TOPIC orders"),
        "{cause}"
    );

    // What can be told without READ is told, and where the shape is missing it is said why.
    bed.grant(
        ResourceType::Topic,
        "orders",
        &[AclOperation::DescribeConfigs],
    )
    .await;
    bed.grant(ResourceType::Group, "*", &[AclOperation::Describe])
        .await;
    let (snapshot, notices) = bed.discover().await;
    let snapshot = snapshot.unwrap();
    let expected = [
        codes::SIZES_UNKNOWN,
        codes::NOT_SAMPLED,
        codes::ACLS_UNKNOWN,
    ];
    assert_eq!(codes_of(&notices), expected);
    let not_sampled = notices
        .iter()
        .find(|p| p.code.0 == codes::NOT_SAMPLED)
        .unwrap();
    assert_eq!(not_sampled.details[0], "orders-1");
    let cause = not_sampled.cause.as_ref().unwrap();
    assert!(cause.contains("lacks READ on TOPIC orders"), "{cause}");
    assert_eq!(snapshot.source.topics.len(), 1);
    let orders = &snapshot.source.topics[&name("orders")];
    assert_eq!(orders.partitions[1].high_watermark, 1);
    assert_eq!(orders.partitions[1].size_bytes, None);
    assert_eq!(orders.partitions[1].shape.sampled_batches, 0);
    assert_eq!(snapshot.source.groups.len(), 1);

    // With the sizes comes the knowledge that something is hidden.
    bed.grant(ResourceType::Topic, "orders", &[AclOperation::Read])
        .await;
    bed.grant(
        ResourceType::Cluster,
        "kafka-cluster",
        &[AclOperation::Describe],
    )
    .await;
    let (snapshot, notices) = bed.discover().await;
    let snapshot = snapshot.unwrap();
    assert_eq!(codes_of(&notices), [codes::TOPICS_HIDDEN]);
    assert!(
        notices[0].details[0].contains("payments"),
        "{:?}",
        notices[0]
    );
    assert!(matches!(&snapshot.source.acls, AclFacts::Bindings(list) if list.len() == 5));
    let orders = &snapshot.source.topics[&name("orders")];
    assert!(orders.partitions[1].size_bytes.is_some());
    let shape = &orders.partitions[1].shape;
    assert!(shape.transactional && shape.sampled_batches == 1 && shape.sampled_records == 0);
}
