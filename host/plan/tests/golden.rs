//! The printed plan, compared with files in `golden/`. `UPDATE_EXPECT=1 cargo test -p ferry-plan`
//! writes them anew.

mod support;

use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType};
use ferry_model::decision::{AclDecision, TopicDecision};
use ferry_model::group::GroupState;
use ferry_model::snapshot::{AclFacts, Snapshot};
use ferry_plan::render::{Show, table};
use ferry_plan::{Circumstances, Plan, SampledRate, plan_under};
use std::path::Path;
use support::*;

/// A small retail company.
fn world() -> Snapshot {
    let mut topics = Vec::new();
    for number in 1..=6 {
        topics.push(topic(
            &format!("ord.eu.{number}"),
            vec![partition(0, 0, 1_000), partition(1, 250, 2_000)],
        ));
        topics.push(topic(&format!("optr-{number}"), vec![partition(0, 0, 77)]));
    }
    let mut table = topic("price-table", vec![partition(0, 0, 5_000_000)]);
    table
        .configs
        .insert("cleanup.policy".into(), "compact".into());
    table
        .configs
        .insert("message.format.version".into(), "2.8".into());
    topics.push(table);
    let mut payments = partition(0, 0, 40_000);
    payments.shape.transactional = true;
    let mut old = partition(1, 0, 900);
    old.shape.oldest_timestamp_ms = Some(NOW_MS - 90 * DAY_MS);
    old.size_bytes = None;
    topics.push(topic("payments", vec![payments, old]));
    let mut offsets = topic("__consumer_offsets", vec![partition(0, 0, 9)]);
    offsets.internal = Some("consumer offsets".into());
    let mut schemas = topic("_schemas", vec![partition(0, 0, 9)]);
    schemas.internal = Some("Schema Registry".into());
    let mut configs = topic("connect-configs", vec![partition(0, 0, 9)]);
    configs.internal = Some("Connect configurations of cluster x".into());
    topics.extend([offsets, schemas, configs]);
    let mut world = with_groups(
        snapshot(topics),
        vec![
            group(
                "billing",
                GroupState::Empty,
                &[("ord.eu.1", 0, 900), ("payments", 0, 12)],
            ),
            group(
                "billing-2",
                GroupState::Active("Stable".into()),
                &[("ord.eu.1", 0, 900)],
            ),
            group(
                "evil\u{1b}[2J\u{202e}name",
                GroupState::Empty,
                &[("ord.eu.2", 0, 3)],
            ),
            group("console-consumer-1", GroupState::Empty, &[]),
        ],
    );
    let everybody = binding("User:*", "*", |b| b.operation = AclOperation::Describe);
    let prefixed = binding("User:orders", "ord.", |b| {
        b.pattern_type = PatternType::Prefixed;
    });
    let deny = binding("User:pay\u{7}ments", "payments", |b| {
        b.permission = PermissionType::Deny;
    });
    world.source.acls = AclFacts::Bindings(vec![everybody, prefixed, deny]);
    let foreign = topic("foreign", vec![partition(0, 0, 3)]);
    world.target.topics.insert(foreign.name.clone(), foreign);
    let pay = binding("User:pay\u{7}ments", "retail.payments", |b| {
        b.permission = PermissionType::Deny;
    });
    world.target.acls = AclFacts::Bindings(vec![pay]);
    world
}

fn planned() -> Plan {
    let mut rules = Rules {
        topics: Box::new(|topic| match topic.name.as_str() {
            name if name.starts_with("optr") => TopicDecision {
                keep: false,
                reason: "excluded by rule 1: optr*".into(),
                group: None,
            },
            name if name.starts_with("ord.") => TopicDecision {
                group: Some("orders".into()),
                ..kept("kept by default")
            },
            "_schemas" => TopicDecision {
                keep: false,
                ..kept("internal")
            },
            _ => kept("kept by default"),
        }),
        acls: Box::new(|question| AclDecision {
            bindings: question
                .renamed
                .iter()
                .map(|name| AclBinding {
                    resource_name: name.clone(),
                    ..question.binding.clone()
                })
                .collect(),
            reason: "as at the source".into(),
            undecided: None,
        }),
        ..Rules::prefixing("retail.")
    };
    let circumstances = Circumstances {
        sample: Some(SampledRate {
            bytes_per_second_low: 700_000,
            bytes_per_second_high: 900_000,
            duration_ms: 30_000,
        }),
        ..Circumstances::default()
    };
    let configuration = configuration("copy: { bandwidth: 200 MiB/s }");
    plan_under(&configuration, &world(), &circumstances, &mut rules).expect("a plan")
}

fn check(name: &str, show: Show) {
    let text = table(&planned(), 100, show);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} is old; now:\n{text}", path.display());
}

#[test]
fn the_summary_is_as_blessed() {
    check("summary", Show::Summary);
}

#[test]
fn the_topics_are_as_blessed() {
    check("topics", Show::Topics);
}

#[test]
fn the_groups_are_as_blessed() {
    check("groups", Show::Groups);
}

#[test]
fn the_access_control_lists_are_as_blessed() {
    check("acls", Show::Acls);
}

#[test]
fn the_decisions_are_as_blessed() {
    check("decisions", Show::Decisions);
}

#[test]
fn the_settings_are_as_blessed() {
    check("settings", Show::Settings);
}

#[test]
fn everything_holds_every_part_and_narrow_terminals_get_all_of_it() {
    let plan = planned();
    let all = table(&plan, 100, Show::All);
    for show in [
        Show::Summary,
        Show::Topics,
        Show::Groups,
        Show::Acls,
        Show::Decisions,
        Show::Settings,
    ] {
        assert!(all.contains(&table(&plan, 100, show)), "{show:?}");
    }
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let narrow = table(&plan, 60, Show::Topics);
    assert_eq!(
        letters(&narrow),
        letters(&table(&plan, 400, Show::Topics)),
        "nothing is cut off"
    );
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 60),
        "{narrow}"
    );
}
