//! What is published agrees with what the code does.

use ferry_config::template::migration_yaml;
use ferry_config::{Configuration, MigrationName, codes, schema};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let path = docs().join("migration.schema.json");
    let text = format!("{:#}\n", schema::json_schema());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &text).expect("written");
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == text,
        "docs/migration.schema.json is old: run with UPDATE_EXPECT=1"
    );
}

/// The template as it stands, and with every line of settings that it comments out.
#[test]
fn the_template_of_ferry_init_is_right_also_with_its_comments_opened() {
    let name = MigrationName::parse("retail-emea").expect("legal");
    let text = migration_yaml(&name);
    let opened: String = text
        .lines()
        .filter(|line| {
            !line.starts_with("# ")
                || line.starts_with("# decisions")
                || line.starts_with("#   acl")
        })
        .filter(|line| !line.contains("properties: ./"))
        .map(|line| match line.trim_start().strip_prefix("# ") {
            Some(opened) => format!(
                "{}{opened}\n",
                &line[..line.len() - line.trim_start().len()]
            ),
            None => format!("{line}\n"),
        })
        .collect();
    assert!(opened.contains("\n  bandwidth: 200 MiB/s"), "{opened}");
    let validator = jsonschema::validator_for(&schema::json_schema()).expect("a schema");
    for text in [text, opened] {
        let configuration = Configuration::parse(text.as_bytes(), Path::new("migration.yaml"))
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(configuration.settings.name, name);
        let json = serde_json::to_value(&configuration.settings).expect("JSON");
        let faults: Vec<_> = validator
            .iter_errors(&json)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{json:#}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&schema::json_schema()).expect("a schema");
    let right = serde_json::json!({
        "migration": "m", "source": { "bootstrap.servers": "a" }, "target": { "profile": "confluent-cloud" },
        "plugins": { "topics": { "use": "ferry/topic-filter@1", "with": { "any": ["thing"] } } },
        "copy": { "offsets": "translate", "bandwidth": "200 MiB/s", "records": "10000/s", "time-zone": "+01:00",
            "hours": { "08:00-18:00": { "bandwidth": "none" } }, "brokers": { "each": { "records": "9/s" } },
            "guard": { "canary-latency": "3x", "throttle": "20 %" }, "groups": { "orders": { "offsets": "preserve" } } },
    });
    assert!(validator.is_valid(&right));
    for (pointer, value) in [
        ("/migration", serde_json::json!("A b")),
        ("/source", serde_json::json!({ "bootstrap.server": "a" })),
        ("/target/profile", serde_json::json!("cloud")),
        ("/plugins/topics/use", serde_json::json!("topic filter")),
        ("/copy/bandwidth", serde_json::json!("fast")),
        ("/copy/records", serde_json::json!("10000")),
        ("/copy/time-zone", serde_json::json!("CET")),
        (
            "/copy/hours/08:00-18:00/bandwidth",
            serde_json::json!("fast"),
        ),
        ("/copy/guard", serde_json::json!("of")),
        ("/copy/guard/throttle", serde_json::json!("20")),
        ("/copy/brokers", serde_json::json!({ "all": {} })),
        ("/copy/groups/orders", serde_json::json!({ "threads": 1 })),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).expect("there") = value;
        assert!(!validator.is_valid(&wrong), "{pointer}");
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<u16> = fs::read_dir(docs().join("errors"))
        .expect("docs/errors")
        .filter_map(|entry| {
            let name = entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("UTF-8");
            name.strip_prefix("FERRY-E")?
                .strip_suffix(".md")?
                .parse()
                .ok()
        })
        .filter(|code| *code < 100)
        .collect();
    assert_eq!(pages, codes::ALL.into_iter().collect());
    for code in codes::ALL {
        let page =
            fs::read_to_string(docs().join(format!("errors/FERRY-E{code:03}.md"))).expect("page");
        assert!(page.starts_with(&format!("# FERRY-E{code:03}: ")), "{code}");
        assert!(page.contains("\n## What to do\n"), "{code}");
    }
}
