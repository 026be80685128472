//! One migration from its plan to its rollback, with everything that may come between.

mod support;

use ferry_demo::{Ferry, Stage, StageOptions, operator};
use ferry_estate::{EstateOptions, accounts};
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::group::CommittedOffset;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::offset::grouped;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a condition may take to come true.
const LIMIT: Duration = Duration::from_secs(60);

/// A migration is refused while decisions are open, held against a second process, stopped by
/// Ctrl-C, resumed, left with an active group, finished, done again to no effect, spoilt by a
/// stranger's record, found out, mended, reported and rolled back: and in the end both clusters are
/// as they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_lives_from_plan_to_rollback_and_leaves_nothing_behind() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("whole-life");
    let options = StageOptions {
        name: "whole-life".to_owned(),
        estate: EstateOptions::small(),
        folder: folder.clone(),
        properties: Vec::new(),
        copy: vec![
            "bandwidth: 2 MiB/s".to_owned(),
            "filler-key: ferry-filler".to_owned(),
        ],
    };
    let mut stage = Stage::set(options, |line| println!("{line}"))
        .await
        .expect("the stage is set");
    strangers(&stage).await;
    let ferry = Ferry::beside_this_program(&folder).expect("ferry is built");
    let before = world(&ferry, "before.json").await;

    let open = run(&ferry, &["plan"], 0).await;
    let [undecided] = &plans(&folder)[..] else {
        panic!("one plan: {open}");
    };
    let refused = run(&ferry, &["apply", &undecided.display().to_string()], 3).await;
    assert!(refused.contains("acl-"), "{refused}");

    let plan = operator::plan(&ferry, |line| println!("{line}")).await;
    let plan = plan.expect("a plan").display().to_string();
    let apply = ["apply", plan.as_str()];
    interrupted(&ferry, &apply).await;

    // Topics of the source grow: one between two runs, one while the copy is under way.
    let mut new = vec![grown(&stage, "customer.events").await];
    let waiting = ferry.start(&apply).expect("starts");
    until_it_says(&ferry, "copy").await;
    new.push(grown(&stage, "clicks.raw").await);
    let source = &world(&ferry, "grown.json").await["source"];
    let waiting = ended(&ferry, waiting, 7).await;
    assert!(waiting.contains("orders-dashboard"), "{waiting}");
    stage.stop_applications();
    run(&ferry, &apply, 0).await;

    let standing = run(&ferry, &["status", "--partitions"], 0).await;
    assert!(standing.contains("worker 1/1  stopped"), "{standing}");
    let lines = standing.lines().filter(|line| line.ends_with("  kept"));
    assert!(lines.count() > 10, "{standing}");
    let done = world(&ferry, "done.json").await;
    assert_eq!(&done["source"], source, "the source is only read");
    for place in &new {
        assert!(standing.contains(&place.to_string()), "{place}: {standing}");
        let copied = support::read(&stage.target, std::slice::from_ref(place));
        assert_eq!(copied[place].len(), 1, "{place}");
    }
    final_settings(&done);
    let again = run(&ferry, &apply, 0).await;
    assert!(again.contains("was finished before"), "{again}");
    assert_eq!(world(&ferry, "again.json").await, done);
    run(&ferry, &["verify"], 0).await;
    fillers_are_gone(&folder);

    // Somebody writes to a topic of the target before the cutover.
    let place = filled(&done["target"]);
    let end = support::append(&stage.target, &place, "a stranger's");
    let different = run(&ferry, &["verify"], 4).await;
    assert!(different.contains(&place.to_string()), "{different}");
    assert!(
        different.contains(&format!("target {}", grouped(end))),
        "{end}: {different}"
    );
    let topic = place.topic.to_string();
    run(&ferry, &["copy", "recopy", &topic, "--yes"], 0).await;
    run(&ferry, &["verify"], 0).await;
    run(&ferry, &apply, 0).await;
    final_settings(&world(&ferry, "mended.json").await);
    run(&ferry, &["report"], 0).await;

    run(&ferry, &["rollback", "--dry-run"], 0).await;
    run(&ferry, &["rollback", "--yes"], 0).await;
    let after = world(&ferry, "after.json").await;
    assert_eq!(&after["source"], source);
    assert_eq!(after["target"], before["target"], "nothing is left behind");
    no_secret_in(&folder);
}

/// Compacted topics kept their offsets, and of all fillers their cleaner has left at most the last of
/// each partition.
fn fillers_are_gone(folder: &Path) {
    let path = folder.join(".ferry/demo/verification.json");
    let result: Value =
        serde_json::from_slice(&std::fs::read(path).expect("is there")).expect("is JSON");
    let partitions = result["partitions"].as_array().expect("a list");
    let compacted = |partition: &&Value| {
        let name = partition["source"].as_str().unwrap_or_default();
        name.starts_with("pricing_table-")
    };
    let compacted: Vec<_> = partitions.iter().filter(compacted).collect();
    assert!(!compacted.is_empty(), "{result}");
    for partition in compacted {
        assert!(
            partition["fillers"].as_u64().is_some_and(|left| left <= 1),
            "{partition}"
        );
        // The marker that closed its last segment is all that it has beside the source's offsets.
        let end = |side: &str| partition[side][1].as_i64();
        assert_eq!(
            end("target_range"),
            end("source_range").map(|end| end + 1),
            "{partition}"
        );
    }
}

/// Starts `apply`, lets a second one be refused while it copies, and stops it as Ctrl-C does.
async fn interrupted(ferry: &Ferry, apply: &[&str]) {
    let mut child = ferry.start(apply).expect("starts");
    let process = child.id().expect("it runs").to_string();
    until_it_says(ferry, "lag").await;
    let second = run(ferry, apply, 6).await;
    assert!(second.contains(&process), "who holds it: {second}");
    let kill = tokio::process::Command::new("kill")
        .args(["-INT", &process])
        .status();
    assert!(kill.await.expect("kill runs").success());
    let code = child.wait().await.expect("ends").code();
    assert_eq!(code, Some(130), "{}", ferry.said());
}

async fn until_it_says(ferry: &Ferry, word: &str) {
    let began = std::time::Instant::now();
    while !ferry.said().contains(word) {
        assert!(began.elapsed() < LIMIT, "no {word}: {}", ferry.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a command said that was started and has to end with `code`.
async fn ended(ferry: &Ferry, mut child: tokio::process::Child, code: i32) -> String {
    let ended = tokio::time::timeout(LIMIT, child.wait()).await;
    let ended = ended.expect("in time").expect("it is awaited").code();
    assert_eq!(ended, Some(code), "{}", ferry.said());
    ferry.said()
}

/// Gives a topic of the source one more partition with one record in it.
async fn grown(stage: &Stage, topic: &str) -> TopicPartition {
    let name = TopicName::parse(topic).expect("legal");
    let admin = stage.source.admin();
    let described = admin.describe_topics(std::slice::from_ref(&name)).await;
    let described = described.expect("answers").remove(&name).expect("told");
    let count = i32::try_from(described.expect("is there").partitions.len()).expect("few");
    let totals = [(name.clone(), count + 1)];
    for result in admin
        .create_partitions(&totals, Mode::Apply)
        .await
        .expect("answers")
        .into_values()
    {
        result.expect("grows");
    }
    let place = TopicPartition::new(name, count);
    support::append(&stage.source, &place, "of a new partition");
    place
}

/// Things at the target that are not Ferry's.
async fn strangers(stage: &Stage) {
    let name = TopicName::parse("strangers-own").expect("legal");
    let admin = stage.target.admin();
    let topic = NewTopic {
        name: name.clone(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::from([("retention.ms".to_owned(), "86400000".to_owned())]),
    };
    let created = admin.create_topics(&[topic], Mode::Apply).await;
    for result in created.expect("answered").into_values() {
        result.expect("created");
    }
    let place = TopicPartition::new(name, 0);
    support::append(&stage.target, &place, "a record");
    let offset = CommittedOffset {
        partition: place,
        offset: 1,
        metadata: "kept".to_owned(),
    };
    let group = GroupId("strangers".to_owned());
    let committed = admin.commit_offsets(&group, &[offset]).await;
    for result in committed.expect("answered").into_values() {
        result.expect("committed");
    }
    let binding = AclBinding {
        resource_type: ResourceType::Topic,
        resource_name: "strangers-own".to_owned(),
        pattern_type: PatternType::Literal,
        principal: "User:stranger".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::Read,
        permission: PermissionType::Allow,
    };
    let created = admin.create_acls(&[binding]).await.expect("answered");
    for result in created.into_values() {
        result.expect("created");
    }
}

/// Runs `ferry` and returns all that it said.
async fn run(ferry: &Ferry, arguments: &[&str], code: i32) -> String {
    let run = ferry.run(arguments).await.expect("runs");
    let said = format!("{}\n{}", run.out, run.narration);
    assert_eq!(run.code, Some(code), "ferry {arguments:?}\n{said}");
    no_secret(&said, "the output");
    said
}

/// Both clusters as `ferry discover` sees them, without what moves by itself.
async fn world(ferry: &Ferry, file: &str) -> Value {
    run(ferry, &["discover", "--save", file], 0).await;
    let text = std::fs::read_to_string(ferry.folder().join(file)).expect("saved");
    let mut world: Value = serde_json::from_str(&text).expect("JSON");
    world
        .as_object_mut()
        .expect("an object")
        .remove("taken_at_ms");
    for side in ["source", "target"] {
        let cluster = world[side].as_object_mut().expect("a cluster");
        cluster.remove("round_trip_us");
        let topics = cluster["topics"].as_object_mut().expect("topics");
        topics.retain(|name, _| !name.starts_with("__consumer") && !name.starts_with("__trans"));
        for topic in topics.values_mut() {
            for partition in topic["partitions"].as_array_mut().expect("partitions") {
                let partition = partition.as_object_mut().expect("a partition");
                // What a sample saw depends on the moment, and a log's size on the cleaner.
                partition.remove("shape");
                partition.remove("size_bytes");
            }
        }
        // Members come and go while an application runs, and it commits.
        let groups = cluster["groups"].as_object_mut().expect("groups");
        groups.remove("orders-dashboard");
    }
    world
}

/// Every topic that moved has the settings of the source, and none of the copy: the names are the same
/// on both sides.
fn final_settings(world: &Value) {
    let topics = |side: &str| world[side]["topics"].as_object().expect("topics").clone();
    let source = topics("source");
    let mut compared = 0;
    for (name, topic) in topics("target") {
        let Some(wanted) = source.get(&name) else {
            continue;
        };
        compared += 1;
        for key in [
            "retention.ms",
            "retention.bytes",
            "cleanup.policy",
            "compression.type",
            "message.timestamp.type",
            "max.message.bytes",
        ] {
            let (found, wanted) = (&topic["configs"][key], &wanted["configs"][key]);
            assert_eq!(found, wanted, "{key} of {name}");
        }
    }
    assert!(compared > 10, "{compared} topics");
}

/// A partition of the target that holds records, of a topic that is not compacted.
fn filled(target: &Value) -> TopicPartition {
    let topics = target["topics"].as_object().expect("topics");
    let (name, _) = topics
        .iter()
        .find(|(name, topic)| {
            let compacted = topic["configs"]["cleanup.policy"].as_str() == Some("compact");
            let first = &topic["partitions"][0];
            let held = first["high_watermark"].as_i64() > first["log_start_offset"].as_i64();
            !compacted && held && name.as_str() != "strangers-own"
        })
        .expect("one of them holds records");
    TopicPartition::new(TopicName::parse(name).expect("legal"), 0)
}

fn plans(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_plan = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("plan-")
    };
    paths.filter(is_plan).collect()
}

fn no_secret(text: &str, place: &str) {
    for account in [
        accounts::FERRY_SOURCE,
        accounts::FERRY_TARGET,
        accounts::ADMIN,
    ] {
        assert!(!text.contains(account.password), "a password in {place}");
    }
}

/// No file that Ferry wrote holds a password.
fn no_secret_in(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            no_secret_in(&path);
        } else if path
            .extension()
            .is_none_or(|extension| extension != "properties")
        {
            let text = std::fs::read(&path).expect("readable");
            no_secret(&String::from_utf8_lossy(&text), &path.display().to_string());
        }
    }
}
