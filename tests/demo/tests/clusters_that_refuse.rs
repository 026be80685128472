//! Clusters that refuse, and clusters that have moved since the plan was made.

mod support;

use ferry_demo::{Ferry, Stage, StageOptions, operator};
use ferry_estate::{EstateOptions, accounts, rights};
use ferry_kafka::Client;
use ferry_kafka::admin::configs::{ConfigChange, ConfigResource};
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_model::acl::{AclBinding, AclOperation, ResourceType};
use ferry_model::name::TopicName;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a cluster that refuses may keep an operator waiting.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a change of rights may take to reach every broker.
const RIGHTS_LIMIT: Duration = Duration::from_secs(30);

/// Each way in which a cluster can refuse is told in one line with the setting to change; a right
/// that is missing is named; a world that has moved is refused, with what moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_name_their_cause_and_a_moved_world_stops_apply() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("refusals");
    let options = StageOptions {
        name: "refusals".to_owned(),
        estate: EstateOptions::small(),
        folder: folder.clone(),
        properties: Vec::new(),
        copy: Vec::new(),
    };
    let mut stage = Stage::set(options, |line| println!("{line}"))
        .await
        .expect("the stage is set");
    stage.stop_applications();
    let ferry = Ferry::beside_this_program(&folder).expect("ferry is built");

    connections(&ferry).await;
    a_missing_right(&stage, &ferry).await;
    a_moved_world(&stage, &ferry).await;
}

/// Wrong password, wrong authority, wrong protocol, nobody there, and somebody who never answers.
async fn connections(ferry: &Ferry) {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address").to_string();
    let bootstrap = property(ferry, "migration.yaml", "bootstrap.servers: \"");
    let cases: [(&str, &str, String, &[&str]); 5] = [
        (
            "source.properties",
            accounts::FERRY_SOURCE.password,
            "wrong".to_owned(),
            &["refused the password", "sasl.jaas.config"],
        ),
        (
            "source.properties",
            "security.protocol=SASL_SSL",
            "security.protocol=SASL_PLAINTEXT".to_owned(),
            &["answered by TLS", "security.protocol"],
        ),
        (
            "source.properties",
            &property(ferry, "source.properties", "ssl.truststore.location="),
            property(ferry, "migration.yaml", "ssl.truststore.location: \""),
            &["unknown authority", "ssl.truststore.location"],
        ),
        (
            "migration.yaml",
            &bootstrap,
            "127.0.0.1:1".to_owned(),
            &["nothing listens", "bootstrap.servers"],
        ),
        (
            "migration.yaml",
            &bootstrap,
            silent,
            &["no answer within", "firewall"],
        ),
    ];
    for (file, from, to, words) in cases {
        let path = ferry.folder().join(file);
        let right = std::fs::read_to_string(&path).expect("readable");
        assert!(right.contains(from), "{file} has no {from}");
        std::fs::write(&path, right.replacen(from, &to, 1)).expect("written");
        for verb in ["plan", "check"] {
            let began = Instant::now();
            let run = ferry.run(&[verb]).await.expect("runs");
            let took = began.elapsed();
            let said = format!("{}{}", run.out, run.narration);
            assert_eq!(run.code, Some(1), "{words:?}: {said}");
            assert!(took < ANSWER_LIMIT, "{words:?} after {took:?}");
            for word in words {
                assert!(said.contains(word), "{word} is not in: {said}");
            }
            assert!(!said.contains(accounts::FERRY_SOURCE.password), "{said}");
        }
        std::fs::write(&path, right).expect("written");
    }
    let run = ferry.run(&["check"]).await.expect("runs");
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.narration);
}

/// The first value that follows `before` in a file of the project.
fn property(ferry: &Ferry, file: &str, before: &str) -> String {
    let text = std::fs::read_to_string(ferry.folder().join(file)).expect("readable");
    let (_, rest) = text.split_once(before).expect("there");
    let end = rest.find(['"', '\n']).unwrap_or(rest.len());
    rest[..end].to_owned()
}

/// Rights are taken from Ferry's principals one by one.
async fn a_missing_right(stage: &Stage, ferry: &Ferry) {
    let reader = rights::source(&accounts::FERRY_SOURCE.principal());
    let mover = rights::target(&accounts::FERRY_TARGET.principal());
    use AclOperation::{Alter, Create, Describe, DescribeConfigs, Read};
    use ResourceType::{Cluster, Group, Topic};
    let (source, target) = (&stage.source, &stage.target);
    let cases = [
        (
            source,
            &reader,
            Topic,
            Read,
            "source.topics",
            "lacks READ on TOPIC",
        ),
        (
            source,
            &reader,
            Topic,
            DescribeConfigs,
            "source.topics",
            "DESCRIBE_CONFIGS on TOPIC",
        ),
        (
            source,
            &reader,
            Group,
            Describe,
            "source.groups",
            "DESCRIBE on GROUP",
        ),
        (
            target,
            &mover,
            Topic,
            Create,
            "target.create",
            "CREATE on TOPIC",
        ),
        (
            target,
            &mover,
            Cluster,
            Alter,
            "target.acls",
            "ALTER on CLUSTER",
        ),
    ];
    // ALTER includes DESCRIBE: without it the lists are to stay readable.
    let describe: Vec<_> = mover
        .iter()
        .filter(|right| right.resource_type == Cluster && right.operation == Alter)
        .cloned()
        .map(|right| AclBinding {
            operation: Describe,
            ..right
        })
        .collect();
    rights::grant(target, &describe).await.expect("granted");
    for (cluster, granted, resource, operation, check, word) in cases {
        let taken: Vec<_> = granted
            .iter()
            .filter(|right| right.resource_type == resource && right.operation == operation)
            .cloned()
            .collect();
        assert!(!taken.is_empty(), "{check}");
        cluster.admin().delete_acls(&taken).await.expect("taken");
        let said = until(ferry, |said| {
            said.lines()
                .any(|line| line.starts_with("FAILED") && line.contains(check))
        })
        .await;
        assert!(said.contains(word), "{said}");
        rights::grant(cluster, &taken).await.expect("granted");
        until(ferry, |said| !said.contains("FAILED")).await;
    }
}

/// Runs `ferry check` until what it says is as wanted.
async fn until(ferry: &Ferry, wanted: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let run = ferry.run(&["check"]).await.expect("runs");
        let said = format!("{}{}", run.out, run.narration);
        if wanted(&said) {
            return said;
        }
        assert!(began.elapsed() < RIGHTS_LIMIT, "{said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A topic appears at the target under a name that is planned; a setting of the source changes. Both
/// stop `apply` before it begins, and the second stops it until the plan is made anew. A topic that
/// is new at the source, or has grown there, is only told.
async fn a_moved_world(stage: &Stage, ferry: &Ferry) {
    let plan = planned(ferry).await;
    let orders = TopicName::parse("OrdersEU").expect("legal");
    create(&stage.target, &orders).await;
    refused(stage, ferry, &plan).await;
    let deleted = stage
        .target
        .admin()
        .delete_topics(std::slice::from_ref(&orders))
        .await;
    for result in deleted.expect("answered").into_values() {
        result.expect("deleted");
    }

    let longer = ConfigChange::Set {
        name: "segment.ms".to_owned(),
        value: "86400000".to_owned(),
    };
    let changes = [(ConfigResource::Topic(orders.clone()), vec![longer])].into();
    let changed = stage
        .source
        .admin()
        .alter_configs(&changes, Mode::Apply)
        .await;
    for (_, result) in changed {
        result.expect("changed");
    }
    refused(stage, ferry, &plan).await;

    let plan = planned(ferry).await;
    let grown = [(orders, 5)];
    let grown = stage
        .source
        .admin()
        .create_partitions(&grown, Mode::Apply)
        .await;
    for result in grown.expect("answered").into_values() {
        result.expect("grown");
    }
    let new = TopicName::parse("new-at-the-source").expect("legal");
    create(&stage.source, &new).await;
    let apply = ["apply", &plan, "--expire-unread"];
    let run = ferry.run(&apply).await.expect("runs");
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.narration);
    assert!(
        run.narration.contains("new-at-the-source is new"),
        "{}",
        run.narration
    );
    assert!(
        run.narration
            .contains("OrdersEU has 5 partitions instead of 3"),
        "{}",
        run.narration
    );
}

async fn planned(ferry: &Ferry) -> String {
    let plan = operator::plan(ferry, |_| ()).await;
    plan.expect("a plan").display().to_string()
}

async fn create(cluster: &Client, name: &TopicName) {
    let topic = NewTopic {
        name: name.clone(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    let created = cluster.admin().create_topics(&[topic], Mode::Apply).await;
    for result in created.expect("answered").into_values() {
        result.expect("created");
    }
}

/// `apply` refuses `plan`, names OrdersEU, and begins nothing.
async fn refused(stage: &Stage, ferry: &Ferry, plan: &str) {
    let run = ferry.run(&["apply", plan]).await.expect("runs");
    assert_eq!(run.code, Some(5), "{}{}", run.out, run.narration);
    assert!(run.narration.contains("OrdersEU"), "{}", run.narration);
    let topics = stage.target.admin().list_topics().await.expect("listed");
    let begun = topics
        .iter()
        .any(|topic| topic.name.as_str().starts_with("ferry-"));
    assert!(!begun, "nothing was begun");
}
