//! Clusters for an estate, and a reader of all that is in them.

// Each test file uses a part of it.
#![allow(dead_code)]

use ferry_estate::{BROKER_PROPERTIES, accounts};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A cluster with SASL_SSL and an authorizer, as the estate's source is.
pub(crate) async fn cluster(name: &str, version: KafkaVersion) -> Cluster {
    let admin = accounts::ADMIN;
    let mut builder = Cluster::builder(version)
        .name(name)
        .listener(Listener::SaslSsl)
        .authorizer(true)
        .super_user(admin.name, admin.password);
    let others = [accounts::FERRY_SOURCE, accounts::FERRY_TARGET];
    for account in accounts::APPLICATIONS.into_iter().chain(others) {
        builder = builder.user(account.name, account.password);
    }
    for (key, value) in BROKER_PROPERTIES {
        builder = builder.property(key, value);
    }
    builder.start().await.unwrap()
}

/// A client of the cluster as this user.
pub(crate) async fn connect(cluster: &Cluster, side: Side, account: accounts::Account) -> Client {
    let properties = cluster.client_properties(Listener::SaslSsl, account.name);
    let settings = ClientSettings::from_properties(&properties).unwrap();
    Client::connect(settings, side).await.unwrap()
}

/// One record as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Records by topic and partition.
pub(crate) type Contents = BTreeMap<(String, i32), Vec<Seen>>;

/// Reads these partitions from their beginning to their end.
pub(crate) fn read(
    settings: &ClientSettings,
    isolation: &str,
    partitions: &[(String, i32)],
) -> Contents {
    let mut config = ClientConfig::new();
    for (key, value) in settings.to_librdkafka() {
        config.set(key, value);
    }
    let consumer: BaseConsumer = config
        .set("group.id", "not-used")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation)
        .set("fetch.message.max.bytes", "4194304")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition_offset(topic, *partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut contents: Contents = partitions
        .iter()
        .map(|partition| (partition.clone(), Vec::new()))
        .collect();
    let mut open = partitions.len();
    let deadline = Instant::now() + Duration::from_secs(120);
    while open > 0 {
        assert!(
            Instant::now() < deadline,
            "{open} partitions did not end in time"
        );
        match consumer.poll(Duration::from_millis(200)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => panic!("{error}"),
            Some(Ok(record)) => {
                let partition = (record.topic().to_owned(), record.partition());
                let headers = record
                    .headers()
                    .into_iter()
                    .flat_map(|headers| headers.iter());
                let header = |header: rdkafka::message::Header<'_, &[u8]>| {
                    (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
                };
                contents.get_mut(&partition).unwrap().push(Seen {
                    offset: record.offset(),
                    timestamp_ms: record.timestamp().to_millis(),
                    key: record.key().map(<[u8]>::to_vec),
                    value: record.payload().map(<[u8]>::to_vec),
                    headers: headers.map(header).collect(),
                });
            }
        }
    }
    contents
}
