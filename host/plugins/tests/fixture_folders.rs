//! Fixture folders as authors use them. Method: a plugin whose behaviour is the name of the topic, and
//! folders made on the spot.

mod support;

use ferry_model::problem::Explain as _;
use ferry_plugins::Plugin;
use ferry_plugins::fixtures::{Expectation, FixtureError, Outcome, run};
use std::path::Path;
use support::{built, host, tight};

fn plugin() -> Plugin {
    host(tight()).load(&built("hostile/panics")).expect("loads")
}

fn case(folder: &Path, name: &str, files: &[(&str, &str)]) {
    let case = folder.join(name);
    std::fs::create_dir(&case).expect("folder");
    for (file, text) in files {
        std::fs::write(case.join(file), text).expect("file");
    }
}

fn question(name: &str) -> String {
    format!(r#"{{"name": "{name}", "replication_factor": 1, "partitions": []}}"#)
}

fn outcomes(folder: &Path, expectation: Expectation) -> Vec<Outcome> {
    let results = run(&plugin(), folder, expectation).expect("runs");
    results.into_iter().map(|result| result.outcome).collect()
}

#[test]
fn what_differs_is_shown_question_by_question_and_nothing_else() {
    let folder = tempfile::tempdir().expect("folder");
    let input = format!("[{}, {}]", question("a"), question("b"));
    let expected = r#"{"decisions": [{"keep": true, "reason": "a is number 1"},
        {"keep": false, "reason": "b is number 2"}]}"#;
    case(
        folder.path(),
        "one",
        &[("input.json", &input), ("expected.json", expected)],
    );
    assert_eq!(
        outcomes(folder.path(), Expectation::Compare),
        [Outcome::Differs(vec![
            "b".to_owned(),
            r#"  - {"keep":false,"reason":"b is number 2"}"#.to_owned(),
            r#"  + {"keep":true,"reason":"b is number 2"}"#.to_owned(),
        ])]
    );
}

#[test]
fn blessing_writes_what_the_plugin_did_and_then_it_passes() {
    let folder = tempfile::tempdir().expect("folder");
    let input = format!("[{}]", question("a"));
    case(folder.path(), "missing", &[("input.json", &input)]);
    let failing = format!("[{}]", question("fail"));
    case(folder.path(), "refuses", &[("input.json", &failing)]);
    case(
        folder.path(),
        "wrong-config",
        &[("input.json", &input), ("config.json", r#"{"panic": 1}"#)],
    );
    let compared = outcomes(folder.path(), Expectation::Compare);
    assert!(
        compared.iter().all(|o| matches!(o, Outcome::Differs(_))),
        "{compared:?}"
    );
    let blessed = outcomes(folder.path(), Expectation::Bless);
    assert!(
        blessed.iter().all(|o| *o == Outcome::Blessed),
        "{blessed:?}"
    );
    let passed = outcomes(folder.path(), Expectation::Bless);
    assert!(passed.iter().all(|o| *o == Outcome::Passed), "{passed:?}");
    let text = std::fs::read_to_string(folder.path().join("refuses/expected.json")).expect("file");
    assert!(
        text.contains(r#""error": "can't decide\\non this""#),
        "{text}"
    );
}

#[test]
fn each_fixture_gets_an_instance_of_its_own() {
    let folder = tempfile::tempdir().expect("folder");
    let input = format!("[{}]", question("a"));
    let expected = r#"{"decisions": [{"keep": true, "reason": "a is number 1"}]}"#;
    for name in ["one", "two"] {
        case(
            folder.path(),
            name,
            &[("input.json", &input), ("expected.json", expected)],
        );
    }
    assert_eq!(
        outcomes(folder.path(), Expectation::Compare),
        [Outcome::Passed, Outcome::Passed]
    );
}

#[test]
fn what_can_not_be_run_is_named_with_its_file() {
    let folder = tempfile::tempdir().expect("folder");
    let failed = |folder: &Path| run(&plugin(), folder, Expectation::Compare).expect_err("fails");
    assert!(matches!(failed(folder.path()), FixtureError::None { .. }));
    assert!(matches!(
        failed(&folder.path().join("x")),
        FixtureError::None { .. }
    ));
    case(folder.path(), "no-input", &[]);
    let text = failed(folder.path()).problem().to_string();
    assert!(text.contains("no-input/input.json"), "{text}");
    std::fs::write(folder.path().join("no-input/input.json"), r#"[{"nam": 1}]"#).expect("file");
    let text = failed(folder.path()).problem().to_string();
    assert!(
        text.contains("FERRY-E331") && text.contains("unknown") || text.contains("missing"),
        "{text}"
    );
}
