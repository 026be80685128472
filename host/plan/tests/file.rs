//! A plan survives its file, and nothing else passes for it.

mod support;

use ferry_model::problem::Explain;
use ferry_plan::{Plan, PlanFile, plan};
use std::path::Path;
use support::*;

fn planned() -> Plan {
    let world = with_groups(
        snapshot(vec![
            topic("a", vec![partition(0, 3, 9)]),
            topic("b", vec![partition(0, 0, 0)]),
        ]),
        vec![group(
            "g",
            ferry_model::group::GroupState::Empty,
            &[("a", 0, 5)],
        )],
    );
    plan(&configuration(""), &world, &mut Rules::default()).expect("a plan")
}

fn refused(text: &str) -> String {
    PlanFile::parse(text.as_bytes(), Path::new("plan.json"))
        .expect_err("refused")
        .problem()
        .to_string()
}

#[test]
fn a_saved_plan_is_read_back_as_it_was() {
    let folder = tempfile::tempdir().expect("folder");
    let file = PlanFile::new(planned()).expect("JSON");
    let path = file.save(folder.path()).expect("saved");
    let name = format!("plan-{}.json", file.digest.short());
    assert_eq!(path, folder.path().join(&name));
    assert_eq!(PlanFile::load(&path).expect("loaded"), file);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("folder").collect();
    assert_eq!(left.len(), 1, "no unfinished file is left");
    assert_eq!(file.save(folder.path()).expect("saved again"), path);
}

#[test]
fn a_plan_edited_by_hand_is_refused() {
    let text = PlanFile::new(planned())
        .expect("JSON")
        .to_text()
        .expect("text");
    for (from, to) in [
        ("\"target\":\"a\"", "\"target\":\"z\""),
        ("\"pad\":3", "\"pad\":0"),
        ("\"notes\":[]", "\"notes\":[],\"surprise\":1"),
        (
            "\"retention.ms\":\"-1\"",
            "\"retention.ms\":\"-1\",\"segment.ms\":\"1\"",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let problem = refused(&text.replace(from, to));
        assert!(
            problem.starts_with("error[FERRY-E362]: plan.json was changed after it was made"),
            "{problem}"
        );
    }
}

#[test]
fn a_part_that_this_version_would_lose_is_refused_even_with_a_right_digest() {
    let mut value = serde_json::to_value(planned()).expect("JSON");
    value["surprise"] = serde_json::json!(1);
    let digest = ferry_model::canonical::digest(&value).expect("JSON");
    let text = serde_json::json!({ "digest": digest, "format": 1, "plan": value }).to_string();
    let problem = refused(&text);
    assert!(
        problem.contains("FERRY-E361") && problem.contains("surprise"),
        "{problem}"
    );
}

#[test]
fn what_is_no_plan_or_of_another_format_is_told_apart() {
    assert!(refused("not json").contains("FERRY-E361"));
    assert!(refused("{}").contains("it has no format"));
    assert!(refused(r#"{"format":1}"#).contains("it has no digest"));
    let problem = refused(r#"{"format":2,"anything":true}"#);
    assert!(
        problem.contains("FERRY-E363") && problem.contains("has format 2"),
        "{problem}"
    );
    let missing = PlanFile::load(Path::new("/nowhere/plan.json"))
        .expect_err("missing")
        .problem();
    assert!(missing.to_string().contains("FERRY-E360"), "{missing}");
    let text = PlanFile::new(planned())
        .expect("JSON")
        .to_text()
        .expect("text");
    assert!(
        refused(&text[..text.len() / 2]).contains("FERRY-E361"),
        "cut off"
    );
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let ours = |code: &u16| *code == 305 || (350..400).contains(code);
    let pages: std::collections::BTreeSet<u16> = std::fs::read_dir(&docs)
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
        .filter(ours)
        .collect();
    assert_eq!(pages, ferry_plan::codes::ALL.into_iter().collect());
    for code in pages {
        let page =
            std::fs::read_to_string(docs.join(format!("FERRY-E{code:03}.md"))).expect("page");
        assert!(page.starts_with(&format!("# FERRY-E{code:03}: ")), "{code}");
        assert!(page.contains("\n## What to do\n"), "{code}");
    }
}
