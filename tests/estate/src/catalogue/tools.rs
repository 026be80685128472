//! Topics that belong to tools, and garbage. What it is called is what such topics are called.

use super::{Fixed, Load, Records, TopicSpec};
use crate::content::{Age, Content, Headers, Keys};
use crate::options::EstateOptions;
use crate::report::Trait;
use crate::writer::{Batches, Codec};

pub(super) fn topics(options: &EstateOptions) -> Vec<TopicSpec> {
    let mut topics = connect(
        ["connect-configs", "connect-offsets", "connect-status"],
        &["s3-sink", "orders-jdbc-source"],
    );
    // A second cluster whose settings give names that say nothing.
    topics.extend(connect(
        ["etl-settings", "etl-positions", "etl-states"],
        &["warehouse-loader"],
    ));
    topics.push(schemas());
    topics.extend(mirrors());
    topics.push(noise(options, "__amazon_msk_canary", "Amazon MSK", 300));
    topics.push(noise(options, "tmp-load-1", "garbage", 20_000));
    topics.push(noise(options, "test123", "garbage", 40));
    topics.push(noise(options, "optr-sync", "operator", 2_000));
    topics
}

fn fixed(key: impl Into<String>, value: impl Into<String>) -> Fixed {
    Fixed {
        partition: 0,
        key: Some(key.into()),
        value: Some(value.into()),
    }
}

/// The three topics of a Connect cluster with these connectors
/// (Apache Kafka, `KafkaConfigBackingStore`, `KafkaStatusBackingStore`).
fn connect([configs, offsets, status]: [&str; 3], connectors: &[&str]) -> Vec<TopicSpec> {
    let compacted = |name: &str, partitions, load| {
        TopicSpec::new(name, "Connect", partitions, load).config("cleanup.policy", "compact")
    };
    let mut settings = vec![fixed(
        "session-key",
        r#"{"key":"bm90LWEta2V5","algorithm":"HmacSHA256","creation-timestamp":1700000000000}"#,
    )];
    let mut positions = Vec::new();
    let mut states = Vec::new();
    for (connector, partition) in connectors.iter().zip(0..) {
        let properties = format!(
            r#"{{"properties":{{"name":"{connector}","connector.class":"org.example.Connector","tasks.max":"2","topics":"ord.eu.created,OrdersEU"}}}}"#
        );
        settings.push(fixed(format!("connector-{connector}"), properties));
        for task in 0..2 {
            let properties = r#"{"properties":{"task.class":"org.example.Task"}}"#;
            settings.push(fixed(format!("task-{connector}-{task}"), properties));
            let state =
                r#"{"state":"RUNNING","trace":null,"worker_id":"10.0.0.7:8083","generation":4}"#;
            states.push(fixed(format!("status-task-{connector}-{task}"), state));
        }
        settings.push(fixed(format!("commit-{connector}"), r#"{"tasks":2}"#));
        settings.push(fixed(
            format!("target-state-{connector}"),
            r#"{"state":"STARTED"}"#,
        ));
        let state =
            r#"{"state":"RUNNING","trace":null,"worker_id":"10.0.0.7:8083","generation":4}"#;
        states.push(fixed(format!("status-connector-{connector}"), state));
        for table in ["orders", "customers"] {
            positions.push(Fixed {
                partition,
                ..fixed(
                    format!(r#"["{connector}",{{"protocol":"1","table":"{table}"}}]"#),
                    r#"{"incrementing":88120}"#,
                )
            });
        }
    }
    vec![
        compacted(configs, 1, Load::Fixed(settings)),
        compacted(offsets, 5, Load::Fixed(positions)),
        compacted(status, 3, Load::Fixed(states)),
    ]
}

/// What Schema Registry keeps (`SchemaRegistryKey`, `SchemaValue`).
fn schemas() -> TopicSpec {
    let mut records = vec![fixed(r#"{"keytype":"NOOP","magic":0}"#, "")];
    records[0].value = None;
    for (subject, id) in [
        "ord.eu.created-value",
        "OrdersEU-value",
        "payments.captured.v2-value",
    ]
    .into_iter()
    .zip(1..)
    {
        records.push(fixed(
            format!(r#"{{"keytype":"SCHEMA","subject":"{subject}","version":1,"magic":1}}"#),
            format!(r#"{{"subject":"{subject}","version":1,"id":{id},"schema":"\"string\"","deleted":false}}"#),
        ));
    }
    TopicSpec::new("_schemas", "Schema Registry", 1, Load::Fixed(records))
        .config("cleanup.policy", "compact")
}

/// What an earlier attempt with MirrorMaker 2 left behind.
fn mirrors() -> Vec<TopicSpec> {
    let syncs = (0..20).map(|number| fixed(format!("sync {number}"), format!("{}", number * 100)));
    let topic = |name, partitions, load| TopicSpec::new(name, "MirrorMaker 2", partitions, load);
    vec![
        topic("__mm2_offset_syncs", 1, Load::Fixed(syncs.collect()))
            .config("cleanup.policy", "compact"),
        topic("mm2-configs.onprem.internal", 1, Load::Nothing)
            .config("cleanup.policy", "compact")
            .with(&[Trait::NeverWritten]),
        topic(
            "onprem.checkpoints.internal",
            1,
            Load::Fixed(vec![fixed("group", "17")]),
        )
        .config("cleanup.policy", "compact"),
    ]
}

/// A topic with one partition of records that nobody misses.
fn noise(
    options: &EstateOptions,
    name: &str,
    family: &'static str,
    per_partition: u32,
) -> TopicSpec {
    let load = Load::Records(Records {
        per_partition: options.scaled(per_partition, 20),
        codecs: &[Codec::None],
        batches: Batches::Small,
        content: Content {
            keys: Keys::Null,
            headers: Headers::None,
            value_bytes: (60, 160),
            null_every: 0,
        },
        age: Age {
            from_hours: 100,
            to_hours: 1,
        },
        one_batch: false,
    });
    TopicSpec::new(name, family, 1, load).with(&[Trait::NullKeys])
}
